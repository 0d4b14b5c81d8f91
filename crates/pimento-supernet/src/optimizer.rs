//! Optimisers: one step on values that lie side by side.

use serde::{Deserialize, Serialize};

use crate::adagrad::Adagrad;

/// Decay of Adam's first moment.
const FIRST_DECAY: f64 = 0.9;

/// Decay of Adam's second moment.
const SECOND_DECAY: f64 = 0.999;

/// How gradients become steps. Embedding rows that a batch does not touch keep their values and
/// their state, whatever the optimiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Optimizer {
    /// One accumulator per value, ε outside the root, as NASRec.
    Adagrad,
    /// Adam with decays 0.9 and 0.999, corrected by the number of steps done; rows of embedding
    /// tables are lazy.
    Adam,
}

/// One step of an optimiser.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Update {
    Adagrad(Adagrad),
    Adam(Adam),
}

/// Values with the state that an optimiser keeps for each.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Parameter {
    pub(crate) values: Vec<f32>,
    /// Adagrad's sum, or Adam's mean, of squared gradients.
    pub(crate) accumulators: Vec<f32>,
    /// Adam's mean of gradients; empty for Adagrad.
    pub(crate) momenta: Vec<f32>,
}

impl Optimizer {
    /// The step that follows `step` steps.
    pub(crate) fn update(
        self,
        step: u64,
        learning_rate: f32,
        epsilon: f32,
        gradient_scale: f32,
    ) -> Update {
        match self {
            Self::Adagrad => Update::Adagrad(Adagrad {
                learning_rate,
                epsilon,
                gradient_scale,
            }),
            Self::Adam => {
                let correction = |decay: f64| 1.0 / (1.0 - decay.powf((step + 1) as f64));
                Update::Adam(Adam {
                    learning_rate: learning_rate * correction(FIRST_DECAY) as f32,
                    epsilon,
                    gradient_scale,
                    correction: correction(SECOND_DECAY) as f32,
                })
            }
        }
    }
}

/// `m ← 0.9 m + 0.1 g`, `v ← 0.999 v + 0.001 g²`, `w −= learning_rate · m / (√(correction · v) + ε)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Adam {
    /// Step size, corrected for the first moment.
    learning_rate: f32,
    /// Added to the root.
    epsilon: f32,
    /// Factor on every gradient.
    gradient_scale: f32,
    /// Of the second moment.
    correction: f32,
}

impl Parameter {
    /// Values before the first step.
    pub(crate) fn new(values: Vec<f32>) -> Self {
        Self {
            accumulators: vec![0.0; values.len()],
            momenta: Vec::new(),
            values,
        }
    }

    /// Makes room for the state of `optimizer`.
    pub(crate) fn prepare(&mut self, optimizer: Optimizer) {
        if optimizer == Optimizer::Adam && self.momenta.is_empty() {
            self.momenta = vec![0.0; self.values.len()];
        }
    }

    /// Forgets Adam's moments; what Adagrad has added up stays.
    pub(crate) fn forget_moments(&mut self) {
        if !self.momenta.is_empty() {
            self.momenta = Vec::new();
            self.accumulators.fill(0.0);
        }
    }

    /// Some of the values, with their state: `of` picks them out of all.
    pub(crate) fn select(&self, of: impl Fn(&[f32]) -> Vec<f32>) -> Self {
        let part = |all: &[f32]| if all.is_empty() { Vec::new() } else { of(all) };
        let [values, accumulators, momenta] = self.parts().map(part);
        Self {
            values,
            accumulators,
            momenta,
        }
    }

    /// Values and state as they stand in a checkpoint.
    pub(crate) fn parts(&self) -> [&[f32]; 3] {
        [&self.values, &self.accumulators, &self.momenta]
    }

    /// The same to be read into.
    pub(crate) fn parts_mut(&mut self) -> [&mut [f32]; 3] {
        [&mut self.values, &mut self.accumulators, &mut self.momenta]
    }

    /// Updates the values from `first` on.
    #[expect(clippy::inline_always, reason = "compiled into vectorised callers")]
    #[inline(always)]
    pub(crate) fn update(&mut self, first: usize, gradients: &[f32], update: &Update) {
        let range = first..first + gradients.len();
        let values = &mut self.values[range.clone()];
        let accumulators = &mut self.accumulators[range.clone()];
        match update {
            Update::Adagrad(adagrad) => adagrad.update(values, accumulators, gradients),
            Update::Adam(adam) => {
                adam.update(values, accumulators, &mut self.momenta[range], gradients);
            }
        }
    }
}

impl Adam {
    #[expect(clippy::inline_always, reason = "compiled into vectorised callers")]
    #[inline(always)]
    fn update(
        &self,
        values: &mut [f32],
        accumulators: &mut [f32],
        momenta: &mut [f32],
        gradients: &[f32],
    ) {
        let state = accumulators.iter_mut().zip(momenta);
        for ((value, (square, mean)), gradient) in values.iter_mut().zip(state).zip(gradients) {
            let gradient = gradient * self.gradient_scale;
            *mean += (1.0 - FIRST_DECAY as f32) * (gradient - *mean);
            *square += (1.0 - SECOND_DECAY as f32) * (gradient * gradient - *square);
            let root = (self.correction * *square).sqrt();
            *value -= self.learning_rate * *mean / (root + self.epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_adagrad_are_kept_and_moments_of_adam_are_not() {
        for (optimizer, kept) in [(Optimizer::Adagrad, [4.0]), (Optimizer::Adam, [0.0])] {
            let mut parameter = Parameter::new(vec![1.0]);
            parameter.prepare(optimizer);
            parameter.update(0, &[2.0], &optimizer.update(0, 0.1, 1e-8, 1.0));
            let values = parameter.values.clone();
            parameter.forget_moments();
            assert_eq!(parameter.accumulators, kept);
            assert_eq!((parameter.values, parameter.momenta), (values, Vec::new()));
        }
    }

    /// Three steps of `torch.optim.Adam(lr=0.1, eps=1e-8)` on gradients 1, −2, 0.5.
    #[test]
    fn adam_agrees_with_the_published_rule() {
        let mut parameter = Parameter::new(vec![1.0]);
        parameter.prepare(Optimizer::Adam);
        let (mut mean, mut square, mut expected) = (0.0_f64, 0.0_f64, 1.0_f64);
        for (step, gradient) in [1.0_f32, -2.0, 0.5].into_iter().enumerate() {
            let update = Optimizer::Adam.update(step as u64, 0.1, 1e-8, 1.0);
            parameter.update(0, &[gradient], &update);
            let gradient = f64::from(gradient);
            mean = 0.9 * mean + 0.1 * gradient;
            square = 0.999 * square + 0.001 * gradient * gradient;
            let steps = step as i32 + 1;
            let (mean, square) = (
                mean / (1.0 - 0.9_f64.powi(steps)),
                square / (1.0 - 0.999_f64.powi(steps)),
            );
            expected -= 0.1 * mean / (square.sqrt() + 1e-8);
            assert!((f64::from(parameter.values[0]) - expected).abs() < 1e-6);
        }
    }
}
