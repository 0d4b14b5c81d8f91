//! The networks of the space once more, sample by sample in 64-bit loops, as the NASRec reference
//! states them: operands padded to the wider one, sparse tensors as rows of embeddings.

use std::collections::BTreeMap;

use pimento_data::Batch;
use pimento_space::{
    ActivationRange, Block, DenseOperator, Network, SparseOperator, WeightScales, dot_product_rows,
};
use pimento_supernet::{
    Layer, LayerKey, LayerKind as Kind, LayerValues, LearnedRange, Operand, Site, Supernet,
};

use Operand::{Left, Matrix, Right};

type Row = Vec<f64>;
type Rows = Vec<Row>;

/// A network with its own copy of every weight and of the embedding rows.
#[derive(Clone)]
pub(crate) struct Naive {
    network: Network,
    head: LayerKey,
    ranges: BTreeMap<Site, LearnedRange>,
    pub(crate) layers: BTreeMap<LayerKey, NaiveLayer>,
    /// One table per field, shape [rows, embedding_dim].
    pub(crate) tables: Vec<Rows>,
}

/// Matrix \[rows, cols\] and three vectors \[cols · reuse\], absent ones empty.
#[derive(Clone)]
pub(crate) struct NaiveLayer {
    rows: usize,
    cols: usize,
    reuse: usize,
    /// Matrix, bias, gain, shift.
    pub(crate) parts: [Row; 4],
}

impl Naive {
    pub(crate) fn new(supernet: &Supernet, network: &Network, table_rows: &[u32]) -> Self {
        let layers = supernet.layers(network);
        let row = |field, row| wide(supernet.embedding_row(field, row));
        Self {
            head: layers.last().expect("every network has a head").0.key,
            layers: layers
                .iter()
                .map(|(layer, values)| (layer.key, NaiveLayer::new(layer, values)))
                .collect(),
            tables: (0..table_rows.len())
                .map(|field| {
                    (0..table_rows[field])
                        .map(|index| row(field, index))
                        .collect()
                })
                .collect(),
            ranges: supernet.learned_ranges(network).into_iter().collect(),
            network: network.clone(),
        }
    }

    /// Mean binary cross-entropy.
    pub(crate) fn loss(&self, batch: &Batch) -> f64 {
        let losses = self.logits(batch).into_iter().zip(&batch.labels);
        let sum: f64 = losses
            .map(|(logit, &label)| {
                let click = 1.0 / (1.0 + (-logit).exp());
                if label > 0.5 {
                    -click.ln()
                } else {
                    -(1.0 - click).ln()
                }
            })
            .sum();
        sum / batch.labels.len() as f64
    }

    pub(crate) fn logits(&self, batch: &Batch) -> Vec<f64> {
        let input = self.network.input;
        (0..batch.labels.len())
            .map(|sample| {
                let dense = &batch.dense[sample * input.dense_dim..][..input.dense_dim];
                let indices = &batch.indices[sample * input.fields..][..input.fields];
                self.logit(wide(dense), indices)
            })
            .collect()
    }

    fn logit(&self, dense: Row, indices: &[u32]) -> f64 {
        let rows = indices.iter().enumerate().map(|(field, &index)| {
            rounded(
                &self.tables[field][index as usize],
                self.network.embedding_bits,
            )
        });
        let mut tensors = BTreeMap::from([(0, (dense, rows.collect()))]);
        for block in &self.network.blocks {
            let outputs = self.block(block, &tensors);
            tensors.insert(block.position, outputs);
        }
        let last = self
            .network
            .blocks
            .last()
            .expect("the networks here have blocks");
        let (dense, sparse) = &tensors[&last.position];
        let mut features = dense.clone();
        for column in 0..self.network.embedding_dim {
            features.extend(sparse.iter().map(|row| row[column]));
        }
        let features = self.activations(last, (Kind::Head, Operand::Matrix), &features);
        self.layers[&self.head].linear(&features, 1)[0]
    }

    fn activations(&self, block: &Block, place: (Kind, Operand), values: &[f64]) -> Row {
        let (bits, (kind, operand)) = (block.activation_bits, place);
        match self.network.activation_range {
            ActivationRange::Symmetric => rounded(values, bits),
            ActivationRange::Asymmetric => rounded_in_range(values, bits),
            ActivationRange::Learned if bits == 32 => values.to_vec(),
            ActivationRange::Learned => {
                let site = ((block.position as u16, kind), operand);
                clipped(values, self.ranges[&site])
            }
        }
    }

    fn activation_rows(&self, block: &Block, place: (Kind, Operand), rows: &[Row]) -> Rows {
        let columns = rows.first().map_or(1, Vec::len);
        self.activations(block, place, &rows.concat())
            .chunks(columns)
            .map(<[f64]>::to_vec)
            .collect()
    }

