//! The front.

use crate::{
    dominance::dominates,
    evaluation::{Evaluation, Individual},
    hypervolume::hypervolume,
};

/// Feasible individuals of which none dominates another, in the order of their objectives, then of
/// their genotypes; no genotype twice.
#[derive(Debug, Clone, PartialEq)]
pub struct ParetoFront<G> {
    members: Vec<Individual<G>>,
}

impl<G> Default for ParetoFront<G> {
    fn default() -> Self {
        Self {
            members: Vec::new(),
        }
    }
}

impl<G: Clone + Ord> ParetoFront<G> {
    /// The front of some individuals.
    pub fn from_individuals<'a>(individuals: impl IntoIterator<Item = &'a Individual<G>>) -> Self
    where
        G: 'a,
    {
        let mut front = Self::default();
        for individual in individuals {
            front.insert(individual.clone());
        }
        front
    }

    /// Takes an individual in if it is feasible and nobody dominates it, and removes those that it
    /// dominates. Returns whether it was taken.
    pub fn insert(&mut self, individual: Individual<G>) -> bool {
        let evaluation = &individual.evaluation;
        let is_refused = !evaluation.is_feasible()
            || self.members.iter().any(|member| {
                dominates(&member.evaluation, evaluation) || member.genotype == individual.genotype
            });
        if is_refused {
            return false;
        }
        self.members
            .retain(|member| !dominates(evaluation, &member.evaluation));
        let place = self
            .members
            .partition_point(|member| is_before(member, &individual));
        self.members.insert(place, individual);
        true
    }

    /// The members.
    pub fn members(&self) -> &[Individual<G>] {
        &self.members
    }

    /// Volume that the members dominate below `reference`.
    pub fn hypervolume(&self, reference: &[f64]) -> f64 {
        let points: Vec<&[f64]> = self
            .members
            .iter()
            .map(|member| &member.evaluation.objectives[..])
            .collect();
        hypervolume(&points, reference)
    }
}

fn is_before<G: Ord>(a: &Individual<G>, b: &Individual<G>) -> bool {
    compare(&a.evaluation, &b.evaluation)
        .then_with(|| a.genotype.cmp(&b.genotype))
        .is_lt()
}

fn compare(a: &Evaluation, b: &Evaluation) -> std::cmp::Ordering {
    let pairs = a.objectives.iter().zip(&b.objectives);
    pairs
        .map(|(a, b)| a.total_cmp(b))
        .find(|order| order.is_ne())
        .unwrap_or(std::cmp::Ordering::Equal)
}
