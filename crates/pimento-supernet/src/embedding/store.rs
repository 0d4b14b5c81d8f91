//! The tables of one categorical field.
//!
//! A supernet stores a field once for every way of storing it. Full and hashed tables of all widths
//! share one table: hashed values read its leading rows, narrow rows are leading columns. Quotients
//! and remainders share theirs among widths, tensor trains of all ranks and widths share one.

use pimento_space::{EmbeddingTable, FieldEmbedding, TableStorage, cube_root};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    embedding::combine::Combiner,
    optimizer::Parameter,
    quantise::{FULL_PRECISION_BITS, quantise_group},
};

/// Stream numbers of embedding tables lie above those of layers.
const FIRST_STREAM: u64 = 1 << 32;

/// Stream numbers between those of a field's compressed tables.
const TABLE_STREAMS: u64 = 1 << 24;

/// The tables of one field, one store per way of storing it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FieldTables {
    pub(crate) stores: Vec<Store>,
}

/// One way of storing a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Store {
    /// The largest table that is read from it, unrounded.
    shape: EmbeddingTable,
    /// Initial standard deviation of rows.
    deviation: f32,
    pub(crate) tables: Vec<Table>,
}

/// Values with a row for each of some numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    pub(crate) row_values: usize,
    pub(crate) parameter: Parameter,
}

/// How a network reads a field: from which store, and which part of each stored row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    pub(crate) store: usize,
    pub(crate) table: EmbeddingTable,
    pub(crate) parts: Vec<Part>,
}

/// The part of a stored row that a network reads: `count` runs of `length` values, `stride` apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) count: usize,
    pub(crate) stride: usize,
    pub(crate) length: usize,
}

impl FieldTables {
    /// Tables with room for all of `choices`, of field number `field` with `rows` values, in networks
    /// of width `dim`.
    pub(crate) fn init(
        choices: &[FieldEmbedding],
        field: usize,
        rows: u64,
        dim: usize,
        seed: u64,
    ) -> Self {
        let mut shapes: Vec<EmbeddingTable> = Vec::new();
        for choice in choices {
            let stored = unrounded(choice.stored(rows, dim));
            match shapes.iter_mut().find(|shape| is_same_kind(shape, &stored)) {
                Some(shape) => *shape = union(shape, &stored),
                None => shapes.push(stored),
            }
        }
        let mut compressed = 0;
        let stores = shapes.into_iter().map(|shape| {
            let mut stream = FIRST_STREAM + field as u64;
            if shape.storage != TableStorage::Rows {
                stream += TABLE_STREAMS * (1 + compressed);
                compressed += 3;
            }
            Store::init(shape, seed, stream)
        });
        Self {
            stores: stores.collect(),
        }
    }

    /// How a network reads the field.
    ///
    /// # Panics
    /// If there is no room for `table`.
    pub(crate) fn reading(&self, table: EmbeddingTable) -> Reading {
        let is_room = |store: &Store| {
            is_same_kind(&store.shape, &table) && union(&store.shape, &table) == store.shape
        };
        let store = self.stores.iter().position(is_room);
        let store = store.expect("a supernet has room for the tables of its space");
        Reading {
            store,
            parts: parts(&self.stores[store].shape, &table),
            table,
        }
    }

    /// The values that `reading` reads, as tables of their own.
    pub(crate) fn extract(&self, reading: &Reading) -> Self {
        let store = &self.stores[reading.store];
        let stored = reading.table.storage;
        let shapes = stored.parts(reading.table.rows, u64::from(reading.table.width));
        let tables = store.tables.iter().zip(&reading.parts).zip(shapes);
        let tables = tables.map(|((table, part), shape)| table.extract(part, shape.rows as usize));
        Self {
            stores: vec![Store {
                shape: unrounded(reading.table),
                deviation: store.deviation,
                tables: tables.collect(),
            }],
        }
    }
}

impl Reading {
    /// The stored rows of `value`, one number per stored table.
    pub(crate) fn rows_of(&self, value: u32) -> [u32; 3] {
        match self.table.storage {
            TableStorage::Rows => [self.row_of(value), 0, 0],
            TableStorage::QuotientRemainder { collisions } => {
                [value / collisions, value % collisions, 0]
            }
            TableStorage::TensorTrain { .. } => {
                let base = cube_root(self.table.rows) as u32;
                [value / base / base, value / base % base, value % base]
            }
        }
    }

    /// The row of `value` where rows themselves are stored, hashed or not.
    pub(crate) fn row_of(&self, value: u32) -> u32 {
        (u64::from(value) % self.table.rows) as u32
    }

    /// Reads the slices of `value`, each rounded with a scale of its own.
    pub(crate) fn load(&self, field: &FieldTables, value: u32, combiner: &mut Combiner) {
        let tables = &field.stores[self.store].tables;
        let rows = self.rows_of(value);
        for (index, (table, part)) in tables.iter().zip(&self.parts).enumerate() {
            let slice = &mut combiner.slices[index];
            slice.clear();
            slice.resize(part.count * part.length, 0.0);
            table.read(rows[index], part, self.table.bits, slice);
        }
    }
}

impl Part {
    /// Values of the part.
    pub(crate) fn len(&self) -> usize {
        self.count * self.length
    }
}

