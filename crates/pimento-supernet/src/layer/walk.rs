//! The layers of one network, found on a walk through its blocks.

use std::ops::Range;

use pimento_space::{
    Block, DenseNode, DenseOperator, MERGER_ROWS, Network, SparseOperator, dot_product_rows,
};

use super::{Capacity, Layer, LayerKind, Layout, last_position};

/// The layers of `network` in execution order, as slices of the matrices of `layout`.
pub(super) fn layers(layout: &Layout, network: &Network) -> Vec<Layer> {
    let mut walk = Walk {
        layout,
        network,
        layers: Vec::with_capacity(48),
    };
    for block in &network.blocks {
        walk.block(block);
    }
    walk.head();
    walk.layers
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
                self.connected(block, LayerKind::FullyConnected, segments, node);
            }
            DenseOperator::Flattened {
                dense_inputs,
                sparse_inputs,
            } => {
                let mut segments = self.dense_segments(dense_inputs);
                segments.extend(self.flattened_segments(block, dense_inputs, sparse_inputs));
                self.connected(block, LayerKind::Flattened, segments, node);
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
            Layout::StandAlone(..) | Layout::Handcrafted(..) => whole(width + dim * rows),
        };
        self.layers.push(Layer {
            key: (self.layout.head_position(), LayerKind::Head),
            rows: width + dim * rows,
            cols: 1,
            reuse: 1,
            segments,
            weight_bits: self.network.head_weight_bits,
            weight_scales: self.network.weight_scales,
            has_bias: true,
            has_norm: false,
            has_batch_norm: false,
            fan: Some(width + dim * rows + 1),
        });
    }

    fn dense_segments(&self, tensors: &[usize]) -> Vec<Range<usize>> {
        match self.layout {
            Layout::StandAlone(..) | Layout::Handcrafted(..) => whole(
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

    /// Rows that read sparse tensors flattened: tensor by tensor, for each embedding column all its
    /// rows. They stand below those of all dense tensors.
    fn flattened_segments(
        &self,
        block: &Block,
        dense: &[usize],
        sparse: &[usize],
    ) -> Vec<Range<usize>> {
        let dim = self.network.embedding_dim;
        let Layout::Shared(capacity) = self.layout else {
            let first = dense.iter().map(|&tensor| self.network.dense_width(tensor));
            let first: usize = first.sum();
            let rows: usize = sparse
                .iter()
                .map(|&tensor| self.network.sparse_rows(tensor))
                .sum();
            return std::iter::once(first..first + dim * rows).collect();
        };
        let below = capacity.dense_offset(block.position);
        let mut segments = Vec::with_capacity(2 * dim * sparse.len());
        for &tensor in sparse {
            let (start, room) = (
                capacity.sparse_offset(tensor),
                capacity.sparse_offset(tensor + 1) - capacity.sparse_offset(tensor),
            );
            for column in 0..dim {
                let first = below + dim * start + column * room;
                let parts = self.sparse_segments(&[tensor]).into_iter();
                segments
                    .extend(parts.map(|part| first + part.start - start..first + part.end - start));
            }
        }
        segments
    }

    /// FC or Flat. The weights of an epitome start as those of the matrix that it stands for.
    fn connected(
        &mut self,
        block: &Block,
        kind: LayerKind,
        segments: Vec<Range<usize>>,
        node: &DenseNode,
    ) {
        let (fan, cols) = (total(&segments) + node.width, node.matrix_cols());
        let bits = node.weight_bits;
        self.push(block, kind, segments, cols, bits, Extra::BatchNorm);
        self.set_fan(fan);
        self.layers.last_mut().expect("a layer was pushed").reuse = node.reuse;
    }

    fn normed(&mut self, block: &Block, kind: LayerKind, rows: usize, cols: usize, bits: u8) {
        self.prefix(block, kind, rows, cols, bits, Extra::Norm);
    }

    fn set_fan(&mut self, fan: usize) {
        self.layers.last_mut().expect("a layer was pushed").fan = Some(fan);
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
        let has_batch_norm =
            matches!(extra, Extra::BatchNorm) && self.layout.batch_norm().is_some();
        let (has_bias, has_norm) = match extra {
            Extra::BatchNorm if has_batch_norm => (false, true),
            Extra::Norm | Extra::BatchNorm => (!norm, norm),
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
            reuse: 1,
            segments,
            weight_bits,
            weight_scales: self.network.weight_scales,
            has_bias,
            has_norm,
            has_batch_norm,
            fan: Some(rows + cols),
        });
    }
}

/// What stands beside a layer's matrix.
#[derive(Clone, Copy)]
enum Extra {
    /// A norm if the network has norms, else a bias.
    Norm,
    /// A norm over the batch if the network alone has those, else the same.
    BatchNorm,
    Bias,
    /// A bias, and a norm if the network has norms.
    BiasAndNorm,
    /// A bias and the norm of a residual connection.
    Residual,
    /// No matrix.
    NormOnly,
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
