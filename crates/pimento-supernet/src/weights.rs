//! Weights in store: matrices with their optimiser state, read and updated by slices.

use std::{collections::BTreeMap, ops::Range};

use pimento_space::WeightScales;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::{
    fused::vectorised,
    lanes::dot,
    layer::{Capacity, Layer, LayerKey, LayerKind, Layout, tower_layers},
    optimizer::{Optimizer, Parameter, Update},
    quantise::{quantise_columns, quantise_weights},
};

/// Initial gain of the two norms of attention, as the NASRec authors set it.
const ATTENTION_NORM_GAIN: f32 = 0.17;

/// All weights outside the embedding tables.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weights {
    pub(crate) layers: BTreeMap<LayerKey, StoredLayer>,
}

/// A stored matrix, its bias and its norm; absent parts are empty.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredLayer {
    pub(crate) cols: usize,
    pub(crate) weight: Parameter,
    pub(crate) bias: Parameter,
    pub(crate) gain: Parameter,
    pub(crate) shift: Parameter,
}

/// Parts of a layer as one network uses them, or their gradients; absent parts are empty.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LayerValues {
    /// Matrix, shape \[rows, cols\], row-major.
    pub weight: Vec<f32>,
    /// Shape \[outputs\].
    pub bias: Vec<f32>,
    /// Shape \[outputs\].
    pub gain: Vec<f32>,
    /// Shape \[outputs\].
    pub shift: Vec<f32>,
}

impl Weights {
    /// Initial weights for every layer of `layout`: matrices Xavier-uniform for the stored shape,
    /// biases 0, norms 1 and 0 (attention's gains 0.17). A layer's values depend on `seed` and on
    /// its own address only.
    pub(crate) fn init(layout: &Layout, seed: u64) -> Self {
        let layers = match layout {
            Layout::Shared(capacity) => Capacity::all_layers(capacity),
            Layout::StandAlone(network, _) => layout.layers(network),
            Layout::Handcrafted(model, input) => tower_layers(model, *input),
        };
        let layers = layers
            .into_par_iter()
            .map(|layer| (layer.key, StoredLayer::init(&layer, seed)))
            .collect();
        Self { layers }
    }

    /// The values of `layer`, its matrix rounded to the layer's precision.
    pub(crate) fn read(&self, layer: &Layer) -> LayerValues {
        let mut values = self.read_exact(layer);
        let (weight, bits) = (&mut values.weight, layer.weight_bits);
        match layer.weight_scales {
            WeightScales::Matrix => quantise_weights(weight, bits),
            WeightScales::Column => quantise_columns(weight, layer.cols, bits),
        }
        values
    }

    /// The values of `layer` as stored.
    pub(crate) fn read_exact(&self, layer: &Layer) -> LayerValues {
        let stored = &self.layers[&layer.key];
        let prefix = |parameter: &Parameter, present: bool| {
            if present {
                parameter.values[..layer.outputs()].to_vec()
            } else {
                Vec::new()
            }
        };
        LayerValues {
            weight: stored.matrix(&stored.weight.values, layer),
            bias: prefix(&stored.bias, layer.has_bias),
            gain: prefix(&stored.gain, layer.has_norm),
            shift: prefix(&stored.shift, layer.has_norm),
        }
    }

    /// Applies one optimiser step to the slices that `layers` are; everything else is untouched.
    pub(crate) fn update(&mut self, layers: &[Layer], gradients: &[LayerValues], update: &Update) {
        let mut gradients: BTreeMap<LayerKey, (&Layer, &LayerValues)> = layers
            .iter()
            .zip(gradients)
            .map(|(layer, gradient)| (layer.key, (layer, gradient)))
            .collect();
        let work: Vec<_> = self
            .layers
            .iter_mut()
            .filter_map(|(key, stored)| gradients.remove(key).map(|found| (stored, found)))
            .collect();
        work.into_par_iter()
            .for_each(|(stored, (layer, gradient))| {
                vectorised(|| stored.update(layer, gradient, update));
            });
    }

    /// The slices that `layers` are, as layers of their own: those of `alone`, in the same order.
    pub(crate) fn extract(&self, layers: &[Layer], alone: &[Layer]) -> Self {
        let layers = layers.iter().zip(alone);
        let layers =
            layers.map(|(layer, alone)| (alone.key, self.layers[&layer.key].extract(layer)));
        Self {
            layers: layers.collect(),
        }
    }

    /// Makes room for the state of `optimizer`.
    pub(crate) fn prepare(&mut self, optimizer: Optimizer) {
        let layers = self.layers.values_mut();
        for parameter in layers.flat_map(StoredLayer::parameters_mut) {
            parameter.prepare(optimizer);
        }
    }

