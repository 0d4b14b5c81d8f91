//! What a handcrafted model asks of hardware. Normalisation over the batch is part of the matrix
//! before it when a model is in use, and costs nothing.

use pimento_hardware::{
    ElementwiseFunction, EmbeddingTable, OpKind, Operand, TableStorage, Workload, WorkloadBuilder,
};

use super::{Handcrafted, Hidden, Tower, TowerMatrix};
use crate::network::InputShape;

/// Precisions of the priced model: 16-bit fixed point, as a network that was mapped without thought
/// for precision.
const BITS: u8 = 16;

impl Handcrafted {
    /// The workload of one inference with embedding tables of `table_rows` rows, at 16 bits. Blocks
    /// are towers, from 1; the last one adds their logits.
    ///
    /// # Panics
    /// If there is not one table per field.
    pub fn lower(&self, input: InputShape, table_rows: &[u64]) -> Workload {
        assert_eq!(table_rows.len(), input.fields, "one table per field");
        let mut workload = WorkloadBuilder::with_capacity(64);
        let table = |&rows: &u64| EmbeddingTable {
            rows,
            width: self.row_width() as u16,
            bits: BITS,
            lookups: 1,
            storage: TableStorage::Rows,
        };
        let tables = table_rows.iter().map(table).collect();
        let rows = workload.push(0, "embedding", OpKind::EmbeddingGather { tables }, &[]);
        let mut logits = Vec::new();
        for (index, tower) in self.towers.iter().enumerate() {
            let mut lowering = Lowering {
                workload: &mut workload,
                block: index as u16 + 1,
                matrices: tower.matrices(input, self.embedding_dim).into_iter(),
                input,
                dim: self.embedding_dim,
                rows,
            };
            logits.push(lowering.tower(tower));
        }
        let mut last = Lowering {
            workload: &mut workload,
            block: self.towers.len() as u16 + 1,
            matrices: Vec::new().into_iter(),
            input,
            dim: self.embedding_dim,
            rows,
        };
        if logits.len() > 1 {
            let terms = logits.len() - 1;
            logits = vec![last.elementwise("logit.add", ElementwiseFunction::Add, terms, &logits)];
        }
        last.elementwise("logit.sigmoid", ElementwiseFunction::Sigmoid, 1, &logits);
        workload.build()
    }

    /// Multiply–accumulates of matrix products per inference.
    pub fn macs(&self, input: InputShape) -> u64 {
        let workload = self.lower(input, &vec![1; input.fields]);
        workload.ops().iter().map(pimento_hardware::Op::macs).sum()
    }
}

/// One tower on its way to a workload.
struct Lowering<'a> {
    workload: &'a mut WorkloadBuilder,
    block: u16,
    /// The tower's matrices that are not used yet.
    matrices: std::vec::IntoIter<TowerMatrix>,
    input: InputShape,
    dim: usize,
    /// The operator that gathers the embedding rows.
    rows: u16,
}

