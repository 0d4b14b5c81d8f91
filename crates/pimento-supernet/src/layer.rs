//! The weight layers of a network, and which slice of a shared matrix each one is.
//!
//! A layer is a matrix with its bias and the gain and shift of the normalisation that follows it.
//! Weights are shared by slicing: a subnet's matrix consists of the rows of its inputs and of the
//! leading columns of the one matrix that all subnets of the space have at that place.

use std::ops::Range;

use pimento_space::{
    Block, DenseOperator, InputShape, MERGER_ROWS, Network, SparseOperator, dot_product_rows,
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
    /// Outputs.
    pub cols: usize,
    /// Rows of the shared matrix that its rows are, in order.
    pub segments: Vec<Range<usize>>,
    /// Precision of the matrix; 32 means not quantised.
    pub weight_bits: u8,
    /// Whether it has a bias.
    pub has_bias: bool,
    /// Whether it has the gain and shift of a normalisation.
    pub has_norm: bool,
    /// Inputs plus outputs of the layer before zero padding was reduced away: what the initial
    /// weights' variance is chosen for.
    pub fan: usize,
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
}

/// How the matrices in store relate to those of a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    /// Matrices have room for every network of a space.
    Shared(Capacity),
    /// Matrices are exactly those of one network.
    StandAlone(Box<Network>),
}

impl Layout {
    /// The layers of `network` in execution order, as slices of this layout's matrices.
    pub fn layers(&self, network: &Network) -> Vec<Layer> {
        let mut walk = Walk {
            layout: self,
            network,
            layers: Vec::with_capacity(48),
        };
        for block in &network.blocks {
            walk.block(block);
        }
        walk.head();
        walk.layers
    }

    /// Shape \[inputs, outputs\] of the matrix in store that `layer` is a slice of.
    pub fn stored_shape(&self, layer: &Layer) -> (usize, usize) {
        match self {
            Self::StandAlone(_) => (layer.rows, layer.cols),
            Self::Shared(capacity) => capacity.shape(layer.key),
        }
    }

    /// Block after the last one, the head's address.
    pub fn head_position(&self) -> u16 {
        let blocks = match self {
            Self::Shared(capacity) => capacity.blocks,
            Self::StandAlone(network) => last_position(network),
        };
        blocks as u16 + 1
    }
}

impl Capacity {
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
                segments,
                weight_bits: 32,
                has_bias,
                has_norm,
                fan,
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

/// Collects the layers of one network.
struct Walk<'a> {
    layout: &'a Layout,
    network: &'a Network,
    layers: Vec<Layer>,
}

