//! A handcrafted network to compare with, shaped as DLRM (Naumov et al., arXiv 1906.00091).

use crate::network::{
    ActivationRange, Block, DenseNode, DenseOperator, InputShape, Network, WeightScales,
};

/// Bits of everything: the data width of ISAAC.
const BITS: u8 = 16;

/// A bottom network 512–256, the dot products of its output with all embeddings, and a top network
/// 512–256 over the products and the bottom network's output. The rows of the products are
/// projected as DP does, which DLRM has not.
pub fn dlrm_shaped(input: InputShape) -> Network {
    let dense = |position: usize, operator: DenseOperator, width: usize| Block {
        position,
        dense: Some(DenseNode {
            operator,
            width,
            weight_bits: BITS,
            reuse: 1,
        }),
        sparse: None,
        dense_sparse_merger: false,
        fm_merger: false,
        merger_weight_bits: BITS,
        activation_bits: BITS,
    };
    let layer = |inputs: &[usize]| DenseOperator::FullyConnected {
        inputs: inputs.to_vec(),
    };
    let products = DenseOperator::DotProduct {
        dense_inputs: vec![2],
        sparse_inputs: vec![0],
    };
    Network {
        input,
        embedding_dim: 16,
        layer_norm: false,
        blocks: vec![
            dense(1, layer(&[0]), 512),
            dense(2, layer(&[1]), 256),
            dense(3, products, 512),
            dense(4, layer(&[2, 3]), 512),
            dense(5, layer(&[4]), 256),
        ],
        head_weight_bits: BITS,
        embedding_bits: BITS,
        embeddings: Vec::new(),
        weight_scales: WeightScales::Matrix,
        activation_range: ActivationRange::Symmetric,
    }
}
