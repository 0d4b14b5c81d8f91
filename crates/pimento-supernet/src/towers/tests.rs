//! Every tower against plain 64-bit loops over one sample, and the laws of dropout and of
//! normalisation over the batch.

use std::{collections::VecDeque, sync::Arc};

use pimento_data::{Batch, LogShape};
use pimento_space::{Handcrafted, Hidden, Tower};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::logits;
use crate::{
    LayerValues, Model, Supernet, moments::Estimation, parameters::Parameters, quantise::to_vec,
    weights::StoredLayer,
};

const DIM: usize = 4;
const FIELDS: usize = 3;
const DENSE: usize = 2;

fn shape() -> LogShape {
    LogShape {
        dense_dim: DENSE,
        table_rows: vec![5, 6, 7],
    }
}

fn batch() -> Batch {
    Batch {
        dense: vec![0.5, -1.0, 2.0, 0.25, -0.75, 1.5],
        indices: vec![0, 5, 2, 4, 1, 6, 2, 2, 2],
        labels: vec![0.0, 1.0, 0.0],
    }
}

fn hidden(widths: &[usize]) -> Hidden {
    Hidden {
        widths: widths.to_vec(),
        batch_norm: false,
        dropout: 0.0,
    }
}

fn model(tower: Tower) -> Handcrafted {
    Handcrafted {
        embedding_dim: DIM,
        towers: vec![tower],
    }
}

/// Weights, biases, gains and shifts far from their initial values.
fn trained(model: &Handcrafted, seed: u64) -> Supernet {
    let mut supernet = Supernet::stand_alone(model, &shape(), seed);
    let layers = supernet.weights.layers.values_mut();
    for parameter in layers.flat_map(StoredLayer::parameters_mut) {
        for (index, value) in parameter.values.iter_mut().enumerate() {
            *value += 0.4 * (index as f32 + 1.0).sin();
        }
    }
    supernet
}

fn answers(model: &Handcrafted, supernet: &Supernet) -> Vec<f32> {
    answers_with(model, supernet, &supernet.parameters(model), None)
}

fn answers_with(
    model: &Handcrafted,
    supernet: &Supernet,
    parameters: &Parameters,
    dropout_rng: Option<&mut ChaCha8Rng>,
) -> Vec<f32> {
    let inputs = supernet.inputs(model, &batch(), &supernet.device);
    to_vec(logits(model, parameters, inputs, dropout_rng))
}

/// One sample and the layers that are not used yet.
struct Plain {
    rows: Vec<Vec<f64>>,
    linear: f64,
    dense: Vec<f64>,
    layers: VecDeque<LayerValues>,
}

impl Plain {
    fn new(model: &Handcrafted, supernet: &Supernet, sample: usize) -> Self {
        let batch = batch();
        let indices = &batch.indices[sample * FIELDS..][..FIELDS];
        let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
        let mut rows: Vec<Vec<f64>> = (0..FIELDS)
            .map(|field| wide(supernet.embedding_row(field, indices[field])))
            .collect();
        let mut linear = 0.0;
        for row in &mut rows {
            linear += row.get(DIM).copied().unwrap_or(0.0);
            row.truncate(DIM);
        }
        let layers = Model::from(model).layers(&supernet.layout);
        Self {
            rows,
            linear,
            dense: wide(&batch.dense[sample * DENSE..][..DENSE]),
            layers: layers
                .iter()
                .map(|layer| supernet.weights.read_exact(layer))
                .collect(),
        }
    }

    /// Embedding values with fields innermost, then the dense ones.
    fn flat(&self) -> Vec<f64> {
        let values = (0..DIM * FIELDS).map(|i| self.rows[i % FIELDS][i / FIELDS]);
        values.chain(self.dense.iter().copied()).collect()
    }

    /// x · W + b with the next layer.
    fn affine(&mut self, x: &[f64]) -> Vec<f64> {
        let layer = self.layers.pop_front().expect("a layer is left");
        product(&layer, x)
    }

    fn perceptron(&mut self, depth: usize, x: Vec<f64>) -> Vec<f64> {
        (0..depth).fold(x, |x, _| {
            self.affine(&x).into_iter().map(|v| v.max(0.0)).collect()
        })
    }

