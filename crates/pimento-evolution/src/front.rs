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

    /// The members in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Individual<G>> {
        self.members.iter()
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

impl<'a, G: Clone + Ord> IntoIterator for &'a ParetoFront<G> {
    type Item = &'a Individual<G>;
    type IntoIter = std::slice::Iter<'a, Individual<G>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn individual(genotype: u8, objectives: [f64; 2], violation: f64) -> Individual<u8> {
        let objectives = objectives.to_vec();
        Individual {
            genotype,
            evaluation: Evaluation {
                objectives,
                violation,
            },
        }
    }

    fn genotypes(front: &ParetoFront<u8>) -> Vec<u8> {
        front.iter().map(|member| member.genotype).collect()
    }

    #[test]
    fn a_new_member_removes_those_that_it_dominates() {
        let mut front = ParetoFront::default();
        assert!(front.insert(individual(1, [3.0, 1.0], 0.0)));
        assert!(front.insert(individual(2, [2.0, 3.0], 0.0)));
        assert!(front.insert(individual(3, [1.0, 3.0], 0.0)));
        assert_eq!(genotypes(&front), [3, 1]);
        assert!(!front.insert(individual(4, [3.0, 2.0], 0.0)), "dominated");
        assert!(!front.insert(individual(5, [0.0, 0.0], 0.1)), "infeasible");
        assert!(!front.insert(individual(1, [0.0, 9.0], 0.0)), "known");
        assert_eq!(front.hypervolume(&[4.0, 4.0]), 5.0);
    }

    #[test]
    fn equal_figures_stay_side_by_side_in_the_order_of_genotypes() {
        let equal = [2, 1].map(|genotype| individual(genotype, [1.0, 1.0], 0.0));
        assert_eq!(genotypes(&ParetoFront::from_individuals(&equal)), [1, 2]);
    }
}
