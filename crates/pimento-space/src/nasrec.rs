//! Networks in the JSON schema of NASRec (facebookresearch/NasRec, `nasrec/configs`), and the six
//! published ones.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    canonical::canonical_blocks,
    decode::live_blocks,
    embedding::{FieldEmbedding, TableKind},
    genotype::{BlockGenes, RawBlock},
    network::{
        ActivationRange, Block, DenseOperator, InputShape, Network, SparseOperator, WeightScales,
    },
    space_file::DenseOperatorKind,
};

/// Menus of both NASRec spaces.
const WIDTHS: [usize; 8] = [16, 32, 64, 128, 256, 512, 768, 1024];
const ROWS: [usize; 4] = [16, 32, 48, 64];
/// Embedding width of both spaces.
const EMBEDDING_DIM: usize = 16;
/// Most connections of both spaces.
const MAX_CONNECTIONS: usize = 4;

/// A network as NASRec writes it: every gene, dead ones included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NasrecNetwork {
    /// Choices inside the blocks, block 1 first.
    pub micro: Vec<Micro>,
    /// Connections of the blocks.
    #[serde(rename = "macro")]
    pub connections: Vec<Connections>,
    /// Blocks.
    pub num_blocks: usize,
    /// Whether the supernet was normalised; ignored by NASRec's final training and here.
    pub use_layernorm: u8,
    /// The space.
    pub config: Config,
    /// Proxy log loss when the network was found; 0 if it is not known.
    pub test_loss: f64,
}

/// Choices inside a block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Micro {
    /// Numbers of the dense and of the sparse operator.
    pub active_nodes: [u8; 2],
    /// Output width, in spite of its name.
    pub dense_in_dims: usize,
    /// Output rows, in spite of its name.
    pub sparse_in_dims: usize,
    /// Dense→sparse merger, 0 or 1.
    pub dense_sparse_interact: u8,
    /// FM merger, 0 or 1.
    pub deep_fm: u8,
}

/// Tensors that a block reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connections {
    /// Dense tensors, in any order.
    pub dense_idx: Vec<usize>,
    /// Sparse tensors, in any order.
    pub sparse_idx: Vec<usize>,
    /// Left operand.
    pub dense_left_idx: [usize; 1],
    /// Right operand.
    pub dense_right_idx: [usize; 1],
}

/// The spaces of NASRec.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Config {
    /// NASRec-Small.
    #[serde(rename = "autoctr")]
    Small,
    /// NASRec-Full.
    #[serde(rename = "xlarge")]
    Full,
}

/// The data sets of the published networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dataset {
    /// Criteo Kaggle: 13 dense inputs, 26 fields.
    Criteo,
    /// Avazu: 1 constant dense input, 23 fields.
    Avazu,
    /// KDD Cup 2012 track 2: 3 dense inputs, 10 fields.
    Kdd,
}

/// Why a text is not a NASRec network.
#[derive(Debug, Error)]
pub enum NasrecError {
    /// Not JSON of this schema; the message has line and column.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// Lists of blocks of different lengths.
    #[error(
        "`num_blocks` is {blocks}, but `micro` has {micro} and `macro` has {connections} entries"
    )]
    Blocks {
        /// `num_blocks`.
        blocks: usize,
        /// Entries of `micro`.
        micro: usize,
        /// Entries of `macro`.
        connections: usize,
    },
    /// A value outside its menu.
    #[error("block {block}: `{field}` is {value}, expected one of {expected}")]
    Menu {
        /// Block, from 1.
        block: usize,
        /// The field.
        field: &'static str,
        /// Its value.
        value: usize,
        /// What is allowed.
        expected: &'static str,
    },
    /// Embedding rows of another width than NASRec's.
    #[error("`embedding_dim` is {found}, NASRec's schema has 16 only")]
    EmbeddingDim {
        /// The width.
        found: usize,
    },
    /// A field whose table is compressed, or narrower than the others.
    #[error(
        "field {field} has a table `{table}` of width {width}, NASRec's schema has full ones only"
    )]
    Table {
        /// The field, from 0.
        field: usize,
        /// The kind of its table.
        table: TableKind,
        /// Its width.
        width: usize,
    },
    /// A network that the schema cannot say, such as one whose two operators of a block read
    /// different sparse tensors.
    #[error("the network has no form in NASRec's schema")]
    NoForm,
    /// A list of tensors that cannot be.
    #[error("block {block}: `{field}` must hold 1 to 4 different tensors below {block}")]
    Connections {
        /// Block, from 1.
        block: usize,
        /// The field.
        field: &'static str,
    },
}

/// Reads a network.
pub fn import(text: &str) -> Result<NasrecNetwork, NasrecError> {
    let network: NasrecNetwork = serde_json::from_str(text)?;
    network.check()?;
    Ok(network)
}

