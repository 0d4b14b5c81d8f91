//! The head fitted to one network.
//!
//! Weight sharing suits the head least, since it reads every network's features; so it is fitted to
//! a network, everything else frozen, before the network is scored.

mod newton;

use std::num::NonZero;

use pimento_data::{ClickLog, Split};
use pimento_space::Network;
use serde::{Deserialize, Serialize};

use newton::Newton;

use crate::{
    adagrad::Adagrad,
    fused::vectorised,
    lanes::dot,
    layer::{Layer, LayerKind, last_position},
    parameters::Parts,
    quantise::{quantise_weights, to_vec},
    schedule::learning_rate,
    supernet::{FORWARD_BATCH, Supernet},
};

/// How a head is fitted before a network is scored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "kebab-case", deny_unknown_fields)]
pub enum HeadFit {
    /// The shared head as it is.
    None,
    /// Some steps of Adagrad on the first training samples, as NASRec does.
    Sgd(SgdHead),
    /// The minimum of the log loss on the first training samples, pulled towards the shared head.
    Newton(NewtonHead),
    /// The same over few numbers: a factor of the shared weights for dense features, one of those for
    /// sparse features, and the bias.
    Factors(FactorsHead),
}

/// Settings of [`HeadFit::Sgd`]. The defaults are NASRec's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SgdHead {
    /// Steps.
    pub steps: NonZero<u32>,
    /// Samples per step.
    pub batch_size: NonZero<usize>,
    /// Peak of the learning rate.
    pub learning_rate: f64,
    /// Adagrad's ε.
    pub epsilon: f64,
}

/// Settings of [`HeadFit::Newton`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct NewtonHead {
    /// Training samples.
    pub samples: NonZero<usize>,
    /// Steps of Newton's method, at most.
    pub steps: NonZero<u32>,
    /// Weight of the distance to the shared head, each weight measured in units of 1 / its
    /// feature's root mean square.
    pub ridge: f64,
}

/// Settings of [`HeadFit::Factors`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct FactorsHead {
    /// Training samples.
    pub samples: NonZero<usize>,
}

/// Steps of Newton's method for factors, at most.
const FACTOR_STEPS: u32 = 8;

/// Weight of the squared distance of factors to 1, in units of 1 / what they multiply, root mean
/// square: little.
const FACTOR_RIDGE: f64 = 1e-3;

impl Default for HeadFit {
    fn default() -> Self {
        Self::Sgd(SgdHead::default())
    }
}

impl Default for SgdHead {
    fn default() -> Self {
        Self {
            steps: NonZero::new(500).expect("not zero"),
            batch_size: NonZero::new(512).expect("not zero"),
            learning_rate: 0.04,
            epsilon: 1e-2,
        }
    }
}

impl Default for NewtonHead {
    fn default() -> Self {
        Self {
            samples: NonZero::new(8192).expect("not zero"),
            steps: NonZero::new(4).expect("not zero"),
            ridge: 1.0,
        }
    }
}

impl Default for FactorsHead {
    fn default() -> Self {
        Self {
            samples: NonZero::new(4096).expect("not zero"),
        }
    }
}

/// A head: logit = weights · features + bias.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) weights: Vec<f32>,
    pub(crate) bias: f32,
}

impl Head {
    /// Logits of features whose columns are those of several tensors.
    pub(crate) fn logits_of(&self, features: Parts) -> Vec<f32> {
        let mut logits = Vec::new();
        let mut rest = &self.weights[..];
        let parts = features.0.into_iter();
        for part in parts.filter(|part| part.dims()[1] > 0) {
            let (weights, others) = rest.split_at(part.dims()[1]);
            let bias = if others.is_empty() { self.bias } else { 0.0 };
            rest = others;
            let products = products(weights, bias, &to_vec(part));
            if logits.is_empty() {
                logits = products;
            } else {
                for (logit, product) in logits.iter_mut().zip(&products) {
                    *logit += product;
                }
            }
        }
        logits
    }

    /// Logits of rows of features.
    pub(crate) fn logits(&self, features: &[f32]) -> Vec<f32> {
        products(&self.weights, self.bias, features)
    }

    /// Weights · features of the first `dense` features and of the others, for rows of features.
    fn parts(&self, features: &[f32], dense: usize) -> Vec<[f32; 2]> {
        let (of_dense, of_sparse) = self.weights.split_at(dense);
        vectorised(
            #[inline(always)]
            || {
                let rows = features.chunks_exact(self.weights.len());
                rows.map(|row| [dot(of_dense, &row[..dense]), dot(of_sparse, &row[dense..])])
                    .collect()
            },
        )
    }

    fn rounded(&self, bits: u8) -> Self {
        let mut head = self.clone();
        quantise_weights(&mut head.weights, bits);
        head
    }
}

/// Weights · row + bias, for rows of features.
fn products(weights: &[f32], bias: f32, features: &[f32]) -> Vec<f32> {
    vectorised(
        #[inline(always)]
        || {
            let rows = features.chunks_exact(weights.len());
            rows.map(|row| dot(weights, row) + bias).collect()
        },
    )
}

