//! A click log in memory.

use thiserror::Error;

use crate::{Batch, BySplit, ClickLog, ColumnSummary, LogShape, LogSummary, Split, SplitSummary};

/// A click log in memory, checked once: every sample has the shape of the log, every index is
/// below the rows of its table, and every label is 0 or 1 or a probability in between.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryLog {
    shape: LogShape,
    samples: BySplit<Batch>,
    fingerprint: String,
}

/// Why samples do not make a [`MemoryLog`].
#[derive(Debug, Error, PartialEq)]
pub enum MemoryLogError {
    /// No categorical field, or a table without rows, or no dense value.
    #[error(
        "a sample needs a dense value and a categorical field, and each table a row; use a \
         constant 0 where there is no dense column"
    )]
    EmptyShape,
    /// A split whose columns differ in length.
    #[error(
        "split `{split}` holds {found} {what}, expected {expected} for its {samples} labels; give \
         every sample the same number of values"
    )]
    Length {
        /// The split.
        split: Split,
        /// Which values.
        what: &'static str,
        /// Values needed.
        expected: usize,
        /// Values given.
        found: usize,
        /// Labels of the split.
        samples: usize,
    },
    /// An index that its table does not have.
    #[error(
        "index `{index}` of field {field} in sample {sample} of split `{split}` is out of range; \
         its table has {table_rows} rows"
    )]
    Index {
        /// The split.
        split: Split,
        /// Sample in the split, from 0.
        sample: usize,
        /// Field, from 0.
        field: usize,
        /// The index.
        index: u32,
        /// Rows of the table.
        table_rows: u32,
    },
    /// A label outside \[0, 1\].
    #[error("label `{label}` of sample {sample} in split `{split}` is not from 0 to 1")]
    Label {
        /// The split.
        split: Split,
        /// Sample in the split, from 0.
        sample: usize,
        /// The label.
        label: f32,
    },
}

impl MemoryLog {
    /// The log of `samples`, or the first fault found in them.
    pub fn new(shape: LogShape, samples: BySplit<Batch>) -> Result<Self, MemoryLogError> {
        if shape.dense_dim == 0 || shape.table_rows.is_empty() || shape.table_rows.contains(&0) {
            return Err(MemoryLogError::EmptyShape);
        }
        for split in Split::ALL {
            check_lengths(&shape, split, &samples[split])?;
            check_values(&shape, split, &samples[split])?;
        }
        let fingerprint = fingerprint(&shape, &samples);
        Ok(Self {
            shape,
            samples,
            fingerprint,
        })
    }

    /// All samples of `split`, in order.
    pub fn samples(&self, split: Split) -> &Batch {
        &self.samples[split]
    }

    /// Rows, clicks and columns; columns are named `I1`, … and `C1`, … as those of Criteo.
    pub fn describe(&self) -> LogSummary {
        let splits = BySplit::from_fn(|split| {
            let labels = &self.samples[split].labels;
            let clicks = labels.iter().copied().map(f64::from).sum::<f64>().round() as u64;
            SplitSummary {
                rows: labels.len() as u64,
                clicks,
            }
        });
        let column = |prefix: char, number: usize, table_rows| ColumnSummary {
            name: format!("{prefix}{}", number + 1),
            table_rows,
            missing: None,
        };
        let dense = (0..self.shape.dense_dim)
            .map(|number| column('I', number, None))
            .collect();
        let tables = self.shape.table_rows.iter().enumerate();
        let categorical = tables
            .map(|(number, &rows)| column('C', number, Some(rows)))
            .collect();
        LogSummary {
            splits,
            dense,
            categorical,
        }
    }
}

impl ClickLog for MemoryLog {
    fn shape(&self) -> &LogShape {
        &self.shape
    }

    fn len(&self, split: Split) -> usize {
        self.samples[split].len()
    }

