//! Click logs whose best possible score is known.
//!
//! Labels are drawn from a probability that is a function of the inputs alone: first-order
//! effects, products of latent factors of two fields, gated products of three, and products of a
//! field with a dense value ([`truth`]). No model can do better than that function, and none
//! without interactions can do better than its first-order part. Row i is a function of the seed
//! and i, so a log does not depend on the number of threads.
//!
//! Random data sets of recommender benchmarks (DLRM, TorchRec, HugeCTR) have random labels; here
//! something can be learnt, and it is known how much.

mod best_possible;
mod input_law;
mod random;
mod settings;
mod truth;

use rayon::prelude::*;

use self::{input_law::InputLaw, random::Stream, truth::Truth};
use crate::{Batch, BySplit, LogShape, MemoryLog, Split, metrics::sigmoid};

pub use self::{
    best_possible::{BestPossible, Score},
    settings::{Labels, SyntheticError, SyntheticSettings, VarianceShares},
    truth::Interactions,
};

const ROWS_PER_TASK: usize = 4096;

/// A synthetic click log and what is known about it.
#[derive(Debug, Clone, PartialEq)]
pub struct SyntheticLog {
    /// The log: the first 80 % of the rows train, a tenth validates, a tenth tests. Row 0 of each
    /// embedding table is the missing value; others are in falling popularity.
    pub log: MemoryLog,
    /// What the best predictor scores on each split.
    pub best: BySplit<BestPossible>,
    /// Which fields interact.
    pub interactions: Interactions,
}

/// Rows side by side, with their true logits.
#[derive(Default)]
struct Rows {
    batch: Batch,
    logits: Vec<f64>,
    first_order: Vec<f64>,
}

impl SyntheticSettings {
    /// The log that these settings describe.
    pub fn generate(&self) -> Result<SyntheticLog, SyntheticError> {
        self.validate()?;
        let law = InputLaw::new(self);
        let truth = Truth::new(self, &law);
        let held_out = (self.rows as usize + 5) / 10;
        let train = self.rows as usize - 2 * held_out;
        let starts = BySplit {
            train: 0,
            validation: train,
            test: train + held_out,
        };
        let mut rows = BySplit::from_fn(|split| {
            let length = if split == Split::Train {
                train
            } else {
                held_out
            };
            draw_rows(self.seed, &law, &truth, starts[split], length)
        });
        if self.labels == Labels::Expected {
            rows.validation.expect_labels();
            rows.test.expect_labels();
        }
        let best = BySplit::from_fn(|split| {
            let rows = &rows[split];
            BestPossible::new(&rows.logits, &rows.first_order, &rows.batch.labels)
        });
        let samples = BySplit {
            train: rows.train.batch,
            validation: rows.validation.batch,
            test: rows.test.batch,
        };
        let shape = LogShape {
            dense_dim: self.dense.max(1),
            table_rows: law.table_rows(),
        };
        let log = MemoryLog::new(shape, samples).expect("indices are drawn from their tables");
        Ok(SyntheticLog {
            log,
            best,
            interactions: truth.interactions().clone(),
        })
    }
}

/// Rows `start..start + length` of the log.
fn draw_rows(seed: u64, law: &InputLaw, truth: &Truth, start: usize, length: usize) -> Rows {
    let tasks: Vec<Rows> = (0..length.div_ceil(ROWS_PER_TASK))
        .into_par_iter()
        .map(|task| {
            let first = task * ROWS_PER_TASK;
            let last = length.min(first + ROWS_PER_TASK);
            let mut rows = Rows::default();
            for row in start + first..start + last {
                rows.push(seed, law, truth, row as u64);
            }
            rows
        })
        .collect();
    let mut all = Rows::default();
    for rows in tasks {
        all.batch.dense.extend(rows.batch.dense);
        all.batch.indices.extend(rows.batch.indices);
        all.batch.labels.extend(rows.batch.labels);
        all.logits.extend(rows.logits);
        all.first_order.extend(rows.first_order);
    }
    all
}

impl Rows {
    /// Puts probabilities in place of the labels that were drawn from them.
    fn expect_labels(&mut self) {
        let probabilities = self.logits.iter().map(|&logit| sigmoid(logit) as f32);
        self.batch.labels = probabilities.collect();
    }

    fn push(&mut self, seed: u64, law: &InputLaw, truth: &Truth, row: u64) {
        let mut stream = Stream::row(seed, row);
        let (dense_at, index_at) = (self.batch.dense.len(), self.batch.indices.len());
        law.draw(&mut stream, &mut self.batch.dense, &mut self.batch.indices);
        let (dense, indices) = (
            &self.batch.dense[dense_at..],
            &self.batch.indices[index_at..],
        );
        let (logit, first_order) = truth.logits(dense, indices);
        let is_click = stream.uniform() < sigmoid(logit);
        self.batch.labels.push(f32::from(u8::from(is_click)));
        self.logits.push(logit);
        self.first_order.push(first_order);
    }
}
