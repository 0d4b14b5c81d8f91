//! The function that clicks are drawn from.
//!
//! Each value has a short latent factor, and every effect is made of the same factors: the first
//! component is the effect of the value alone, pairs multiply whole factors. So an embedding that
//! has learnt what a value does alone has learnt half of what it does together with others.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{SyntheticSettings, input_law::InputLaw, random::Stream};
use crate::metrics::sigmoid;

/// Rows on which the parts of the logit are standardised and the bias is found.
const CALIBRATION_ROWS: u64 = 32_768;
/// Training rows at which the factor of a value is shrunk to half of its variance.
const HALF_ROWS: f64 = 1000.0;
/// Dense values count up to that many standard deviations.
const DENSE_LIMIT: f64 = 2.5;
/// Weight of the square of a dense value next to the value.
const BEND: f64 = 0.25;
const KINDS: usize = 4;

/// Which fields interact, by their positions from 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interactions {
    /// Fields whose latent factors are multiplied.
    pub pairs: Vec<[usize; 2]>,
    /// A field whose value turns the product of the latent factors of two others over or not.
    pub triples: Vec<[usize; 3]>,
    /// A categorical field and a dense column that are multiplied.
    pub crosses: Vec<[usize; 2]>,
}

/// The function that clicks are drawn from: sums of effects, standardised and weighted.
pub(super) struct Truth {
    interactions: Interactions,
    latents: Vec<Latent>,
    slopes: Vec<f64>,
    bends: Vec<f64>,
    /// Mean and standard deviation of each dense column.
    dense_scale: Vec<(f64, f64)>,
    /// Mean of each kind of effect.
    means: [f64; KINDS],
    weights: [f64; KINDS],
    bias: f64,
}

/// The latent factor of each value of a field, of mean 0 in each component.
struct Latent {
    dim: usize,
    values: Vec<f64>,
}

impl Truth {
    pub(super) fn new(settings: &SyntheticSettings, law: &InputLaw) -> Self {
        let mut truth = Self::plant(settings, law);
        let rows = Calibration::draw(settings, law);
        truth.dense_scale = rows.dense_scale(law.dense_columns());
        truth.standardise(settings, &rows);
        truth.find_bias(settings, &rows);
        truth
    }

    pub(super) fn interactions(&self) -> &Interactions {
        &self.interactions
    }

    /// The true logit of a sample, and the part of it that is due to single values.
    pub(super) fn logits(&self, dense: &[f32], indices: &[u32]) -> (f64, f64) {
        let kinds = self.kinds(dense, indices);
        let weighted = |kind: usize| self.weights[kind] * (kinds[kind] - self.means[kind]);
        let first_order = self.bias + weighted(0);
        (
            first_order + weighted(1) + weighted(2) + weighted(3),
            first_order,
        )
    }

    fn plant(settings: &SyntheticSettings, law: &InputLaw) -> Self {
        let mut stream = Stream::truth(settings.seed);
        let interactions = Interactions::plant(settings, &mut stream);
        let fields = 0..settings.cardinalities.len();
        let latents = fields
            .map(|field| Latent::draw(settings, law, field, &mut stream))
            .collect();
        let slopes = (0..settings.dense).map(|_| stream.normal()).collect();
        let bends = (0..settings.dense)
            .map(|_| BEND * stream.normal())
            .collect();
        Self {
            interactions,
            latents,
            slopes,
            bends,
            dense_scale: Vec::new(),
            means: [0.0; KINDS],
            weights: [0.0; KINDS],
            bias: 0.0,
        }
    }

    /// Sums of the effects of one value, pairs, triples and crosses, not yet weighted.
    fn kinds(&self, dense: &[f32], indices: &[u32]) -> [f64; KINDS] {
        let latent = |field: usize| self.latents[field].of(indices[field]);
        let product = |a: usize, b: usize| -> f64 {
            latent(a).iter().zip(latent(b)).map(|(a, b)| a * b).sum()
        };
        let mut first_order: f64 = (0..self.latents.len()).map(|field| latent(field)[0]).sum();
        for (column, (slope, bend)) in self.slopes.iter().zip(&self.bends).enumerate() {
            let u = self.standard(dense, column);
            first_order += slope * u + bend * (u * u - 1.0);
        }
        let pairs = self.interactions.pairs.iter().map(|&[a, b]| product(a, b));
        let triples = self.interactions.triples.iter();
        let triples = triples.map(|&[gate, a, b]| latent(gate)[0].signum() * product(a, b));
        let crosses = self.interactions.crosses.iter();
        let crosses =
            crosses.map(|&[field, column]| latent(field)[0] * self.standard(dense, column));
        [first_order, pairs.sum(), triples.sum(), crosses.sum()]
    }

    /// A dense value in standard deviations from its mean, limited.
    fn standard(&self, dense: &[f32], column: usize) -> f64 {
        let (mean, sd) = self.dense_scale[column];
        ((f64::from(dense[column]) - mean) / sd).clamp(-DENSE_LIMIT, DENSE_LIMIT)
    }

