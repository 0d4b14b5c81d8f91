//! ZDT1 on a grid.

use pimento_evolution::{Evaluation, Objective, Problem, evaluate_parallel};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

const GENES: usize = 10;
const LEVELS: u8 = 101;

/// Zitzler, Deb, Thiele, "Comparison of Multiobjective Evolutionary Algorithms", 2000: minimise x₁
/// and g·(1 − √(x₁/g)) with g = 1 + 9·mean(x₂…x₁₀); the best front has g = 1.
pub(crate) struct Zdt1 {
    /// Largest sum of genes, in hundredths, that is feasible.
    pub(crate) most: u32,
}

impl Problem for Zdt1 {
    type Genotype = Vec<u8>;

    fn objectives(&self) -> &[Objective] {
        &[Objective { name: "first" }, Objective { name: "second" }]
    }

    fn sample(&self, rng: &mut ChaCha8Rng) -> Vec<u8> {
        (0..GENES).map(|_| rng.random_range(0..LEVELS)).collect()
    }

    fn mutate(&self, genotype: &Vec<u8>, strength: usize, rng: &mut ChaCha8Rng) -> Vec<u8> {
        let mut child = genotype.clone();
        for _ in 0..strength {
            child[rng.random_range(0..GENES)] = rng.random_range(0..LEVELS);
        }
        child
    }

    fn crossover(&self, a: &Vec<u8>, b: &Vec<u8>, rng: &mut ChaCha8Rng) -> Vec<u8> {
        a.iter()
            .zip(b)
            .map(|(a, b)| if rng.random() { *a } else { *b })
            .collect()
    }

    fn evaluate(&self, generation: &[Vec<u8>]) -> Vec<Evaluation> {
        evaluate_parallel(generation, |genes| {
            let x: Vec<f64> = genes.iter().map(|&gene| f64::from(gene) / 100.0).collect();
            let g = 1.0 + 9.0 * x[1..].iter().sum::<f64>() / (GENES - 1) as f64;
            let sum: u32 = genes.iter().map(|&gene| u32::from(gene)).sum();
            Evaluation {
                objectives: vec![x[0], g * (1.0 - (x[0] / g).sqrt())],
                violation: f64::from(sum.saturating_sub(self.most)),
            }
        })
    }
}
