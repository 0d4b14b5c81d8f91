//! How a search goes.

use serde::{Deserialize, Serialize};

/// Search algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Deb et al. 2002: fronts and crowding, parents and children survive together.
    Nsga2,
    /// Real et al. 2019 as NASRec uses it: one parent per generation by tournament, mutation only,
    /// the oldest die. With several objectives the tournament goes by front, then crowding.
    RegularizedEvolution,
    /// Independent random designs: what every other algorithm has to beat.
    Random,
}

/// Sizes and rates of a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SearchSettings {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// Individuals that may become parents, at least 2.
    pub population_size: usize,
    /// New individuals per generation, at least 1.
    pub children_per_generation: usize,
    /// Generations after the initial population.
    pub generations: usize,
    /// Members drawn for a tournament, at least 1; NSGA-II's is 2, NASRec's 64 of 128.
    pub tournament_size: usize,
    /// Probability in [0, 1] that a child has two parents; NSGA-II only.
    pub crossover_probability: f64,
    /// Choices that a mutation changes in the first generation, at least 1; it falls evenly to 1,
    /// as in NASRec, where it is 6.
    pub initial_mutations: usize,
    /// Reference point of the hypervolume; by default 1.1 times the worst feasible value of the
    /// first generation that has feasible designs.
    pub reference: Option<Vec<f64>>,
    /// The seed that all randomness comes from.
    #[serde(skip)]
    pub seed: u64,
}

/// A setting out of its range.
#[derive(Debug, Clone, PartialEq)]
pub enum SettingsError {
    /// A count is too small.
    TooSmall {
        /// The key.
        key: &'static str,
        /// Its value.
        value: usize,
        /// The smallest value allowed.
        least: usize,
    },
    /// A probability outside [0, 1].
    NotAProbability {
        /// The key.
        key: &'static str,
        /// Its value.
        value: f64,
    },
}

impl Default for SearchSettings {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::Nsga2,
            population_size: 64,
            children_per_generation: 64,
            generations: 30,
            tournament_size: 2,
            crossover_probability: 0.5,
            initial_mutations: 6,
            reference: None,
            seed: 1,
        }
    }
}

impl SearchSettings {
    /// Checks the ranges.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let least = [
            ("population-size", self.population_size, 2),
            ("children-per-generation", self.children_per_generation, 1),
            ("tournament-size", self.tournament_size, 1),
            ("initial-mutations", self.initial_mutations, 1),
        ];
        for (key, value, least) in least {
            if value < least {
                return Err(SettingsError::TooSmall { key, value, least });
            }
        }
        let value = self.crossover_probability;
        if !(0.0..=1.0).contains(&value) {
            return Err(SettingsError::NotAProbability {
                key: "crossover-probability",
                value,
            });
        }
        Ok(())
    }

    /// Choices that a mutation changes in `generation` (from 1): falls evenly from
    /// `initial_mutations` to 1.
    pub(crate) fn mutations(&self, generation: usize) -> usize {
        let falls = self.initial_mutations.saturating_sub(1);
        let left = self.generations.saturating_sub(generation);
        if falls == 0 {
            1
        } else {
            left * falls / self.generations.max(1) + 1
        }
    }
}

impl std::fmt::Display for SettingsError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooSmall { key, value, least } => {
                write!(formatter, "`{key}` is {value}, expected at least {least}")
            }
            Self::NotAProbability { key, value } => {
                write!(
                    formatter,
                    "`{key}` is {value}, expected a number from 0 to 1"
                )
            }
        }
    }
}

impl std::error::Error for SettingsError {}