/// A published network.
pub fn published(dataset: Dataset, config: Config) -> NasrecNetwork {
    let text = match (dataset, config) {
        (Dataset::Criteo, Config::Small) => include_str!("../../../data/nasrec/criteo_small.json"),
        (Dataset::Criteo, Config::Full) => include_str!("../../../data/nasrec/criteo_full.json"),
        (Dataset::Avazu, Config::Small) => include_str!("../../../data/nasrec/avazu_small.json"),
        (Dataset::Avazu, Config::Full) => include_str!("../../../data/nasrec/avazu_full.json"),
        (Dataset::Kdd, Config::Small) => include_str!("../../../data/nasrec/kdd_small.json"),
        (Dataset::Kdd, Config::Full) => include_str!("../../../data/nasrec/kdd_full.json"),
    };
    import(text).expect("the published networks are checked by a test")
}

impl NasrecNetwork {
    /// A network in this schema: precisions are dropped, dead genes get the first choice of their
    /// menu.
    pub fn from_network(network: &Network) -> Result<Self, NasrecError> {
        if network.embedding_dim != EMBEDDING_DIM {
            return Err(NasrecError::EmbeddingDim {
                found: network.embedding_dim,
            });
        }
        let is_plain = |embedding: &FieldEmbedding| {
            embedding.table == TableKind::Full && embedding.width == EMBEDDING_DIM
        };
        if let Some(field) = network.embeddings.iter().position(|table| !is_plain(table)) {
            let FieldEmbedding { table, width, .. } = network.embeddings[field];
            return Err(NasrecError::Table {
                field,
                table,
                width,
            });
        }
        let config = Config::of(network);
        let blocks = network.last_tensor();
        let (micro, connections) = (1..=blocks)
            .map(|position| config.block_of(network.block(position)))
            .unzip();
        let nasrec = Self {
            micro,
            connections,
            num_blocks: blocks,
            use_layernorm: u8::from(network.layer_norm),
            config,
            test_loss: 0.0,
        };
        nasrec.check()?;
        let plain = Network {
            layer_norm: false,
            weight_scales: WeightScales::Matrix,
            activation_range: ActivationRange::Symmetric,
            embeddings: Vec::new(),
            ..network.at_precision(32)
        };
        if nasrec.to_network(network.input, 32) == plain {
            Ok(nasrec)
        } else {
            Err(NasrecError::NoForm)
        }
    }

    /// The network as JSON of the same schema.
    pub fn export(&self) -> Result<String, NasrecError> {
        Ok(serde_json::to_string(self)?)
    }

    /// Its live genes at a uniform precision.
    pub fn genes(&self, bits: u8) -> Vec<BlockGenes> {
        let pairs = self.micro.iter().zip(&self.connections);
        let raw: Vec<RawBlock> = pairs
            .map(|(micro, connections)| self.raw_block(micro, connections, bits))
            .collect();
        canonical_blocks(&raw, EMBEDDING_DIM)
    }

    /// The live network at a uniform precision, without layer norm, as NASRec trains it at last.
    pub fn to_network(&self, input: InputShape, bits: u8) -> Network {
        Network {
            input,
            embedding_dim: EMBEDDING_DIM,
            layer_norm: false,
            blocks: live_blocks(&self.genes(bits)),
            head_weight_bits: bits,
            embedding_bits: bits,
            embeddings: Vec::new(),
            weight_scales: WeightScales::Matrix,
            activation_range: ActivationRange::Symmetric,
        }
    }

    fn raw_block(&self, micro: &Micro, connections: &Connections, bits: u8) -> RawBlock {
        RawBlock {
            dense_operator: self.config.dense_operators()[usize::from(micro.active_nodes[0])],
            sparse_operator: self.config.sparse_operator(micro.active_nodes[1]),
            width: micro.dense_in_dims,
            reuse: 1,
            rows: micro.sparse_in_dims,
            dense_sparse_merger: micro.dense_sparse_interact == 1,
            fm_merger: micro.deep_fm == 1,
            dense_inputs: connections.dense_idx.clone(),
            sparse_inputs: connections.sparse_idx.clone(),
            left: connections.dense_left_idx[0],
            right: connections.dense_right_idx[0],
            dense_weight_bits: bits,
            sparse_weight_bits: bits,
            merger_weight_bits: bits,
            activation_bits: bits,
        }
    }

    fn check(&self) -> Result<(), NasrecError> {
        let (micro, connections) = (self.micro.len(), self.connections.len());
        let blocks = self.num_blocks;
        if micro != blocks || connections != blocks || blocks == 0 {
            return Err(NasrecError::Blocks {
                blocks,
                micro,
                connections,
            });
        }
        for (index, (micro, connections)) in self.micro.iter().zip(&self.connections).enumerate() {
            self.check_micro(index + 1, micro)?;
            connections.check(index + 1)?;
        }
        Ok(())
    }