    fn fill(&self, split: Split, rows: &[u32], batch: &mut Batch) {
        let (dense_dim, fields) = (self.shape.dense_dim, self.shape.table_rows.len());
        let samples = &self.samples[split];
        batch.clear();
        for &row in rows {
            let row = row as usize;
            batch
                .dense
                .extend_from_slice(&samples.dense[row * dense_dim..][..dense_dim]);
            batch
                .indices
                .extend_from_slice(&samples.indices[row * fields..][..fields]);
            batch.labels.push(samples.labels[row]);
        }
    }

    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

fn check_lengths(shape: &LogShape, split: Split, batch: &Batch) -> Result<(), MemoryLogError> {
    let samples = batch.len();
    let lengths = [
        ("dense values", samples * shape.dense_dim, batch.dense.len()),
        (
            "indices",
            samples * shape.table_rows.len(),
            batch.indices.len(),
        ),
    ];
    for (what, expected, found) in lengths {
        if expected != found {
            return Err(MemoryLogError::Length {
                split,
                what,
                expected,
                found,
                samples,
            });
        }
    }
    Ok(())
}

fn check_values(shape: &LogShape, split: Split, batch: &Batch) -> Result<(), MemoryLogError> {
    let fields = shape.table_rows.len();
    for (sample, indices) in batch.indices.chunks_exact(fields).enumerate() {
        for (field, (&index, &table_rows)) in indices.iter().zip(&shape.table_rows).enumerate() {
            if index >= table_rows {
                return Err(MemoryLogError::Index {
                    split,
                    sample,
                    field,
                    index,
                    table_rows,
                });
            }
        }
    }
    match batch
        .labels
        .iter()
        .position(|label| !(0.0..=1.0).contains(label))
    {
        Some(sample) => Err(MemoryLogError::Label {
            split,
            sample,
            label: batch.labels[sample],
        }),
        None => Ok(()),
    }
}

fn fingerprint(shape: &LogShape, samples: &BySplit<Batch>) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(shape.dense_dim as u64).to_le_bytes());
    for rows in &shape.table_rows {
        hasher.update(&rows.to_le_bytes());
    }
    for split in Split::ALL {
        let batch = &samples[split];
        hasher.update(&(batch.len() as u64).to_le_bytes());
        let dense = batch.dense.iter().flat_map(|value| value.to_le_bytes());
        let indices = batch.indices.iter().flat_map(|value| value.to_le_bytes());
        let labels = batch.labels.iter().flat_map(|value| value.to_le_bytes());
        hasher.update(&dense.chain(indices).chain(labels).collect::<Vec<u8>>());
    }
    hasher.finalize().to_hex().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(indices: [u32; 2], label: f32) -> Batch {
        Batch {
            dense: vec![0.5],
            indices: indices.to_vec(),
            labels: vec![label],
        }
    }

    fn log_of(train: Batch) -> Result<MemoryLog, MemoryLogError> {
        let shape = LogShape {
            dense_dim: 1,
            table_rows: vec![3, 2],
        };
        MemoryLog::new(
            shape,
            BySplit {
                train,
                validation: Batch::default(),
                test: batch([0, 0], 0.0),
            },
        )
    }

    #[test]
    fn fill_copies_rows_in_the_order_asked() {
        let train = Batch {
            dense: vec![0.5, 1.5],
            indices: vec![2, 1, 0, 0],
            labels: vec![1.0, 0.0],
        };
        let log = log_of(train).unwrap();
        let mut batch = Batch::default();
        log.fill(Split::Train, &[1, 0, 1], &mut batch);
        assert_eq!(batch.dense, [1.5, 0.5, 1.5]);
        assert_eq!(batch.indices, [0, 0, 2, 1, 0, 0]);
        assert_eq!(batch.labels, [0.0, 1.0, 0.0]);
    }

    #[test]
    fn an_index_equal_to_the_table_rows_is_out_of_range() {
        assert!(log_of(batch([2, 1], 1.0)).is_ok());
        let error = log_of(batch([2, 2], 1.0)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "index `2` of field 1 in sample 0 of split `train` is out of range; its table has 2 \
             rows"
        );
    }

    #[test]
    fn a_label_is_a_probability() {
        log_of(batch([0, 0], 0.5)).unwrap();
        let error = log_of(batch([0, 0], 1.5)).unwrap_err();
        assert_eq!(
            error,
            MemoryLogError::Label {
                split: Split::Train,
                sample: 0,
                label: 1.5
            }
        );
    }

    #[test]
    fn every_sample_has_all_values() {
        let mut train = batch([0, 0], 1.0);
        train.indices.pop();
        let error = log_of(train).unwrap_err();
        assert!(matches!(
            error,
            MemoryLogError::Length {
                expected: 2,
                found: 1,
                ..
            }
        ));
    }

    #[test]
    fn the_fingerprint_follows_the_content() {
        let a = log_of(batch([0, 0], 1.0)).unwrap();
        let b = log_of(batch([0, 0], 0.0)).unwrap();
        assert_eq!(
            a.fingerprint(),
            log_of(batch([0, 0], 1.0)).unwrap().fingerprint()
        );
        assert_ne!(a.fingerprint(), b.fingerprint());
    }

    #[test]
    fn summary_counts_clicks() {
        let summary = log_of(batch([0, 0], 1.0)).unwrap().describe();
        assert_eq!(summary.rows(), 2);
        assert_eq!(summary.table_rows(), 5);
        assert_eq!(summary.splits.train.positive_rate(), Some(1.0));
        assert_eq!(summary.splits.validation.positive_rate(), None);
    }
}
