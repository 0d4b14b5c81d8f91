//! The code of a design: what was chosen, nothing else.

use pimento_hardware::Hardware;
use serde::{Deserialize, Serialize};

use crate::{
    embedding::FieldEmbedding,
    network::{DenseNode, SparseNode, SparseOperator},
    space_file::DenseOperatorKind,
};

/// A canonical code of a design: genes that nothing depends on are absent, lists are sorted, the
/// operands of Sum ascend, tables that save nothing are full. Two genotypes are equal exactly if they code the same design.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genotype {
    /// One entry per choice block, dead ones included.
    pub blocks: Vec<BlockGenes>,
    /// Bits of the head's weights.
    pub head_weight_bits: u8,
    /// Bits of the embedding rows; 32 where fields have their own.
    pub embedding_bits: u8,
    /// The tables of the fields; none where all are full and share one precision.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub embeddings: Vec<FieldEmbedding>,
    /// The hardware.
    pub hardware: Hardware,
}

/// The genes of one block. A block without operators is dead.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockGenes {
    /// The dense operator, if it is live.
    pub dense: Option<DenseNode>,
    /// The sparse operator, if it is live.
    pub sparse: Option<SparseNode>,
    /// Whether the dense→sparse merger is live.
    pub dense_sparse_merger: bool,
    /// Whether the FM merger is live.
    pub fm_merger: bool,
    /// Bits of the mergers' weights, if a merger with weights is live.
    pub merger_weight_bits: Option<u8>,
    /// Bits of the block's inputs, if the block is live.
    pub activation_bits: Option<u8>,
}

/// Every gene of a block, dead or alive: what is drawn and changed before it is made canonical.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RawBlock {
    pub(crate) dense_operator: DenseOperatorKind,
    pub(crate) sparse_operator: SparseOperator,
    pub(crate) width: usize,
    pub(crate) reuse: usize,
    pub(crate) rows: usize,
    pub(crate) dense_sparse_merger: bool,
    pub(crate) fm_merger: bool,
    pub(crate) dense_inputs: Vec<usize>,
    pub(crate) sparse_inputs: Vec<usize>,
    pub(crate) left: usize,
    pub(crate) right: usize,
    pub(crate) dense_weight_bits: u8,
    pub(crate) sparse_weight_bits: u8,
    pub(crate) merger_weight_bits: u8,
    pub(crate) activation_bits: u8,
}
