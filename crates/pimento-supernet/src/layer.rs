//! The weight layers of a network, and which slice of a shared matrix each one is.
//!
//! A layer is a matrix with its bias and the gain and shift of the normalisation that follows it.
//! Weights are shared by slicing: a subnet's matrix consists of the rows of its inputs and of the
//! leading columns of the one matrix that all subnets of the space have at that place. An epitome, a
//! matrix that is used several times, has fewer columns than outputs.

mod walk;

use std::ops::Range;

use pimento_space::{
    Handcrafted, InputShape, MERGER_ROWS, Network, SearchSpace, TowerNorm, WeightScales,
    dot_product_rows,
};
use serde::{Deserialize, Serialize};

/// The places of a block that hold weights. Layouts are \[inputs, outputs\].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LayerKind {
    /// FC.
    FullyConnected,
    /// DP: dense inputs to one row.
    DotProductDense,
    /// DP: row projection.
    DotProductRows,
    /// DP: triangle to output width.
    DotProductOut,
    /// SG: gate.
    Gate,
    /// SG: gated values to output width.
    GateOut,
    /// Sum: to output width.
    SumOut,
    /// EFC.
    SparseLinear,
    /// Attn: row projection.
    AttentionRows,
    /// Attn: query, key and value projections side by side.
    AttentionQueryKeyValue,
    /// Attn: output projection; its gain and shift are those of the first residual norm.
    AttentionOut,
    /// Attn: first layer of the feed-forward network.
    AttentionHidden,
    /// Attn: second layer; its gain and shift are those of the second residual norm.
    AttentionFeedForward,
    /// Dense→sparse merger.
    DenseSparseMerger,
    /// FM merger.
    FmMerger,
    /// The head.
    Head,
    /// A matrix of a handcrafted model; its number in the model, from 1, stands for the block.
    Tower,
    /// Flat.
    Flattened,
}

/// Address of a layer: block position (the head has the position after the last block) and kind.
pub type LayerKey = (u16, LayerKind);

/// A layer of one network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Where it is.
    pub key: LayerKey,
    /// Inputs.
    pub rows: usize,
    /// Columns of the matrix.
    pub cols: usize,
    /// Uses of the matrix per input, each with an own bias, gain and shift.
    pub reuse: usize,
    /// Rows of the shared matrix that its rows are, in order.
    pub segments: Vec<Range<usize>>,
    /// Precision of the matrix; 32 means not quantised.
    pub weight_bits: u8,
    /// What shares a scale when the matrix is rounded.
    pub weight_scales: WeightScales,
    /// Whether it has a bias.
    pub has_bias: bool,
    /// Whether it has the gain and shift of a normalisation.
    pub has_norm: bool,
    /// Whether that normalisation is over the batch, not over each row.
    pub has_batch_norm: bool,
    /// Inputs plus outputs of the layer before zero padding was reduced away: what the initial
    /// weights' variance is chosen for; absent for weights that start at zero.
    pub fan: Option<usize>,
}

/// The sizes that shared matrices must have room for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// Shapes of tensor 0.
    pub input: InputShape,
    /// Choice blocks.
    pub blocks: usize,
    /// Largest dense width.
    pub max_width: usize,
    /// Largest number of sparse rows, merger rows not counted.
    pub max_rows: usize,
    /// Width of an embedding row.
    pub embedding_dim: usize,
    /// Whether the shared layers are normalised.
    pub layer_norm: bool,
    /// Whether networks may read sparse tensors flattened, which takes the largest matrices.
    #[serde(default)]
    pub has_flattened: bool,
    /// Whether networks round activations in learned ranges, which are then part of what is shared.
    #[serde(default)]
    pub learned_ranges: bool,
}

/// How the matrices in store relate to those of a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Layout {
    /// Matrices have room for every network of a space.
    Shared(Capacity),
    /// Matrices are exactly those of one network, which may be normalised over the batch.
    StandAlone(Box<Network>, Option<BatchNorm>),
    /// Matrices are exactly those of one handcrafted model for inputs of this shape.
    Handcrafted(Box<Handcrafted>, InputShape),
}

/// Normalisation over the batch after the fully connected layers of a network alone: FC and Flat,
/// before their rectifiers. It stands in place of their biases and of layer norms.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BatchNorm {
    /// Share of the outputs of each block that training does without, in [0, 1): moments are
    /// estimated as in training.
    pub dropout: f64,
}

impl Layer {
    /// Outputs: length of bias, gain and shift.
    pub fn outputs(&self) -> usize {
        self.cols * self.reuse
    }
}

impl Layout {
    /// The layers of `network` in execution order, as slices of this layout's matrices.
    pub fn layers(&self, network: &Network) -> Vec<Layer> {
        walk::layers(self, network)
    }

    /// Shape \[inputs, outputs\] of the matrix in store that `layer` is a slice of.
    pub fn stored_shape(&self, layer: &Layer) -> (usize, usize) {
        match self {
            Self::StandAlone(..) | Self::Handcrafted(..) => (layer.rows, layer.cols),
            Self::Shared(capacity) => capacity.shape(layer.key),
        }
    }

    /// Block after the last one, the head's address.
    pub fn head_position(&self) -> u16 {
        let blocks = match self {
            Self::Shared(capacity) => capacity.blocks,
            Self::StandAlone(network, _) => last_position(network),
            Self::Handcrafted(..) => 0,
        };
        blocks as u16 + 1
    }

