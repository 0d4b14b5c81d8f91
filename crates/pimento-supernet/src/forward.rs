//! The function that a network computes, from its inputs to the features that its head reads.
//!
//! Sparse tensors are kept transposed, shape [samples, embedding_dim, rows]: concatenation, linear
//! layers and normalisation over rows then work on the last axis, where memory is contiguous.

use std::collections::BTreeMap;

use burn::tensor::Tensor;
use pimento_space::{
    ATTENTION_HEADS, ActivationRange, Block, DenseNode, DenseOperator, MERGER_ROWS, Network,
    SparseNode, SparseOperator,
};
use rand_chacha::ChaCha8Rng;

use crate::{
    dropout::dropped,
    fused::{Attention, Function, Triangle, apply},
    layer::{LayerKey, LayerKind, last_position},
    parameters::{LayerTensors, Parameters, Parts, concatenate},
    quantise::{FULL_PRECISION_BITS, quantise_activations},
    ranges::Operand::{self, Left, Matrix, Right},
};

/// The inputs of a batch.
#[derive(Debug, Clone)]
pub(crate) struct Inputs {
    /// Shape [samples, dense_dim].
    pub(crate) dense: Tensor<2>,
    /// Embedding rows, shape [samples, embedding_dim, fields].
    pub(crate) sparse: Tensor<3>,
}

/// What the head reads: the last block's dense output and its flattened sparse output, together
/// head_width columns.
pub(crate) fn features(network: &Network, parameters: &Parameters, inputs: Inputs) -> Parts {
    training_features(network, parameters, inputs, None)
}

/// The same in training: outputs of blocks lose some of their units.
pub(crate) fn training_features(
    network: &Network,
    parameters: &Parameters,
    inputs: Inputs,
    dropout: Option<Dropout<'_>>,
) -> Parts {
    let mut forward = Forward {
        network,
        parameters,
        dense: BTreeMap::from([(0, inputs.dense)]),
        sparse: BTreeMap::from([(0, inputs.sparse)]),
        dropout,
    };
    for block in &network.blocks {
        forward.block(block);
    }
    let last = last_position(network);
    let samples = forward.dense[&0].shape()[0];
    let dense = forward.dense.remove(&last);
    let sparse = forward.sparse.remove(&last);
    let parts = dense
        .into_iter()
        .chain(sparse.map(|sparse| sparse.reshape([samples as i32, -1])))
        .collect();
    match network.blocks.last() {
        Some(block) => forward.rounded_parts(block, LayerKind::Head, parts),
        None => Parts(parts),
    }
}

/// The head's answer before the sigmoid, shape \[samples\].
pub(crate) fn logits(head: &LayerTensors, features: Parts) -> Tensor<1> {
    head.linear(features).squeeze_dim(1)
}

struct Forward<'a> {
    network: &'a Network,
    parameters: &'a Parameters,
    dense: BTreeMap<usize, Tensor<2>>,
    sparse: BTreeMap<usize, Tensor<3>>,
    dropout: Option<Dropout<'a>>,
}

/// Which share of a block's outputs a step of training does without.
pub(crate) struct Dropout<'a> {
    /// In \[0, 1).
    pub(crate) share: f64,
    /// Chooses the units.
    pub(crate) rng: &'a mut ChaCha8Rng,
}

