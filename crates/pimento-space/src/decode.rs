//! What a genotype means.

use pimento_hardware::Hardware;
use serde::{Deserialize, Serialize};

use crate::{
    genotype::{BlockGenes, Genotype},
    network::{Block, InputShape, Network},
    space::SearchSpace,
};

/// A network and the hardware that runs it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Design {
    /// The network.
    pub network: Network,
    /// The hardware.
    pub hardware: Hardware,
}

impl SearchSpace {
    /// The design that a genotype of this space codes, for inputs of this shape.
    ///
    /// # Panics
    /// If the genotype was drawn for another number of fields.
    pub fn decode(&self, genotype: &Genotype, input: InputShape) -> Design {
        assert!(
            [0, input.fields].contains(&genotype.embeddings.len()),
            "fields that have tables are those of the input"
        );
        let network = Network {
            input,
            embedding_dim: self.network.embedding_dim,
            layer_norm: self.network.layer_norm,
            blocks: live_blocks(&genotype.blocks),
            head_weight_bits: genotype.head_weight_bits,
            embedding_bits: genotype.embedding_bits,
            embeddings: genotype.embeddings.clone(),
            weight_scales: self.precision.weight_scales,
            activation_range: self.precision.activation_range,
        };
        Design {
            network,
            hardware: genotype.hardware,
        }
    }
}

/// The blocks that are not dead. Absent precisions belong to weights that do not exist.
pub(crate) fn live_blocks(genes: &[BlockGenes]) -> Vec<Block> {
    let is_live = |genes: &BlockGenes| genes.dense.is_some() || genes.sparse.is_some();
    let live = genes.iter().enumerate().filter(|(_, genes)| is_live(genes));
    let mut blocks = Vec::with_capacity(genes.len());
    blocks.extend(live.map(|(index, genes)| Block {
        position: index + 1,
        dense: genes.dense.clone(),
        sparse: genes.sparse.clone(),
        dense_sparse_merger: genes.dense_sparse_merger,
        fm_merger: genes.fm_merger,
        merger_weight_bits: genes.merger_weight_bits.unwrap_or(32),
        activation_bits: genes.activation_bits.unwrap_or(32),
    }));
    blocks
}
