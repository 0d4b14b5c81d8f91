//! What a network asks of hardware.
//!
//! SG is lowered in its reduced form: the zero padding of its operands costs nothing, since a
//! mapper stores only the part of the matrix that acts. DP computes the triangle only. Precisions
//! of 32 bits, which mean "not quantised" to the supernet, are priced as 16-bit fixed point, the
//! widest format of the crossbars.

use std::sync::Arc;

use pimento_hardware::{
    ElementwiseFunction, EmbeddingTable, OpKind, Operand, Stream, StreamAxis, Workload,
    WorkloadBuilder,
};

use crate::network::{
    ATTENTION_HEADS, Block, DenseNode, DenseOperator, MERGER_ROWS, Network, SparseNode,
    SparseOperator, dot_product_rows,
};

/// Widest fixed-point format.
const MAX_BITS: u8 = 16;

/// The workload of one inference of `network` with embedding tables of `table_rows` rows.
///
/// # Panics
/// If there is not one table per field.
pub fn lower(network: &Network, table_rows: &[u64]) -> Workload {
    assert_eq!(
        table_rows.len(),
        network.input.fields,
        "one table per field"
    );
    let tensors = network.last_tensor() + 1;
    let mut lowering = Lowering {
        network,
        workload: WorkloadBuilder::with_capacity(128),
        dense: vec![None; tensors],
        sparse: vec![[None; 2]; tensors],
    };
    lowering.gather(table_rows);
    for block in &network.blocks {
        lowering.block(block);
    }
    lowering.head();
    lowering.workload.build()
}

struct Lowering<'a> {
    network: &'a Network,
    workload: WorkloadBuilder,
    /// The operator that makes each dense tensor; none for the raw input.
    dense: Vec<Option<u16>>,
    /// Operators that make each sparse tensor: its own, and the merger that appends rows.
    sparse: Vec<[Option<u16>; 2]>,
}

/// Where operators are put: block, bits of weights, bits of inputs.
#[derive(Clone, Copy)]
struct Place {
    block: u16,
    weight_bits: u8,
    activation_bits: u8,
}

impl Place {
    fn new(block: usize, weight_bits: u8, activation_bits: u8) -> Self {
        Self {
            block: block as u16,
            weight_bits: weight_bits.min(MAX_BITS),
            activation_bits: activation_bits.min(MAX_BITS),
        }
    }
}

