//! What a network asks of hardware: a graph of operators with all shapes and precisions known.

mod builder;
mod embedding;

use std::{ops::Range, sync::Arc};

use serde::{Serialize, Serializer};

pub use builder::WorkloadBuilder;
pub use embedding::{EmbeddingTable, StoredTable, TableStorage, cube_root};

/// A directed acyclic graph of operators for the inference of one sample, made by [`WorkloadBuilder`].
///
/// The order of the operators depends on the graph alone, not on how they were listed: each stands right
/// before those that read it, so that a branch of the network stands together; of several inputs of an
/// operator, the one at the end of the longest way stands next to it. Gathers stand before all others.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Workload {
    ops: Vec<Op>,
    /// Predecessors of all operators; `Op::first_input` is where those of one begin.
    inputs: Vec<u16>,
}

/// One operator of a live network.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Op {
    /// Position of its block: 0 is the embedding layer, `1..=n` the choice blocks, `n + 1` the head.
    pub block: u16,
    /// Name of the layer inside its block, for example `dp.out_proj`.
    pub layer: &'static str,
    /// What it computes.
    pub kind: OpKind,
    /// The vectors that it takes and gives one after the other; absent where it needs all values to
    /// give any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<Stream>,
    #[serde(skip)]
    first_input: u32,
    #[serde(skip)]
    input_count: u16,
}

/// How the values of a sparse operator come in vectors. An operator can begin with the first vector of
/// an input that comes in the same vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Stream {
    /// What a vector is.
    pub axis: StreamAxis,
    /// How many there are.
    pub parts: u32,
}

/// What a vector of a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamAxis {
    /// One coordinate of all rows.
    Coordinate,
    /// One row.
    Row,
}

/// The kinds of work that hardware tells apart.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OpKind {
    /// Products of a trained matrix with `vectors` run-time vectors.
    StaticMvm {
        /// Inputs of the matrix (K).
        rows: u32,
        /// Outputs of the matrix (N).
        cols: u32,
        /// Input vectors per sample.
        vectors: u32,
        /// Bits of a weight.
        weight_bits: u8,
        /// Bits of an input.
        activation_bits: u8,
    },
    /// A product of two operands that are both computed at run time.
    DynamicProduct {
        /// Multiply–accumulates per sample.
        macs: u64,
        /// Values produced per sample.
        outputs: u32,
        /// The operand that stays while the other one passes, as matrices.
        operand: Operand,
        /// Bits of both operands.
        activation_bits: u8,
    },
    /// One function applied to every element.
    Elementwise {
        /// The function.
        function: ElementwiseFunction,
        /// Applications per sample.
        elements: u32,
        /// Bits of an operand.
        activation_bits: u8,
    },
    /// Layer normalisation of `vectors` vectors of `width` values each.
    Normalisation {
        /// Vectors per sample.
        vectors: u32,
        /// Values in a vector.
        width: u32,
        /// Bits of a value.
        activation_bits: u8,
    },
    /// Reads of one or more rows from each embedding table.
    EmbeddingGather {
        /// The tables, one per categorical field.
        #[serde(serialize_with = "serialize_tables")]
        tables: Arc<[EmbeddingTable]>,
    },
}

/// Matrices of an operand that is computed at run time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Operand {
    /// Matrices, for example one per head of attention.
    pub count: u32,
    /// Rows of each: the values that are summed over.
    pub rows: u32,
    /// Columns of each.
    pub cols: u32,
    /// Vectors that each is multiplied with.
    pub vectors: u32,
}

/// A function of [`OpKind::Elementwise`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ElementwiseFunction {
    /// max(x, 0).
    Relu,
    /// 1 / (1 + e^-x).
    Sigmoid,
    /// x + y.
    Add,
    /// x · y.
    Multiply,
    /// e^x and the division by the sum, per element of a softmax.
    Softmax,
}

impl FromIterator<OpKind> for Workload {
    /// Operators that do not read each other.
    fn from_iter<I: IntoIterator<Item = OpKind>>(kinds: I) -> Self {
        let mut builder = WorkloadBuilder::default();
        for kind in kinds {
            builder.push(1, "op", kind, &[]);
        }
        builder.build()
    }
}

impl Workload {
    /// The operators in topological order.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// How many of the operators, the first ones, gather embeddings.
    pub(crate) fn gathers(&self) -> usize {
        let is_gather = |op: &&Op| matches!(op.kind, OpKind::EmbeddingGather { .. });
        self.ops.iter().take_while(is_gather).count()
    }

    /// Indices of the operators whose outputs `op` reads, from first to last.
    pub fn inputs_of(&self, op: &Op) -> &[u16] {
        &self.inputs[op.inputs()]
    }
}

fn serialize_tables<S: Serializer>(
    tables: &Arc<[EmbeddingTable]>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    tables.as_ref().serialize(serializer)
}

impl Op {
    /// Where the indices of its inputs are.
    fn inputs(&self) -> Range<usize> {
        let first = self.first_input as usize;
        first..first + usize::from(self.input_count)
    }

    /// Multiply–accumulates of matrix products per sample; other work counts as zero.
    pub fn macs(&self) -> u64 {
        match self.kind {
            OpKind::StaticMvm {
                rows,
                cols,
                vectors,
                ..
            } => u64::from(rows) * u64::from(cols) * u64::from(vectors),
            OpKind::DynamicProduct { macs, .. } => macs,
            OpKind::Elementwise { .. }
            | OpKind::Normalisation { .. }
            | OpKind::EmbeddingGather { .. } => 0,
        }
    }
}
