//! Embedding tables: plain memory outside autodiff, read and updated by touched rows only.

mod combine;
mod store;

use pimento_space::{FieldEmbedding, TableStorage};
use rayon::prelude::*;

pub(crate) use store::Reading;

use crate::{
    embedding::{
        combine::Combiner,
        store::{FieldTables, Part, Table},
    },
    optimizer::{Optimizer, Parameter, Update},
};

/// The tables of every categorical field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EmbeddingTables {
    /// Values of a row that a network reads; narrower ones end in zeros.
    pub(crate) dim: usize,
    /// Values that can be asked for, per field.
    rows: Vec<u64>,
    fields: Vec<FieldTables>,
}

/// Gradients of one field: one entry per stored table of the store that the network reads.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FieldGradients {
    store: usize,
    parts: Vec<RowGradients>,
}

/// Gradients of the rows of one table that a batch touched: row numbers, ascending, and the
/// gradients of the part of each that the network reads, one after another.
#[derive(Debug, Clone, PartialEq)]
struct RowGradients {
    part: Part,
    rows: Vec<u32>,
    gradients: Vec<f32>,
}

impl EmbeddingTables {
    /// Tables with room for every one of `choices` (by field), drawn from a normal distribution in
    /// which rows have deviation √(2 / (rows + width)), as NASRec's do. A table's values depend on
    /// `seed`, its position and its sizes only.
    pub(crate) fn init(
        table_rows: &[u32],
        choices: &[Vec<FieldEmbedding>],
        dim: usize,
        seed: u64,
    ) -> Self {
        let rows: Vec<u64> = table_rows.iter().map(|&rows| u64::from(rows)).collect();
        let fields = rows
            .par_iter()
            .zip(choices)
            .enumerate()
            .map(|(field, (&rows, choices))| FieldTables::init(choices, field, rows, dim, seed))
            .collect();
        Self { dim, rows, fields }
    }

    /// Categorical fields.
    pub(crate) fn fields(&self) -> usize {
        self.fields.len()
    }

    /// How a network with these embeddings reads the tables.
    pub(crate) fn readings(&self, embeddings: &[FieldEmbedding]) -> Vec<Reading> {
        let fields = self.fields.iter().zip(&self.rows).zip(embeddings);
        fields
            .map(|((field, &rows), embedding)| field.reading(embedding.stored(rows, self.dim)))
            .collect()
    }

    /// The values that a network reads, as tables of its own.
    pub(crate) fn extract(&self, readings: &[Reading]) -> Self {
        let fields = self.fields.iter().zip(readings);
        Self {
            dim: self.dim,
            rows: self.rows.clone(),
            fields: fields
                .map(|(field, reading)| field.extract(reading))
                .collect(),
        }
    }

    /// The rows of `indices` (shape [samples, fields]), what is stored of them rounded with one
    /// scale per stored row. Shape [samples, dim, fields].
    pub(crate) fn gather(&self, indices: &[u32], readings: &[Reading]) -> Vec<f32> {
        let count = readings.len();
        let mut gathered = vec![0.0; indices.len() * self.dim];
        let (mut buffer, mut combiner) = (vec![0.0; self.dim], Combiner::default());
        for (sample, out) in indices
            .chunks(count)
            .zip(gathered.chunks_mut(count * self.dim))
        {
            for (field, (&value, reading)) in sample.iter().zip(readings).enumerate() {
                let row = &mut buffer[..usize::from(reading.table.width)];
                self.fields[field].row(reading, value, row, &mut combiner);
                for (value, out) in row.iter().zip(out[field..].iter_mut().step_by(count)) {
                    *out = *value;
                }
            }
        }
        gathered
    }

