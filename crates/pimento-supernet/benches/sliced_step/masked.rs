//! A supernet by masks, as NASRec's code trains NASRec-Small: every block at full width, with all
//! earlier tensors as inputs, unselected ones being zeros, outputs beyond the chosen width
//! multiplied by zero.

use burn::tensor::{Device, Distribution, Int, Tensor, TensorData, activation::relu};
use pimento_data::Batch;
use pimento_space::{DenseOperator, MERGER_ROWS, Network, dot_product_rows};
use pimento_supernet::Capacity;
use rayon::prelude::*;

const SHARDS: usize = 2;

pub(crate) struct MaskedSupernet {
    capacity: Capacity,
    blocks: Vec<MaskedBlock<Parameter>>,
    head: Linear<Parameter>,
    /// All embedding tables, one below the other.
    tables: Parameter,
    /// First row of each table.
    offsets: Vec<u32>,
}

/// A weight and its Adagrad accumulator.
struct Parameter {
    value: Tensor<2>,
    accumulator: Tensor<2>,
}

/// A product with a matrix and the gain and shift of the normalisation after it.
struct Linear<P> {
    weight: P,
    gain: P,
    shift: P,
}

struct MaskedBlock<P> {
    fully_connected: Linear<P>,
    product_dense: Linear<P>,
    product_rows: Linear<P>,
    product_out: Linear<P>,
    sparse_linear: Linear<P>,
    merger: Linear<P>,
    fm: Linear<P>,
}

impl<P> Linear<P> {
    fn map<'a, Q>(&'a self, f: &mut impl FnMut(&'a P) -> Q) -> Linear<Q> {
        Linear {
            weight: f(&self.weight),
            gain: f(&self.gain),
            shift: f(&self.shift),
        }
    }

    fn parts_mut(&mut self) -> [&mut P; 3] {
        [&mut self.weight, &mut self.gain, &mut self.shift]
    }
}

impl<P> MaskedBlock<P> {
    fn map<'a, Q>(&'a self, f: &mut impl FnMut(&'a P) -> Q) -> MaskedBlock<Q> {
        MaskedBlock {
            fully_connected: self.fully_connected.map(f),
            product_dense: self.product_dense.map(f),
            product_rows: self.product_rows.map(f),
            product_out: self.product_out.map(f),
            sparse_linear: self.sparse_linear.map(f),
            merger: self.merger.map(f),
            fm: self.fm.map(f),
        }
    }

    fn parts_mut(&mut self) -> impl Iterator<Item = &mut P> {
        [
            &mut self.fully_connected,
            &mut self.product_dense,
            &mut self.product_rows,
            &mut self.product_out,
            &mut self.sparse_linear,
            &mut self.merger,
            &mut self.fm,
        ]
        .into_iter()
        .flat_map(Linear::parts_mut)
    }
}

impl MaskedSupernet {
    pub(crate) fn new(capacity: &Capacity, table_rows: &[u32]) -> Self {
        let offsets = table_rows.iter().scan(0, |end, rows| {
            *end += rows;
            Some(*end - rows)
        });
        let (width, rows, dim) = (
            capacity.max_width,
            capacity.max_rows,
            capacity.embedding_dim,
        );
        let product_rows = dot_product_rows(width);
        let blocks = (0..capacity.blocks).map(|before| {
            let dense = capacity.input.dense_dim + width * before;
            let sparse = capacity.input.fields + (rows + MERGER_ROWS) * before;
            MaskedBlock {
                fully_connected: linear(dense, width),
                product_dense: linear(dense, dim),
                product_rows: linear(sparse, product_rows),
                product_out: linear(product_rows * (product_rows + 1) / 2, width),
                sparse_linear: linear(sparse, rows),
                merger: linear(width, MERGER_ROWS * dim),
                fm: linear(dim, width),
            }
        });
        Self {
            capacity: capacity.clone(),
            blocks: blocks.collect(),
            head: linear(width + dim * (rows + MERGER_ROWS), 1),
            tables: linear(table_rows.iter().sum::<u32>() as usize, dim).weight,
            offsets: offsets.collect(),
        }
    }