impl Walk<'_> {
    fn block(&mut self, block: &Block) {
        self.sparse_operator(block);
        self.dense_operator(block);
        let dim = self.network.embedding_dim;
        let width = self.network.dense_width(block.position);
        let bits = block.merger_weight_bits;
        if block.dense_sparse_merger && width != MERGER_ROWS * dim {
            self.normed(
                block,
                LayerKind::DenseSparseMerger,
                width,
                MERGER_ROWS * dim,
                bits,
            );
        }
        if block.fm_merger && width != dim {
            self.normed(block, LayerKind::FmMerger, dim, width, bits);
        }
    }

    fn dense_operator(&mut self, block: &Block) {
        let Some(node) = &block.dense else { return };
        let (width, bits, dim) = (node.width, node.weight_bits, self.network.embedding_dim);
        match &node.operator {
            DenseOperator::FullyConnected { inputs } => {
                let segments = self.dense_segments(inputs);
                self.push(
                    block,
                    LayerKind::FullyConnected,
                    segments,
                    width,
                    bits,
                    Extra::Norm,
                );
            }
            DenseOperator::DotProduct {
                dense_inputs,
                sparse_inputs,
            } => {
                let segments = self.dense_segments(dense_inputs);
                if total(&segments) != dim {
                    self.push(
                        block,
                        LayerKind::DotProductDense,
                        segments,
                        dim,
                        bits,
                        Extra::Norm,
                    );
                }
                let rows = dot_product_rows(width);
                let segments = self.sparse_segments(sparse_inputs);
                if total(&segments) != rows {
                    self.push(
                        block,
                        LayerKind::DotProductRows,
                        segments,
                        rows,
                        bits,
                        Extra::Norm,
                    );
                }
                self.normed(
                    block,
                    LayerKind::DotProductOut,
                    rows * (rows + 1) / 2,
                    width,
                    bits,
                );
            }
            DenseOperator::SigmoidGating { left, right } => {
                let left = self.network.dense_width(*left);
                let right = self.network.dense_width(*right);
                let widest = left.max(right);
                self.prefix(block, LayerKind::Gate, left, right, bits, Extra::Bias);
                self.set_fan(2 * widest);
                if widest == width {
                    self.norm_only(block, LayerKind::GateOut, width);
                } else {
                    self.prefix(
                        block,
                        LayerKind::GateOut,
                        right,
                        width,
                        bits,
                        Extra::BiasAndNorm,
                    );
                    self.set_fan(widest + width);
                }
            }
            DenseOperator::Sum { left, right } => {
                let widest = self
                    .network
                    .dense_width(*left)
                    .max(self.network.dense_width(*right));
                if widest == width {
                    self.norm_only(block, LayerKind::SumOut, width);
                } else {
                    self.normed(block, LayerKind::SumOut, widest, width, bits);
                }
            }
        }
    }

    fn sparse_operator(&mut self, block: &Block) {
        let Some(node) = &block.sparse else { return };
        let segments = self.sparse_segments(&node.inputs);
        let (rows, bits, dim) = (node.rows, node.weight_bits, self.network.embedding_dim);
        match node.operator {
            SparseOperator::Linear => {
                self.push(
                    block,
                    LayerKind::SparseLinear,
                    segments,
                    rows,
                    bits,
                    Extra::Norm,
                );
            }
            SparseOperator::Attention => {
                self.push(
                    block,
                    LayerKind::AttentionRows,
                    segments,
                    rows,
                    bits,
                    Extra::Norm,
                );
                let kind = LayerKind::AttentionQueryKeyValue;
                self.prefix(block, kind, dim, 3 * dim, bits, Extra::Bias);
                self.prefix(
                    block,
                    LayerKind::AttentionOut,
                    dim,
                    dim,
                    bits,
                    Extra::Residual,
                );
                self.prefix(
                    block,
                    LayerKind::AttentionHidden,
                    dim,
                    dim,
                    bits,
                    Extra::Bias,
                );
                let kind = LayerKind::AttentionFeedForward;
                self.prefix(block, kind, dim, dim, bits, Extra::Residual);
            }
        }
    }

    fn head(&mut self) {
        let (dim, last) = (self.network.embedding_dim, last_position(self.network));
        let (width, rows) = (
            self.network.dense_width(last),
            self.network.sparse_rows(last),
        );
        let segments = match self.layout {
            Layout::Shared(capacity) => {
                let block = self.network.block(last).expect("a subnet has blocks");
                head_segments(capacity, block, width)
            }
            Layout::StandAlone(_) => whole(width + dim * rows),
        };
        self.layers.push(Layer {
            key: (self.layout.head_position(), LayerKind::Head),
            rows: width + dim * rows,
            cols: 1,
            segments,
            weight_bits: self.network.head_weight_bits,
            has_bias: true,
            has_norm: false,
            fan: width + dim * rows + 1,
        });
    }

    fn dense_segments(&self, tensors: &[usize]) -> Vec<Range<usize>> {
        match self.layout {
            Layout::StandAlone(_) => whole(
                tensors
                    .iter()
                    .map(|&tensor| self.network.dense_width(tensor))
                    .sum(),
            ),
            Layout::Shared(capacity) => tensors
                .iter()
                .map(|&tensor| {
                    let first = capacity.dense_offset(tensor);
                    first..first + self.network.dense_width(tensor)
                })
                .collect(),
        }
    }

    fn sparse_segments(&self, tensors: &[usize]) -> Vec<Range<usize>> {
        let Layout::Shared(capacity) = self.layout else {
            return whole(
                tensors
                    .iter()
                    .map(|&tensor| self.network.sparse_rows(tensor))
                    .sum(),
            );
        };
        let mut segments = Vec::with_capacity(2 * tensors.len());
        for &tensor in tensors {
            let first = capacity.sparse_offset(tensor);
            let Some(block) = self.network.block(tensor) else {
                segments.push(first..first + self.network.sparse_rows(tensor));
                continue;
            };
            let own = block.sparse.as_ref().map_or(0, |node| node.rows);
            segments.push(first..first + own);
            if block.dense_sparse_merger {
                let merged = first + capacity.max_rows;
                segments.push(merged..merged + MERGER_ROWS);
            }
        }
        segments
    }

    fn normed(&mut self, block: &Block, kind: LayerKind, rows: usize, cols: usize, bits: u8) {
        self.prefix(block, kind, rows, cols, bits, Extra::Norm);
    }

    fn set_fan(&mut self, fan: usize) {
        self.layers.last_mut().expect("a layer was pushed").fan = fan;
    }

    fn norm_only(&mut self, block: &Block, kind: LayerKind, cols: usize) {
        if self.network.layer_norm {
            self.push(block, kind, Vec::new(), cols, 32, Extra::NormOnly);
        }
    }

    fn prefix(
        &mut self,
        block: &Block,
        kind: LayerKind,
        rows: usize,
        cols: usize,
        bits: u8,
        extra: Extra,
    ) {
        self.push(block, kind, whole(rows), cols, bits, extra);
    }

    fn push(
        &mut self,
        block: &Block,
        kind: LayerKind,
        segments: Vec<Range<usize>>,
        cols: usize,
        weight_bits: u8,
        extra: Extra,
    ) {
        let norm = self.network.layer_norm;
        let (has_bias, has_norm) = match extra {
            Extra::Norm => (!norm, norm),
            Extra::Bias => (true, false),
            Extra::BiasAndNorm => (true, norm),
            Extra::Residual => (true, true),
            Extra::NormOnly => (false, true),
        };
        let rows = total(&segments);
        self.layers.push(Layer {
            key: (block.position as u16, kind),
            rows,
            cols,
            segments,
            weight_bits,
            has_bias,
            has_norm,
            fan: rows + cols,
        });
    }
}