    fn standardise(&mut self, settings: &SyntheticSettings, rows: &Calibration) {
        let kinds: Vec<[f64; KINDS]> = rows.map(|dense, indices| self.kinds(dense, indices));
        let shares = settings.shares();
        let total: f64 = shares.iter().sum();
        for kind in 0..KINDS {
            let (mean, sd) = mean_and_sd(kinds.iter().map(|kinds| kinds[kind]));
            self.means[kind] = mean;
            self.weights[kind] = if sd > 0.0 {
                settings.logit_sd * (shares[kind] / total).sqrt() / sd
            } else {
                0.0
            };
        }
    }

    /// Finds the bias that gives the base rate, by bisection.
    fn find_bias(&mut self, settings: &SyntheticSettings, rows: &Calibration) {
        let logits: Vec<f64> = rows.map(|dense, indices| self.logits(dense, indices).0);
        let (mut low, mut high) = (-100.0, 100.0);
        for _ in 0..60 {
            let bias = f64::midpoint(low, high);
            let rate = logits
                .iter()
                .map(|logit| sigmoid(logit + bias))
                .sum::<f64>()
                / logits.len() as f64;
            if rate < settings.base_rate {
                low = bias;
            } else {
                high = bias;
            }
        }
        self.bias = f64::midpoint(low, high);
    }
}

impl Interactions {
    fn plant(settings: &SyntheticSettings, stream: &mut Stream) -> Self {
        let fields = settings.interacting_fields();
        let n = fields.len();
        let pairs = (0..n).flat_map(|a| (a + 1..n).map(move |b| [a, b]));
        let triples = pairs
            .clone()
            .flat_map(|[a, b]| (b + 1..n).map(move |c| [a, b, c]));
        let crosses = fields
            .iter()
            .flat_map(|&a| (0..settings.dense).map(move |b| [a, b]));
        let (pairs, triples, crosses) = (
            pairs.map(|pair| pair.map(|at| fields[at])).collect(),
            triples.map(|triple| triple.map(|at| fields[at])).collect(),
            crosses.collect(),
        );
        Self {
            pairs: choose(pairs, settings.pairs, stream),
            triples: choose(triples, settings.triples, stream),
            crosses: choose(crosses, settings.crosses, stream),
        }
    }
}

fn choose<T>(mut items: Vec<T>, count: usize, stream: &mut Stream) -> Vec<T> {
    stream.shuffle(&mut items);
    items.truncate(count);
    items
}

impl Latent {
    /// Normal factors of the values of a field, centred under their distribution. Those of rare
    /// values are smaller, since they could not be learnt.
    fn draw(
        settings: &SyntheticSettings,
        law: &InputLaw,
        field: usize,
        stream: &mut Stream,
    ) -> Self {
        let (dim, train_rows) = (settings.latent_dim, 0.8 * f64::from(settings.rows));
        let probabilities = law.probabilities(field);
        let mut values = Vec::with_capacity(probabilities.len() * dim);
        for probability in &probabilities {
            let rows = probability * train_rows;
            let sd = (rows / (rows + HALF_ROWS)).sqrt();
            values.extend((0..dim).map(|_| sd * stream.normal()));
        }
        for component in 0..dim {
            centre(&mut values, &probabilities, dim, component);
        }
        Self { dim, values }
    }

    fn of(&self, row: u32) -> &[f64] {
        &self.values[row as usize * self.dim..][..self.dim]
    }
}

/// Gives every `dim`-th value from `component` on mean 0, so that a product has no part that is
/// due to one value alone.
fn centre(values: &mut [f64], probabilities: &[f64], dim: usize, component: usize) {
    let mean: f64 = (0..probabilities.len())
        .map(|row| probabilities[row] * values[row * dim + component])
        .sum();
    for value in values.iter_mut().skip(component).step_by(dim) {
        *value -= mean;
    }
}

/// Rows that are drawn only to standardise the truth.
struct Calibration(Vec<(Vec<f32>, Vec<u32>)>);

impl Calibration {
    fn draw(settings: &SyntheticSettings, law: &InputLaw) -> Self {
        let row = |row| {
            let (mut dense, mut indices) = (Vec::new(), Vec::new());
            law.draw(
                &mut Stream::calibration(settings.seed, row),
                &mut dense,
                &mut indices,
            );
            (dense, indices)
        };
        Self((0..CALIBRATION_ROWS).into_par_iter().map(row).collect())
    }

    fn map<T: Send>(&self, f: impl Fn(&[f32], &[u32]) -> T + Sync) -> Vec<T> {
        self.0
            .par_iter()
            .map(|(dense, indices)| f(dense, indices))
            .collect()
    }

    fn dense_scale(&self, columns: usize) -> Vec<(f64, f64)> {
        let column = |column: usize| {
            self.0
                .iter()
                .map(move |(dense, _)| f64::from(dense[column]))
        };
        (0..columns)
            .map(|number| mean_and_sd(column(number)))
            .collect()
    }
}

fn mean_and_sd(values: impl ExactSizeIterator<Item = f64> + Clone) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.clone().sum::<f64>() / count;
    let variance = values.map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, variance.sqrt())
}
