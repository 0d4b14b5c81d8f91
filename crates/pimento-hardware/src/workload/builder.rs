//! From a listing of operators to a workload, whose order does not depend on the listing.

use std::{cell::OnceCell, cmp::Ordering};

use crate::{
    arithmetic::splitmix64,
    workload::{Op, OpKind, Stream, Workload},
};

/// Operators in any order in which each comes after its inputs.
#[derive(Debug, Clone, Default)]
pub struct WorkloadBuilder {
    ops: Vec<Op>,
    /// Predecessors of all operators, one after another.
    inputs: Vec<u16>,
    /// What is known of each operator.
    notes: Vec<Note>,
}

#[derive(Debug, Clone, Copy)]
struct Note {
    /// Operators before it on the longest way to it.
    level: u16,
    /// Inputs of others that it is, as long as these have no place.
    readers: u16,
}

/// What tells operators apart that are alike themselves: all that each is computed from, and all that is
/// computed from it.
#[derive(Debug)]
struct Surroundings {
    before: Vec<u64>,
    after: Vec<u64>,
}

impl WorkloadBuilder {
    /// No operators yet, and room for so many.
    pub fn with_capacity(ops: usize) -> Self {
        Self {
            ops: Vec::with_capacity(ops),
            inputs: Vec::with_capacity(2 * ops),
            notes: Vec::with_capacity(ops),
        }
    }

    /// Appends an operator that reads the outputs of `inputs`, and returns its index.
    ///
    /// # Panics
    /// If an input is not the index of an earlier operator.
    pub fn push(&mut self, block: u16, layer: &'static str, kind: OpKind, inputs: &[u16]) -> u16 {
        let index = self.ops.len() as u16;
        let mut level = 0;
        for &input in inputs {
            assert!(input < index, "inputs come before their reader");
            let note = &mut self.notes[usize::from(input)];
            note.readers += 1;
            level = level.max(note.level + 1);
        }
        self.notes.push(Note { level, readers: 0 });
        let first_input = self.inputs.len() as u32;
        self.inputs.extend_from_slice(inputs);
        let input_count = inputs.len() as u16;
        self.ops.push(Op {
            block,
            layer,
            kind,
            stream: None,
            first_input,
            input_count,
        });
        index
    }

    /// Says that an operator takes and gives its values in vectors.
    ///
    /// # Panics
    /// If there is no such operator.
    pub fn set_stream(&mut self, op: u16, stream: Option<Stream>) {
        self.ops[usize::from(op)].stream = stream;
    }

    /// The operators as they are listed.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// The workload of these operators.
    pub fn build(mut self) -> Workload {
        let mut numbers = self.numbers();
        for op in &self.ops {
            let inputs = &mut self.inputs[op.inputs()];
            for input in &mut *inputs {
                *input = numbers[usize::from(*input)];
            }
            inputs.sort_unstable();
        }
        for op in 0..numbers.len() {
            while usize::from(numbers[op]) != op {
                let number = usize::from(numbers[op]);
                self.ops.swap(op, number);
                numbers.swap(op, number);
            }
        }
        Workload {
            ops: self.ops,
            inputs: self.inputs,
        }
    }

    fn inputs_of(&self, op: &Op) -> &[u16] {
        &self.inputs[op.inputs()]
    }

    /// Where each operator comes. From the last place to the first: an operator that nobody reads, then each
    /// as soon as all that read it have a place; of several, the one that came up last. Gathers, which are
    /// not on the chip, come before all others.
    fn numbers(&mut self) -> Vec<u16> {
        let count = self.ops.len();
        let mut numbers = vec![0; count];
        let mut next = count as u16;
        let surroundings = OnceCell::new();
        // The last one is next.
        let mut waiting: Vec<u16> = Vec::with_capacity(count);
        let ends = (0..next).filter(|&op| self.notes[usize::from(op)].readers == 0);
        waiting.extend(ends);
        self.sort(&mut waiting, &surroundings);
        while let Some(op) = waiting.pop() {
            next -= 1;
            numbers[usize::from(op)] = next;
            let mut first = waiting.len();
            for &input in &self.inputs[self.ops[usize::from(op)].inputs()] {
                let readers = &mut self.notes[usize::from(input)].readers;
                *readers -= 1;
                if *readers > 0 {
                    continue;
                }
                if let OpKind::EmbeddingGather { .. } = self.ops[usize::from(input)].kind {
                    // The last to come out is the first operator of all.
                    waiting.insert(0, input);
                    first += 1;
                } else {
                    waiting.push(input);
                }
            }
            self.sort(&mut waiting[first..], &surroundings);
        }
        numbers
    }

