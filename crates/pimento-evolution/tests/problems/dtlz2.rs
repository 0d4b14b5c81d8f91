//! DTLZ2 with four objectives on a grid.

use std::f64::consts::FRAC_PI_2;

use pimento_evolution::{Evaluation, Objective, Problem, evaluate_parallel};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

const ANGLES: usize = 3;
const GENES: usize = ANGLES + 10;
const LEVELS: u8 = 101;

/// Deb, Thiele, Laumanns, Zitzler, "Scalable Multi-Objective Optimization Test Problems", 2002:
/// three genes are angles on a sphere of radius 1 + Σ (x − ½)² over the other ten; the best front
/// is the unit sphere's part where all objectives are positive.
pub(crate) struct Dtlz2;

impl Problem for Dtlz2 {
    type Genotype = Vec<u8>;

    fn objectives(&self) -> &[Objective] {
        &[
            Objective { name: "first" },
            Objective { name: "second" },
            Objective { name: "third" },
            Objective { name: "fourth" },
        ]
    }

    fn sample(&self, rng: &mut ChaCha8Rng) -> Vec<u8> {
        (0..GENES).map(|_| rng.random_range(0..LEVELS)).collect()
    }

    /// Moves a gene by at most ten levels.
    fn mutate(&self, genotype: &Vec<u8>, strength: usize, rng: &mut ChaCha8Rng) -> Vec<u8> {
        let mut child = genotype.clone();
        for _ in 0..strength {
            let gene = &mut child[rng.random_range(0..GENES)];
            *gene = rng.random_range(gene.saturating_sub(10)..=(*gene + 10).min(LEVELS - 1));
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
            let radius = 1.0 + x[ANGLES..].iter().map(|x| (x - 0.5).powi(2)).sum::<f64>();
            let mut rest = radius;
            let mut objectives: Vec<f64> = x[..ANGLES]
                .iter()
                .map(|x| {
                    let (sine, cosine) = (x * FRAC_PI_2).sin_cos();
                    let value = rest * sine;
                    rest *= cosine;
                    value
                })
                .collect();
            objectives.push(rest);
            Evaluation {
                objectives,
                violation: 0.0,
            }
        })
    }
}