    pub(crate) fn step(&mut self, path: &Network, batch: &Batch) {
        let shards: Vec<usize> = (0..SHARDS).collect();
        let gradients: Vec<_> = shards
            .into_par_iter()
            .map(|shard| self.gradients(path, batch, shard))
            .collect();
        let mut shards = gradients.into_iter();
        let mut sums = shards.next().expect("there are shards");
        for shard in shards {
            for (sum, other) in sums.iter_mut().zip(shard) {
                *sum = match (sum.take(), other) {
                    (Some(sum), Some(other)) => Some(sum + other),
                    (sum, other) => sum.or(other),
                };
            }
        }
        let squares = sums.iter().flatten().map(|gradient| {
            let square = gradient.clone() * gradient.clone();
            square.sum().into_scalar::<f32>()
        });
        let scale = (5.0 / squares.sum::<f32>().sqrt()).min(1.0);
        let blocks = self.blocks.iter_mut().flat_map(MaskedBlock::parts_mut);
        let others = self.head.parts_mut().into_iter().chain([&mut self.tables]);
        let parameters: Vec<_> = blocks.chain(others).collect();
        parameters
            .into_par_iter()
            .zip(sums)
            .for_each(|(parameter, gradient)| {
                if let Some(gradient) = gradient {
                    parameter.update(gradient * scale);
                }
            });
    }

    /// Gradients of all weights in the order of their blocks, `None` for operators off the path.
    fn gradients(&self, path: &Network, batch: &Batch, shard: usize) -> Vec<Option<Tensor<2>>> {
        let mut leaves = Vec::new();
        let mut track = |parameter: &Parameter| {
            let leaf = Tensor::from_inner(parameter.value.clone()).require_grad();
            leaves.push(leaf.clone());
            leaf
        };
        let blocks: Vec<_> = self
            .blocks
            .iter()
            .map(|block| block.map(&mut track))
            .collect();
        let head = self.head.map(&mut track);
        let tables = track(&self.tables);
        let logits = self.logits(path, batch, shard, &blocks, &head, tables);
        let gradients = logits.sum().backward();
        leaves.iter().map(|leaf| leaf.grad(&gradients)).collect()
    }

    fn logits(
        &self,
        path: &Network,
        batch: &Batch,
        shard: usize,
        blocks: &[MaskedBlock<Tensor<2>>],
        head: &Linear<Tensor<2>>,
        tables: Tensor<2>,
    ) -> Tensor<2> {
        let Capacity {
            input,
            max_width,
            max_rows,
            embedding_dim: dim,
            ..
        } = self.capacity;
        let samples = batch.labels.len() / SHARDS;
        let values = &batch.dense[shard * samples * input.dense_dim..][..samples * input.dense_dim];
        let device = Device::flex();
        let values = TensorData::new(values.to_vec(), [samples, input.dense_dim]);
        let mut dense = vec![Tensor::<2>::from_inner(Tensor::from_data(values, &device))];
        let indices = &batch.indices[shard * samples * input.fields..][..samples * input.fields];
        let indices: Vec<i32> = indices
            .iter()
            .zip(self.offsets.iter().cycle())
            .map(|(row, offset)| (row + offset) as i32)
            .collect();
        let indices = Tensor::<1, Int>::from_data(indices.as_slice(), &tables.device());
        let rows = tables.select(0, indices);
        let rows = rows.reshape([samples, input.fields, dim]).swap_dims(1, 2);
        let mut sparse = vec![rows];
        for (index, weights) in blocks.iter().enumerate() {
            let position = index + 1;
            let block = path.block(position);
            let node = block.and_then(|block| block.dense.as_ref());
            let (selected_dense, selected_product, is_product) = match node
                .map(|node| &node.operator)
            {
                Some(DenseOperator::FullyConnected { inputs }) => (inputs.clone(), vec![], false),
                Some(DenseOperator::DotProduct {
                    dense_inputs,
                    sparse_inputs,
                }) => (dense_inputs.clone(), sparse_inputs.clone(), true),
                _ => (vec![0], vec![0], position % 2 == 0),
            };
            let x = masked_inputs(&dense, &selected_dense, 1);
            let y = if is_product {
                let rows = masked_inputs(&sparse, &selected_product, 2);
                dot_product(weights, x, rows)
            } else {
                relu(layer(&weights.fully_connected, x))
            };
            let y = y * prefix(node.map_or(16, |node| node.width), max_width);
            let node = block.and_then(|block| block.sparse.as_ref());
            let selected = node.map_or(vec![0], |node| node.inputs.clone());
            let rows = masked_inputs(&sparse, &selected, 2);
            let rows = relu(over_rows(&weights.sparse_linear, rows));
            let mask = prefix(node.map_or(16, |node| node.rows), max_rows);
            let rows = rows * mask.unsqueeze::<3>();
            let merged = if block.is_some_and(|block| block.dense_sparse_merger) {
                let merged = layer(&weights.merger, y.clone());
                merged.reshape([samples, MERGER_ROWS, dim]).swap_dims(1, 2)
            } else {
                Tensor::zeros([samples, dim, MERGER_ROWS], &y.device())
            };
            let y = if block.is_some_and(|block| block.fm_merger) {
                let sum: Tensor<2> = rows.clone().sum_dim(2).squeeze_dim(2);
                let squares: Tensor<2> = (rows.clone() * rows.clone()).sum_dim(2).squeeze_dim(2);
                y + layer(&weights.fm, sum.clone() * sum - squares)
            } else {
                y
            };
            dense.push(y);
            sparse.push(Tensor::cat(vec![rows, merged], 2));
        }
        let (Some(dense), Some(sparse)) = (dense.pop(), sparse.pop()) else {
            unreachable!("the input is there")
        };
        let features = Tensor::cat(vec![dense, sparse.reshape([samples as i32, -1])], 1);
        features.matmul(head.weight.clone()) + head.shift.clone()
    }
}