    fn logit(&mut self, tower: &Tower) -> f64 {
        let flat = self.flat();
        match tower {
            Tower::Linear {} => self.affine(&self.dense.clone())[0] + self.linear,
            Tower::FactorisationMachine {} => {
                let mut sum = 0.0;
                for a in 0..FIELDS {
                    for b in 0..a {
                        sum += dot(&self.rows[a], &self.rows[b]);
                    }
                }
                sum
            }
            Tower::Deep { layers } => {
                let hidden = self.perceptron(layers.widths.len(), flat);
                self.affine(&hidden)[0]
            }
            Tower::Cross { layers } => {
                let mut state = flat.clone();
                for _ in 0..*layers {
                    let product = self.affine(&state);
                    for i in 0..state.len() {
                        state[i] += flat[i] * product[i];
                    }
                }
                self.affine(&state)[0]
            }
            Tower::Attention {
                layers,
                width,
                heads,
            } => {
                let mut state = self.rows.clone();
                for _ in 0..*layers {
                    state = self.attention(&state, *width, *heads);
                }
                self.affine(&state.concat())[0]
            }
            Tower::CompressedInteraction { maps } => self.compressed_interaction(maps),
            Tower::DotProducts {
                bottom,
                top,
                concatenates,
            } => {
                let hidden = self.perceptron(bottom.widths.len(), self.dense.clone());
                let dense = self.affine(&hidden);
                let mut read = dense.clone();
                if *concatenates {
                    read.extend(&flat[..DIM * FIELDS]);
                } else {
                    let mut rows = vec![dense];
                    rows.extend(self.rows.clone());
                    for a in 0..rows.len() {
                        for b in 0..a {
                            read.push(dot(&rows[a], &rows[b]));
                        }
                    }
                }
                let hidden = self.perceptron(top.widths.len(), read);
                self.affine(&hidden)[0]
            }
            Tower::TwoStreams {
                left,
                right,
                groups,
                gate_fields,
                ..
            } => {
                let mut streams = Vec::new();
                for (stream, layers) in [left, right].into_iter().enumerate() {
                    let gate = if let Some(&field) = gate_fields.get(stream) {
                        let hidden = self.perceptron(1, self.rows[field].clone());
                        self.affine(&hidden)
                    } else {
                        self.affine(&[])
                    };
                    let gated = gate
                        .iter()
                        .zip(&flat)
                        .map(|(g, x)| 2.0 * x / (1.0 + (-g).exp()));
                    let gated = gated.collect();
                    streams.push(self.perceptron(layers.widths.len(), gated));
                }
                let mut sum = self.affine(&streams[0])[0] + self.affine(&streams[1])[0];
                let part = |stream: &Vec<f64>, group: usize| {
                    let width = stream.len() / groups;
                    stream[group * width..][..width].to_vec()
                };
                for group in 0..*groups {
                    let left = self.affine(&part(&streams[0], group));
                    sum += dot(&left, &part(&streams[1], group));
                }
                sum
            }
        }
    }

    fn compressed_interaction(&mut self, maps: &[usize]) -> f64 {
        let (mut state, mut pooled) = (self.rows.clone(), Vec::new());
        for &map in maps {
            let layer = self.layers.pop_front().expect("a layer is left");
            let mut next = vec![vec![0.0; DIM]; map];
            for d in 0..DIM {
                let outer: Vec<f64> = self
                    .rows
                    .iter()
                    .flat_map(|row| state.iter().map(move |other| row[d] * other[d]))
                    .collect();
                for (next, value) in next.iter_mut().zip(product(&layer, &outer)) {
                    next[d] = value;
                }
            }
            pooled.extend(next.iter().map(|row| row.iter().sum::<f64>()));
            state = next;
        }
        self.affine(&pooled)[0]
    }

    fn attention(&mut self, state: &[Vec<f64>], width: usize, heads: usize) -> Vec<Vec<f64>> {
        let qkv = self.layers.pop_front().expect("a layer is left");
        let packed: Vec<Vec<f64>> = state.iter().map(|row| product(&qkv, row)).collect();
        let residual: Vec<Vec<f64>> = if state[0].len() == width {
            state.to_vec()
        } else {
            let layer = self.layers.pop_front().expect("a layer is left");
            state.iter().map(|row| product(&layer, row)).collect()
        };
        let norm = self.layers.pop_front().expect("a layer is left");
        let head = width / heads;
        (0..FIELDS)
            .map(|query| {
                let mut row = residual[query].clone();
                for h in 0..heads {
                    let part = |field: usize, kind: usize| {
                        &packed[field][kind * width + h * head..][..head]
                    };
                    let scores = (0..FIELDS).map(|key| {
                        (dot(part(query, 0), part(key, 1)) / (head as f64).sqrt()).exp()
                    });
                    let scores: Vec<f64> = scores.collect();
                    let total: f64 = scores.iter().sum();
                    for (key, score) in scores.iter().enumerate() {
                        for column in 0..head {
                            row[h * head + column] += score / total * part(key, 2)[column];
                        }
                    }
                }
                let mean = row.iter().sum::<f64>() / width as f64;
                let variance = row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / width as f64;
                let parts = row.iter().zip(norm.gain.iter().zip(&norm.shift));
                parts
                    .map(|(v, (gain, shift))| {
                        let x = (v - mean) / (variance + 1e-5).sqrt();
                        (x * f64::from(*gain) + f64::from(*shift)).max(0.0)
                    })
                    .collect()
            })
            .collect()
    }
}

