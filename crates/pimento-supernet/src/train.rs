//! Training: one network per step, the same step for a shared supernet and a network alone.

use std::{num::NonZero, sync::Arc};

use burn::tensor::Tensor;
use pimento_data::{Batch, ClickLog, Split};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    embedding::{FieldGradients, Reading},
    forward::{Dropout, Inputs, features},
    layer::Layer,
    model::Model,
    optimizer::Optimizer,
    order::Order,
    parameters::Parameters,
    quantise::to_vec,
    ranges::{Calibration, RangeGradient},
    schedule::Schedule,
    supernet::Supernet,
    weights::LayerValues,
};

/// Seed streams: the order of samples and the choice of paths never share random numbers.
const PATH_STREAM: u64 = 1 << 41;
const DROPOUT_STREAM: u64 = 1 << 42;
const NOISE_STREAM: u64 = 1 << 43;

/// How weights are fitted. The defaults are NASRec's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct TrainSettings {
    /// Passes over the training split.
    pub epochs: f64,
    /// Samples per step.
    pub batch_size: NonZero<usize>,
    /// How gradients become steps.
    pub optimizer: Optimizer,
    /// The learning rate over the steps.
    pub schedule: Schedule,
    /// Peak of the learning rate.
    pub learning_rate: f64,
    /// The optimiser's ε.
    pub epsilon: f64,
    /// Largest global norm of the gradients, touched embedding rows included.
    pub clip_norm: f64,
    /// Weight of half the squared norm of embedding rows in the loss: of the rows that each sample
    /// reads, combined where tables are compressed, or of all that is stored, as `embedding_rows`
    /// says.
    pub embedding_l2: f64,
    /// Which embedding rows a step changes.
    pub embedding_rows: EmbeddingRows,
    /// Standard deviation of initial embedding values; by default NASRec's √(2 / (rows + width)),
    /// which depends on the table. Whoever makes the supernet applies it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedding_deviation: Option<f64>,
    /// Share of the outputs of each block of a network that a step does without, in [0, 1).
    /// Handcrafted models say themselves what they drop.
    pub dropout: f64,
    /// Whether a network alone is normalised over the batch after its fully connected layers, FC
    /// and Flat, in place of their biases and layer norms. Moments are those of each shard in
    /// training, and otherwise the mean over 16 batches of 1024 training samples. Whoever makes the
    /// supernet applies it. Handcrafted models say themselves what is normalised.
    pub batch_norm: bool,
    /// Standard deviation of the noise that every step adds to the weights that it computes with, as
    /// a share of the largest magnitude of their matrix: training for crossbars (Joshi et al.,
    /// Nature Communications 2020). Gradients pass straight through.
    pub weight_noise: f64,
    /// Parts of a batch that are worked on in parallel; part of a result's identity, unlike the
    /// number of threads.
    pub shards: NonZero<usize>,
}

impl Default for TrainSettings {
    fn default() -> Self {
        let number = |value| NonZero::new(value).expect("not zero");
        Self {
            epochs: 1.0,
            batch_size: number(512),
            optimizer: Optimizer::Adagrad,
            schedule: Schedule::Cosine,
            learning_rate: 0.12,
            epsilon: 1e-2,
            clip_norm: 5.0,
            embedding_l2: 0.0,
            embedding_rows: EmbeddingRows::Touched,
            embedding_deviation: None,
            dropout: 0.0,
            batch_norm: false,
            weight_noise: 0.0,
            shards: number(2),
        }
    }
}

/// Which embedding rows a step changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmbeddingRows {
    /// Those that the batch reads; time does not grow with the tables.
    Touched,
    /// All, as frameworks with dense gradients do: the decay and Adam's moments act on every row at
    /// every step. For small tables.
    All,
}

/// A supernet in training.
pub struct Trainer<'a, L: ClickLog + ?Sized> {
    supernet: Supernet,
    log: &'a L,
    settings: TrainSettings,
    seed: u64,
    step: u64,
    order: Order,
    rate_factor: f64,
}