    fn check_micro(&self, block: usize, micro: &Micro) -> Result<(), NasrecError> {
        let menu = |field, value, is_allowed: bool, expected| {
            if is_allowed {
                Ok(())
            } else {
                Err(NasrecError::Menu {
                    block,
                    field,
                    value,
                    expected,
                })
            }
        };
        let [dense, sparse] = micro.active_nodes.map(usize::from);
        let count = self.config.dense_operators().len();
        let (operators, expected) = match self.config {
            Config::Small => (
                count..count + 1,
                "a dense operator 0 to 1 and a sparse operator 2",
            ),
            Config::Full => (
                count..count + 2,
                "a dense operator 0 to 3 and a sparse operator 4 to 5",
            ),
        };
        menu("active_nodes", dense, dense < count, expected)?;
        menu(
            "active_nodes",
            sparse,
            operators.contains(&sparse),
            expected,
        )?;
        let width = micro.dense_in_dims;
        let widths = "16, 32, 64, 128, 256, 512, 768, 1024";
        menu("dense_in_dims", width, WIDTHS.contains(&width), widths)?;
        let rows = micro.sparse_in_dims;
        menu(
            "sparse_in_dims",
            rows,
            ROWS.contains(&rows),
            "16, 32, 48, 64",
        )?;
        let flag = usize::from(micro.dense_sparse_interact);
        menu("dense_sparse_interact", flag, flag < 2, "0, 1")?;
        let flag = usize::from(micro.deep_fm);
        menu("deep_fm", flag, flag < 2, "0, 1")
    }
}

impl Connections {
    fn check(&self, block: usize) -> Result<(), NasrecError> {
        let lists = [
            ("dense_idx", &self.dense_idx[..]),
            ("sparse_idx", &self.sparse_idx),
            ("dense_left_idx", &self.dense_left_idx),
            ("dense_right_idx", &self.dense_right_idx),
        ];
        for (field, list) in lists {
            let is_repeated = (1..list.len()).any(|place| list[..place].contains(&list[place]));
            let is_sized = (1..=MAX_CONNECTIONS).contains(&list.len());
            if !is_sized || is_repeated || list.iter().any(|&tensor| tensor >= block) {
                return Err(NasrecError::Connections { block, field });
            }
        }
        Ok(())
    }
}

impl Config {
    /// The smallest space with the operators of `network`.
    fn of(network: &Network) -> Self {
        let is_small = network.blocks.iter().all(|block| {
            let dense = block.dense.as_ref().map(|node| &node.operator);
            let sparse = block.sparse.as_ref().map(|node| node.operator);
            !matches!(
                dense,
                Some(DenseOperator::SigmoidGating { .. } | DenseOperator::Sum { .. })
            ) && sparse != Some(SparseOperator::Attention)
        });
        if is_small { Self::Small } else { Self::Full }
    }

    /// The genes of a block; the first choices where nothing is alive.
    fn block_of(self, block: Option<&Block>) -> (Micro, Connections) {
        let linear = match self {
            Self::Small => 2,
            Self::Full => 5,
        };
        let mut micro = Micro {
            active_nodes: [0, linear],
            dense_in_dims: WIDTHS[0],
            sparse_in_dims: ROWS[0],
            dense_sparse_interact: block.map_or(0, |block| u8::from(block.dense_sparse_merger)),
            deep_fm: block.map_or(0, |block| u8::from(block.fm_merger)),
        };
        let mut connections = Connections {
            dense_idx: vec![0],
            sparse_idx: vec![0],
            dense_left_idx: [0],
            dense_right_idx: [0],
        };
        if let Some(node) = block.and_then(|block| block.sparse.as_ref()) {
            micro.sparse_in_dims = node.rows;
            connections.sparse_idx.clone_from(&node.inputs);
            if node.operator == SparseOperator::Attention {
                micro.active_nodes[1] = 4;
            }
        }
        if let Some(node) = block.and_then(|block| block.dense.as_ref()) {
            micro.dense_in_dims = node.width;
            micro.active_nodes[0] = match &node.operator {
                DenseOperator::FullyConnected { inputs } => {
                    connections.dense_idx.clone_from(inputs);
                    0
                }
                // Not in the schema: what is read back is another network, which is an error then.
                DenseOperator::Flattened { dense_inputs, .. } => {
                    connections.dense_idx.clone_from(dense_inputs);
                    0
                }
                DenseOperator::DotProduct {
                    dense_inputs,
                    sparse_inputs,
                } => {
                    connections.dense_idx.clone_from(dense_inputs);
                    connections.sparse_idx.clone_from(sparse_inputs);
                    1
                }
                DenseOperator::SigmoidGating { left, right } => {
                    (connections.dense_left_idx, connections.dense_right_idx) = ([*left], [*right]);
                    2
                }
                DenseOperator::Sum { left, right } => {
                    (connections.dense_left_idx, connections.dense_right_idx) = ([*left], [*right]);
                    3
                }
            };
        }
        (micro, connections)
    }

    /// Dense operators by their numbers.
    fn dense_operators(self) -> &'static [DenseOperatorKind] {
        use DenseOperatorKind as Kind;
        match self {
            Self::Small => &[Kind::FullyConnected, Kind::DotProduct],
            Self::Full => &[
                Kind::FullyConnected,
                Kind::DotProduct,
                Kind::SigmoidGating,
                Kind::Sum,
            ],
        }
    }

    /// The sparse operator of a number: in the full space 4 is attention, 5 and the small space's 2
    /// are linear.
    fn sparse_operator(self, number: u8) -> SparseOperator {
        match (self, number) {
            (Self::Full, 4) => SparseOperator::Attention,
            _ => SparseOperator::Linear,
        }
    }
}