    /// Adds up the gradients of equal rows. `shards` are consecutive parts of a batch, each with
    /// its indices [samples, fields] and gradients [samples, dim, fields].
    pub(crate) fn row_gradients(
        &self,
        readings: &[Reading],
        shards: &[(&[u32], &[f32])],
    ) -> Vec<FieldGradients> {
        (0..self.fields.len())
            .into_par_iter()
            .map(|field| {
                let reading = &readings[field];
                let sums = self.row_sums(field, reading, shards);
                let parts = match reading.table.storage {
                    TableStorage::Rows => vec![sums],
                    _ => self.fields[field].slice_gradients(reading, &sums),
                };
                FieldGradients {
                    store: reading.store,
                    parts,
                }
            })
            .collect()
    }

    /// Gradients of combined rows, by the value that asks for them; hashed values are one.
    fn row_sums(
        &self,
        field: usize,
        reading: &Reading,
        shards: &[(&[u32], &[f32])],
    ) -> RowGradients {
        let fields = self.fields.len();
        let mut touched: Vec<(u32, u32, u32)> = Vec::new();
        for (shard, (indices, _)) in shards.iter().enumerate() {
            let values = indices[field..].iter().step_by(fields).enumerate();
            touched.extend(
                values.map(|(sample, &value)| (reading.row_of(value), shard as u32, sample as u32)),
            );
        }
        touched.sort_unstable();
        let width = usize::from(reading.table.width);
        let mut sums = RowGradients::new(reading.parts[0]);
        for (row, shard, sample) in touched {
            let sum = sums.row_mut(row, width);
            let first = sample as usize * self.dim * fields + field;
            let gradient = shards[shard as usize].1[first..].iter().step_by(fields);
            for (sum, value) in sum.iter_mut().zip(gradient) {
                *sum += value;
            }
        }
        sums
    }

    /// The gradients of all rows: those of `touched`, and everywhere that of `decay / 2 · Σ value²`
    /// over what is stored.
    pub(crate) fn all_row_gradients(
        &self,
        touched: &[FieldGradients],
        decay: f32,
    ) -> Vec<FieldGradients> {
        self.fields
            .par_iter()
            .zip(touched)
            .map(|(field, touched)| {
                let tables = field.stores[touched.store].tables.iter();
                let parts = tables.zip(&touched.parts);
                FieldGradients {
                    store: touched.store,
                    parts: parts
                        .map(|(table, part)| part.spread(table, decay))
                        .collect(),
                }
            })
            .collect()
    }

    /// Scales initial values to this standard deviation of rows.
    pub(crate) fn set_deviation(&mut self, new: f32) {
        for store in self.fields.iter_mut().flat_map(|field| &mut field.stores) {
            store.set_deviation(new);
        }
    }

    /// Makes room for the state of `optimizer`.
    pub(crate) fn prepare(&mut self, optimizer: Optimizer) {
        for parameter in self.parameters_mut() {
            parameter.prepare(optimizer);
        }
    }

    /// One optimiser step on the touched rows.
    pub(crate) fn update(&mut self, gradients: &[FieldGradients], update: &Update) {
        self.fields
            .par_iter_mut()
            .zip(gradients)
            .for_each(|(field, gradients)| {
                let tables = field.stores[gradients.store].tables.iter_mut();
                for (table, part) in tables.zip(&gradients.parts) {
                    part.update(table, update);
                }
            });
    }

    /// All stored values, field by field.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &Parameter> {
        let stores = self.fields.iter().flat_map(|field| &field.stores);
        stores
            .flat_map(|store| &store.tables)
            .map(|table| &table.parameter)
    }

    /// The same to be changed.
    pub(crate) fn parameters_mut(&mut self) -> impl Iterator<Item = &mut Parameter> {
        let stores = self.fields.iter_mut().flat_map(|field| &mut field.stores);
        stores
            .flat_map(|store| &mut store.tables)
            .map(|table| &mut table.parameter)
    }

    /// A row of the full or hashed table of a field.
    pub(crate) fn stored_row(&self, field: usize, row: u32) -> &[f32] {
        let table = &self.fields[field].stores[0].tables[0];
        &table.parameter.values[row as usize * table.row_values..][..table.row_values]
    }
}

