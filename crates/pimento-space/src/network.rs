//! A decoded network: every shape known, dead blocks and dead operators gone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::embedding::FieldEmbedding;

/// A live network. Tensor 0 is the raw input, tensor `b` the output of the block at position `b`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Shapes of tensor 0.
    pub input: InputShape,
    /// Width of every embedding row and of every row of a sparse tensor.
    pub embedding_dim: usize,
    /// Whether a layer normalisation follows every matrix product except SG's, attention's and the
    /// head's. Attention's two norms exist always.
    pub layer_norm: bool,
    /// The live blocks in ascending position; the last one feeds the head. Without blocks the head
    /// reads the inputs themselves: a logistic regression.
    pub blocks: Vec<Block>,
    /// Precision of the head's weights; 32 means not quantised.
    pub head_weight_bits: u8,
    /// Precision of the embedding rows; 32 means not quantised, or that fields have their own.
    pub embedding_bits: u8,
    /// The embedding of every field; none where all have full tables at `embedding_bits`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub embeddings: Vec<FieldEmbedding>,
    /// What shares a scale when weights are rounded.
    #[serde(default, skip_serializing_if = "WeightScales::is_per_matrix")]
    pub weight_scales: WeightScales,
    /// What range activations are rounded in.
    #[serde(default, skip_serializing_if = "ActivationRange::is_symmetric")]
    pub activation_range: ActivationRange,
}

/// The range that the steps of rounded activations divide, for each sample of a tensor unless it is
/// learned.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum ActivationRange {
    /// From minus the largest magnitude to the largest magnitude.
    #[default]
    Symmetric,
    /// From the least value to the largest one, zero included: where no value is negative, as after
    /// a rectifier, steps are half as long.
    Asymmetric,
    /// A fixed one that training has learned for each place where activations are rounded, at each
    /// precision, zero included; what lies outside is clipped to its ends. Nothing is looked for in a
    /// sample.
    Learned,
}

impl ActivationRange {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    fn is_symmetric(&self) -> bool {
        *self == Self::Symmetric
    }
}

/// What shares a scale when weights are rounded. A crossbar sums by column, so that each column's
/// sum can be rescaled on its own.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum WeightScales {
    /// A matrix.
    #[default]
    Matrix,
    /// A column: the weights of one output.
    Column,
}

impl WeightScales {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    fn is_per_matrix(&self) -> bool {
        *self == Self::Matrix
    }
}

/// Shapes of a network's inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputShape {
    /// Values of the dense input, at least one.
    pub dense_dim: usize,
    /// Categorical fields, at least one.
    pub fields: usize,
}

/// A live block; at least one of its operators is live.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Block {
    /// Position in the space, from 1.
    pub position: usize,
    /// The dense operator, if anything reads its output.
    pub dense: Option<DenseNode>,
    /// The sparse operator, if anything reads its output.
    pub sparse: Option<SparseNode>,
    /// Whether the dense operator's output (before the FM term) is projected to 8 more rows of the
    /// sparse output. Only if both operators are live.
    pub dense_sparse_merger: bool,
    /// Whether the FM term of the sparse operator's output (before merger rows) is added to the
    /// dense output. Only if both operators are live.
    pub fm_merger: bool,
    /// Precision of the mergers' weights; 32 means not quantised.
    pub merger_weight_bits: u8,
    /// Precision of the inputs of every matrix product and interaction of the block; 32 means not
    /// quantised.
    pub activation_bits: u8,
}

/// A live dense operator.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenseNode {
    /// What it computes, from which tensors.
    pub operator: DenseOperator,
    /// Output width d.
    pub width: usize,
    /// Precision of its weights; 32 means not quantised.
    pub weight_bits: u8,
    /// Uses of its matrix per sample, a divisor of `width`; only FC and Flat use theirs more than once.
    /// A matrix used r times is an epitome (EPIM, arXiv 2311.07620): it has `width` / r columns, its
    /// j-th use, from 0, reads the K inputs rolled by ⌊jK/r⌋ places and gives the j-th `width` / r
    /// outputs.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub reuse: usize,
}

fn once() -> usize {
    1
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_once(reuse: &usize) -> bool {
    *reuse == 1
}

impl DenseNode {
    /// Columns of the matrix of FC or Flat.
    pub fn matrix_cols(&self) -> usize {
        self.width / self.reuse
    }
}

/// The dense operators. Lists of tensors are ascending and without repeats.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum DenseOperator {
    /// FC: ReLU of a linear layer over the concatenated dense inputs.
    FullyConnected {
        /// Dense tensors read.
        inputs: Vec<usize>,
    },
    /// Flat: ReLU of a linear layer over the concatenated dense inputs and all values of the sparse
    /// inputs side by side, the first layer of the perceptron of Wide&Deep or DeepFM. Not in NASRec.
    Flattened {
        /// Dense tensors read.
        dense_inputs: Vec<usize>,
        /// Sparse tensors read.
        sparse_inputs: Vec<usize>,
    },
    /// DP: pairwise dot products of projected rows, projected to the output width.
    DotProduct {
        /// Dense tensors read.
        dense_inputs: Vec<usize>,
        /// Sparse tensors read.
        sparse_inputs: Vec<usize>,
    },
    /// SG: the sigmoid of a linear layer of `left` gates `right`.
    SigmoidGating {
        /// Dense tensor that makes the gate.
        left: usize,
        /// Dense tensor that is gated.
        right: usize,
    },
    /// Sum of two zero-padded dense tensors.
    Sum {
        /// Dense tensor, not greater than `right`.
        left: usize,
        /// Dense tensor.
        right: usize,
    },
}

