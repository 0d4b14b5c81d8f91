//! A small log and networks with every operator.
#![allow(dead_code, clippy::unwrap_used, reason = "each test uses a part of it")]

use pimento_data::{Batch, ClickLog, LogShape, Split};
use pimento_space::{
    ActivationRange, Block, DenseNode, DenseOperator, FieldEmbedding, InputShape, Network,
    SparseNode, SparseOperator, WeightScales,
};
use pimento_supernet::Capacity;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub(crate) const INPUT: InputShape = InputShape {
    dense_dim: 5,
    fields: 4,
};

/// A random network that rounds activations in learned ranges.
pub(crate) fn clipped_network(layer_norm: bool, bits: &[u8], rng: &mut ChaCha8Rng) -> Network {
    Network {
        activation_range: ActivationRange::Learned,
        ..random_network(layer_norm, bits, rng)
    }
}

pub(crate) fn capacity(layer_norm: bool) -> Capacity {
    Capacity {
        input: INPUT,
        blocks: 4,
        max_width: 32,
        max_rows: 12,
        embedding_dim: 16,
        layer_norm,
        has_flattened: true,
        learned_ranges: false,
    }
}

/// Samples whose label depends on two of their fields.
pub(crate) struct SmallLog {
    shape: LogShape,
    samples: Batch,
}

impl SmallLog {
    pub(crate) fn new(samples: usize) -> Self {
        let shape = LogShape {
            dense_dim: 5,
            table_rows: vec![7, 11, 3, 5],
        };
        let mut rng = ChaCha8Rng::seed_from_u64(9);
        let mut batch = Batch::default();
        for _ in 0..samples {
            batch
                .dense
                .extend((0..5).map(|_| rng.random_range(0.0_f32..2.0)));
            let row: Vec<u32> = shape
                .table_rows
                .iter()
                .map(|&n| rng.random_range(0..n))
                .collect();
            let logit = if (row[0] + row[1]).is_multiple_of(3) {
                1.5
            } else {
                -1.0
            };
            batch
                .labels
                .push(f32::from(rng.random_bool(1.0 / (1.0 + f64::exp(-logit)))));
            batch.indices.extend(row);
        }
        Self {
            shape,
            samples: batch,
        }
    }

    /// The same log with row 0 wherever field `field` had row `row`.
    pub(crate) fn without(mut self, field: usize, row: u32) -> Self {
        for index in self.samples.indices[field..].iter_mut().step_by(4) {
            *index = if *index == row { 0 } else { *index };
        }
        self
    }

    pub(crate) fn batch(&self, rows: std::ops::Range<u32>) -> Batch {
        let mut batch = Batch::default();
        self.fill(Split::Train, &rows.collect::<Vec<_>>(), &mut batch);
        batch
    }
}

impl ClickLog for SmallLog {
    fn shape(&self) -> &LogShape {
        &self.shape
    }

    fn len(&self, _: Split) -> usize {
        self.samples.len()
    }

    fn fill(&self, _: Split, rows: &[u32], batch: &mut Batch) {
        *batch = Batch::default();
        for row in rows.iter().map(|&row| row as usize) {
            batch
                .dense
                .extend_from_slice(&self.samples.dense[5 * row..5 * row + 5]);
            batch
                .indices
                .extend_from_slice(&self.samples.indices[4 * row..4 * row + 4]);
            batch.labels.push(self.samples.labels[row]);
        }
    }

    fn fingerprint(&self) -> &'static str {
        "small"
    }
}

/// A random network with four live blocks.
pub(crate) fn random_network(layer_norm: bool, bits: &[u8], rng: &mut ChaCha8Rng) -> Network {
    let mut blocks = Vec::new();
    for position in 1..=4 {
        blocks.push(random_block(position, bits, rng));
    }
    Network {
        input: INPUT,
        embedding_dim: 16,
        layer_norm,
        blocks,
        head_weight_bits: pick(bits, rng),
        embedding_bits: pick(bits, rng),
        embeddings: Vec::new(),
        weight_scales: pick(&[WeightScales::Matrix, WeightScales::Column], rng),
        activation_range: pick(
            &[ActivationRange::Symmetric, ActivationRange::Asymmetric],
            rng,
        ),
    }
}

/// Every kind of table at every width, for every field.
pub(crate) fn table_choices() -> Vec<Vec<FieldEmbedding>> {
    let mut choices = Vec::new();
    for kind in [
        "full", "hash-2", "hash-3", "qr-2", "qr-3", "tt-1", "tt-2", "tt-3",
    ] {
        choices.extend([4, 8, 16].map(|width| FieldEmbedding {
            table: kind.parse().unwrap(),
            width,
            bits: 32,
        }));
    }
    vec![choices; INPUT.fields]
}