    fn block(&self, block: &Block, tensors: &BTreeMap<usize, (Row, Rows)>) -> (Row, Rows) {
        let dense_of = |kind, operand, inputs: &[usize]| {
            let parts: Vec<_> = inputs
                .iter()
                .map(|tensor| tensors[tensor].0.clone())
                .collect();
            self.activations(block, (kind, operand), &parts.concat())
        };
        let sparse_of = |kind, inputs: &[usize]| {
            let parts: Vec<_> = inputs
                .iter()
                .map(|tensor| tensors[tensor].1.clone())
                .collect();
            self.activation_rows(block, (kind, Matrix), &parts.concat())
        };
        let mut dense = match &block.dense {
            None => Vec::new(),
            Some(node) => match &node.operator {
                DenseOperator::FullyConnected { inputs } => {
                    let layer = self.layer(block, Kind::FullyConnected);
                    relu(layer.normed(&dense_of(Kind::FullyConnected, Matrix, inputs), node.width))
                }
                DenseOperator::Flattened {
                    dense_inputs,
                    sparse_inputs,
                } => {
                    let values = flattened(tensors, dense_inputs, sparse_inputs);
                    let layer = self.layer(block, Kind::Flattened);
                    let values = self.activations(block, (Kind::Flattened, Matrix), &values);
                    relu(layer.normed(&values, node.width))
                }
                DenseOperator::DotProduct {
                    dense_inputs,
                    sparse_inputs,
                } => {
                    let x = dense_of(Kind::DotProductDense, Matrix, dense_inputs);
                    let rows = sparse_of(Kind::DotProductRows, sparse_inputs);
                    self.dot_product(block, x, rows, node.width)
                }
                DenseOperator::SigmoidGating { left, right } => {
                    let left = dense_of(Kind::Gate, Matrix, &[*left]);
                    let right = dense_of(Kind::Gate, Right, &[*right]);
                    self.gating(block, left, right, node.width)
                }
                DenseOperator::Sum { left, right } => {
                    let left = dense_of(Kind::SumOut, Left, &[*left]);
                    let right = dense_of(Kind::SumOut, Right, &[*right]);
                    self.sum(block, left, right, node.width)
                }
            },
        };
        let mut sparse = match &block.sparse {
            None => Rows::new(),
            Some(node) => match node.operator {
                SparseOperator::Linear => {
                    let rows = sparse_of(Kind::SparseLinear, &node.inputs);
                    let rows = self.over_rows(block, Kind::SparseLinear, &rows, node.rows);
                    rows.into_iter().map(relu).collect()
                }
                SparseOperator::Attention => {
                    let rows = sparse_of(Kind::AttentionRows, &node.inputs);
                    let rows = self.over_rows(block, Kind::AttentionRows, &rows, node.rows);
                    self.transformer(block, rows)
                }
            },
        };
        let own_rows = sparse.clone();
        if block.dense_sparse_merger {
            let width = 8 * self.network.embedding_dim;
            let merged = self.optional(
                block,
                Kind::DenseSparseMerger,
                self.activations(block, (Kind::DenseSparseMerger, Matrix), &dense),
                width,
            );
            sparse.extend(
                merged
                    .chunks(self.network.embedding_dim)
                    .map(<[f64]>::to_vec),
            );
        }
        if block.fm_merger {
            let term = fm_term(&own_rows, self.network.embedding_dim);
            let term = self.optional(
                block,
                Kind::FmMerger,
                self.activations(block, (Kind::FmMerger, Matrix), &term),
                dense.len(),
            );
            dense = add(&dense, &term);
        }
        (dense, sparse)
    }

    fn dot_product(&self, block: &Block, x: Row, rows: Rows, width: usize) -> Row {
        let x = self.optional(block, Kind::DotProductDense, x, self.network.embedding_dim);
        let rows = self.over_rows(block, Kind::DotProductRows, &rows, dot_product_rows(width));
        let operands = [vec![x], rows].concat();
        let operands = self.activation_rows(block, (Kind::DotProductOut, Left), &operands);
        let mut triangle = Row::new();
        for first in 0..operands.len() {
            for second in 0..first {
                triangle.push(dot(&operands[first], &operands[second]));
            }
        }
        self.optional(
            block,
            Kind::DotProductOut,
            self.activations(block, (Kind::DotProductOut, Matrix), &triangle),
            width,
        )
    }

    fn sum(&self, block: &Block, left: Row, right: Row, width: usize) -> Row {
        let widest = left.len().max(right.len());
        let mut sum = add(&padded(left, widest), &padded(right, widest));
        let is_learned = self.network.activation_range == ActivationRange::Learned;
        if is_learned && widest != width {
            sum = self.activations(block, (Kind::SumOut, Matrix), &sum);
        }
        self.optional(block, Kind::SumOut, sum, width)
    }

