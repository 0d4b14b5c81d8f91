//! A subnet tuned to itself before it is scored.
//!
//! Shared weights serve every network and suit none. Some steps that fit all weights of one network,
//! from the shared ones on, bring out what the network can do; as many steps from initial weights do
//! not get that far.

use std::num::NonZero;

use pimento_data::{ClickLog, Split};
use pimento_space::Network;
use serde::{Deserialize, Serialize};

use crate::{
    optimizer::Parameter,
    supernet::Supernet,
    train::{TrainSettings, Trainer},
};

/// Seed of the order of samples: every network is tuned on the same ones in the same order, so that
/// what differs is the network.
const ORDER_SEED: u64 = 0x74_75_6e_65;

/// Steps of Adagrad on all weights of a network, its embedding rows included; their rate rises over a
/// tenth of the steps and falls back to zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Tuning {
    /// Steps.
    pub steps: NonZero<u32>,
    /// Training samples per step.
    pub batch_size: NonZero<usize>,
    /// Peak of the learning rate.
    pub learning_rate: f64,
    /// Adagrad's ε. Its accumulators go on from those of the shared weights, so that what was learnt
    /// in many steps is not undone by the first few; after Adam they begin at zero.
    pub epsilon: f64,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            steps: NonZero::new(400).expect("not zero"),
            batch_size: NonZero::new(64).expect("not zero"),
            learning_rate: 0.1,
            epsilon: 1e-3,
        }
    }
}

impl Supernet {
    /// The subnet as a network of its own, tuned as `tuning` says. This supernet stays as it is.
    ///
    /// # Panics
    /// If the training split is empty.
    #[must_use]
    pub fn tuned(&self, network: &Network, log: &dyn ClickLog, tuning: &Tuning) -> Self {
        let steps = u64::from(tuning.steps.get());
        let batch_size = tuning.batch_size;
        // Half a step more, so that rounding cannot lose the last one.
        let samples = (steps as f64 + 0.5) * batch_size.get() as f64;
        let settings = TrainSettings {
            epochs: samples / log.len(Split::Train) as f64,
            batch_size,
            learning_rate: tuning.learning_rate,
            epsilon: tuning.epsilon,
            ..TrainSettings::default()
        };
        let mut alone = self.extract(network);
        alone.parameters_mut().for_each(Parameter::forget_moments);
        let mut trainer = Trainer::new(alone, log, settings, ORDER_SEED, 0);
        for _ in 0..steps {
            trainer.step(network);
        }
        trainer.into_supernet()
    }
}