impl DenseOperator {
    /// Tensors that it reads, with repeats.
    fn inputs(&self) -> Vec<usize> {
        match self {
            Self::FullyConnected { inputs } => inputs.clone(),
            Self::Flattened {
                dense_inputs,
                sparse_inputs,
            }
            | Self::DotProduct {
                dense_inputs,
                sparse_inputs,
            } => [dense_inputs.as_slice(), sparse_inputs].concat(),
            Self::SigmoidGating { left, right } | Self::Sum { left, right } => vec![*left, *right],
        }
    }
}

/// A live sparse operator.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SparseNode {
    /// What it computes.
    pub operator: SparseOperator,
    /// Sparse tensors read, ascending, without repeats.
    pub inputs: Vec<usize>,
    /// Output rows s, merger rows not counted.
    pub rows: usize,
    /// Precision of its weights; 32 means not quantised.
    pub weight_bits: u8,
}

/// The sparse operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SparseOperator {
    /// EFC: ReLU of a linear layer over the row axis.
    Linear,
    /// Attn: a row projection and one transformer layer.
    Attention,
}

/// Heads of attention; they divide the embedding width among them.
pub const ATTENTION_HEADS: usize = 8;

/// Rows that a dense→sparse merger appends.
pub const MERGER_ROWS: usize = 8;

impl Network {
    /// A network without blocks, not quantised: its head reads the inputs themselves. With rows of one
    /// value it is a logistic regression.
    pub fn without_blocks(input: InputShape, embedding_dim: usize) -> Self {
        Self {
            input,
            embedding_dim,
            layer_norm: false,
            blocks: Vec::new(),
            head_weight_bits: 32,
            embedding_bits: 32,
            embeddings: Vec::new(),
            weight_scales: WeightScales::Matrix,
            activation_range: ActivationRange::Symmetric,
        }
    }

    /// The same network with one precision everywhere.
    #[must_use]
    pub fn at_precision(&self, bits: u8) -> Self {
        let mut network = self.clone();
        network.head_weight_bits = bits;
        if network.embeddings.is_empty() {
            network.embedding_bits = bits;
        }
        for embedding in &mut network.embeddings {
            embedding.bits = bits;
        }
        for block in &mut network.blocks {
            (block.merger_weight_bits, block.activation_bits) = (bits, bits);
            if let Some(node) = &mut block.dense {
                node.weight_bits = bits;
            }
            if let Some(node) = &mut block.sparse {
                node.weight_bits = bits;
            }
        }
        network
    }

    /// What field `field` stores.
    pub fn embedding(&self, field: usize) -> FieldEmbedding {
        let full = FieldEmbedding::full(self.embedding_dim, self.embedding_bits);
        self.embeddings.get(field).copied().unwrap_or(full)
    }

    /// The block at a position, if it is live.
    pub fn block(&self, position: usize) -> Option<&Block> {
        self.blocks
            .binary_search_by_key(&position, |block| block.position)
            .ok()
            .map(|index| &self.blocks[index])
    }

    /// The tensor that feeds the head: that of the last block, or the input.
    pub fn last_tensor(&self) -> usize {
        self.blocks.last().map_or(0, |block| block.position)
    }

    /// Blocks on the longest way from the inputs to the head.
    pub fn depth(&self) -> usize {
        let mut depths = BTreeMap::from([(0, 0)]);
        for block in &self.blocks {
            let longest = block
                .inputs()
                .into_iter()
                .map(|tensor| depths[&tensor])
                .max();
            depths.insert(block.position, 1 + longest.unwrap_or(0));
        }
        depths[&self.last_tensor()]
    }

    /// Width of dense tensor `tensor`; 0 if its operator is dead.
    pub fn dense_width(&self, tensor: usize) -> usize {
        if tensor == 0 {
            return self.input.dense_dim;
        }
        self.block(tensor)
            .and_then(|block| block.dense.as_ref())
            .map_or(0, |node| node.width)
    }

    /// Rows of sparse tensor `tensor`, merger rows included; 0 if its operator is dead.
    pub fn sparse_rows(&self, tensor: usize) -> usize {
        if tensor == 0 {
            return self.input.fields;
        }
        self.block(tensor).map_or(0, Block::sparse_rows)
    }

    /// Input width of the head: the last block's dense output and its flattened sparse output.
    pub fn head_width(&self) -> usize {
        let last = self.last_tensor();
        self.dense_width(last) + self.embedding_dim * self.sparse_rows(last)
    }
}

impl Block {
    /// Tensors that its operators read, with repeats.
    pub fn inputs(&self) -> Vec<usize> {
        let dense = self.dense.as_ref().map(|node| node.operator.inputs());
        let sparse = self.sparse.as_ref().map(|node| node.inputs.clone());
        dense.into_iter().chain(sparse).flatten().collect()
    }

    /// Rows of the sparse output, merger rows included.
    pub fn sparse_rows(&self) -> usize {
        let own = self.sparse.as_ref().map_or(0, |node| node.rows);
        own + if self.dense_sparse_merger {
            MERGER_ROWS
        } else {
            0
        }
    }
}

/// Rows m that DP's row projection makes for output width `width`: round(√(2·width)).
pub fn dot_product_rows(width: usize) -> usize {
    (2.0 * width as f64).sqrt().round() as usize
}
