//! Whether a network that came from outside can be built.

use thiserror::Error;

use crate::network::{Block, DenseNode, DenseOperator, Network};

/// Why a network cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NetworkError {
    /// A size that must be positive is zero, or absurdly large.
    #[error("`{field}` is {value}, expected 1 to 1000000")]
    Size {
        /// The field.
        field: &'static str,
        /// Its value.
        value: usize,
    },
    /// Bits outside the range.
    #[error("`{field}` is {bits}, expected 2 to 16, or 32 for no quantisation")]
    Bits {
        /// The field.
        field: &'static str,
        /// Its value.
        bits: u8,
    },
    /// Embeddings of some fields only.
    #[error("`embeddings` has {found} entries, expected none or one per field: {fields}")]
    Embeddings {
        /// Entries.
        found: usize,
        /// Fields.
        fields: usize,
    },
    /// A row wider than the network's, or without values.
    #[error("`embeddings`: field {field} has `width` {width}, expected 1 to {embedding_dim}")]
    EmbeddingWidth {
        /// The field, from 0.
        field: usize,
        /// Its width.
        width: usize,
        /// The network's.
        embedding_dim: usize,
    },
    /// Two precisions for the same rows.
    #[error("`embedding_bits` is {bits}, expected 32 where `embeddings` has bits per field")]
    EmbeddingBits {
        /// Bits beside those of the fields.
        bits: u8,
    },
    /// A matrix that cannot be used so often.
    #[error(
        "block {position}: `reuse` is {reuse}, expected 1 or, of FC and Flat, a divisor of `width`: {width}"
    )]
    Reuse {
        /// Position of the block.
        position: usize,
        /// Uses.
        reuse: usize,
        /// Output width.
        width: usize,
    },
    /// Positions do not ascend from 1.
    #[error("block {position} stands after block {before}: positions must ascend from 1")]
    Order {
        /// Position of the block.
        position: usize,
        /// Position before it.
        before: usize,
    },
    /// An operator reads a tensor that does not exist.
    #[error("block {position} reads {kind} tensor {tensor}, which no earlier live block makes")]
    Input {
        /// Position of the block.
        position: usize,
        /// `dense` or `sparse`.
        kind: &'static str,
        /// The tensor.
        tensor: usize,
    },
    /// A list of tensors is empty or not ascending.
    #[error("block {position}: a list of inputs must ascend and hold at least one tensor")]
    List {
        /// Position of the block.
        position: usize,
    },
    /// A block without operators, or a merger without both.
    #[error("block {position}: a live block has an operator, and both where it has a merger")]
    Operators {
        /// Position of the block.
        position: usize,
    },
}

impl Network {
    /// Checks everything that decoding guarantees.
    pub fn validate(&self) -> Result<(), NetworkError> {
        size("dense_dim", self.input.dense_dim)?;
        size("fields", self.input.fields)?;
        size("embedding_dim", self.embedding_dim)?;
        bits("head_weight_bits", self.head_weight_bits)?;
        bits("embedding_bits", self.embedding_bits)?;
        self.check_embeddings()?;
        let mut before = 0;
        for block in &self.blocks {
            let position = block.position;
            if position <= before || position > 1000 {
                return Err(NetworkError::Order { position, before });
            }
            before = position;
            self.check_block(block)?;
        }
        Ok(())
    }

    fn check_embeddings(&self) -> Result<(), NetworkError> {
        let (found, fields) = (self.embeddings.len(), self.input.fields);
        if found == 0 {
            return Ok(());
        }
        if found != fields {
            return Err(NetworkError::Embeddings { found, fields });
        }
        if self.embedding_bits != 32 {
            let bits = self.embedding_bits;
            return Err(NetworkError::EmbeddingBits { bits });
        }
        let embedding_dim = self.embedding_dim;
        for (field, embedding) in self.embeddings.iter().enumerate() {
            bits("bits", embedding.bits)?;
            let width = embedding.width;
            if !(1..=embedding_dim).contains(&width) {
                return Err(NetworkError::EmbeddingWidth {
                    field,
                    width,
                    embedding_dim,
                });
            }
        }
        Ok(())
    }

    fn check_block(&self, block: &Block) -> Result<(), NetworkError> {
        let position = block.position;
        bits("activation_bits", block.activation_bits)?;
        bits("merger_weight_bits", block.merger_weight_bits)?;
        let merges = block.dense_sparse_merger || block.fm_merger;
        let (has_dense, has_sparse) = (block.dense.is_some(), block.sparse.is_some());
        if !has_dense && !has_sparse || merges && !(has_dense && has_sparse) {
            return Err(NetworkError::Operators { position });
        }
        if let Some(node) = &block.sparse {
            size("rows", node.rows)?;
            bits("weight_bits", node.weight_bits)?;
            self.check_inputs(position, "sparse", &node.inputs, Self::sparse_rows)?;
        }
        let Some(node) = &block.dense else {
            return Ok(());
        };
        size("width", node.width)?;
        bits("weight_bits", node.weight_bits)?;
        check_reuse(position, node)?;
        match &node.operator {
            DenseOperator::FullyConnected { inputs } => {
                self.check_inputs(position, "dense", inputs, Self::dense_width)
            }
            DenseOperator::Flattened {
                dense_inputs,
                sparse_inputs,
            }
            | DenseOperator::DotProduct {
                dense_inputs,
                sparse_inputs,
            } => {
                self.check_inputs(position, "dense", dense_inputs, Self::dense_width)?;
                self.check_inputs(position, "sparse", sparse_inputs, Self::sparse_rows)
            }
            DenseOperator::SigmoidGating { left, right } | DenseOperator::Sum { left, right } => {
                self.check_inputs(position, "dense", &[*left], Self::dense_width)?;
                self.check_inputs(position, "dense", &[*right], Self::dense_width)
            }
        }
    }

