//! Moments of layers that are normalised over the batch.
//!
//! Training takes those of each shard. Otherwise they are estimated anew from the weights, on some
//! training samples, where frameworks keep running averages.

#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use pimento_data::{Batch, ClickLog, Split};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{
    forward::Dropout,
    fused::{EPSILON, column_moments},
    layer::LayerKey,
    model::Model,
    parameters::Parameters,
    supernet::Supernet,
};

/// Samples of a batch that moments are estimated from.
const BATCH: usize = 1024;

/// Training samples that they are estimated from, in such batches.
const SAMPLES: usize = 16 * BATCH;

/// Seed of the units that are dropped meanwhile.
const SEED: u64 = 1;

/// Mean and variance of each column of a layer that is normalised over the batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Moments {
    pub(crate) mean: Vec<f32>,
    pub(crate) variance: Vec<f32>,
}

/// Those of a model's layers.
pub(crate) type LayerMoments = BTreeMap<LayerKey, Moments>;

/// Collects the moments of each batch; lives as long as one estimation.
#[derive(Debug, Default)]
pub(crate) struct Estimation {
    batches: Mutex<BTreeMap<LayerKey, Vec<Moments>>>,
}

impl Moments {
    fn of(values: &[f32], width: usize) -> Self {
        let (mean, variance) = column_moments(values, width);
        Self { mean, variance }
    }

    /// The mean over batches, at least one.
    fn average(batches: &[Self]) -> Self {
        let mean = |part: fn(&Self) -> &Vec<f32>| {
            let mut sums = vec![0.0; part(&batches[0]).len()];
            for batch in batches {
                for (sum, value) in sums.iter_mut().zip(part(batch)) {
                    *sum += value / batches.len() as f32;
                }
            }
            sums
        };
        Self {
            mean: mean(|moments| &moments.mean),
            variance: mean(|moments| &moments.variance),
        }
    }

    /// Factor and offset of each column that bring it to mean 0 and variance 1 and then apply gain
    /// and shift.
    pub(crate) fn affine(&self, gain: &[f32], shift: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let scale = self.variance.iter().zip(gain);
        let scale: Vec<f32> = scale
            .map(|(variance, gain)| gain / (variance + EPSILON).sqrt())
            .collect();
        let offset = self.mean.iter().zip(&scale).zip(shift);
        let offset = offset.map(|((mean, scale), shift)| shift - mean * scale);
        let offset = offset.collect();
        (scale, offset)
    }
}

impl Estimation {
    /// Keeps the moments of one batch of a layer's `values`, rows of `width`.
    pub(crate) fn add(&self, key: LayerKey, values: &[f32], width: usize) {
        let mut batches = self.batches.lock().expect("no holder panics");
        let moments = Moments::of(values, width);
        batches.entry(key).or_default().push(moments);
    }

    /// The mean over the batches so far.
    pub(crate) fn average(&self) -> LayerMoments {
        let batches = self.batches.lock().expect("no holder panics");
        let layers = batches.iter();
        layers
            .map(|(&key, batches)| (key, Moments::average(batches)))
            .collect()
    }
}

impl Supernet {
    /// Moments of the layers of a model alone that are normalised over the batch: means over batches
    /// of training samples, units dropped as in training.
    pub(crate) fn moments<'m>(
        &self,
        model: impl Into<Model<'m>>,
        log: &dyn ClickLog,
    ) -> LayerMoments {
        let model = model.into();
        let layers = model.layers(&self.layout);
        if !layers.iter().any(|layer| layer.has_batch_norm) {
            return LayerMoments::new();
        }
        let estimation = Arc::new(Estimation::default());
        let parameters = self.parameters(model).estimating(&estimation);
        let share = self.layout.batch_norm().map_or(0.0, |norm| norm.dropout);
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        let mut batch = Batch::default();
        for rows in rows(log.len(Split::Train)).chunks(BATCH) {
            log.fill(Split::Train, rows, &mut batch);
            let inputs = self.inputs(model, &batch, &self.device);
            let rng = &mut rng;
            let dropout = Dropout { share, rng };
            model.training_logits(&self.layout, &parameters, inputs, dropout);
        }
        estimation.average()
    }

    /// A model's weights, rounded to its precisions, with its moments.
    pub(crate) fn settled_parameters<'m>(
        &self,
        model: impl Into<Model<'m>>,
        log: &dyn ClickLog,
    ) -> Parameters {
        let model = model.into();
        let moments = self.moments(model, log);
        self.parameters(model).with_moments(&moments)
    }
}

/// Training samples spread over the whole split, in whole batches where there are enough.
fn rows(count: usize) -> Vec<u32> {
    let samples = count.min(SAMPLES);
    let samples = if samples > BATCH {
        samples - samples % BATCH
    } else {
        samples
    };
    (0..samples)
        .map(|index| (index * count / samples) as u32)
        .collect()
}
