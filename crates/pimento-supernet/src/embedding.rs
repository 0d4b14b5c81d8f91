//! Embedding tables: plain memory outside autodiff, read and updated by touched rows only.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::{
    optimizer::{Optimizer, Parameter, Update},
    quantise::{FULL_PRECISION_BITS, quantise_group},
};

/// Stream numbers of embedding tables lie above those of layers.
const FIRST_STREAM: u64 = 1 << 32;

/// One table per categorical field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct EmbeddingTables {
    pub(crate) dim: usize,
    /// Rows of every table, shape [rows, dim].
    pub(crate) tables: Vec<Parameter>,
}

/// Gradients of the rows of one table that a batch touched: row numbers, ascending, and their
/// gradients one after another.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct RowGradients {
    rows: Vec<u32>,
    gradients: Vec<f32>,
}

impl EmbeddingTables {
    /// Tables drawn from a normal distribution of deviation √(2 / (rows + dim)), as NASRec does.
    /// A table's values depend on `seed` and its position only.
    pub(crate) fn init(table_rows: &[u32], dim: usize, seed: u64) -> Self {
        let tables = table_rows
            .par_iter()
            .enumerate()
            .map(|(field, &rows)| table(field, rows as usize, dim, seed))
            .collect();
        Self { dim, tables }
    }

    /// The rows of `indices` (shape [samples, fields]) rounded to `bits` bits, one scale per row.
    /// Shape [samples, dim, fields].
    pub(crate) fn gather(&self, indices: &[u32], bits: u8) -> Vec<f32> {
        let fields = self.tables.len();
        let mut gathered = vec![0.0; indices.len() * self.dim];
        let mut buffer = vec![0.0; self.dim];
        for (sample, out) in indices
            .chunks(fields)
            .zip(gathered.chunks_mut(fields * self.dim))
        {
            for (field, (&row, table)) in sample.iter().zip(&self.tables).enumerate() {
                let first = row as usize * self.dim;
                buffer.copy_from_slice(&table.values[first..first + self.dim]);
                if bits < FULL_PRECISION_BITS {
                    quantise_group(&mut buffer, bits);
                }
                for (value, out) in buffer.iter().zip(out[field..].iter_mut().step_by(fields)) {
                    *out = *value;
                }
            }
        }
        gathered
    }

    /// Adds up the gradients of equal rows. `shards` are consecutive parts of a batch, each with
    /// its indices [samples, fields] and gradients [samples, dim, fields].
    pub(crate) fn row_gradients(&self, shards: &[(&[u32], &[f32])]) -> Vec<RowGradients> {
        (0..self.tables.len())
            .into_par_iter()
            .map(|field| self.row_gradients_of(field, shards))
            .collect()
    }

    fn row_gradients_of(&self, field: usize, shards: &[(&[u32], &[f32])]) -> RowGradients {
        let fields = self.tables.len();
        let mut touched: Vec<(u32, u32, u32)> = Vec::new();
        for (shard, (indices, _)) in shards.iter().enumerate() {
            let rows = indices[field..].iter().step_by(fields).enumerate();
            touched.extend(rows.map(|(sample, &row)| (row, shard as u32, sample as u32)));
        }
        touched.sort_unstable();
        let mut sums = RowGradients::default();
        for (row, shard, sample) in touched {
            if sums.rows.last() != Some(&row) {
                sums.rows.push(row);
                sums.gradients.resize(sums.gradients.len() + self.dim, 0.0);
            }
            let first = sample as usize * self.dim * fields + field;
            let gradient = shards[shard as usize].1[first..].iter().step_by(fields);
            let last = sums.gradients.len() - self.dim;
            for (sum, value) in sums.gradients[last..].iter_mut().zip(gradient) {
                *sum += value;
            }
        }
        sums
    }

    /// The gradients of all rows: those of `touched`, and everywhere that of `decay / 2 · Σ value²`.
    pub(crate) fn all_row_gradients(
        &self,
        touched: &[RowGradients],
        decay: f32,
    ) -> Vec<RowGradients> {
        let dim = self.dim;
        self.tables
            .par_iter()
            .zip(touched)
            .map(|(table, touched)| {
                let mut gradients: Vec<f32> = table.values.iter().map(|w| decay * w).collect();
                for (&row, touched) in touched.rows.iter().zip(touched.gradients.chunks(dim)) {
                    let sums = &mut gradients[row as usize * dim..][..dim];
                    for (sum, gradient) in sums.iter_mut().zip(touched) {
                        *sum += gradient;
                    }
                }
                let rows = (0..(table.values.len() / dim) as u32).collect();
                RowGradients { rows, gradients }
            })
            .collect()
    }

    /// Scales initial values to this standard deviation.
    pub(crate) fn set_deviation(&mut self, new: f32) {
        for table in &mut self.tables {
            let factor = new / deviation(table.values.len() / self.dim, self.dim);
            for value in &mut table.values {
                *value *= factor;
            }
        }
    }