impl Forward<'_> {
    fn block(&mut self, block: &Block) {
        let sparse = block
            .sparse
            .as_ref()
            .map(|node| self.sparse_operator(block, node));
        let dense = block
            .dense
            .as_ref()
            .map(|node| self.dense_operator(block, node));
        let merged = match (&dense, block.dense_sparse_merger) {
            (Some(dense), true) => Some(self.merger_rows(block, dense.clone())),
            _ => None,
        };
        if let Some(dense) = dense {
            let dense = match (&sparse, block.fm_merger) {
                (Some(sparse), true) => dense + self.fm_term(block, sparse.clone()),
                _ => dense,
            };
            let dense = self.dropped(dense);
            self.dense.insert(block.position, dense);
        }
        if let Some(sparse) = sparse {
            let sparse = match merged {
                Some(merged) => Tensor::cat(vec![sparse, merged], 2),
                None => sparse,
            };
            let sparse = self.dropped(sparse);
            self.sparse.insert(block.position, sparse);
        }
    }

    fn dropped<const D: usize>(&mut self, output: Tensor<D>) -> Tensor<D> {
        match &mut self.dropout {
            Some(dropout) => dropped(output, dropout.share, dropout.rng),
            None => output,
        }
    }

    fn dense_operator(&self, block: &Block, node: &DenseNode) -> Tensor<2> {
        match &node.operator {
            DenseOperator::FullyConnected { inputs } => {
                let input = self.dense_parts(block, LayerKind::FullyConnected, inputs);
                let layer = self.layer(block, LayerKind::FullyConnected);
                layer.forward_rectified(input)
            }
            DenseOperator::Flattened {
                dense_inputs,
                sparse_inputs,
            } => {
                let input = self.flattened(block, dense_inputs, sparse_inputs);
                let layer = self.layer(block, LayerKind::Flattened);
                layer.forward_rectified(input)
            }
            DenseOperator::DotProduct {
                dense_inputs,
                sparse_inputs,
            } => self.dot_product(block, dense_inputs, sparse_inputs),
            DenseOperator::SigmoidGating { left, right } => {
                self.sigmoid_gating(block, node.width, *left, *right)
            }
            DenseOperator::Sum { left, right } => {
                let left = self.dense_inputs(block, (LayerKind::SumOut, Left), &[*left]);
                let right = self.dense_inputs(block, (LayerKind::SumOut, Right), &[*right]);
                let widest = left.shape()[1].max(right.shape()[1]);
                let sum = pad(left, widest) + pad(right, widest);
                let sum = self.rounded_sum(block, sum);
                self.optional(block, LayerKind::SumOut, sum)
            }
        }
    }

    fn dot_product(&self, block: &Block, dense: &[usize], sparse: &[usize]) -> Tensor<2> {
        let dense = self.dense_parts(block, LayerKind::DotProductDense, dense);
        let sparse = self.sparse_parts(block, LayerKind::DotProductRows, sparse);
        let dense = self.optional(block, LayerKind::DotProductDense, dense);
        let rows = self.optional_rows(block, LayerKind::DotProductRows, sparse);
        let operands = Tensor::cat(vec![dense.unsqueeze_dim(2), rows], 2);
        let operands = self.rounded(block, (LayerKind::DotProductOut, Left), operands);
        let [samples, dim, columns] = operands.dims();
        let triangle = Function::Triangle(Triangle {
            samples,
            dim,
            columns,
        });
        let triangle = apply(operands, triangle);
        let triangle = self.rounded(block, (LayerKind::DotProductOut, Matrix), triangle);
        self.optional(block, LayerKind::DotProductOut, triangle)
    }

    fn sigmoid_gating(&self, block: &Block, width: usize, left: usize, right: usize) -> Tensor<2> {
        let left = self.dense_inputs(block, (LayerKind::Gate, Matrix), &[left]);
        let right = self.dense_inputs(block, (LayerKind::Gate, Right), &[right]);
        let widest = left.shape()[1].max(right.shape()[1]);
        let gate = self.layer(block, LayerKind::Gate).linear(left);
        let gate: Tensor<2> = apply(gate, Function::Sigmoid);
        let gated = gate * right;
        if widest == width {
            return self.optional(block, LayerKind::GateOut, pad(gated, width));
        }
        let gated = self.rounded(block, (LayerKind::GateOut, Matrix), gated);
        self.optional(block, LayerKind::GateOut, gated)
    }

    fn sparse_operator(&self, block: &Block, node: &SparseNode) -> Tensor<3> {
        match node.operator {
            SparseOperator::Linear => {
                let input = self.sparse_parts(block, LayerKind::SparseLinear, &node.inputs);
                let layer = self.layer(block, LayerKind::SparseLinear);
                over_rows(input, |rows| layer.forward_rectified(rows))
            }
            SparseOperator::Attention => {
                let input = self.sparse_parts(block, LayerKind::AttentionRows, &node.inputs);
                let rows = self.optional_rows(block, LayerKind::AttentionRows, input);
                self.transformer(block, rows.swap_dims(1, 2))
                    .swap_dims(1, 2)
            }
        }
    }

    /// One transformer layer over rows, shape [samples, rows, embedding_dim].
    fn transformer(&self, block: &Block, rows: Tensor<3>) -> Tensor<3> {
        let [samples, count, dim] = rows.dims();
        let rows = rows.reshape([samples * count, dim]);
        let context = self.attention(block, rows.clone(), samples);
        let context = self.rounded_samples(block, LayerKind::AttentionOut, context, samples);
        let layer = self.layer(block, LayerKind::AttentionOut);
        let context = layer.linear(context);
        let rows = layer.norm(rows + context);
        let hidden = self.rounded_samples(block, LayerKind::AttentionHidden, rows.clone(), samples);
        let layer = self.layer(block, LayerKind::AttentionHidden);
        let hidden = layer.forward_rectified(hidden);
        let hidden = self.rounded_samples(block, LayerKind::AttentionFeedForward, hidden, samples);
        let layer = self.layer(block, LayerKind::AttentionFeedForward);
        let output = layer.linear(hidden);
        layer.norm(rows + output).reshape([samples, count, dim])
    }

    /// Scaled dot-product attention with 8 heads over rows, shape [samples · rows, dim].
    fn attention(&self, block: &Block, rows: Tensor<2>, samples: usize) -> Tensor<2> {
        let [total, dim] = rows.dims();
        let (count, head_dim) = (total / samples, dim / ATTENTION_HEADS);
        let rows = self.rounded_samples(block, LayerKind::AttentionQueryKeyValue, rows, samples);
        let layer = self.layer(block, LayerKind::AttentionQueryKeyValue);
        let packed = layer.linear(rows);
        let attention = Attention {
            samples,
            rows: count,
            heads: ATTENTION_HEADS,
            head_dim,
        };
        apply(packed, Function::Attention(attention))
    }

    /// Eight rows made of the dense output, shape [samples, embedding_dim, 8].
    fn merger_rows(&self, block: &Block, dense: Tensor<2>) -> Tensor<3> {
        let [samples, _] = dense.dims();
        let dense = self.rounded(block, (LayerKind::DenseSparseMerger, Matrix), dense);
        let projected = self.optional(block, LayerKind::DenseSparseMerger, dense);
        let dim = self.network.embedding_dim;
        projected
            .reshape([samples, MERGER_ROWS, dim])
            .swap_dims(1, 2)
    }

    /// (Σ rows)² − Σ rows², projected to the dense width.
    fn fm_term(&self, block: &Block, sparse: Tensor<3>) -> Tensor<2> {
        let sum: Tensor<2> = sparse.clone().sum_dim(2).squeeze_dim(2);
        let squares: Tensor<2> = (sparse.clone() * sparse).sum_dim(2).squeeze_dim(2);
        let term = sum.clone() * sum - squares;
        let term = self.rounded(block, (LayerKind::FmMerger, Matrix), term);
        self.optional(block, LayerKind::FmMerger, term)
    }

    fn dense_inputs(
        &self,
        block: &Block,
        place: (LayerKind, Operand),
        tensors: &[usize],
    ) -> Tensor<2> {
        let parts = tensors
            .iter()
            .map(|tensor| self.dense[tensor].clone())
            .collect();
        self.rounded(block, place, concatenate(parts, 1))
    }

    /// What a matrix reads of dense tensors.
    fn dense_parts(&self, block: &Block, kind: LayerKind, tensors: &[usize]) -> Parts {
        let parts = tensors.iter().map(|tensor| self.dense[tensor].clone());
        self.rounded_parts(block, kind, parts.collect())
    }

    fn flattened(&self, block: &Block, dense: &[usize], sparse: &[usize]) -> Parts {
        let dense = dense.iter().map(|tensor| self.dense[tensor].clone());
        let sparse = sparse.iter().map(|tensor| {
            let tensor = self.sparse[tensor].clone();
            let [samples, dim, rows] = tensor.dims();
            tensor.reshape([samples, dim * rows])
        });
        self.rounded_parts(block, LayerKind::Flattened, dense.chain(sparse).collect())
    }

    /// What a matrix reads of the row axis of sparse tensors, and their samples.
    fn sparse_parts(&self, block: &Block, kind: LayerKind, tensors: &[usize]) -> (Parts, usize) {
        let parts: Vec<_> = tensors
            .iter()
            .map(|tensor| self.sparse[tensor].clone())
            .collect();
        let samples = parts[0].shape()[0];
        let flat = |tensor: Tensor<3>| {
            let [samples, dim, rows] = tensor.dims();
            tensor.reshape([samples * dim, rows])
        };
        if is_exact(block) {
            return (Parts(parts.into_iter().map(flat).collect()), samples);
        }
        let rows = self.rounded(block, (kind, Matrix), concatenate(parts, 2));
        (flat(rows).into(), samples)
    }

    /// Tensors as a matrix reads them, side by side; scales are those of all of them together.
    fn rounded_parts(&self, block: &Block, kind: LayerKind, parts: Vec<Tensor<2>>) -> Parts {
        if is_exact(block) {
            return Parts(parts);
        }
        let rows = concatenate(parts, 1);
        self.rounded(block, (kind, Matrix), rows).into()
    }

    /// A tensor as the block's matrix products and interactions read it.
    fn rounded<const D: usize>(
        &self,
        block: &Block,
        (kind, operand): (LayerKind, Operand),
        tensor: Tensor<D>,
    ) -> Tensor<D> {
        let (bits, range) = (block.activation_bits, self.network.activation_range);
        match range {
            ActivationRange::Learned => {
                let site = (key(block, kind), operand);
                self.parameters.rounded(site, tensor, bits)
            }
            ActivationRange::Symmetric | ActivationRange::Asymmetric => {
                quantise_activations(tensor, bits, range)
            }
        }
    }

    /// The sum of two rounded operands, which lies on no fixed grid: rounded once more if ranges are
    /// learned and a matrix reads it.
    fn rounded_sum(&self, block: &Block, sum: Tensor<2>) -> Tensor<2> {
        let layer = self.parameters.layer(key(block, LayerKind::SumOut));
        if self.network.activation_range == ActivationRange::Learned
            && layer.is_some_and(LayerTensors::has_matrix)
        {
            return self.rounded(block, (LayerKind::SumOut, Matrix), sum);
        }
        sum
    }

    /// Rows of all samples, rounded with one scale per sample unless the range is learned.
    fn rounded_samples(
        &self,
        block: &Block,
        kind: LayerKind,
        rows: Tensor<2>,
        samples: usize,
    ) -> Tensor<2> {
        let [total, dim] = rows.dims();
        let by_sample = rows.reshape([samples, total / samples * dim]);
        self.rounded(block, (kind, Matrix), by_sample)
            .reshape([total, dim])
    }

    fn layer(&self, block: &Block, kind: LayerKind) -> &LayerTensors {
        self.parameters
            .layer(key(block, kind))
            .expect("the network has the layer")
    }

    /// The linear layer and its norm where the network has them, else the input itself.
    fn optional(&self, block: &Block, kind: LayerKind, input: impl Into<Parts>) -> Tensor<2> {
        match self.parameters.layer(key(block, kind)) {
            Some(layer) => layer.forward(input),
            None => input.into().joined(),
        }
    }

    /// The same over the row axis of transposed sparse tensors.
    fn optional_rows(&self, block: &Block, kind: LayerKind, input: (Parts, usize)) -> Tensor<3> {
        over_rows(input, |rows| self.optional(block, kind, rows))
    }
}

/// `layer` over the last axis of transposed sparse tensors of so many samples.
fn over_rows((rows, samples): (Parts, usize), layer: impl FnOnce(Parts) -> Tensor<2>) -> Tensor<3> {
    let output = layer(rows);
    let [all, rows] = output.dims();
    output.reshape([samples, all / samples, rows])
}

/// Whether the block's operators read values as they are.
fn is_exact(block: &Block) -> bool {
    block.activation_bits >= FULL_PRECISION_BITS
}

fn key(block: &Block, kind: LayerKind) -> LayerKey {
    (block.position as u16, kind)
}

/// Zeros after the last column, up to `width` columns.
fn pad(tensor: Tensor<2>, width: usize) -> Tensor<2> {
    let [samples, own] = tensor.dims();
    if own == width {
        return tensor;
    }
    let zeros = Tensor::zeros([samples, width - own], &tensor.device());
    Tensor::cat(vec![tensor, zeros], 1)
}