/// What one step did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct StepReport {
    /// Number of the step, from 0.
    pub step: u64,
    /// Mean log loss of the batch before the step.
    pub loss: f64,
    /// Learning rate.
    pub learning_rate: f32,
    /// Global norm of the gradients before clipping.
    pub gradient_norm: f64,
    /// Whether weights changed. They stay if the norm is not finite.
    pub is_applied: bool,
}

impl<'a, L: ClickLog + ?Sized> Trainer<'a, L> {
    /// A trainer that has done `step` steps; `supernet` holds the weights after them.
    ///
    /// # Panics
    /// If the training split is empty.
    pub fn new(
        mut supernet: Supernet,
        log: &'a L,
        settings: TrainSettings,
        seed: u64,
        step: u64,
    ) -> Self {
        supernet.weights.prepare(settings.optimizer);
        supernet.embeddings.prepare(settings.optimizer);
        supernet.ranges.prepare(settings.optimizer);
        assert!(log.len(Split::Train) > 0, "there are samples to train on");
        let order = Order::new(log.len(Split::Train), seed);
        Self {
            supernet,
            log,
            settings,
            seed,
            step,
            order,
            rate_factor: 1.0,
        }
    }

    /// Steps of the whole run.
    pub fn steps(&self) -> u64 {
        let samples = self.log.len(Split::Train) as f64 * self.settings.epochs;
        ((samples / self.settings.batch_size.get() as f64) as u64).max(1)
    }

    /// Steps done.
    pub fn step_count(&self) -> u64 {
        self.step
    }

    /// The generator of a step's path: it depends on the seed and the step only.
    pub fn path_rng(&self, step: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(PATH_STREAM + step);
        rng
    }

