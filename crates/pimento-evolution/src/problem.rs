//! What is searched.

use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::evaluation::{Evaluation, Objective};

/// A space of solutions and what they are worth.
///
/// Laws:
/// - all returned genotypes are canonical, so that two of them are equal exactly if they code the
///   same solution;
/// - equal genotypes have equal evaluations, whatever the batch and the number of threads;
/// - every evaluation has one value per objective, in their order, infeasible solutions included;
/// - all randomness comes from the generator given.
pub trait Problem: Sync {
    /// The code of a solution.
    type Genotype: Clone + Ord + Send + Sync;

    /// What is minimised.
    fn objectives(&self) -> &[Objective];

    /// A random genotype.
    fn sample(&self, rng: &mut ChaCha8Rng) -> Self::Genotype;

    /// A genotype that differs from `genotype` by about `strength` choices.
    fn mutate(
        &self,
        genotype: &Self::Genotype,
        strength: usize,
        rng: &mut ChaCha8Rng,
    ) -> Self::Genotype;

    /// A genotype that takes choices from both parents.
    fn crossover(
        &self,
        a: &Self::Genotype,
        b: &Self::Genotype,
        rng: &mut ChaCha8Rng,
    ) -> Self::Genotype;

    /// The evaluations of a generation, one per genotype, in its order.
    fn evaluate(&self, generation: &[Self::Genotype]) -> Vec<Evaluation>;
}

/// Evaluates every item on its own, on all threads, and keeps the order.
pub fn evaluate_parallel<T: Sync, R: Send>(
    items: &[T],
    evaluate: impl Fn(&T) -> R + Sync + Send,
) -> Vec<R> {
    items.par_iter().with_max_len(1).map(evaluate).collect()
}