impl Supernet {
    /// The shared head of a network, fitted to it.
    pub(crate) fn fit_head(&self, network: &Network, log: &dyn ClickLog, fit: &HeadFit) -> Head {
        let layers = self.layout.layers(network);
        let layer = layers.last().expect("every network has a head");
        debug_assert_eq!(layer.key.1, LayerKind::Head);
        let values = self.weights.read_exact(layer);
        let shared = Head {
            weights: values.weight,
            bias: values.bias[0],
        };
        let head = match fit {
            HeadFit::None => shared,
            HeadFit::Sgd(settings) => self.fit_by_sgd(network, log, layer, shared, settings),
            HeadFit::Newton(settings) => {
                let (mut features, mut labels) = (Vec::new(), Vec::new());
                self.visit_training(network, log, settings.samples, |f, l| {
                    features.extend_from_slice(f);
                    labels.extend_from_slice(l);
                });
                Newton::new(&features, &labels, shared, settings.ridge).run(settings.steps.get())
            }
            HeadFit::Factors(settings) => {
                let dense = network.dense_width(last_position(network));
                self.fit_factors(network, log, shared, dense, settings)
            }
        };
        head.rounded(layer.weight_bits)
    }

    /// The head whose first `dense` weights have one factor and whose other weights another.
    fn fit_factors(
        &self,
        network: &Network,
        log: &dyn ClickLog,
        mut shared: Head,
        dense: usize,
        settings: &FactorsHead,
    ) -> Head {
        let (mut sums, mut labels) = (Vec::new(), Vec::new());
        self.visit_training(network, log, settings.samples, |f, l| {
            sums.extend(shared.parts(f, dense));
            labels.extend_from_slice(l);
        });
        let ones = Head {
            weights: vec![1.0; 2],
            bias: shared.bias,
        };
        let fitted =
            Newton::new(sums.as_flattened(), &labels, ones, FACTOR_RIDGE).run(FACTOR_STEPS);
        let (of_dense, of_sparse) = shared.weights.split_at_mut(dense);
        for (weights, factor) in [of_dense, of_sparse].into_iter().zip(&fitted.weights) {
            for weight in weights {
                *weight *= factor;
            }
        }
        shared.bias = fitted.bias;
        shared
    }

    /// What the head reads of the first training samples, and their labels.
    fn visit_training(
        &self,
        network: &Network,
        log: &dyn ClickLog,
        samples: NonZero<usize>,
        mut visit: impl FnMut(&[f32], &[f32]),
    ) {
        let samples = samples.get().min(log.len(Split::Train));
        let rows: Vec<u32> = (0..samples as u32).collect();
        let split = Split::Train;
        self.visit_features(network, log, split, &rows, FORWARD_BATCH, |f, l| {
            visit(&to_vec(f.joined()), l);
        });
    }

    fn fit_by_sgd(
        &self,
        network: &Network,
        log: &dyn ClickLog,
        layer: &Layer,
        shared: Head,
        settings: &SgdHead,
    ) -> Head {
        let samples = log.len(Split::Train);
        let batch_size = settings.batch_size.get().min(samples);
        let batches = samples / batch_size;
        let mut fit = Sgd::new(layer.weight_bits, shared, settings);
        let mut left = settings.steps.get() as usize;
        while left > 0 {
            let now = left.min(batches);
            let rows: Vec<u32> = (0..(now * batch_size) as u32).collect();
            self.visit_features(network, log, Split::Train, &rows, batch_size, |f, l| {
                fit.step(&to_vec(f.joined()), l);
            });
            left -= now;
        }
        fit.values
    }
}

/// Steps of Adagrad; the weights are rounded at every step.
struct Sgd<'a> {
    settings: &'a SgdHead,
    bits: u8,
    values: Head,
    accumulators: Vec<f32>,
    bias_accumulator: f32,
    step: u64,
}

impl<'a> Sgd<'a> {
    fn new(bits: u8, values: Head, settings: &'a SgdHead) -> Self {
        Self {
            settings,
            bits,
            accumulators: vec![0.0; values.weights.len()],
            values,
            bias_accumulator: 0.0,
            step: 0,
        }
    }

    fn step(&mut self, features: &[f32], labels: &[f32]) {
        let logits = self.values.rounded(self.bits).logits(features);
        let slopes: Vec<f32> = logits
            .iter()
            .zip(labels)
            .map(|(&logit, label)| (probability(logit) - label) / labels.len() as f32)
            .collect();
        let gradient = weighted_sum(features, &slopes);
        let steps = u64::from(self.settings.steps.get());
        let adagrad = Adagrad {
            learning_rate: learning_rate(self.settings.learning_rate, self.step, steps),
            epsilon: self.settings.epsilon as f32,
            gradient_scale: 1.0,
        };
        adagrad.update(&mut self.values.weights, &mut self.accumulators, &gradient);
        let bias = std::slice::from_mut(&mut self.values.bias);
        let accumulator = std::slice::from_mut(&mut self.bias_accumulator);
        adagrad.update(bias, accumulator, &[slopes.iter().sum()]);
        self.step += 1;
    }
}

/// Probability of a click.
fn probability(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// Σ factor · row over the rows of a matrix.
fn weighted_sum(matrix: &[f32], factors: &[f32]) -> Vec<f32> {
    let width = matrix.len() / factors.len().max(1);
    let mut sums = vec![0.0; width];
    vectorised(
        #[inline(always)]
        || {
            for (row, factor) in matrix.chunks_exact(width).zip(factors) {
                for (sum, value) in sums.iter_mut().zip(row) {
                    *sum += factor * value;
                }
            }
        },
    );
    sums
}