    fn gating(&self, block: &Block, left: Row, right: Row, width: usize) -> Row {
        let widest = left.len().max(right.len());
        let (left, right) = (padded(left, widest), padded(right, widest));
        let gate = self.layer(block, Kind::Gate).linear(&left, widest);
        let gated: Row = gate
            .iter()
            .zip(&right)
            .map(|(gate, right)| right / (1.0 + (-gate).exp()))
            .collect();
        if widest == width {
            self.optional(block, Kind::GateOut, gated, width)
        } else {
            let gated = self.activations(block, (Kind::GateOut, Matrix), &gated);
            self.layer(block, Kind::GateOut).normed(&gated, width)
        }
    }

    fn transformer(&self, block: &Block, rows: Rows) -> Rows {
        const HEADS: usize = 8;
        let dim = self.network.embedding_dim;
        let head_dim = dim / HEADS;
        let linear = |kind, rows: &Rows, width| -> Rows {
            let rows = self.activation_rows(block, (kind, Matrix), rows);
            rows.iter()
                .map(|row| self.layer(block, kind).linear(row, width))
                .collect()
        };
        let packed = linear(Kind::AttentionQueryKeyValue, &rows, 3 * dim);
        let context: Rows = packed
            .iter()
            .map(|query| {
                let mut context = Row::new();
                for head in 0..HEADS {
                    let part = |row: &Row, third: usize| -> Row {
                        row[third * dim + head * head_dim..][..head_dim].to_vec()
                    };
                    let scores = packed.iter().map(|key| {
                        (dot(&part(query, 0), &part(key, 1)) / (head_dim as f64).sqrt()).exp()
                    });
                    let scores: Row = scores.collect();
                    let total: f64 = scores.iter().sum();
                    for column in 0..head_dim {
                        let values = packed.iter().map(|value| part(value, 2)[column]);
                        let sum: f64 = scores
                            .iter()
                            .zip(values)
                            .map(|(score, value)| score * value)
                            .sum();
                        context.push(sum / total);
                    }
                }
                context
            })
            .collect();
        let residual = |kind, rows: Rows, others: Rows| -> Rows {
            let layer = self.layer(block, kind);
            rows.iter()
                .zip(&others)
                .map(|(row, other)| layer.norm(add(row, other)))
                .collect()
        };
        let context = linear(Kind::AttentionOut, &context, dim);
        let rows = residual(Kind::AttentionOut, rows, context);
        let hidden = linear(Kind::AttentionHidden, &rows, dim);
        let hidden = hidden.into_iter().map(relu).collect();
        let output = linear(Kind::AttentionFeedForward, &hidden, dim);
        residual(Kind::AttentionFeedForward, rows, output)
    }

    fn layer(&self, block: &Block, kind: Kind) -> &NaiveLayer {
        &self.layers[&(block.position as u16, kind)]
    }

    /// A projection to `width` values that is left out where the network has none.
    fn optional(&self, block: &Block, kind: Kind, input: Row, width: usize) -> Row {
        match self.layers.get(&(block.position as u16, kind)) {
            Some(layer) => layer.normed(&input, width),
            None => padded(input, width),
        }
    }

    /// The same over the row axis: each column is projected to `count` rows.
    fn over_rows(&self, block: &Block, kind: Kind, rows: &Rows, count: usize) -> Rows {
        let columns = transposed(rows).into_iter();
        let columns = columns.map(|column| self.optional(block, kind, column, count));
        transposed(&columns.collect())
    }
}

impl NaiveLayer {
    fn new(layer: &Layer, values: &LayerValues) -> Self {
        let mut matrix = wide(&values.weight);
        if layer.weight_scales == WeightScales::Matrix {
            matrix = rounded(&matrix, layer.weight_bits);
        } else {
            for col in 0..layer.cols {
                let column: Row = matrix[col.min(matrix.len())..]
                    .iter()
                    .step_by(layer.cols)
                    .copied()
                    .collect();
                let column = rounded(&column, layer.weight_bits);
                for (row, value) in column.into_iter().enumerate() {
                    matrix[row * layer.cols + col] = value;
                }
            }
        }
        Self {
            rows: layer.rows,
            cols: layer.cols,
            reuse: layer.reuse,
            parts: [
                matrix,
                wide(&values.bias),
                wide(&values.gain),
                wide(&values.shift),
            ],
        }
    }