/// A random network whose fields have tables of any kind.
pub(crate) fn compressed_network(bits: &[u8], rng: &mut ChaCha8Rng) -> Network {
    let mut network = random_network(false, bits, rng);
    network.embedding_bits = 32;
    network.embeddings = table_choices()
        .iter()
        .map(|choices| FieldEmbedding {
            bits: pick(bits, rng),
            ..pick(choices, rng)
        })
        .collect();
    network
}

/// `network` with one operator everywhere: 0–3 and 6 dense, 4–5 sparse.
pub(crate) fn with_only(operator: usize, mut network: Network) -> Network {
    for block in &mut network.blocks {
        let (Some(dense), Some(sparse)) = (&mut block.dense, &mut block.sparse) else {
            unreachable!("random networks have both branches everywhere");
        };
        let position = block.position;
        let (first, last) = (0, position - 1);
        let inputs = sparse.inputs.clone();
        if operator < 4 || operator == 6 {
            let reuse = [1, 4, 2][position % 3];
            let is_layer = operator == 0 || operator == 6;
            dense.reuse = if is_layer && dense.width.is_multiple_of(reuse) {
                reuse
            } else {
                1
            };
        }
        match operator {
            0 => dense.operator = DenseOperator::FullyConnected { inputs },
            1 => {
                dense.operator = DenseOperator::DotProduct {
                    dense_inputs: inputs.clone(),
                    sparse_inputs: inputs,
                }
            }
            2 => {
                dense.operator = DenseOperator::SigmoidGating {
                    left: last,
                    right: first,
                }
            }
            3 => {
                dense.operator = DenseOperator::Sum {
                    left: first,
                    right: last,
                }
            }
            6 => {
                dense.operator = DenseOperator::Flattened {
                    dense_inputs: inputs.clone(),
                    sparse_inputs: inputs,
                }
            }
            4 => sparse.operator = SparseOperator::Linear,
            _ => sparse.operator = SparseOperator::Attention,
        }
    }
    network
}

fn random_block(position: usize, bits: &[u8], rng: &mut ChaCha8Rng) -> Block {
    let operator = match rng.random_range(0..5) {
        0 => DenseOperator::FullyConnected {
            inputs: subset(position, rng),
        },
        4 => DenseOperator::Flattened {
            dense_inputs: subset(position, rng),
            sparse_inputs: subset(position, rng),
        },
        1 => DenseOperator::DotProduct {
            dense_inputs: subset(position, rng),
            sparse_inputs: subset(position, rng),
        },
        2 => {
            let (left, right) = (rng.random_range(0..position), rng.random_range(0..position));
            DenseOperator::SigmoidGating { left, right }
        }
        _ => {
            let (a, b) = (rng.random_range(0..position), rng.random_range(0..position));
            DenseOperator::Sum {
                left: a.min(b),
                right: a.max(b),
            }
        }
    };
    let width = pick(&[5, 8, 16, 32], rng);
    let is_layer = matches!(
        operator,
        DenseOperator::FullyConnected { .. } | DenseOperator::Flattened { .. }
    );
    let reuse = pick(&[1, 2, 4, 5], rng);
    let sparse = if rng.random() {
        SparseOperator::Linear
    } else {
        SparseOperator::Attention
    };
    Block {
        position,
        dense: Some(DenseNode {
            operator,
            width,
            weight_bits: pick(bits, rng),
            reuse: if is_layer && width.is_multiple_of(reuse) {
                reuse
            } else {
                1
            },
        }),
        sparse: Some(SparseNode {
            operator: sparse,
            inputs: subset(position, rng),
            rows: pick(&[4, 8, 12], rng),
            weight_bits: pick(bits, rng),
        }),
        dense_sparse_merger: rng.random(),
        fm_merger: rng.random(),
        merger_weight_bits: pick(bits, rng),
        activation_bits: pick(bits, rng),
    }
}

fn subset(count: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let chosen: Vec<usize> = (0..count).filter(|_| rng.random()).collect();
    if chosen.is_empty() {
        vec![rng.random_range(0..count)]
    } else {
        chosen
    }
}

fn pick<T: Copy>(menu: &[T], rng: &mut ChaCha8Rng) -> T {
    menu[rng.random_range(0..menu.len())]
}
