//! A head solved by Newton's method (iteratively reweighted least squares).

use pimento_data::log_loss;

use super::{Head, probability, weighted_sum};

/// Steps of conjugate gradients for one step of Newton's method.
const CONJUGATE_STEPS: usize = 12;

/// The share of the gradient's norm at which they stop.
const CONJUGATE_TOLERANCE: f64 = 0.05;

/// Halvings of a step of Newton's method.
const HALVINGS: usize = 6;

/// Gain in the objective below which Newton's method stops.
const SMALL_GAIN: f64 = 1e-6;

/// Newton's method on the mean log loss + ridge / 2 · Σ scale · (w − w₀)², each step found by
/// conjugate gradients and halved until it helps.
pub(super) struct Newton<'a> {
    features: &'a [f32],
    labels: &'a [f32],
    shared: Head,
    /// Mean square of each feature.
    squares: Vec<f32>,
    /// Ridge of each weight: the ridge times the mean square of its feature.
    ridge: Vec<f32>,
}

impl<'a> Newton<'a> {
    /// `features` has the shape [samples, weights of the head].
    pub(super) fn new(features: &'a [f32], labels: &'a [f32], shared: Head, ridge: f64) -> Self {
        let mut squares = vec![0.0; shared.weights.len()];
        for row in features.chunks_exact(squares.len()) {
            for (sum, value) in squares.iter_mut().zip(row) {
                *sum += value * value / labels.len() as f32;
            }
        }
        Self {
            features,
            labels,
            shared,
            ridge: squares.iter().map(|square| square * ridge as f32).collect(),
            squares,
        }
    }

    /// The head after at most `steps` steps.
    pub(super) fn run(&self, steps: u32) -> Head {
        let mut head = self.shared.clone();
        let mut logits = head.logits(self.features);
        let mut objective = self.objective(&head, &logits);
        for _ in 0..steps {
            let direction = self.direction(&head, &logits);
            let slopes = direction.logits(self.features);
            let mut length = 1.0;
            let better = (0..=HALVINGS).find_map(|_| {
                let weights = head.weights.iter().zip(&direction.weights);
                let candidate = Head {
                    weights: weights.map(|(w, d)| w + length * d).collect(),
                    bias: head.bias + length * direction.bias,
                };
                let moved = logits.iter().zip(&slopes);
                let logits: Vec<f32> = moved.map(|(z, d)| z + length * d).collect();
                let new = self.objective(&candidate, &logits);
                length /= 2.0;
                (new < objective).then_some((candidate, logits, new))
            });
            let Some((candidate, new_logits, new)) = better else {
                break;
            };
            let gain = objective - new;
            (head, logits, objective) = (candidate, new_logits, new);
            if gain < SMALL_GAIN {
                break;
            }
        }
        head
    }

    fn objective(&self, head: &Head, logits: &[f32]) -> f64 {
        let distance: f64 = head
            .weights
            .iter()
            .zip(&self.shared.weights)
            .zip(&self.ridge)
            .map(|((w, shared), ridge)| f64::from(ridge * (w - shared) * (w - shared)))
            .sum();
        log_loss(logits, self.labels) + 0.5 * distance
    }

