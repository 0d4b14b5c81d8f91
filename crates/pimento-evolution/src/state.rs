//! All that a search knows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::evaluation::Individual;

/// The state of a search between two generations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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

    /// What each generation brought.
    pub fn reports(&self) -> &[GenerationReport] {
        &self.reports
    }

    /// Places of all genotypes.
    pub(crate) fn known(&self) -> BTreeMap<&G, usize> {
        let places = self.individuals.iter().enumerate();
        places
            .map(|(place, individual)| (&individual.genotype, place))
            .collect()
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