impl Lowering<'_> {
    fn gather(&mut self, table_rows: &[u64]) {
        let dim = self.network.embedding_dim;
        let stored = |(field, &rows)| self.network.embedding(field).stored(rows, dim);
        let tables: Arc<[EmbeddingTable]> = table_rows.iter().enumerate().map(stored).collect();
        let op = self
            .workload
            .push(0, "embedding", OpKind::EmbeddingGather { tables }, &[]);
        self.sparse[0] = [Some(op), None];
    }

    fn block(&mut self, block: &Block) {
        let sparse = block
            .sparse
            .as_ref()
            .map(|node| self.sparse_operator(block, node));
        let dense = block
            .dense
            .as_ref()
            .map(|node| self.dense_operator(block, node));
        let place = Place::new(
            block.position,
            block.merger_weight_bits,
            block.activation_bits,
        );
        let dim = self.network.embedding_dim;
        let mut merged = None;
        if let (Some(dense), true) = (dense, block.dense_sparse_merger) {
            let width = self.network.dense_width(block.position);
            merged = Some(if width == MERGER_ROWS * dim {
                dense
            } else {
                self.normed(place, "ds.proj", [width, MERGER_ROWS * dim, 1], &[dense])
            });
        }
        if let Some(dense) = dense {
            let output = match (sparse, block.fm_merger) {
                (Some(sparse), true) => self.fm_merger(block, place, dense, sparse),
                _ => dense,
            };
            self.dense[block.position] = Some(output);
        }
        self.sparse[block.position] = [sparse, merged];
    }

    fn fm_merger(&mut self, block: &Block, place: Place, dense: u16, sparse: u16) -> u16 {
        let dim = self.network.embedding_dim;
        let rows = block.sparse.as_ref().map_or(0, |node| node.rows);
        let width = self.network.dense_width(block.position);
        let squares = (rows + 1) * dim;
        let squared = self.elementwise(
            place,
            "fm.square",
            ElementwiseFunction::Multiply,
            squares,
            &[sparse],
        );
        let sums = (2 * rows - 1) * dim;
        let term = self.elementwise(place, "fm.sum", ElementwiseFunction::Add, sums, &[squared]);
        let projected = if width == dim {
            term
        } else {
            self.normed(place, "fm.proj", [dim, width, 1], &[term])
        };
        self.elementwise(
            place,
            "fm.add",
            ElementwiseFunction::Add,
            width,
            &[dense, projected],
        )
    }

    fn dense_operator(&mut self, block: &Block, node: &DenseNode) -> u16 {
        let place = Place::new(block.position, node.weight_bits, block.activation_bits);
        match &node.operator {
            DenseOperator::FullyConnected { inputs } => {
                let (width, ops) = self.dense_inputs(inputs);
                let product = self.connected(place, "fc", width, node, &ops);
                let relu = ElementwiseFunction::Relu;
                self.elementwise(place, "fc.relu", relu, node.width, &[product])
            }
            DenseOperator::Flattened {
                dense_inputs,
                sparse_inputs,
            } => {
                let (width, mut ops) = self.dense_inputs(dense_inputs);
                let (rows, sparse_ops) = self.sparse_inputs(sparse_inputs);
                ops.extend(sparse_ops);
                let inputs = width + rows * self.network.embedding_dim;
                let product = self.connected(place, "flat", inputs, node, &ops);
                let relu = ElementwiseFunction::Relu;
                self.elementwise(place, "flat.relu", relu, node.width, &[product])
            }
            DenseOperator::DotProduct {
                dense_inputs,
                sparse_inputs,
            } => self.dot_product(place, node.width, dense_inputs, sparse_inputs),
            DenseOperator::SigmoidGating { left, right } => {
                self.sigmoid_gating(place, node.width, *left, *right)
            }
            DenseOperator::Sum { left, right } => self.sum(place, node.width, *left, *right),
        }
    }

    fn dot_product(
        &mut self,
        place: Place,
        width: usize,
        dense: &[usize],
        sparse: &[usize],
    ) -> u16 {
        let dim = self.network.embedding_dim;
        let ((inputs, dense_ops), (rows, sparse_ops)) =
            (self.dense_inputs(dense), self.sparse_inputs(sparse));
        let m = dot_product_rows(width);
        let mut operands = if inputs == dim {
            dense_ops
        } else {
            vec![self.normed(place, "dp.dense_proj", [inputs, dim, 1], &dense_ops)]
        };
        if rows == m {
            operands.extend(sparse_ops);
        } else {
            operands.push(self.normed(place, "dp.sparse_inp_proj", [rows, m, dim], &sparse_ops));
        }
        let pairs = m * (m + 1) / 2;
        let operand = Operand {
            count: 1,
            rows: dim as u32,
            cols: m as u32,
            vectors: m as u32,
        };
        let sizes = (pairs * dim, pairs);
        let products = self.product(place, "dp.bmm", operand, sizes, &operands);
        self.normed(place, "dp.out_proj", [pairs, width, 1], &[products])
    }

    fn sigmoid_gating(&mut self, place: Place, width: usize, left: usize, right: usize) -> u16 {
        let (left_width, left_ops) = self.dense_inputs(&[left]);
        let (right_width, right_ops) = self.dense_inputs(&[right]);
        let gate = self.mvm(place, "sg.self", [left_width, right_width, 1], &left_ops);
        let sigmoid = ElementwiseFunction::Sigmoid;
        let gate = self.elementwise(place, "sg.sigmoid", sigmoid, right_width, &[gate]);
        let operands: Vec<u16> = std::iter::once(gate).chain(right_ops).collect();
        let multiply = ElementwiseFunction::Multiply;
        let gated = self.elementwise(place, "sg.multiply", multiply, right_width, &operands);
        if left_width.max(right_width) == width {
            return self.norm(place, "sg.norm", 1, width, gated);
        }
        self.normed(place, "sg.proj", [right_width, width, 1], &[gated])
    }

    fn sum(&mut self, place: Place, width: usize, left: usize, right: usize) -> u16 {
        let (left_width, mut ops) = self.dense_inputs(&[left]);
        let (right_width, right_ops) = self.dense_inputs(&[right]);
        ops.extend(right_ops);
        let (narrow, wide) = (left_width.min(right_width), left_width.max(right_width));
        let sum = self.elementwise(place, "sum.add", ElementwiseFunction::Add, narrow, &ops);
        if wide == width {
            return self.norm(place, "sum.norm", 1, width, sum);
        }
        self.normed(place, "sum.proj", [wide, width, 1], &[sum])
    }

    fn sparse_operator(&mut self, block: &Block, node: &SparseNode) -> u16 {
        let place = Place::new(block.position, node.weight_bits, block.activation_bits);
        let (rows, ops) = self.sparse_inputs(&node.inputs);
        let dim = self.network.embedding_dim;
        match node.operator {
            SparseOperator::Linear => {
                let product = self.normed(place, "efc", [rows, node.rows, dim], &ops);
                let relu = ElementwiseFunction::Relu;
                self.elementwise(place, "efc.relu", relu, node.rows * dim, &[product])
            }
            SparseOperator::Attention => self.attention(place, rows, node.rows, &ops),
        }
    }

    fn attention(&mut self, place: Place, inputs: usize, rows: usize, ops: &[u16]) -> u16 {
        let dim = self.network.embedding_dim;
        let values = rows * dim;
        let projected = self.normed(place, "attn.proj", [inputs, rows, dim], ops);
        let packed = self.by_rows(place, "attn.qkv", [dim, 3 * dim, rows], projected);
        let pairs = ATTENTION_HEADS * rows * rows;
        let keys = Operand {
            count: ATTENTION_HEADS as u32,
            rows: (dim / ATTENTION_HEADS) as u32,
            cols: rows as u32,
            vectors: rows as u32,
        };
        let sizes = (rows * values, pairs);
        let scores = self.product(place, "attn.scores", keys, sizes, &[packed]);
        let softmax = ElementwiseFunction::Softmax;
        let weights = self.elementwise(place, "attn.softmax", softmax, pairs, &[scores]);
        let read_values = Operand {
            rows: keys.cols,
            cols: keys.rows,
            ..keys
        };
        let sizes = (rows * values, values);
        let operands = [weights, packed];
        let context = self.product(place, "attn.context", read_values, sizes, &operands);
        let out = self.by_rows(place, "attn.out", [dim, dim, rows], context);
        let add = ElementwiseFunction::Add;
        let sum = self.elementwise(place, "attn.residual", add, values, &[out, projected]);
        let first = self.always_norm(place, "attn.norm1", rows, dim, sum);
        let hidden = self.by_rows(place, "attn.fc1", [dim, dim, rows], first);
        let relu = ElementwiseFunction::Relu;
        let hidden = self.elementwise(place, "attn.relu", relu, values, &[hidden]);
        let output = self.by_rows(place, "attn.fc2", [dim, dim, rows], hidden);
        let sum = self.elementwise(place, "attn.residual2", add, values, &[output, first]);
        self.always_norm(place, "attn.norm2", rows, dim, sum)
    }

    fn head(&mut self) {
        let last = self.network.last_tensor();
        let bits = self
            .network
            .blocks
            .last()
            .map_or(MAX_BITS, |block| block.activation_bits);
        let place = Place::new(last + 1, self.network.head_weight_bits, bits);
        let [own, merged] = self.sparse[last];
        let made_by = [self.dense[last], own, merged];
        let inputs: Vec<u16> = made_by.into_iter().flatten().collect();
        let logit = self.mvm(place, "head", [self.network.head_width(), 1, 1], &inputs);
        self.elementwise(
            place,
            "head.sigmoid",
            ElementwiseFunction::Sigmoid,
            1,
            &[logit],
        );
    }

    fn dense_inputs(&self, tensors: &[usize]) -> (usize, Vec<u16>) {
        let width = tensors
            .iter()
            .map(|&tensor| self.network.dense_width(tensor))
            .sum();
        let mut ops = Vec::with_capacity(tensors.len());
        ops.extend(tensors.iter().filter_map(|&tensor| self.dense[tensor]));
        (width, ops)
    }

    fn sparse_inputs(&self, tensors: &[usize]) -> (usize, Vec<u16>) {
        let rows = tensors
            .iter()
            .map(|&tensor| self.network.sparse_rows(tensor))
            .sum();
        let mut ops = Vec::with_capacity(2 * tensors.len());
        for &tensor in tensors {
            ops.extend(self.sparse[tensor].iter().flatten());
        }
        (rows, ops)
    }

    /// The matrix of FC or Flat, for an epitome with as many input vectors as it has uses, and the
    /// norm of all outputs. Each use needs the whole input and readers need all outputs: no stream.
    fn connected(
        &mut self,
        place: Place,
        layer: &'static str,
        inputs: usize,
        node: &DenseNode,
        ops: &[u16],
    ) -> u16 {
        let sizes = [inputs, node.matrix_cols(), node.reuse];
        let product = self.mvm(place, layer, sizes, ops);
        self.norm(place, "norm", 1, node.width, product)
    }

    /// A matrix of [inputs, outputs, vectors] and the norm after it where the network has norms.
    fn normed(&mut self, place: Place, layer: &'static str, sizes: [usize; 3], ops: &[u16]) -> u16 {
        let product = self.mvm(place, layer, sizes, ops);
        self.set_stream(product, StreamAxis::Coordinate, sizes[2]);
        self.norm(place, "norm", sizes[2], sizes[1], product)
    }

    /// A matrix of [inputs, outputs, rows] that works on one row after the other.
    fn by_rows(&mut self, place: Place, layer: &'static str, sizes: [usize; 3], op: u16) -> u16 {
        let product = self.mvm(place, layer, sizes, &[op]);
        self.set_stream(product, StreamAxis::Row, sizes[2]);
        product
    }

    fn set_stream(&mut self, op: u16, axis: StreamAxis, parts: usize) {
        let parts = parts as u32;
        let stream = (parts > 1).then_some(Stream { axis, parts });
        self.workload.set_stream(op, stream);
    }

    /// An operator on single values or vectors: it streams as its first input does.
    fn push_after(&mut self, place: Place, layer: &'static str, kind: OpKind, ops: &[u16]) -> u16 {
        let op = self.workload.push(place.block, layer, kind, ops);
        let first = ops.first().map(|&first| usize::from(first));
        let stream = first.and_then(|first| self.workload.ops()[first].stream);
        self.workload.set_stream(op, stream);
        op
    }

    fn mvm(&mut self, place: Place, layer: &'static str, sizes: [usize; 3], ops: &[u16]) -> u16 {
        let [rows, cols, vectors] = sizes.map(|size| size as u32);
        let Place {
            weight_bits,
            activation_bits,
            ..
        } = place;
        let kind = OpKind::StaticMvm {
            rows,
            cols,
            vectors,
            weight_bits,
            activation_bits,
        };
        self.workload.push(place.block, layer, kind, ops)
    }

    fn product(
        &mut self,
        place: Place,
        layer: &'static str,
        operand: Operand,
        (macs, outputs): (usize, usize),
        ops: &[u16],
    ) -> u16 {
        let activation_bits = place.activation_bits;
        let kind = OpKind::DynamicProduct {
            macs: macs as u64,
            outputs: outputs as u32,
            operand,
            activation_bits,
        };
        self.workload.push(place.block, layer, kind, ops)
    }

    fn elementwise(
        &mut self,
        place: Place,
        layer: &'static str,
        function: ElementwiseFunction,
        elements: usize,
        ops: &[u16],
    ) -> u16 {
        let (elements, activation_bits) = (elements as u32, place.activation_bits);
        let kind = OpKind::Elementwise {
            function,
            elements,
            activation_bits,
        };
        self.push_after(place, layer, kind, ops)
    }

    fn norm(
        &mut self,
        place: Place,
        layer: &'static str,
        vectors: usize,
        width: usize,
        op: u16,
    ) -> u16 {
        if !self.network.layer_norm {
            return op;
        }
        self.always_norm(place, layer, vectors, width, op)
    }

    fn always_norm(
        &mut self,
        place: Place,
        layer: &'static str,
        vectors: usize,
        width: usize,
        op: u16,
    ) -> u16 {
        let (vectors, width) = (vectors as u32, width as u32);
        let activation_bits = place.activation_bits;
        let kind = OpKind::Normalisation {
            vectors,
            width,
            activation_bits,
        };
        self.push_after(place, layer, kind, &[op])
    }
}
