//! What a log holds, in numbers for people.

use serde::{Deserialize, Serialize};

use crate::{BySplit, Split};

/// What a log holds: rows and clicks of each split, and its columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSummary {
    /// Rows and clicks of each split.
    pub splits: BySplit<SplitSummary>,
    /// Dense columns; empty if the dense input is the constant 0.
    pub dense: Vec<ColumnSummary>,
    /// Categorical columns, in the order of their embedding tables.
    pub categorical: Vec<ColumnSummary>,
}

/// Rows and clicks of a split.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitSummary {
    /// Rows.
    pub rows: u64,
    /// Rows whose label is 1.
    pub clicks: u64,
}

/// A column of a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnSummary {
    /// Name in the header, or in the schema.
    pub name: String,
    /// Rows of the embedding table; absent for dense columns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_rows: Option<u32>,
    /// Rows of the log, all splits together, in which the value is missing; absent if not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<u64>,
}

impl LogSummary {
    /// Rows of all splits.
    pub fn rows(&self) -> u64 {
        Split::ALL
            .iter()
            .map(|&split| self.splits[split].rows)
            .sum()
    }

    /// Rows of all embedding tables.
    pub fn table_rows(&self) -> u64 {
        self.categorical
            .iter()
            .filter_map(|column| column.table_rows)
            .map(u64::from)
            .sum()
    }

    /// Share of the rows in which `column` is missing, in [0, 1]; absent if not known or if there
    /// are no rows.
    pub fn missing_share(&self, column: &ColumnSummary) -> Option<f64> {
        let missing = column.missing?;
        (self.rows() > 0).then(|| missing as f64 / self.rows() as f64)
    }
}

impl SplitSummary {
    /// Clicks per row, in [0, 1]; absent if there are no rows.
    pub fn positive_rate(&self) -> Option<f64> {
        (self.rows > 0).then(|| self.clicks as f64 / self.rows as f64)
    }
}
