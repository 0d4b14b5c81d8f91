//! What may be chosen (TOML), what a choice means (network), what it asks of hardware (workload).
//!
//! [`SearchSpace`] is read from TOML, draws and changes [`Genotype`]s, and decodes them to a
//! [`Design`]: a live [`Network`] and its hardware. [`lower`] turns a network into a workload.

mod canonical;
mod check;
mod decode;
mod describe;
mod dlrm;
mod embedding;
mod embedding_menus;
mod genotype;
mod handcrafted;
mod layers;
mod lowering;
mod narrowing;
pub mod nasrec;
mod network;
mod path;
mod sampling;
mod size;
mod space;
mod space_file;

pub use check::NetworkError;
pub use decode::Design;
pub use describe::SpaceDescription;
pub use dlrm::dlrm_shaped;
pub use embedding::{FieldEmbedding, TableKind, UnknownTable};
pub use genotype::{BlockGenes, Genotype};
pub use handcrafted::{Handcrafted, Hidden, Tower, TowerMatrix, TowerNorm};
pub use layers::{Layer, LayerShape};
pub use lowering::lower;
pub use narrowing::Narrowing;
pub use network::{
    ATTENTION_HEADS, ActivationRange, Block, DenseNode, DenseOperator, InputShape, MERGER_ROWS,
    Network, SparseNode, SparseOperator, WeightScales, dot_product_rows,
};
pub use path::PathSampler;
pub use pimento_hardware::{EmbeddingTable, TableStorage, cube_root};
pub use size::SpaceSize;
pub use space::SearchSpace;
pub use space_file::{DenseOperatorKind, SpaceError};