impl Parameter {
    fn update(&mut self, gradient: Tensor<2>) {
        let accumulator = self.accumulator.clone() + gradient.clone() * gradient.clone();
        self.value = self.value.clone() - gradient * 0.12 / (accumulator.clone().sqrt() + 1e-2);
        self.accumulator = accumulator;
    }
}

fn linear(rows: usize, cols: usize) -> Linear<Parameter> {
    let bound = (6.0 / (rows + cols) as f64).sqrt();
    let device = Device::flex();
    let parameter = |value: Tensor<2>| Parameter {
        accumulator: value.zeros_like(),
        value,
    };
    Linear {
        weight: parameter(Tensor::random(
            [rows, cols],
            Distribution::Uniform(-bound, bound),
            &device,
        )),
        gain: parameter(Tensor::ones([1, cols], &device)),
        shift: parameter(Tensor::zeros([1, cols], &device)),
    }
}

/// All tensors side by side, unselected ones as zeros.
fn masked_inputs<const D: usize>(
    tensors: &[Tensor<D>],
    selected: &[usize],
    axis: usize,
) -> Tensor<D> {
    let parts = tensors.iter().enumerate().map(|(index, tensor)| {
        if selected.contains(&index) {
            tensor.clone()
        } else {
            tensor.zeros_like()
        }
    });
    Tensor::cat(parts.collect(), axis)
}

/// Ones up to `own`, then zeros, shape [1, width].
fn prefix(own: usize, width: usize) -> Tensor<2> {
    let mask = (0..width).map(|column| f32::from(u8::from(column < own)));
    let mask = TensorData::new(mask.collect::<Vec<f32>>(), [1, width]);
    Tensor::from_inner(Tensor::from_data(mask, &Device::flex()))
}

fn layer(linear: &Linear<Tensor<2>>, input: Tensor<2>) -> Tensor<2> {
    let output = input.matmul(linear.weight.clone());
    let (variance, mean) = output.clone().var_mean_bias(1);
    let normalised = (output - mean) / (variance + 1e-5).sqrt();
    normalised * linear.gain.clone() + linear.shift.clone()
}

fn over_rows(linear: &Linear<Tensor<2>>, input: Tensor<3>) -> Tensor<3> {
    let [samples, dim, rows] = input.dims();
    let output = layer(linear, input.reshape([samples * dim, rows]));
    let rows = output.dims()[1];
    output.reshape([samples, dim, rows])
}

fn dot_product(block: &MaskedBlock<Tensor<2>>, x: Tensor<2>, rows: Tensor<3>) -> Tensor<2> {
    let x = layer(&block.product_dense, x).unsqueeze_dim(2);
    let operands = Tensor::cat(vec![x, over_rows(&block.product_rows, rows)], 2);
    let [samples, _, columns] = operands.dims();
    let products = operands.clone().swap_dims(1, 2).matmul(operands);
    let triangle = (1..columns).map(|row| {
        products
            .clone()
            .slice([0..samples, row..row + 1, 0..row])
            .reshape([samples, row])
    });
    layer(&block.product_out, Tensor::cat(triangle.collect(), 1))
}