    /// How a network alone is normalised over the batch.
    pub(crate) fn batch_norm(&self) -> Option<BatchNorm> {
        match self {
            Self::StandAlone(_, batch_norm) => *batch_norm,
            Self::Shared(_) | Self::Handcrafted(..) => None,
        }
    }
}

impl Capacity {
    /// Room for every network of `space` on inputs of this shape, normalised or not.
    pub fn of(space: &SearchSpace, input: InputShape, layer_norm: bool) -> Self {
        Self {
            input,
            blocks: space.block_count(),
            max_width: space.max_width(),
            max_rows: space.max_rows(),
            embedding_dim: space.embedding_dim(),
            layer_norm,
            has_flattened: space.has_flattened(),
            learned_ranges: space.has_learned_ranges(),
        }
    }

    fn dense_offset(&self, tensor: usize) -> usize {
        if tensor == 0 {
            0
        } else {
            self.input.dense_dim + self.max_width * (tensor - 1)
        }
    }

    fn sparse_offset(&self, tensor: usize) -> usize {
        if tensor == 0 {
            0
        } else {
            self.input.fields + (self.max_rows + MERGER_ROWS) * (tensor - 1)
        }
    }

    /// Shape \[inputs, outputs\] of the shared matrix at `key`.
    pub fn shape(&self, (block, kind): LayerKey) -> (usize, usize) {
        let block = usize::from(block);
        let widest = self.max_width.max(self.input.dense_dim);
        let dim = self.embedding_dim;
        let rows = dot_product_rows(self.max_width);
        match kind {
            LayerKind::FullyConnected => (self.dense_offset(block), self.max_width),
            LayerKind::Flattened => (
                self.dense_offset(block) + dim * self.sparse_offset(block),
                self.max_width,
            ),
            LayerKind::DotProductDense => (self.dense_offset(block), dim),
            LayerKind::DotProductRows => (self.sparse_offset(block), rows),
            LayerKind::DotProductOut => (rows * (rows + 1) / 2, self.max_width),
            LayerKind::Gate => (widest, widest),
            LayerKind::GateOut | LayerKind::SumOut => (widest, self.max_width),
            LayerKind::SparseLinear | LayerKind::AttentionRows => {
                (self.sparse_offset(block), self.max_rows)
            }
            LayerKind::AttentionQueryKeyValue => (dim, 3 * dim),
            LayerKind::AttentionOut
            | LayerKind::AttentionHidden
            | LayerKind::AttentionFeedForward => (dim, dim),
            LayerKind::DenseSparseMerger => (self.max_width, MERGER_ROWS * dim),
            LayerKind::FmMerger => (dim, self.max_width),
            LayerKind::Tower => unreachable!("handcrafted models share nothing"),
            LayerKind::Head => (self.max_width + dim * (self.max_rows + MERGER_ROWS), 1),
        }
    }

    /// Every layer that a network of the space may have, as whole matrices.
    pub fn all_layers(&self) -> Vec<Layer> {
        use LayerKind as K;
        let mut layers = Vec::new();
        let mut add = |block: usize, kind, has_bias, has_norm| {
            let key = (block as u16, kind);
            let (rows, cols) = self.shape(key);
            let segments = std::iter::once(0..rows).collect();
            let fan = rows + cols;
            let layer = Layer {
                key,
                rows,
                cols,
                reuse: 1,
                segments,
                weight_bits: 32,
                weight_scales: WeightScales::Matrix,
                has_bias,
                has_norm,
                has_batch_norm: false,
                fan: Some(fan),
            };
            layers.push(layer);
        };
        let norm = self.layer_norm;
        for block in 1..=self.blocks {
            for kind in [
                K::FullyConnected,
                K::DotProductDense,
                K::DotProductRows,
                K::DotProductOut,
            ] {
                add(block, kind, !norm, norm);
            }
            if self.has_flattened {
                add(block, K::Flattened, !norm, norm);
            }
            add(block, K::Gate, true, false);
            add(block, K::GateOut, true, norm);
            add(block, K::SumOut, !norm, norm);
            add(block, K::SparseLinear, !norm, norm);
            add(block, K::AttentionRows, !norm, norm);
            add(block, K::AttentionQueryKeyValue, true, false);
            add(block, K::AttentionOut, true, true);
            add(block, K::AttentionHidden, true, false);
            add(block, K::AttentionFeedForward, true, true);
            add(block, K::DenseSparseMerger, !norm, norm);
            add(block, K::FmMerger, !norm, norm);
        }
        add(self.blocks + 1, K::Head, true, false);
        layers
    }
}

/// The matrices of a handcrafted model.
pub(crate) fn tower_layers(model: &Handcrafted, input: InputShape) -> Vec<Layer> {
    let matrices = model.matrices(input).into_iter().enumerate();
    matrices
        .map(|(index, matrix)| Layer {
            key: (index as u16 + 1, LayerKind::Tower),
            rows: matrix.rows,
            cols: matrix.cols,
            reuse: 1,
            segments: std::iter::once(0..matrix.rows).collect(),
            weight_bits: 32,
            weight_scales: WeightScales::Matrix,
            has_bias: matrix.has_bias,
            has_norm: matrix.norm.is_some(),
            has_batch_norm: matrix.norm == Some(TowerNorm::Batch),
            fan: (!matrix.starts_at_zero).then_some(matrix.rows + matrix.cols),
        })
        .collect()
}

/// The block that feeds the head; 0, the input, for a network without blocks.
pub(crate) fn last_position(network: &Network) -> usize {
    network.blocks.last().map_or(0, |block| block.position)
}