    /// The generator of dropped units in one shard of this step.
    fn dropout_rng(&self, shard: usize) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(
            DROPOUT_STREAM + self.step * self.settings.shards.get() as u64 + shard as u64,
        );
        rng
    }

    /// Moves the weights of a layer as the settings say.
    fn add_noise(&self, weights: &mut [f32], layer: usize) {
        if self.settings.weight_noise == 0.0 {
            return;
        }
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(NOISE_STREAM + (self.step << 8) + layer as u64);
        let largest = weights
            .iter()
            .fold(0.0_f32, |largest, w| largest.max(w.abs()));
        let deviation = self.settings.weight_noise as f32 * largest;
        for weight in weights {
            let normal: f32 = StandardNormal.sample(&mut rng);
            *weight += deviation * normal;
        }
    }

    /// Multiplies the learning rate from now on.
    pub fn scale_learning_rate(&mut self, factor: f64) {
        self.rate_factor *= factor;
    }

    /// The weights as they are.
    pub fn supernet(&self) -> &Supernet {
        &self.supernet
    }

    /// The weights, at the end of the training.
    pub fn into_supernet(self) -> Supernet {
        self.supernet
    }

    /// Fits the slices that `model` uses to the next batch.
    pub fn step<'m>(&mut self, model: impl Into<Model<'m>>) -> StepReport {
        let model = model.into();
        let rows = self.order.batch(self.step, self.settings.batch_size.get());
        let shard_size = rows.len().div_ceil(self.settings.shards.get());
        self.calibrate(model, &rows[..shard_size]);
        let layers = model.layers(&self.supernet.layout);
        let values = layers
            .par_iter()
            .enumerate()
            .map(|(index, layer)| {
                let mut values = self.supernet.weights.read(layer);
                self.add_noise(&mut values.weight, index);
                values
            })
            .collect();
        let parameters = Parameters::new(&layers, values, &self.supernet.device)
            .with_ranges(self.supernet.ranges_of(model), &self.supernet.device);

        let work = ShardWork {
            supernet: &self.supernet,
            log: self.log,
            model,
            layers: &layers,
            parameters: &parameters,
            batch_size: rows.len(),
            dropout: self.settings.dropout,
        };
        let mut shards: Vec<Shard> = rows
            .par_chunks(shard_size)
            .enumerate()
            .map(|(shard, rows)| work.gradients(rows, self.dropout_rng(shard)))
            .collect();
        let readings = self.supernet.readings(model);
        self.add_embedding_decay(&mut shards, &readings);

        let report = self.apply(&layers, &readings, shards);
        self.step += 1;
        report
    }

    /// Finds the ranges of places that are new to training on some samples.
    fn calibrate(&mut self, model: Model<'_>, rows: &[u32]) {
        let Model::Network(network) = model else {
            return;
        };
        if self.supernet.ranges.are_calibrated(network) {
            return;
        }
        let mut batch = Batch::default();
        self.log.fill(Split::Train, rows, &mut batch);
        let calibration = Arc::new(Calibration::new(self.supernet.ranges.clone()));
        let parameters = self.supernet.parameters(network).calibrating(&calibration);
        let device = &self.supernet.device;
        let inputs = self.supernet.inputs(network, &batch, device);
        features(network, &parameters, inputs);
        self.supernet.ranges = calibration.ranges();
    }

    fn apply(
        &mut self,
        layers: &[Layer],
        readings: &[Reading],
        mut shards: Vec<Shard>,
    ) -> StepReport {
        let mut gradients = std::mem::take(&mut shards[0].gradients);
        let mut ranges = std::mem::take(&mut shards[0].ranges);
        let others = &shards[1..];
        for shard in others {
            for (sum, range) in ranges.iter_mut().zip(&shard.ranges) {
                sum.add(range);
            }
        }
        let squared_norms: Vec<f64> = gradients
            .par_iter_mut()
            .enumerate()
            .map(|(index, gradient)| {
                for shard in others {
                    gradient.add(&shard.gradients[index]);
                }
                gradient.squared_norm()
            })
            .collect();
        let embedding: Vec<_> = shards
            .iter()
            .map(|shard| (shard.batch.indices.as_slice(), shard.embedding.as_slice()))
            .collect();
        let mut rows = self.supernet.embeddings.row_gradients(readings, &embedding);
        if self.settings.embedding_rows == EmbeddingRows::All {
            let decay = self.settings.embedding_l2 as f32;
            rows = self.supernet.embeddings.all_row_gradients(&rows, decay);
        }
        let squared = squared_norms.into_iter().sum::<f64>()
            + rows.iter().map(FieldGradients::squared_norm).sum::<f64>()
            + ranges.iter().map(RangeGradient::squared_norm).sum::<f64>();
        let gradient_norm = squared.sqrt();
        let peak = self.rate_factor * self.settings.learning_rate;
        let rate = self
            .settings
            .schedule
            .learning_rate(peak, self.step, self.steps());
        let scale = (self.settings.clip_norm / gradient_norm.max(1e-12)).min(1.0) as f32;
        let epsilon = self.settings.epsilon as f32;
        let update = self
            .settings
            .optimizer
            .update(self.step, rate, epsilon, scale);
        // A path whose products overflow tells nothing; its neighbours go on learning.
        let is_applied = gradient_norm.is_finite();
        if is_applied {
            self.supernet.weights.update(layers, &gradients, &update);
            self.supernet.embeddings.update(&rows, &update);
            self.supernet.ranges.update(&ranges, &update);
        }
        let loss = shards.iter().map(|shard| shard.loss).sum();
        StepReport {
            is_applied,
            step: self.step,
            loss,
            learning_rate: rate,
            gradient_norm,
        }
    }

    /// Adds the gradient of `embedding_l2 / 2 · Σ row²` over the rows that each sample reads,
    /// divided by the batch size.
    fn add_embedding_decay(&self, shards: &mut [Shard], readings: &[Reading]) {
        let decay = self.settings.embedding_l2 as f32;
        if decay == 0.0 || self.settings.embedding_rows == EmbeddingRows::All {
            return;
        }
        let samples: usize = shards.iter().map(|shard| shard.batch.len()).sum();
        for shard in shards {
            let gathered = self
                .supernet
                .embeddings
                .gather(&shard.batch.indices, readings);
            for (gradient, value) in shard.embedding.iter_mut().zip(&gathered) {
                *gradient += decay * value / samples as f32;
            }
        }
    }
}