    /// Trainable values in store.
    pub(crate) fn parameter_count(&self) -> usize {
        self.layers
            .values()
            .flat_map(StoredLayer::parameters)
            .map(|parameter| parameter.values.len())
            .sum()
    }
}

impl StoredLayer {
    fn init(layer: &Layer, seed: u64) -> Self {
        let (block, kind) = layer.key;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(u64::from(block) << 8 | kind as u64);
        let bound = xavier_bound(layer);
        let weight = (0..layer.rows * layer.cols).map(|_| rng.random_range(-bound..=bound));
        let vector = |present: bool, value: f32| {
            Parameter::new(if present {
                vec![value; layer.outputs()]
            } else {
                Vec::new()
            })
        };
        let is_attention = matches!(
            kind,
            LayerKind::AttentionOut | LayerKind::AttentionFeedForward
        );
        let gain = if is_attention {
            ATTENTION_NORM_GAIN
        } else {
            1.0
        };
        Self {
            cols: layer.cols,
            weight: Parameter::new(weight.collect()),
            bias: vector(layer.has_bias, 0.0),
            gain: vector(layer.has_norm, gain),
            shift: vector(layer.has_norm, 0.0),
        }
    }

    /// The rows and columns of `layer` of `all` that is stored for each weight.
    fn matrix(&self, all: &[f32], layer: &Layer) -> Vec<f32> {
        let mut matrix = Vec::with_capacity(layer.rows * layer.cols);
        for row in rows_of(&layer.segments) {
            let first = row * self.cols;
            matrix.extend_from_slice(&all[first..first + layer.cols]);
        }
        matrix
    }

    /// The slice that `layer` is, with the optimiser's state.
    fn extract(&self, layer: &Layer) -> Self {
        let prefix = |parameter: &Parameter, present: bool| {
            let length = if present { layer.outputs() } else { 0 };
            parameter.select(|all| all[..length].to_vec())
        };
        Self {
            cols: layer.cols,
            weight: self.weight.select(|all| self.matrix(all, layer)),
            bias: prefix(&self.bias, layer.has_bias),
            gain: prefix(&self.gain, layer.has_norm),
            shift: prefix(&self.shift, layer.has_norm),
        }
    }

    #[expect(clippy::inline_always, reason = "compiled into the vectorised caller")]
    #[inline(always)]
    fn update(&mut self, layer: &Layer, gradient: &LayerValues, update: &Update) {
        for (row, gradient) in rows_of(&layer.segments).zip(gradient.weight.chunks(layer.cols)) {
            self.weight.update(row * self.cols, gradient, update);
        }
        self.bias.update(0, &gradient.bias, update);
        self.gain.update(0, &gradient.gain, update);
        self.shift.update(0, &gradient.shift, update);
    }

    pub(crate) fn parameters(&self) -> [&Parameter; 4] {
        [&self.weight, &self.bias, &self.gain, &self.shift]
    }

    pub(crate) fn parameters_mut(&mut self) -> [&mut Parameter; 4] {
        [
            &mut self.weight,
            &mut self.bias,
            &mut self.gain,
            &mut self.shift,
        ]
    }
}

impl LayerValues {
    /// The four parts.
    pub(crate) fn parts(&self) -> [&[f32]; 4] {
        [&self.weight, &self.bias, &self.gain, &self.shift]
    }

    /// Sum of the squares.
    pub(crate) fn squared_norm(&self) -> f64 {
        let squares = |part: &[f32]| -> f64 {
            part.chunks(4096)
                .map(|chunk| f64::from(dot(chunk, chunk)))
                .sum()
        };
        self.parts().into_iter().map(squares).sum()
    }

    /// Adds another layer's values of the same shape.
    pub(crate) fn add(&mut self, other: &Self) {
        add(&mut self.weight, &other.weight);
        add(&mut self.bias, &other.bias);
        add(&mut self.gain, &other.gain);
        add(&mut self.shift, &other.shift);
    }
}

fn add(sum: &mut [f32], other: &[f32]) {
    for (sum, other) in sum.iter_mut().zip(other) {
        *sum += other;
    }
}

fn rows_of(segments: &[Range<usize>]) -> impl Iterator<Item = usize> {
    segments.iter().cloned().flatten()
}

/// Bound of the Xavier-uniform distribution of a stored matrix. The query, key and value
/// projections are initialised as one packed matrix.
fn xavier_bound(layer: &Layer) -> f32 {
    layer.fan.map_or(0.0, |fan| (6.0 / fan as f32).sqrt())
}