    /// The step of Newton's method, by conjugate gradients with a diagonal preconditioner.
    fn direction(&self, head: &Head, logits: &[f32]) -> Head {
        let samples = self.labels.len() as f32;
        let probabilities: Vec<f32> = logits.iter().map(|&logit| probability(logit)).collect();
        let errors: Vec<f32> = probabilities
            .iter()
            .zip(self.labels)
            .map(|(p, label)| (p - label) / samples)
            .collect();
        let curvatures: Vec<f32> = probabilities
            .iter()
            .map(|p| (p * (1.0 - p)).max(1e-6) / samples)
            .collect();
        let distances = head.weights.iter().zip(&self.shared.weights);
        let pulls: Vec<f32> = distances
            .zip(&self.ridge)
            .map(|((w, shared), ridge)| ridge * (w - shared))
            .collect();
        let mut residual: Vec<f32> = weighted_sum(self.features, &errors)
            .iter()
            .zip(&pulls)
            .map(|(gradient, pull)| -(gradient + pull))
            .collect();
        residual.push(-errors.iter().sum::<f32>());

        let mean_curvature: f32 = curvatures.iter().sum();
        let diagonal: Vec<f32> = self
            .ridge
            .iter()
            .zip(&self.squares)
            .map(|(ridge, square)| (ridge + mean_curvature * square).max(1e-12))
            .chain([mean_curvature.max(1e-12)])
            .collect();
        let precondition = |residual: &[f32]| -> Vec<f32> {
            residual.iter().zip(&diagonal).map(|(r, d)| r / d).collect()
        };
        let mut solution = vec![0.0_f32; residual.len()];
        let mut preconditioned = precondition(&residual);
        let mut search = preconditioned.clone();
        let mut product = inner(&residual, &preconditioned);
        let stop = product * CONJUGATE_TOLERANCE * CONJUGATE_TOLERANCE;
        for _ in 0..CONJUGATE_STEPS {
            if product <= stop.max(1e-30) {
                break;
            }
            let curved = self.curvature(&search, &curvatures);
            let length = (product / inner(&search, &curved)) as f32;
            for ((x, r), (s, c)) in solution
                .iter_mut()
                .zip(&mut residual)
                .zip(search.iter().zip(&curved))
            {
                *x += length * s;
                *r -= length * c;
            }
            preconditioned = precondition(&residual);
            let next = inner(&residual, &preconditioned);
            let keep = (next / product) as f32;
            for (s, z) in search.iter_mut().zip(&preconditioned) {
                *s = z + keep * *s;
            }
            product = next;
        }
        let bias = solution.pop().expect("the bias is the last");
        Head {
            weights: solution,
            bias,
        }
    }

    /// The Hessian times a vector whose last entry is the bias.
    fn curvature(&self, vector: &[f32], curvatures: &[f32]) -> Vec<f32> {
        let (bias, weights) = vector.split_last().expect("there is a bias");
        let along = Head {
            weights: weights.to_vec(),
            bias: *bias,
        };
        let mut along = along.logits(self.features);
        for (value, curvature) in along.iter_mut().zip(curvatures) {
            *value *= curvature;
        }
        let mut product = weighted_sum(self.features, &along);
        for ((product, weight), ridge) in product.iter_mut().zip(weights).zip(&self.ridge) {
            *product += ridge * weight;
        }
        product.push(along.iter().sum());
        product
    }
}

fn inner(left: &[f32], right: &[f32]) -> f64 {
    let products = left.iter().zip(right);
    products.map(|(l, r)| f64::from(*l) * f64::from(*r)).sum()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// At the minimum the gradient of log loss and ridge is zero.
    #[test]
    fn the_gradient_vanishes_at_the_solution() {
        let (samples, width) = (400, 7);
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let features: Vec<f32> = (0..samples * width)
            .map(|index| (1 + index % width) as f32 * rng.random_range(-1.0..1.0))
            .collect();
        let labels: Vec<f32> = features
            .chunks(width)
            .map(|row| {
                let logit = row[0] - 0.5 * row[3] + 0.3;
                f32::from(rng.random_range(0.0..1.0) < probability(logit))
            })
            .collect();
        let shared = Head {
            weights: vec![0.1; width],
            bias: 0.0,
        };
        let ridge = 0.01;
        let newton = Newton::new(&features, &labels, shared.clone(), ridge);
        let head = newton.run(50);
        let logits = head.logits(&features);
        let errors: Vec<f64> = logits
            .iter()
            .zip(&labels)
            .map(|(z, y)| 1.0 / (1.0 + (-f64::from(*z)).exp()) - f64::from(*y))
            .collect();
        let mean =
            |value: &dyn Fn(usize) -> f64| (0..samples).map(value).sum::<f64>() / samples as f64;
        assert!(mean(&|row| errors[row]).abs() < 2e-3);
        for column in 0..width {
            let feature = |row: usize| f64::from(features[row * width + column]);
            let pull = ridge
                * mean(&|row| feature(row).powi(2))
                * f64::from(head.weights[column] - shared.weights[column]);
            let gradient = mean(&|row| errors[row] * feature(row)) + pull;
            assert!(
                gradient.abs() < 2e-3 * (column + 1) as f64,
                "{column}: {gradient}"
            );
        }
        let before = log_loss(&shared.logits(&features), &labels);
        assert!(log_loss(&logits, &labels) < before - 0.01);
    }
}