impl Lowering<'_> {
    /// The operator whose output is the tower's logit.
    fn tower(&mut self, tower: &Tower) -> u16 {
        use ElementwiseFunction::{Add, Multiply};
        let (fields, dim) = (self.input.fields, self.dim);
        let flat = fields * dim + self.input.dense_dim;
        match tower {
            Tower::Linear {} => {
                let dense = self.matrix(&[]);
                self.elementwise("linear.add", Add, fields, &[dense, self.rows])
            }
            Tower::FactorisationMachine {} => {
                let squares = (fields + 1) * dim;
                let squared = self.elementwise("fm.square", Multiply, squares, &[self.rows]);
                self.elementwise("fm.sum", Add, 2 * fields * dim, &[squared])
            }
            Tower::Deep { layers } => {
                let hidden = self.hidden(layers, self.rows);
                self.matrix(&[hidden])
            }
            Tower::Cross { layers } => {
                let mut state = self.rows;
                for _ in 0..*layers {
                    let product = self.matrix(&[state]);
                    let gated = self.elementwise("cross.multiply", Multiply, flat, &[product]);
                    state = self.elementwise("cross.add", Add, flat, &[gated, state]);
                }
                self.matrix(&[state])
            }
            Tower::Attention {
                layers,
                width,
                heads,
            } => {
                let (mut state, mut inputs) = (self.rows, dim);
                for _ in 0..*layers {
                    state = self.attention(state, inputs, *width, *heads);
                    inputs = *width;
                }
                self.matrix(&[state])
            }
            Tower::CompressedInteraction { maps } => self.compressed_interaction(maps),
            Tower::DotProducts {
                bottom,
                top,
                concatenates,
            } => {
                let hidden = self.hidden(bottom, self.rows);
                let dense = self.matrix(&[hidden]);
                let mut read = vec![dense, self.rows];
                if !concatenates {
                    let pairs = fields * (fields + 1) / 2;
                    let kind = OpKind::DynamicProduct {
                        macs: (pairs * dim) as u64,
                        outputs: pairs as u32,
                        operand: Operand {
                            count: 1,
                            rows: dim as u32,
                            cols: fields as u32,
                            vectors: fields as u32,
                        },
                        activation_bits: BITS,
                    };
                    let products = self.workload.push(self.block, "pairs", kind, &read);
                    read = vec![dense, products];
                }
                let hidden = self.hidden_after(top, &read);
                self.matrix(&hidden)
            }
            Tower::TwoStreams {
                left,
                right,
                groups,
                gate_width,
                gate_fields,
            } => {
                let gate = |stream| (stream < gate_fields.len()).then_some(*gate_width);
                let gated = self.gated(gate(0));
                let first = self.hidden(left, gated);
                let gated = self.gated(gate(1));
                let second = self.hidden(right, gated);
                self.fused([first, second], *groups, right.width(flat))
            }
        }
    }

    fn compressed_interaction(&mut self, maps: &[usize]) -> u16 {
        use ElementwiseFunction::{Add, Multiply};
        let (fields, dim) = (self.input.fields, self.dim);
        let (mut state, mut before, mut pooled) = (self.rows, fields, Vec::new());
        for &map in maps {
            let outer = fields * before * dim;
            let outer = self.elementwise("cin.outer", Multiply, outer, &[state, self.rows]);
            state = self.matrix(&[outer]);
            pooled.push(self.elementwise("cin.pool", Add, map * dim, &[state]));
            before = map;
        }
        self.matrix(&pooled)
    }

    /// The inputs times a gate with a hidden layer of this width. Without one the gate is constant
    /// and part of the matrix that reads the inputs.
    fn gated(&mut self, gate_width: Option<usize>) -> u16 {
        use ElementwiseFunction::{Multiply, Relu, Sigmoid};
        let Some(gate_width) = gate_width else {
            self.matrices.next();
            return self.rows;
        };
        let flat = self.input.fields * self.dim + self.input.dense_dim;
        let hidden = self.matrix(&[self.rows]);
        let hidden = self.elementwise("gate.relu", Relu, gate_width, &[hidden]);
        let gate = self.matrix(&[hidden]);
        let gate = self.elementwise("gate.sigmoid", Sigmoid, flat, &[gate]);
        self.elementwise("gate.multiply", Multiply, flat, &[gate, self.rows])
    }

    /// The bilinear form of two streams, the second one `width` wide.
    fn fused(&mut self, [left, right]: [u16; 2], groups: usize, width: usize) -> u16 {
        use ElementwiseFunction::{Add, Multiply};
        let width = width / groups;
        let mut terms = vec![self.matrix(&[left]), self.matrix(&[right])];
        for _ in 0..groups {
            let product = self.matrix(&[left]);
            let product = self.elementwise("fusion.multiply", Multiply, width, &[product, right]);
            terms.push(self.elementwise("fusion.sum", Add, width, &[product]));
        }
        self.elementwise("fusion.add", Add, terms.len() - 1, &terms)
    }

    fn attention(&mut self, state: u16, inputs: usize, width: usize, heads: usize) -> u16 {
        use ElementwiseFunction::{Add, Relu, Softmax};
        let fields = self.input.fields;
        let values = fields * width;
        let packed = self.matrix(&[state]);
        let pairs = heads * fields * fields;
        let keys = Operand {
            count: heads as u32,
            rows: (width / heads) as u32,
            cols: fields as u32,
            vectors: fields as u32,
        };
        let product = |operand: Operand, outputs: usize| OpKind::DynamicProduct {
            macs: (fields * values) as u64,
            outputs: outputs as u32,
            operand,
            activation_bits: BITS,
        };
        let kind = product(keys, pairs);
        let scores = self
            .workload
            .push(self.block, "attn.scores", kind, &[packed]);
        let weights = self.elementwise("attn.softmax", Softmax, pairs, &[scores]);
        let read_values = Operand {
            rows: keys.cols,
            cols: keys.rows,
            ..keys
        };
        let kind = product(read_values, values);
        let context = self
            .workload
            .push(self.block, "attn.context", kind, &[weights, packed]);
        let residual = if inputs == width {
            state
        } else {
            self.matrix(&[state])
        };
        let sum = self.elementwise("attn.add", Add, values, &[context, residual]);
        self.matrices.next();
        let kind = OpKind::Normalisation {
            vectors: fields as u32,
            width: width as u32,
            activation_bits: BITS,
        };
        let normed = self.workload.push(self.block, "attn.norm", kind, &[sum]);
        self.elementwise("attn.relu", Relu, values, &[normed])
    }

    fn hidden(&mut self, layers: &Hidden, input: u16) -> u16 {
        self.hidden_after(layers, &[input])[0]
    }

    /// The last hidden layer, or the inputs where there is none.
    fn hidden_after(&mut self, layers: &Hidden, inputs: &[u16]) -> Vec<u16> {
        let mut state = inputs.to_vec();
        for &width in &layers.widths {
            let product = self.matrix(&state);
            state = vec![self.elementwise("fc.relu", ElementwiseFunction::Relu, width, &[product])];
        }
        state
    }

    /// The tower's next matrix.
    fn matrix(&mut self, inputs: &[u16]) -> u16 {
        let matrix = self.matrices.next().expect("one per use");
        let kind = OpKind::StaticMvm {
            rows: matrix.rows as u32,
            cols: matrix.cols as u32,
            vectors: matrix.vectors as u32,
            weight_bits: BITS,
            activation_bits: BITS,
        };
        self.workload.push(self.block, matrix.layer, kind, inputs)
    }

    fn elementwise(
        &mut self,
        layer: &'static str,
        function: ElementwiseFunction,
        elements: usize,
        inputs: &[u16],
    ) -> u16 {
        let kind = OpKind::Elementwise {
            function,
            elements: elements as u32,
            activation_bits: BITS,
        };
        self.workload.push(self.block, layer, kind, inputs)
    }
}