    /// `width` outputs, those that the layer does not have being those of zero weights.
    fn linear(&self, input: &[f64], width: usize) -> Row {
        let [matrix, bias, ..] = &self.parts;
        if matrix.is_empty() {
            return padded(input.to_vec(), width);
        }
        (0..width)
            .map(|output| {
                let rows = 0..self.rows.min(input.len());
                let weight = |row: usize| {
                    if output < self.cols * self.reuse {
                        self.weight(row, output)
                    } else {
                        0.0
                    }
                };
                let sum: f64 = rows.map(|row| input[row] * weight(row)).sum();
                sum + bias.get(output).unwrap_or(&0.0)
            })
            .collect()
    }

    /// Weight of the plain matrix that an epitome stands for: blocks of columns, each with its rows
    /// further down.
    fn weight(&self, row: usize, output: usize) -> f64 {
        let (block, col) = (output / self.cols, output % self.cols);
        let down = block * self.rows / self.reuse;
        let row = (row + self.rows - down) % self.rows;
        self.parts[0][row * self.cols + col]
    }

    fn normed(&self, input: &[f64], width: usize) -> Row {
        self.norm(self.linear(input, width))
    }

    fn norm(&self, values: Row) -> Row {
        let [_, _, gain, shift] = &self.parts;
        if gain.is_empty() {
            return values;
        }
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values
            .iter()
            .map(|value| (value - mean).powi(2))
            .sum::<f64>()
            / count;
        let deviation = (variance + 1e-5).sqrt();
        let scaled = values.iter().zip(gain).zip(shift);
        scaled
            .map(|((value, gain), shift)| (value - mean) / deviation * gain + shift)
            .collect()
    }
}

/// Rounded to `bits` bits with one symmetric scale; 32 bits stay as they are.
fn rounded(values: &[f64], bits: u8) -> Row {
    let largest = values
        .iter()
        .fold(0.0_f64, |largest, value| largest.max(value.abs()));
    if bits >= 32 || largest == 0.0 {
        return values.to_vec();
    }
    let step = largest / f64::from((1_u32 << (bits - 1)) - 1);
    values
        .iter()
        .map(|value| (value / step).round_ties_even() * step)
        .collect()
}

/// (Σ rows)² − Σ rows², column by column.
fn fm_term(rows: &Rows, columns: usize) -> Row {
    let term = |column: usize| {
        let sum: f64 = rows.iter().map(|row| row[column]).sum();
        let squares = rows.iter().map(|row| row[column] * row[column]);
        sum * sum - squares.sum::<f64>()
    };
    (0..columns).map(term).collect()
}

/// All values of dense tensors, then those of sparse ones column by column.
fn flattened(tensors: &BTreeMap<usize, (Row, Rows)>, dense: &[usize], sparse: &[usize]) -> Row {
    let mut values: Row = dense.iter().flat_map(|t| tensors[t].0.clone()).collect();
    for tensor in sparse {
        values.extend(transposed(&tensors[tensor].1).concat());
    }
    values
}

/// Rounded to 2^bits levels from the least to the largest value, zero included.
fn rounded_in_range(values: &[f64], bits: u8) -> Row {
    let low = values.iter().copied().fold(0.0, f64::min);
    let high = values.iter().copied().fold(0.0, f64::max);
    if bits >= 32 || low == high {
        return values.to_vec();
    }
    let steps = f64::from((1_u32 << bits) - 1);
    let step = (high - low) / steps;
    let highest = (low / step).round_ties_even() + steps;
    values
        .iter()
        .map(|&value| match (value / step).round_ties_even() {
            level if value < high => level.min(highest) * step,
            _ => highest * step,
        })
        .collect()
}

/// Clipped to the range and rounded to its levels.
fn clipped(values: &[f64], range: LearnedRange) -> Row {
    let (low, high) = (f64::from(range.low), f64::from(range.high));
    let step = (high - low) / f64::from((1_u32 << range.bits) - 1);
    let clipped = values.iter().map(|value| value.clamp(low, high));
    clipped
        .map(|value| (value / step).round_ties_even() * step)
        .collect()
}

fn wide(values: &[f32]) -> Row {
    values.iter().map(|&value| f64::from(value)).collect()
}

fn padded(mut values: Row, width: usize) -> Row {
    assert!(
        values.len() <= width,
        "{} values do not fit into {width}",
        values.len()
    );
    values.resize(width, 0.0);
    values
}

fn transposed(rows: &Rows) -> Rows {
    (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column]).collect())
        .collect()
}

fn relu(values: Row) -> Row {
    values.into_iter().map(|value| value.max(0.0)).collect()
}

fn add(left: &[f64], right: &[f64]) -> Row {
    left.iter()
        .zip(right)
        .map(|(left, right)| left + right)
        .collect()
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter()
        .zip(right)
        .map(|(left, right)| left * right)
        .sum()
}
