//! Matrix products and weights of a network, counted as NASRec counts them.
//!
//! SG is counted in its zero-padded form, and DP's product as the full square.

use std::fmt;

use crate::network::{
    Block, DenseNode, DenseOperator, MERGER_ROWS, Network, SparseNode, SparseOperator,
    dot_product_rows,
};

/// A matrix product of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Layer {
    /// Position of its block; absent for the head.
    pub block: Option<usize>,
    /// Name inside the block, for example `dp.out_proj`.
    pub name: &'static str,
    /// Its sizes.
    pub shape: LayerShape,
}

/// Sizes of a matrix product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LayerShape {
    /// A linear layer.
    Linear {
        /// Inputs.
        inputs: usize,
        /// Outputs.
        outputs: usize,
        /// Input vectors per sample.
        invocations: usize,
    },
    /// `count` products of a k × d with a d × k matrix, both computed at run time.
    Product {
        /// Rows.
        k: usize,
        /// Inner size.
        d: usize,
        /// Products per sample.
        count: usize,
    },
}

impl Layer {
    /// Multiply–accumulates per sample.
    pub fn macs(&self) -> u64 {
        match self.shape {
            LayerShape::Linear {
                inputs,
                outputs,
                invocations,
            } => (inputs * outputs * invocations) as u64,
            LayerShape::Product { k, d, count } => (k * k * d * count) as u64,
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.block {
            Some(block) => write!(formatter, "{block}.{} ", self.name)?,
            None => write!(formatter, "head ")?,
        }
        match self.shape {
            LayerShape::Linear {
                inputs,
                outputs,
                invocations,
            } => {
                write!(formatter, "{inputs} → {outputs}, {invocations}×")
            }
            LayerShape::Product { k, d, count } => write!(formatter, "{k} × {d} × {k}, {count}×"),
        }
    }
}

impl Network {
    /// All matrix products, in execution order.
    pub fn layers(&self) -> Vec<Layer> {
        let mut walk = Walk {
            network: self,
            block: None,
            layers: Vec::with_capacity(40),
        };
        for block in &self.blocks {
            walk.block = Some(block.position);
            walk.visit(block);
        }
        walk.block = None;
        walk.linear("final", self.head_width(), 1, 1);
        walk.layers
    }

    /// Multiply–accumulates per sample; biases, norms, activations, FM sums and lookups are free.
    pub fn macs(&self) -> u64 {
        self.layers().iter().map(Layer::macs).sum()
    }

    /// Weights and biases outside the embedding tables, a matrix that is used several times counted
    /// once but with a bias for every output, with the two norms that every attention has. The other layer norms, where a network has them, replace biases and are not counted.
    pub fn dense_parameters(&self) -> u64 {
        let linear: usize = self
            .layers()
            .iter()
            .map(|layer| match layer.shape {
                LayerShape::Linear {
                    inputs, outputs, ..
                } => inputs * outputs + outputs,
                LayerShape::Product { .. } => 0,
            })
            .sum();
        let is_attention = |node: &SparseNode| matches!(node.operator, SparseOperator::Attention);
        let nodes = self.blocks.iter().filter_map(|block| block.sparse.as_ref());
        let norms = nodes.filter(|node| is_attention(node)).count() * 4 * self.embedding_dim;
        let dense = self.blocks.iter().filter_map(|block| block.dense.as_ref());
        let further_biases: usize = dense.map(|node| node.width - node.matrix_cols()).sum();
        // Query, key and value are three layers of `embedding_dim` outputs: same count packed.
        (linear + norms + further_biases) as u64
    }
}

struct Walk<'a> {
    network: &'a Network,
    block: Option<usize>,
    layers: Vec<Layer>,
}

impl Walk<'_> {
    fn visit(&mut self, block: &Block) {
        let dim = self.network.embedding_dim;
        if let Some(node) = &block.dense {
            self.dense(node);
        }
        if let Some(node) = &block.sparse {
            self.sparse(node);
        }
        let width = self.network.dense_width(block.position);
        if block.dense_sparse_merger && width != MERGER_ROWS * dim {
            self.linear("ds.proj", width, MERGER_ROWS * dim, 1);
        }
        if block.fm_merger && width != dim {
            self.linear("fm.proj", dim, width, 1);
        }
    }

    fn dense(&mut self, node: &DenseNode) {
        let (network, dim) = (self.network, self.network.embedding_dim);
        let dense_sum = |tensors: &[usize]| -> usize {
            tensors
                .iter()
                .map(|&tensor| network.dense_width(tensor))
                .sum()
        };
        match &node.operator {
            DenseOperator::FullyConnected { inputs } => {
                self.linear("fc", dense_sum(inputs), node.matrix_cols(), node.reuse);
            }
            DenseOperator::Flattened {
                dense_inputs,
                sparse_inputs,
            } => {
                let inputs = dense_sum(dense_inputs) + dim * self.sparse_sum(sparse_inputs);
                self.linear("flat", inputs, node.matrix_cols(), node.reuse);
            }
            DenseOperator::DotProduct {
                dense_inputs,
                sparse_inputs,
            } => {
                let (width, rows) = (dense_sum(dense_inputs), self.sparse_sum(sparse_inputs));
                let m = dot_product_rows(node.width);
                if width != dim {
                    self.linear("dp.dense_proj", width, dim, 1);
                }
                if rows != m {
                    self.linear("dp.sparse_inp_proj", rows, m, dim);
                }
                self.product("dp.bmm", m + 1, dim, 1);
                self.linear("dp.out_proj", m * (m + 1) / 2, node.width, 1);
            }
            DenseOperator::SigmoidGating { left, right } => {
                let widest = network.dense_width(*left).max(network.dense_width(*right));
                self.linear("sg.self", widest, widest, 1);
                if widest != node.width {
                    self.linear("sg.proj", widest, node.width, 1);
                }
            }
            DenseOperator::Sum { left, right } => {
                let widest = network.dense_width(*left).max(network.dense_width(*right));
                if widest != node.width {
                    self.linear("sum.proj", widest, node.width, 1);
                }
            }
        }
    }

    fn sparse(&mut self, node: &SparseNode) {
        let (dim, rows) = (self.network.embedding_dim, self.sparse_sum(&node.inputs));
        match node.operator {
            SparseOperator::Linear => self.linear("efc", rows, node.rows, dim),
            SparseOperator::Attention => {
                self.linear("attn.proj", rows, node.rows, dim);
                self.linear("attn.qkv", dim, 3 * dim, node.rows);
                self.product("attn.bmm2", node.rows, dim, 2);
                for name in ["attn.out", "attn.fc1", "attn.fc2"] {
                    self.linear(name, dim, dim, node.rows);
                }
            }
        }
    }

    fn sparse_sum(&self, tensors: &[usize]) -> usize {
        tensors
            .iter()
            .map(|&tensor| self.network.sparse_rows(tensor))
            .sum()
    }

    fn linear(&mut self, name: &'static str, inputs: usize, outputs: usize, invocations: usize) {
        let shape = LayerShape::Linear {
            inputs,
            outputs,
            invocations,
        };
        self.layers.push(Layer {
            block: self.block,
            name,
            shape,
        });
    }

    fn product(&mut self, name: &'static str, k: usize, d: usize, count: usize) {
        self.layers.push(Layer {
            block: self.block,
            name,
            shape: LayerShape::Product { k, d, count },
        });
    }
}