fn product(layer: &LayerValues, x: &[f64]) -> Vec<f64> {
    let cols = if x.is_empty() {
        layer.bias.len()
    } else {
        layer.weight.len() / x.len()
    };
    (0..cols)
        .map(|col| {
            let terms = x.iter().enumerate();
            let sum: f64 = terms
                .map(|(row, x)| x * f64::from(layer.weight[row * cols + col]))
                .sum();
            sum + layer.bias.get(col).map_or(0.0, |&bias| f64::from(bias))
        })
        .collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn every_tower_answers_as_in_plain_loops() {
    let streams = |gate_fields| Tower::TwoStreams {
        left: hidden(&[8]),
        right: hidden(&[5, 6]),
        groups: 2,
        gate_width: 5,
        gate_fields,
    };
    let products = |concatenates| Tower::DotProducts {
        bottom: hidden(&[6]),
        top: hidden(&[7, 5]),
        concatenates,
    };
    for tower in [
        Tower::Linear {},
        Tower::FactorisationMachine {},
        Tower::Deep {
            layers: hidden(&[8, 6]),
        },
        Tower::Cross { layers: 3 },
        Tower::Attention {
            layers: 2,
            width: 6,
            heads: 2,
        },
        Tower::CompressedInteraction { maps: vec![5, 4] },
        products(false),
        products(true),
        streams(vec![2, 0]),
        streams(vec![1]),
    ] {
        let model = model(tower.clone());
        let supernet = trained(&model, 7);
        let found = answers(&model, &supernet);
        for (sample, found) in found.iter().enumerate() {
            let mut plain = Plain::new(&model, &supernet, sample);
            let expected = plain.logit(&tower);
            assert!(plain.layers.is_empty(), "{tower:?}: all layers are used");
            let error = (f64::from(*found) - expected).abs();
            assert!(
                error < 1e-5 * (1.0 + expected.abs()),
                "{tower:?}: {found} {expected}"
            );
        }
    }
}

#[test]
fn a_sum_of_towers_is_the_sum_of_their_answers() {
    let both = Handcrafted {
        embedding_dim: DIM,
        towers: vec![Tower::Linear {}, Tower::FactorisationMachine {}],
    };
    let supernet = trained(&both, 3);
    let found = answers(&both, &supernet);
    for (sample, found) in found.iter().enumerate() {
        let mut plain = Plain::new(&both, &supernet, sample);
        let expected =
            plain.logit(&Tower::Linear {}) + plain.logit(&Tower::FactorisationMachine {});
        assert!((f64::from(*found) - expected).abs() < 1e-5);
    }
}

#[test]
fn moments_of_a_batch_answer_as_the_batch_does() {
    let model = model(Tower::Deep {
        layers: Hidden {
            batch_norm: true,
            ..hidden(&[9, 4])
        },
    });
    let supernet = trained(&model, 5);
    let estimation = Arc::new(Estimation::default());
    let parameters = supernet.parameters(&model).estimating(&estimation);
    let by_batch = answers_with(&model, &supernet, &parameters, None);
    let moments = estimation.average();
    assert_eq!(moments.len(), 2);
    let parameters = supernet.parameters(&model).with_moments(&moments);
    let by_moments = answers_with(&model, &supernet, &parameters, None);
    for (a, b) in by_batch.iter().zip(&by_moments) {
        assert!((a - b).abs() < 1e-4, "{a} {b}");
    }
    let parameters = parameters.with_moments(&moments).estimating(&estimation);
    answers_with(&model, &supernet, &parameters, None);
    assert_eq!(
        estimation.average(),
        moments,
        "known moments are not estimated"
    );
}

#[test]
fn dropout_keeps_the_mean_and_repeats_by_seed() {
    let model = model(Tower::Deep {
        layers: Hidden {
            dropout: 0.25,
            ..hidden(&[4000])
        },
    });
    let supernet = trained(&model, 5);
    let training = |seed| {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let parameters = supernet.parameters(&model);
        answers_with(&model, &supernet, &parameters, Some(&mut rng))
    };
    assert_eq!(training(1), training(1));
    assert_ne!(training(1), training(2));
    let whole = answers(&model, &supernet);
    let trials = 200;
    let mut mean = vec![0.0; whole.len()];
    for seed in 0..trials {
        for (mean, answer) in mean.iter_mut().zip(training(seed)) {
            *mean += f64::from(answer) / trials as f64;
        }
    }
    for (mean, whole) in mean.iter().zip(&whole) {
        let error = (mean - f64::from(*whole)).abs();
        assert!(
            error < 0.05 * (1.0 + f64::from(whole.abs())),
            "{mean} {whole}"
        );
    }
}