impl FieldTables {
    /// The row that `value` has, as wide as `row`.
    fn row(&self, reading: &Reading, value: u32, row: &mut [f32], combiner: &mut Combiner) {
        if reading.table.storage == TableStorage::Rows {
            let table = &self.stores[reading.store].tables[0];
            let stored = reading.row_of(value);
            table.read(stored, &reading.parts[0], reading.table.bits, row);
        } else {
            reading.load(self, value, combiner);
            combiner.combine(reading.table.storage, row);
        }
    }

    /// The gradients of stored rows, given those of the rows that they are combined to. Rounding
    /// passes gradients through.
    fn slice_gradients(&self, reading: &Reading, rows: &RowGradients) -> Vec<RowGradients> {
        let mut combiner = Combiner::default();
        let mut slices: Vec<Vec<f32>> = vec![Vec::new(); reading.parts.len()];
        let width = usize::from(reading.table.width);
        for (&value, gradient) in rows.rows.iter().zip(rows.gradients.chunks(width)) {
            reading.load(self, value, &mut combiner);
            combiner.backward(reading.table.storage, gradient);
            for (slices, gradient) in slices.iter_mut().zip(&combiner.gradients) {
                slices.extend_from_slice(gradient);
            }
        }
        let parts = reading.parts.iter().zip(&slices).enumerate();
        parts
            .map(|(index, (&part, slices))| {
                let stored = |&value: &u32| reading.rows_of(value)[index];
                let mut order: Vec<(u32, usize)> = rows.rows.iter().map(stored).zip(0..).collect();
                order.sort_unstable();
                let mut sums = RowGradients::new(part);
                for (row, place) in order {
                    let gradient = &slices[place * part.len()..][..part.len()];
                    for (sum, value) in sums.row_mut(row, part.len()).iter_mut().zip(gradient) {
                        *sum += value;
                    }
                }
                sums
            })
            .collect()
    }
}

impl FieldGradients {
    /// Sum of the squared gradients.
    pub(crate) fn squared_norm(&self) -> f64 {
        self.parts.iter().map(RowGradients::squared_norm).sum()
    }
}

impl RowGradients {
    fn new(part: Part) -> Self {
        Self {
            part,
            rows: Vec::new(),
            gradients: Vec::new(),
        }
    }

    /// The sums of `row`, which is the last one or a new one.
    fn row_mut(&mut self, row: u32, width: usize) -> &mut [f32] {
        if self.rows.last() != Some(&row) {
            self.rows.push(row);
            self.gradients.resize(self.gradients.len() + width, 0.0);
        }
        let last = self.gradients.len() - width;
        &mut self.gradients[last..]
    }

    /// Sum of the squared gradients.
    fn squared_norm(&self) -> f64 {
        self.gradients
            .iter()
            .map(|&value| f64::from(value) * f64::from(value))
            .sum()
    }

    /// The same for every row of `table`, `decay` times its values added.
    fn spread(&self, table: &Table, decay: f32) -> Self {
        let (part, rows) = (self.part, table.parameter.values.chunks(table.row_values));
        let runs = rows.flat_map(|row| {
            (0..part.count).flat_map(move |run| &row[run * part.stride..][..part.length])
        });
        let mut gradients: Vec<f32> = runs.map(|value| decay * value).collect();
        let touched = self.gradients.chunks(part.len());
        for (&row, touched) in self.rows.iter().zip(touched) {
            let sums = &mut gradients[row as usize * part.len()..][..part.len()];
            for (sum, gradient) in sums.iter_mut().zip(touched) {
                *sum += gradient;
            }
        }
        Self {
            rows: (0..(gradients.len() / part.len()) as u32).collect(),
            gradients,
            part,
        }
    }

    fn update(&self, table: &mut Table, update: &Update) {
        let part = self.part;
        let gradients = self.gradients.chunks(part.len());
        for (&row, gradient) in self.rows.iter().zip(gradients) {
            let first = row as usize * table.row_values;
            for (run, gradient) in gradient.chunks(part.length).enumerate() {
                table
                    .parameter
                    .update(first + run * part.stride, gradient, update);
            }
        }
    }
}

#[cfg(test)]
mod tests;