    fn check_inputs(
        &self,
        position: usize,
        kind: &'static str,
        tensors: &[usize],
        width: impl Fn(&Self, usize) -> usize,
    ) -> Result<(), NetworkError> {
        if tensors.is_empty() || !tensors.is_sorted_by(|a, b| a < b) {
            return Err(NetworkError::List { position });
        }
        match tensors
            .iter()
            .find(|&&tensor| tensor >= position || width(self, tensor) == 0)
        {
            Some(&tensor) => Err(NetworkError::Input {
                position,
                kind,
                tensor,
            }),
            None => Ok(()),
        }
    }
}

fn check_reuse(position: usize, node: &DenseNode) -> Result<(), NetworkError> {
    let (reuse, width) = (node.reuse, node.width);
    let is_layer = matches!(
        node.operator,
        DenseOperator::FullyConnected { .. } | DenseOperator::Flattened { .. }
    );
    if reuse == 1 || is_layer && width.is_multiple_of(reuse) {
        return Ok(());
    }
    Err(NetworkError::Reuse {
        position,
        reuse,
        width,
    })
}

fn size(field: &'static str, value: usize) -> Result<(), NetworkError> {
    if (1..=1_000_000).contains(&value) {
        Ok(())
    } else {
        Err(NetworkError::Size { field, value })
    }
}

fn bits(field: &'static str, bits: u8) -> Result<(), NetworkError> {
    let is_allowed = (2..=16).contains(&bits) || bits == 32;
    if is_allowed {
        Ok(())
    } else {
        Err(NetworkError::Bits { field, bits })
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        embedding::FieldEmbedding,
        network::{
            ActivationRange, Block, DenseNode, DenseOperator, InputShape, Network, WeightScales,
        },
    };

    fn check(change: impl FnOnce(&mut Network), expected: &str) {
        let mut network = Network {
            input: InputShape {
                dense_dim: 1,
                fields: 2,
            },
            embedding_dim: 16,
            layer_norm: false,
            blocks: Vec::new(),
            head_weight_bits: 8,
            embedding_bits: 32,
            embeddings: vec![FieldEmbedding::full(8, 4); 2],
            weight_scales: WeightScales::Matrix,
            activation_range: ActivationRange::Symmetric,
        };
        assert_eq!(network.validate(), Ok(()));
        change(&mut network);
        let message = network.validate().map_err(|error| error.to_string());
        assert_eq!(message, Err(expected.to_owned()));
    }

    #[test]
    fn embeddings_that_cannot_be_are_refused() {
        check(
            |network| network.embeddings.truncate(1),
            "`embeddings` has 1 entries, expected none or one per field: 2",
        );
        check(
            |network| network.embeddings[1].width = 17,
            "`embeddings`: field 1 has `width` 17, expected 1 to 16",
        );
        check(
            |network| network.embeddings[0].bits = 1,
            "`bits` is 1, expected 2 to 16, or 32 for no quantisation",
        );
        check(
            |network| network.embedding_bits = 8,
            "`embedding_bits` is 8, expected 32 where `embeddings` has bits per field",
        );
    }

    fn block(operator: DenseOperator, width: usize, reuse: usize) -> Block {
        Block {
            position: 1,
            dense: Some(DenseNode {
                operator,
                width,
                weight_bits: 8,
                reuse,
            }),
            sparse: None,
            dense_sparse_merger: false,
            fm_merger: false,
            merger_weight_bits: 32,
            activation_bits: 8,
        }
    }

    #[test]
    fn matrices_are_used_as_often_as_widths_divide() {
        let connected = || DenseOperator::FullyConnected { inputs: vec![0] };
        let sum = || DenseOperator::Sum { left: 0, right: 0 };
        for (operator, width, reuse) in [(connected(), 12, 5), (connected(), 12, 0), (sum(), 12, 2)]
        {
            check(
                |network| network.blocks = vec![block(operator, width, reuse)],
                &format!(
                    "block 1: `reuse` is {reuse}, expected 1 or, of FC and Flat, a divisor of `width`: 12"
                ),
            );
        }
        for (operator, reuse) in [(connected(), 12), (connected(), 3), (sum(), 1)] {
            let network = Network {
                blocks: vec![block(operator, 12, reuse)],
                ..Network::without_blocks(
                    InputShape {
                        dense_dim: 1,
                        fields: 2,
                    },
                    16,
                )
            };
            assert_eq!(network.validate(), Ok(()));
        }
    }
}
