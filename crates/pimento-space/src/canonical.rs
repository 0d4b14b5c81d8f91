//! Which genes are alive.
//!
//! Only the last block is read by the head. Working backwards from it tells which outputs are
//! needed, which operators are live, and which genes do something.

use crate::{
    genotype::{BlockGenes, RawBlock},
    network::{DenseNode, DenseOperator, MERGER_ROWS, SparseNode},
    space_file::DenseOperatorKind,
};

/// The live genes of all blocks.
pub(crate) fn canonical_blocks(raw: &[RawBlock], embedding_dim: usize) -> Vec<BlockGenes> {
    let count = raw.len();
    let mut needs_dense = vec![false; count + 1];
    let mut needs_sparse = vec![false; count + 1];
    needs_dense[count] = true;
    needs_sparse[count] = true;
    let mut blocks = vec![BlockGenes::default(); count];
    for position in (1..=count).rev() {
        let genes = &raw[position - 1];
        let (dense_is_read, sparse_is_read) = (needs_dense[position], needs_sparse[position]);
        let merges = genes.dense_sparse_merger && sparse_is_read;
        let adds_fm = genes.fm_merger && dense_is_read;
        let block = &mut blocks[position - 1];
        if dense_is_read || merges {
            let operator = dense_operator(genes);
            mark(&operator, &mut needs_dense, &mut needs_sparse);
            block.dense = Some(DenseNode {
                operator,
                width: genes.width,
                weight_bits: genes.dense_weight_bits,
                reuse: if genes.dense_operator.is_layer() {
                    genes.reuse
                } else {
                    1
                },
            });
        }
        if sparse_is_read || adds_fm {
            for &tensor in &genes.sparse_inputs {
                needs_sparse[tensor] = true;
            }
            block.sparse = Some(SparseNode {
                operator: genes.sparse_operator,
                inputs: sorted(&genes.sparse_inputs),
                rows: genes.rows,
                weight_bits: genes.sparse_weight_bits,
            });
        }
        block.dense_sparse_merger = merges;
        block.fm_merger = adds_fm;
        let has_merger_weights = merges && genes.width != MERGER_ROWS * embedding_dim
            || adds_fm && genes.width != embedding_dim;
        block.merger_weight_bits = has_merger_weights.then_some(genes.merger_weight_bits);
        let is_live = block.dense.is_some() || block.sparse.is_some();
        block.activation_bits = is_live.then_some(genes.activation_bits);
    }
    blocks
}

/// Which dense and which sparse tensors something reads, by tensor number.
pub(crate) fn outputs_read(blocks: &[BlockGenes]) -> (Vec<bool>, Vec<bool>) {
    let mut dense = vec![false; blocks.len() + 1];
    let mut sparse = vec![false; blocks.len() + 1];
    dense[blocks.len()] = true;
    sparse[blocks.len()] = true;
    for block in blocks {
        if let Some(node) = &block.dense {
            mark(&node.operator, &mut dense, &mut sparse);
        }
        for &tensor in block.sparse.iter().flat_map(|node| &node.inputs) {
            sparse[tensor] = true;
        }
    }
    (dense, sparse)
}

fn dense_operator(genes: &RawBlock) -> DenseOperator {
    match genes.dense_operator {
        DenseOperatorKind::FullyConnected => DenseOperator::FullyConnected {
            inputs: sorted(&genes.dense_inputs),
        },
        DenseOperatorKind::Flattened => DenseOperator::Flattened {
            dense_inputs: sorted(&genes.dense_inputs),
            sparse_inputs: sorted(&genes.sparse_inputs),
        },
        DenseOperatorKind::DotProduct => DenseOperator::DotProduct {
            dense_inputs: sorted(&genes.dense_inputs),
            sparse_inputs: sorted(&genes.sparse_inputs),
        },
        DenseOperatorKind::SigmoidGating => DenseOperator::SigmoidGating {
            left: genes.left,
            right: genes.right,
        },
        DenseOperatorKind::Sum => DenseOperator::Sum {
            left: genes.left.min(genes.right),
            right: genes.left.max(genes.right),
        },
    }
}

fn mark(operator: &DenseOperator, needs_dense: &mut [bool], needs_sparse: &mut [bool]) {
    let (dense, sparse): (&[usize], &[usize]) = match operator {
        DenseOperator::FullyConnected { inputs } => (inputs, &[]),
        DenseOperator::Flattened {
            dense_inputs,
            sparse_inputs,
        }
        | DenseOperator::DotProduct {
            dense_inputs,
            sparse_inputs,
        } => (dense_inputs, sparse_inputs),
        DenseOperator::SigmoidGating { left, right } | DenseOperator::Sum { left, right } => {
            (&[*left, *right], &[])
        }
    };
    for &tensor in dense {
        needs_dense[tensor] = true;
    }
    for &tensor in sparse {
        needs_sparse[tensor] = true;
    }
}

fn sorted(tensors: &[usize]) -> Vec<usize> {
    let mut tensors = tensors.to_vec();
    tensors.sort_unstable();
    tensors.dedup();
    tensors
}
