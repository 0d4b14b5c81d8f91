//! How a search goes.

use serde::{Deserialize, Serialize};

use crate::evaluation::Objective;

/// Search algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Deb et al. 2002: fronts and crowding, parents and children survive together.
    Nsga2,
    /// Beume, Naujoks and Emmerich 2007: as NSGA-II, but of the last front those survive that add
    /// most hypervolume. Holds the spread of a front of three and four objectives, where crowding
    /// says little; a generation costs more, and ever more with five objectives and above.
    SmsEmoa,
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
    /// Probability in [0, 1] that a child has two parents; NSGA-II and SMS-EMOA only. Half of such
    /// children also have one choice changed; those of one parent are mutated as scheduled.
    pub crossover_probability: f64,
    /// Choices that a mutation changes in the first generation after the initial population, at
    /// least 1; it falls evenly to 1. NASRec's schedule is that of 6.
    pub initial_mutations: usize,
    /// Reference point of the hypervolume, one value per objective, in their units; by default
    /// 1.1 times the worst value of the first generation that has feasible designs. It is fixed
    /// from then on, so that the history can be compared.
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
    /// A reference point that is not one value per objective.
    ReferenceLength {
        /// The objectives.
        objectives: usize,
        /// The values given.
        values: usize,
    },
    /// A value of the reference point that is not finite.
    ReferenceNotFinite {
        /// The value.
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
    /// Checks the ranges; `validate_for` also checks what depends on the problem.
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
        let values = self.reference.iter().flatten();
        match values.copied().find(|value| !value.is_finite()) {
            Some(value) => Err(SettingsError::ReferenceNotFinite { value }),
            None => Ok(()),
        }
    }

    /// Checks the ranges, and that a reference point fits the objectives.
    pub fn validate_for(&self, objectives: &[Objective]) -> Result<(), SettingsError> {
        self.validate()?;
        let objectives = objectives.len();
        match self.reference.as_ref().map(Vec::len) {
            Some(values) if values != objectives => {
                Err(SettingsError::ReferenceLength { objectives, values })
            }
            _ => Ok(()),
        }
    }

    /// Choices that a mutation changes in `generation`, counted from 0 after the initial
    /// population: ⌊(G − g) · (m − 1) / G⌋ + 1 for G generations and m initial mutations.
    pub(crate) fn mutations(&self, generation: usize) -> usize {
        let falls = self.initial_mutations.saturating_sub(1);
        let left = self.generations.saturating_sub(generation);
        left * falls / self.generations.max(1) + 1
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
            Self::ReferenceLength { objectives, values } => {
                write!(
                    formatter,
                    "`reference` has {values} values, expected one for each of the {objectives} \
                     objectives"
                )
            }
            Self::ReferenceNotFinite { value } => {
                write!(
                    formatter,
                    "`reference` holds {value}, expected finite numbers"
                )
            }
        }
    }
}

impl std::error::Error for SettingsError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "cases are made in place")]
    fn check(settings: SearchSettings, expected: &str) {
        let objectives = [Objective { name: "one" }, Objective { name: "other" }];
        let message = settings.validate_for(&objectives).err();
        assert_eq!(
            message.map(|error| error.to_string()).unwrap_or_default(),
            expected
        );
    }

    #[test]
    fn mutations_fall_as_in_nasrec() {
        let settings = SearchSettings {
            generations: 240,
            ..SearchSettings::default()
        };
        let cases = [
            (0, 6),
            (1, 5),
            (48, 5),
            (49, 4),
            (192, 2),
            (193, 1),
            (239, 1),
        ];
        for (generation, expected) in cases {
            assert_eq!(settings.mutations(generation), expected, "{generation}");
        }
    }

    #[test]
    fn defaults_are_valid() {
        check(SearchSettings::default(), "");
    }

    #[test]
    fn counts_are_checked() {
        let settings = |population_size| SearchSettings {
            population_size,
            ..SearchSettings::default()
        };
        check(settings(2), "");
        check(settings(1), "`population-size` is 1, expected at least 2");
    }

    #[test]
    fn the_probability_is_checked() {
        let settings = |crossover_probability| SearchSettings {
            crossover_probability,
            ..SearchSettings::default()
        };
        check(settings(1.0), "");
        let expected = "expected a number from 0 to 1";
        check(
            settings(1.1),
            &format!("`crossover-probability` is 1.1, {expected}"),
        );
        check(
            settings(f64::NAN),
            &format!("`crossover-probability` is NaN, {expected}"),
        );
    }

    #[test]
    fn the_reference_point_is_checked() {
        let settings = |reference: &[f64]| SearchSettings {
            reference: Some(reference.to_vec()),
            ..SearchSettings::default()
        };
        check(settings(&[1.0, 2.0]), "");
        check(
            settings(&[1.0]),
            "`reference` has 1 values, expected one for each of the 2 objectives",
        );
        check(
            settings(&[1.0, f64::INFINITY]),
            "`reference` holds inf, expected finite numbers",
        );
    }

    #[test]
    fn keys_are_kebab_case_and_unknown_ones_are_refused() {
        let text = r#"{"algorithm": "sms-emoa", "population-size": 8}"#;
        let settings: SearchSettings = serde_json::from_str(text).unwrap();
        assert_eq!(settings.algorithm, Algorithm::SmsEmoa);
        assert_eq!(settings.population_size, 8);
        let error = serde_json::from_str::<SearchSettings>(r#"{"population": 8}"#).unwrap_err();
        let message = error.to_string();
        assert!(
            message.starts_with("unknown field `population`, expected one of `algorithm`"),
            "{message}"
        );
    }
}