    /// Makes room for the state of `optimizer`.
    pub(crate) fn prepare(&mut self, optimizer: Optimizer) {
        for table in &mut self.tables {
            table.prepare(optimizer);
        }
    }

    /// One optimiser step on the touched rows.
    pub(crate) fn update(&mut self, gradients: &[RowGradients], update: &Update) {
        let dim = self.dim;
        self.tables
            .par_iter_mut()
            .zip(gradients)
            .for_each(|(table, gradients)| {
                for (&row, gradient) in gradients.rows.iter().zip(gradients.gradients.chunks(dim)) {
                    table.update(row as usize * dim, gradient, update);
                }
            });
    }
}

impl RowGradients {
    /// Sum of the squared gradients.
    pub(crate) fn squared_norm(&self) -> f64 {
        self.gradients
            .iter()
            .map(|&value| f64::from(value) * f64::from(value))
            .sum()
    }
}

/// The standard deviation of a table's initial values.
fn deviation(rows: usize, dim: usize) -> f32 {
    (2.0 / (rows + dim) as f32).sqrt()
}

fn table(field: usize, rows: usize, dim: usize, seed: u64) -> Parameter {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(FIRST_STREAM + field as u64);
    let deviation = deviation(rows, dim);
    let values = (0..rows * dim).map(|_| deviation * normal(&mut rng));
    Parameter::new(values.collect())
}

/// A standard normal variate by the Box–Muller transform.
fn normal(rng: &mut ChaCha8Rng) -> f32 {
    let radius = (-2.0 * (1.0 - rng.random::<f32>()).ln()).sqrt();
    radius * (std::f32::consts::TAU * rng.random::<f32>()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables() -> EmbeddingTables {
        EmbeddingTables::init(&[3, 5], 2, 7)
    }

    #[test]
    fn gathers_transposed() {
        let tables = tables();
        let gathered = tables.gather(&[2, 4, 0, 1], 32);
        let (first, second) = (&tables.tables[0].values, &tables.tables[1].values);
        assert_eq!(gathered[..4], [first[4], second[8], first[5], second[9]]);
        assert_eq!(gathered[4..], [first[0], second[2], first[1], second[3]]);
    }

    #[test]
    fn equal_rows_add_up_and_others_stay() {
        let mut tables = tables();
        let before = tables.clone();
        let shards: [(&[u32], &[f32]); 2] = [
            (&[2, 4], &[1.0, 10.0, 2.0, 20.0]),
            (&[2, 1], &[3.0, 30.0, 4.0, 40.0]),
        ];
        let gradients = tables.row_gradients(&shards);
        assert_eq!(
            gradients[0],
            RowGradients {
                rows: vec![2],
                gradients: vec![4.0, 6.0]
            }
        );
        let expected = RowGradients {
            rows: vec![1, 4],
            gradients: vec![30.0, 40.0, 10.0, 20.0],
        };
        assert_eq!(gradients[1], expected);
        let update = Optimizer::Adagrad.update(0, 1.0, 0.0, 1.0);
        tables.update(&gradients, &update);
        assert_eq!(tables.tables[0].values[..4], before.tables[0].values[..4]);
        assert_eq!(tables.tables[0].values[4], before.tables[0].values[4] - 1.0);
        assert_eq!(tables.tables[0].accumulators[4..], [16.0, 36.0]);
    }

    #[test]
    fn all_rows_decay_and_touched_ones_have_their_gradients_too() {
        let tables = tables();
        let shards: [(&[u32], &[f32]); 1] = [(&[2, 4], &[1.0, 10.0, 2.0, 20.0])];
        let touched = tables.row_gradients(&shards);
        let all = tables.all_row_gradients(&touched, 0.5);
        assert_eq!(all[0].rows, [0, 1, 2]);
        assert_eq!(all[1].rows, [0, 1, 2, 3, 4]);
        let values = &tables.tables[0].values;
        let expected: Vec<f32> = values.iter().map(|w| 0.5 * w).collect();
        assert_eq!(all[0].gradients[..4], expected[..4]);
        assert_eq!(
            all[0].gradients[4..],
            [expected[4] + 1.0, expected[5] + 2.0]
        );
    }

    #[test]
    fn deviation_follows_the_rows() {
        let table = &EmbeddingTables::init(&[20_000], 16, 1).tables[0];
        let sum: f32 = table.values.iter().map(|value| value * value).sum();
        let deviation = (sum / table.values.len() as f32).sqrt();
        assert!(
            (deviation * (20_016.0_f32 / 2.0).sqrt() - 1.0).abs() < 0.01,
            "{deviation}"
        );
    }

    #[test]
    fn a_deviation_can_be_set() {
        let mut tables = EmbeddingTables::init(&[20_000, 30_000], 4, 1);
        tables.set_deviation(1e-4);
        for table in &tables.tables {
            let sum: f32 = table.values.iter().map(|value| value * value).sum();
            let deviation = (sum / table.values.len() as f32).sqrt();
            assert!((deviation / 1e-4 - 1.0).abs() < 0.02, "{deviation}");
        }
    }
}