    /// Sorts operators that come up together: the one at the end of the longest way last. Nothing depends on
    /// how they are listed; those that are equal in everything may stand for each other.
    fn sort(&self, ops: &mut [u16], surroundings: &OnceCell<Surroundings>) {
        if ops.len() > 1 {
            ops.sort_unstable_by(|&a, &b| self.compare(a.into(), b.into(), surroundings));
        }
    }

    fn compare(&self, a: usize, b: usize, surroundings: &OnceCell<Surroundings>) -> Ordering {
        let levels = self.notes[a].level.cmp(&self.notes[b].level);
        let marks = || marks(&self.ops[a]).cmp(&marks(&self.ops[b]));
        let around = || {
            let found = surroundings.get_or_init(|| self.surroundings());
            let before = found.before[a].cmp(&found.before[b]);
            before.then_with(|| found.after[a].cmp(&found.after[b]))
        };
        levels.then_with(marks).then_with(around)
    }

    fn surroundings(&self) -> Surroundings {
        let own = |op: &Op| {
            marks(op)
                .iter()
                .fold(0, |hash, mark| splitmix64(hash ^ mark))
        };
        let mut before: Vec<u64> = Vec::with_capacity(self.ops.len());
        for op in &self.ops {
            let inputs = self.inputs_of(op).iter();
            let hashes = inputs.map(|&input| splitmix64(before[usize::from(input)]));
            before.push(hashes.fold(own(op), u64::wrapping_add));
        }
        let mut after = vec![0_u64; self.ops.len()];
        for (index, op) in self.ops.iter().enumerate().rev() {
            let hash = splitmix64(after[index] ^ before[index]);
            for &input in self.inputs_of(op) {
                let sum = &mut after[usize::from(input)];
                *sum = sum.wrapping_add(hash);
            }
        }
        Surroundings { before, after }
    }
}

/// What an operator is: its kind, its sizes and its vectors.
fn marks(op: &Op) -> [u64; 5] {
    let stream = op.stream.map_or(0, |stream| {
        (1 + stream.axis as u64) << 32 | u64::from(stream.parts)
    });
    let pair = |a: u32, b: u32| u64::from(a) << 32 | u64::from(b);
    match op.kind {
        OpKind::EmbeddingGather { ref tables } => [0, stream, tables.len() as u64, 0, 0],
        OpKind::StaticMvm {
            rows,
            cols,
            vectors,
            weight_bits,
            activation_bits,
        } => {
            let bits = pair(weight_bits.into(), activation_bits.into());
            [1, stream, pair(rows, cols), vectors.into(), bits]
        }
        OpKind::DynamicProduct {
            macs,
            outputs,
            operand,
            activation_bits,
        } => {
            let sides = pair(operand.rows, operand.cols);
            let times = pair(operand.count, operand.vectors);
            let bits = pair(outputs, activation_bits.into());
            [2, stream, sides, times, macs ^ bits.rotate_left(16)]
        }
        OpKind::Normalisation {
            vectors,
            width,
            activation_bits,
        } => [3, stream, pair(vectors, width), activation_bits.into(), 0],
        OpKind::Elementwise {
            function,
            elements,
            activation_bits,
        } => {
            let bits = pair(elements, activation_bits.into());
            [4 + function as u64, stream, bits, 0, 0]
        }
    }
}
