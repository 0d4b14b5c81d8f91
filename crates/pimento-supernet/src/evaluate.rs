//! Quality of a network: its head fitted, its answers scored.
//!
//! As in NASRec, everything but the head is frozen and the head is fitted to the network for some
//! steps before it is scored: weight sharing suits the head least, since it reads every network's
//! features.

use std::num::NonZero;

use pimento_data::{ClickLog, Split, auc, log_loss};
use pimento_space::Network;
use serde::{Deserialize, Serialize};

use crate::{
    adagrad::Adagrad,
    lanes::dot,
    layer::{Layer, LayerKind},
    quantise::quantise_weights,
    schedule::learning_rate,
    supernet::{FORWARD_BATCH, Supernet},
};

/// How a head is fitted before a network is scored. The defaults are NASRec's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct HeadSettings {
    /// Steps; 0 leaves the head as it is.
    pub steps: u32,
    /// Samples per step.
    pub batch_size: NonZero<usize>,
    /// Peak of the learning rate.
    pub learning_rate: f64,
    /// Adagrad's ε.
    pub epsilon: f64,
}

impl Default for HeadSettings {
    fn default() -> Self {
        let batch_size = NonZero::new(512).expect("not zero");
        Self {
            steps: 500,
            batch_size,
            learning_rate: 0.04,
            epsilon: 1e-2,
        }
    }
}

/// How well a network predicts clicks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quality {
    /// Mean binary cross-entropy in nats.
    pub log_loss: f64,
    /// Area under the ROC curve; absent if all labels are equal.
    pub auc: Option<f64>,
}

impl Supernet {
    /// Quality of `network` on the first `samples` samples of `split`, its head first fitted to
    /// the first training samples as `head` says. The supernet stays as it is.
    pub fn evaluate(
        &self,
        network: &Network,
        log: &dyn ClickLog,
        split: Split,
        samples: usize,
        head: &HeadSettings,
    ) -> Quality {
        let head = self.fit_head(network, log, head);
        let rows: Vec<u32> = (0..samples.min(log.len(split)) as u32).collect();
        let (mut answers, mut labels) = (Vec::new(), Vec::new());
        self.visit_features(
            network,
            log,
            split,
            &rows,
            FORWARD_BATCH,
            |features, batch_labels| {
                answers.extend(
                    features
                        .chunks(head.weights.len())
                        .map(|row| head.logit(row)),
                );
                labels.extend_from_slice(batch_labels);
            },
        );
        Quality {
            log_loss: log_loss(&answers, &labels),
            auc: auc(&answers, &labels),
        }
    }

    fn fit_head(&self, network: &Network, log: &dyn ClickLog, settings: &HeadSettings) -> Head {
        let layers = self.layout.layers(network);
        let layer = layers.last().expect("every network has a head");
        debug_assert_eq!(layer.key.1, LayerKind::Head);
        let mut fit = HeadFit::new(self, layer, settings);
        let samples = log.len(Split::Train);
        let batch_size = settings.batch_size.get().min(samples);
        let batches = samples / batch_size;
        let mut left = settings.steps as usize;
        while left > 0 {
            let now = left.min(batches);
            let rows: Vec<u32> = (0..(now * batch_size) as u32).collect();
            self.visit_features(
                network,
                log,
                Split::Train,
                &rows,
                batch_size,
                |features, labels| {
                    fit.step(features, labels);
                },
            );
            left -= now;
        }
        fit.head()
    }
}

/// A head: logit = weights · features + bias.
struct Head {
    weights: Vec<f32>,
    bias: f32,
}

impl Head {
    fn logit(&self, features: &[f32]) -> f32 {
        dot(&self.weights, features) + self.bias
    }
}

/// A head in training, its weights rounded at every step.
struct HeadFit<'a> {
    settings: &'a HeadSettings,
    bits: u8,
    values: Head,
    accumulators: Vec<f32>,
    bias_accumulator: f32,
    step: u64,
}

impl<'a> HeadFit<'a> {
    fn new(supernet: &Supernet, layer: &Layer, settings: &'a HeadSettings) -> Self {
        let values = supernet.weights.read_exact(layer);
        Self {
            settings,
            bits: layer.weight_bits,
            accumulators: vec![0.0; values.weight.len()],
            values: Head {
                weights: values.weight,
                bias: values.bias[0],
            },
            bias_accumulator: 0.0,
            step: 0,
        }
    }

    fn head(&self) -> Head {
        let mut weights = self.values.weights.clone();
        quantise_weights(&mut weights, self.bits);
        Head {
            weights,
            bias: self.values.bias,
        }
    }

    fn step(&mut self, features: &[f32], labels: &[f32]) {
        let head = self.head();
        let mut gradient = vec![0.0_f32; head.weights.len()];
        let mut bias_gradient = 0.0;
        for (row, label) in features.chunks(head.weights.len()).zip(labels) {
            let probability = 1.0 / (1.0 + (-head.logit(row)).exp());
            let slope = (probability - label) / labels.len() as f32;
            bias_gradient += slope;
            for (gradient, feature) in gradient.iter_mut().zip(row) {
                *gradient += slope * feature;
            }
        }
        let steps = u64::from(self.settings.steps);
        let adagrad = Adagrad {
            learning_rate: learning_rate(self.settings.learning_rate, self.step, steps),
            epsilon: self.settings.epsilon as f32,
            gradient_scale: 1.0,
        };
        adagrad.update(&mut self.values.weights, &mut self.accumulators, &gradient);
        let bias = std::slice::from_mut(&mut self.values.bias);
        let accumulator = std::slice::from_mut(&mut self.bias_accumulator);
        adagrad.update(bias, accumulator, &[bias_gradient]);
        self.step += 1;
    }
}