/// What stands beside a layer's matrix.
#[derive(Clone, Copy)]
enum Extra {
    /// A norm if the network has norms, else a bias.
    Norm,
    Bias,
    /// A bias, and a norm if the network has norms.
    BiasAndNorm,
    /// A bias and the norm of a residual connection.
    Residual,
    /// No matrix.
    NormOnly,
}

/// The block that feeds the head; 0, the input, for a network without blocks.
pub(crate) fn last_position(network: &Network) -> usize {
    network.blocks.last().map_or(0, |block| block.position)
}

/// Rows of the shared head that read a block's outputs: its dense columns, then for each embedding
/// column its own rows and its merger rows.
fn head_segments(capacity: &Capacity, block: &Block, width: usize) -> Vec<Range<usize>> {
    let own = block.sparse.as_ref().map_or(0, |node| node.rows);
    let mut segments = whole(width);
    for column in 0..capacity.embedding_dim {
        let first = capacity.max_width + column * (capacity.max_rows + MERGER_ROWS);
        segments.push(first..first + own);
        if block.dense_sparse_merger {
            let merged = first + capacity.max_rows;
            segments.push(merged..merged + MERGER_ROWS);
        }
    }
    segments
}

fn whole(rows: usize) -> Vec<Range<usize>> {
    std::iter::once(0..rows).collect()
}

fn total(segments: &[Range<usize>]) -> usize {
    segments.iter().map(ExactSizeIterator::len).sum()
}