impl Store {
    fn init(shape: EmbeddingTable, seed: u64, stream: u64) -> Self {
        let deviation = (2.0 / (shape.rows + u64::from(shape.width)) as f32).sqrt();
        let parts = shape.storage.parts(shape.rows, u64::from(shape.width));
        let tables = parts.iter().enumerate().map(|(index, part)| {
            let values = (part.rows * part.values) as usize;
            let parameter = match (shape.storage, index) {
                (TableStorage::Rows, _) => random(values, deviation, seed, stream),
                // Equal factors learn faster than quotients with remainders of one.
                (TableStorage::QuotientRemainder { .. }, _) => {
                    let stream = stream + TABLE_STREAMS * index as u64;
                    random(values, deviation.sqrt(), seed, stream)
                }
                // A sum of rank² products of three: deviation rank · core³.
                (TableStorage::TensorTrain { rank, .. }, _) => {
                    let core = (deviation / f32::from(rank)).cbrt();
                    random(values, core, seed, stream + TABLE_STREAMS * index as u64)
                }
            };
            Table {
                row_values: part.values as usize,
                parameter,
            }
        });
        Self {
            tables: tables.collect(),
            deviation,
            shape,
        }
    }

    /// Scales initial values so that rows have this standard deviation.
    pub(crate) fn set_deviation(&mut self, new: f32) {
        let factor = new / self.deviation;
        self.deviation = new;
        let factors = match self.shape.storage {
            TableStorage::Rows => [factor; 3],
            TableStorage::QuotientRemainder { .. } => [factor.sqrt(); 3],
            TableStorage::TensorTrain { .. } => [factor.cbrt(); 3],
        };
        for (table, factor) in self.tables.iter_mut().zip(factors) {
            for value in &mut table.parameter.values {
                *value *= factor;
            }
        }
    }
}

impl Table {
    /// Copies `part` of a row to `slice`, rounded to `bits` bits with one scale.
    pub(crate) fn read(&self, row: u32, part: &Part, bits: u8, slice: &mut [f32]) {
        let first = row as usize * self.row_values;
        for (run, slice) in slice.chunks_mut(part.length).enumerate() {
            let from = first + run * part.stride;
            slice.copy_from_slice(&self.parameter.values[from..from + part.length]);
        }
        if bits < FULL_PRECISION_BITS {
            quantise_group(slice, bits);
        }
    }

    /// `part` of the first `rows` rows, with the optimiser's state.
    fn extract(&self, part: &Part, rows: usize) -> Self {
        let read = |all: &[f32]| {
            let rows = all.chunks(self.row_values).take(rows);
            let runs = rows.flat_map(|row| {
                (0..part.count).flat_map(|run| &row[run * part.stride..][..part.length])
            });
            runs.copied().collect()
        };
        Self {
            row_values: part.len(),
            parameter: self.parameter.select(read),
        }
    }
}

fn unrounded(table: EmbeddingTable) -> EmbeddingTable {
    EmbeddingTable {
        bits: FULL_PRECISION_BITS,
        ..table
    }
}

fn is_same_kind(one: &EmbeddingTable, other: &EmbeddingTable) -> bool {
    match (one.storage, other.storage) {
        (TableStorage::Rows, TableStorage::Rows)
        | (TableStorage::TensorTrain { .. }, TableStorage::TensorTrain { .. }) => true,
        (one, other) => one == other,
    }
}

/// The smallest table that holds both, which are of one kind.
fn union(one: &EmbeddingTable, other: &EmbeddingTable) -> EmbeddingTable {
    let storage = match (one.storage, other.storage) {
        (
            TableStorage::TensorTrain { rank, dims },
            TableStorage::TensorTrain {
                rank: other_rank,
                dims: other_dims,
            },
        ) => TableStorage::TensorTrain {
            rank: rank.max(other_rank),
            dims: [dims[0].max(other_dims[0]), dims[1], dims[2]],
        },
        (storage, _) => storage,
    };
    EmbeddingTable {
        rows: one.rows.max(other.rows),
        width: one.width.max(other.width),
        storage,
        ..*one
    }
}

/// What `table` reads of each stored row of `stored`.
fn parts(stored: &EmbeddingTable, table: &EmbeddingTable) -> Vec<Part> {
    let run = |stride: u16, length: u16| Part {
        count: 1,
        stride: usize::from(stride),
        length: usize::from(length),
    };
    match (stored.storage, table.storage) {
        (
            TableStorage::TensorTrain { rank: stride, .. },
            TableStorage::TensorTrain { rank, dims },
        ) => {
            let runs = |count| Part {
                count,
                ..run(stride, rank)
            };
            let last = rank * dims[2];
            vec![
                runs(usize::from(dims[0])),
                runs(usize::from(rank) * usize::from(dims[1])),
                run(last, last),
            ]
        }
        (TableStorage::QuotientRemainder { .. }, _) => vec![run(stored.width, table.width); 2],
        _ => vec![run(stored.width, table.width)],
    }
}

/// Values of a normal distribution.
fn random(count: usize, deviation: f32, seed: u64, stream: u64) -> Parameter {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    Parameter::new((0..count).map(|_| deviation * normal(&mut rng)).collect())
}

/// A standard normal variate by the Box–Muller transform.
fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
    radius * (std::f32::consts::TAU * rng.random::<f32>()).cos()
}
