//! Click logs as packed records and batches, and a generator whose best possible score is known.
//!
//! A log comes from text files ([`open_or_build`], with a [`DataSchema`] that says what their
//! columns mean), or from [`SyntheticSettings::generate`]. Either way it is a [`ClickLog`]: three
//! splits of samples that are read in any order. [`log_loss`] and [`auc`] score predictions, [`Ndcg`] rankings.

mod by_split;
mod click_log;
mod columns;
mod data_error;
mod encoder;
mod fields;
mod ingest;
mod inputs;
mod mapped_file;
mod memory_log;
mod metrics;
mod ndcg;
mod packed_log;
mod packed_writer;
mod record;
mod row_reader;
mod schema;
mod schema_error;
mod schema_file;
mod split_rule;
mod spool;
mod summary;
mod synthetic;
mod values;

pub use by_split::BySplit;
pub use click_log::{Batch, ClickLog, LogShape, Split};
pub use data_error::{DataError, Place};
pub use ingest::{Progress, open_or_build};
pub use inputs::LogInputs;
pub use memory_log::{MemoryLog, MemoryLogError};
pub use metrics::{auc, log_loss, log_loss_of_probabilities};
pub use ndcg::{Ndcg, best_rows};
pub use packed_log::{PackedLog, PackedLogError};
pub use schema::{
    CategoricalEncoding, Column, DataSchema, DenseTransform, HashedValues, SCHEMA_PRESETS,
    TableRows,
};
pub use schema_error::SchemaError;
pub use split_rule::SplitRule;
pub use summary::{ColumnSummary, LogSummary, SplitSummary};
pub use synthetic::{
    BestPossible, Interactions, Labels, Score, SyntheticError, SyntheticLog, SyntheticSettings,
    VarianceShares,
};
