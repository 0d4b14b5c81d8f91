//! All that a search knows.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::evaluation::Individual;

/// The state of a search between two generations; checked when it is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    try_from = "Unchecked<G>",
    bound(deserialize = "G: Ord + Deserialize<'de>")
)]
pub struct SearchState<G> {
    /// Generations done, the initial population included.
    pub(crate) generations: usize,
    /// Everything evaluated, in the order of evaluation; no genotype twice.
    pub(crate) individuals: Vec<Individual<G>>,
    /// Places in `individuals` of those that may become parents, oldest first.
    pub(crate) population: Vec<usize>,
    /// Reference point of the hypervolume, once it is known.
    pub(crate) reference: Option<Vec<f64>>,
    /// One entry per generation.
    pub(crate) reports: Vec<GenerationReport>,
}

/// What a generation brought.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GenerationReport {
    /// Number, from 0 for the initial population.
    pub generation: usize,
    /// Individuals evaluated so far.
    pub evaluations_total: usize,
    /// Feasible individuals so far.
    pub feasible: usize,
    /// Members of the front of everything so far.
    pub front_size: usize,
    /// Hypervolume of that front; 0 before the first feasible individual.
    pub hypervolume: f64,
    /// Children that were known already and were drawn anew.
    pub duplicates_redrawn: usize,
}

/// What makes a stored state none of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateError {
    /// A genotype stands twice among the individuals.
    EvaluatedTwice {
        /// The second place.
        place: usize,
    },
    /// A place of the population is no individual, or out of order.
    NoSuchMember {
        /// The place.
        place: usize,
        /// Individuals there are.
        individuals: usize,
    },
    /// There is not one report per generation.
    Reports {
        /// Generations done.
        generations: usize,
        /// Reports there are.
        reports: usize,
    },
    /// Individuals, or the reference point, differ in their number of objectives.
    Objectives {
        /// Those of the first individual.
        expected: usize,
        /// Those found.
        found: usize,
    },
}

/// A state as it was read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked<G> {
    generations: usize,
    individuals: Vec<Individual<G>>,
    population: Vec<usize>,
    reference: Option<Vec<f64>>,
    reports: Vec<GenerationReport>,
}

impl<G: Ord> SearchState<G> {
    /// Everything evaluated, in the order of evaluation.
    pub fn individuals(&self) -> &[Individual<G>] {
        &self.individuals
    }

    /// Individuals evaluated.
    pub fn evaluations(&self) -> usize {
        self.individuals.len()
    }

    /// Generations done, the initial population included.
    pub fn generations(&self) -> usize {
        self.generations
    }

    /// Reference point of the hypervolumes; none before the first feasible individual.
    pub fn reference(&self) -> Option<&[f64]> {
        self.reference.as_deref()
    }

    /// What each generation brought.
    pub fn reports(&self) -> &[GenerationReport] {
        &self.reports
    }

    fn check(&self) -> Result<(), StateError> {
        let mut known = BTreeSet::new();
        let individuals = self.individuals.iter();
        let repeated = individuals.map(|i| known.insert(&i.genotype));
        if let Some(place) = repeated
            .enumerate()
            .find_map(|(p, is_new)| (!is_new).then_some(p))
        {
            return Err(StateError::EvaluatedTwice { place });
        }
        let individuals = self.individuals.len();
        let mut least = 0;
        for &place in &self.population {
            if !(least..individuals).contains(&place) {
                return Err(StateError::NoSuchMember { place, individuals });
            }
            least = place + 1;
        }
        let (generations, reports) = (self.generations, self.reports.len());
        let is_complete = (generations > 0) != self.population.is_empty();
        if generations != reports || !is_complete {
            return Err(StateError::Reports {
                generations,
                reports,
            });
        }
        let objectives = self
            .individuals
            .iter()
            .map(|i| i.evaluation.objectives.len());
        let mut objectives = objectives.chain(self.reference.iter().map(Vec::len));
        let expected = objectives.next().unwrap_or_default();
        objectives
            .find(|found| *found != expected)
            .map_or(Ok(()), |found| {
                Err(StateError::Objectives { expected, found })
            })
    }
}

impl<G: Ord> TryFrom<Unchecked<G>> for SearchState<G> {
    type Error = StateError;

    fn try_from(unchecked: Unchecked<G>) -> Result<Self, StateError> {
        let Unchecked {
            generations,
            individuals,
            population,
            reference,
            reports,
        } = unchecked;
        let state = Self {
            generations,
            individuals,
            population,
            reference,
            reports,
        };
        state.check().map(|()| state)
    }
}

impl<G> Default for SearchState<G> {
    fn default() -> Self {
        Self {
            generations: 0,
            individuals: Vec::new(),
            population: Vec::new(),
            reference: None,
            reports: Vec::new(),
        }
    }
}

impl std::fmt::Display for StateError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::EvaluatedTwice { place } => write!(
                formatter,
                "`individuals` holds the genotype of entry {place} twice, expected every genotype once"
            ),
            Self::NoSuchMember { place, individuals } => write!(
                formatter,
                "`population` holds {place}, expected ascending places of the {individuals} \
                 individuals"
            ),
            Self::Reports {
                generations,
                reports,
            } => write!(
                formatter,
                "`reports` has {reports} entries for {generations} generations, expected one for \
                 each, and a population after the first"
            ),
            Self::Objectives { expected, found } => write!(
                formatter,
                "`individuals` or `reference` has {found} objectives, expected {expected} \
                 everywhere"
            ),
        }
    }
}

impl std::error::Error for StateError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(population: &str, second: &str, reports: &str, reference: &str) -> String {
        let individual = |text: &str| {
            format!(
                r#"{{"genotype": {text}, "evaluation": {{"objectives": [1.0], "violation": 0.0}}}}"#
            )
        };
        let individuals = [individual("7"), individual(second)].join(", ");
        format!(
            r#"{{"generations": 1, "individuals": [{individuals}], "population": {population},
            "reference": {reference}, "reports": [{reports}]}}"#
        )
    }

    const REPORT: &str = r#"{"generation": 0, "evaluations_total": 2, "feasible": 2,
        "front_size": 2, "hypervolume": 0.0, "duplicates_redrawn": 0}"#;

    fn check(text: &str, expected: &str) {
        let message = serde_json::from_str::<SearchState<u8>>(text).err();
        let message = message.map(|error| error.to_string()).unwrap_or_default();
        assert!(
            message.starts_with(expected) && message.is_empty() == expected.is_empty(),
            "{message}"
        );
    }

    #[test]
    fn what_is_read_is_checked() {
        check(&stored("[0, 1]", "8", REPORT, "[2.0]"), "");
        check(
            &stored("[0, 1]", "7", REPORT, "[2.0]"),
            "`individuals` holds the genotype of entry 1 twice",
        );
        for population in ["[0, 2]", "[1, 0]", "[1, 1]"] {
            check(
                &stored(population, "8", REPORT, "[2.0]"),
                "`population` holds",
            );
        }
        check(
            &stored("[0, 1]", "8", "", "[2.0]"),
            "`reports` has 0 entries for 1 generations",
        );
        check(
            &stored("[]", "8", REPORT, "[2.0]"),
            "`reports` has 1 entries",
        );
        check(
            &stored("[0]", "8", REPORT, "[2.0, 2.0]"),
            "`individuals` or `reference` has 2 objectives, expected 1",
        );
        check("{}", "missing field `generations`");
    }
}