/// What the shards of a batch have in common.
struct ShardWork<'a, L: ClickLog + ?Sized> {
    supernet: &'a Supernet,
    log: &'a L,
    model: Model<'a>,
    layers: &'a [Layer],
    parameters: &'a Parameters,
    batch_size: usize,
    dropout: f64,
}

/// Gradients of one shard's share of the mean loss.
struct Shard {
    batch: Batch,
    gradients: Vec<LayerValues>,
    ranges: Vec<RangeGradient>,
    /// Shape [samples, embedding_dim, fields].
    embedding: Vec<f32>,
    loss: f64,
}

impl<L: ClickLog + ?Sized> ShardWork<'_, L> {
    fn gradients(&self, rows: &[u32], mut rng: ChaCha8Rng) -> Shard {
        let mut batch = Batch::default();
        self.log.fill(Split::Train, rows, &mut batch);
        let device = &self.supernet.device;
        let inputs = self.supernet.inputs(self.model, &batch, device);
        let sparse = Tensor::from_inner(inputs.sparse).require_grad();
        let inputs = Inputs {
            dense: Tensor::from_inner(inputs.dense),
            sparse: sparse.clone(),
        };
        let parameters = self.parameters.tracked();
        let dropout = Dropout {
            share: self.dropout,
            rng: &mut rng,
        };
        let layout = &self.supernet.layout;
        let logits = self
            .model
            .training_logits(layout, &parameters, inputs, dropout);

        let answers = to_vec(logits.clone().inner());
        let (loss, slope) = loss_and_slope(&answers, &batch.labels, self.batch_size);
        let slope = Tensor::<1>::from_data(slope.as_slice(), device.of_tensors());
        let slope = Tensor::from_inner(slope);
        let mut gradients = (logits * slope).sum().backward();
        let embedding = match sparse.grad_remove(&mut gradients) {
            Some(gradient) => to_vec(gradient),
            None => vec![0.0; sparse.shape().num_elements()],
        };
        Shard {
            gradients: parameters.take_gradients(self.layers, &mut gradients),
            ranges: parameters.take_range_gradients(&mut gradients),
            batch,
            embedding,
            loss,
        }
    }
}

/// Binary cross-entropy of logits, summed and divided by `batch_size`, and its derivative with
/// respect to each logit.
fn loss_and_slope(logits: &[f32], labels: &[f32], batch_size: usize) -> (f64, Vec<f32>) {
    let mut loss = 0.0;
    let slope = logits
        .iter()
        .zip(labels)
        .map(|(&logit, &label)| {
            let (logit, label) = (f64::from(logit), f64::from(label));
            loss += logit.max(0.0) - logit * label + (-logit.abs()).exp().ln_1p();
            ((1.0 / (1.0 + (-logit).exp()) - label) / batch_size as f64) as f32
        })
        .collect();
    (loss / batch_size as f64, slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_and_slope_by_hand() {
        let (loss, slope) = loss_and_slope(&[0.0, 2.0], &[1.0, 0.0], 2);
        let expected = (2.0_f64.ln() + 2.0 + (-2.0_f64).exp().ln_1p()) / 2.0;
        assert!((loss - expected).abs() < 1e-12);
        assert!((slope[0] + 0.25).abs() < 1e-7);
        assert!((f64::from(slope[1]) - 0.5 / (1.0 + (-2.0_f64).exp())).abs() < 1e-7);
    }
}
