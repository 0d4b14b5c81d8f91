//! The seam between click logs and those who learn from them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A click log split into training, validation and test samples.
pub trait ClickLog: Send + Sync {
    /// Shapes of a sample.
    fn shape(&self) -> &LogShape;

    /// Samples of a split.
    fn len(&self, split: Split) -> usize;

    /// Replaces the content of `batch` by the samples `rows` (each below [`ClickLog::len`]), in
    /// that order.
    fn fill(&self, split: Split, rows: &[u32], batch: &mut Batch);

    /// Digest of the content and of every setting that shaped it, as lower-case hex.
    fn fingerprint(&self) -> &str;
}

/// The part of a log a sample belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Samples that weights are fitted to.
    Train,
    /// Samples that decisions are made on.
    Validation,
    /// Samples that are looked at once.
    Test,
}

impl Split {
    /// Every split, in the order in which they are stored.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// Name as it is written in files and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Shapes of a sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogShape {
    /// Values of the dense input; 1, a constant 0, for logs without dense columns.
    pub dense_dim: usize,
    /// Rows of the embedding table of each categorical field; at least one field.
    pub table_rows: Vec<u32>,
}

/// Samples side by side.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Dense values, shape `[samples, dense_dim]`, row-major.
    pub dense: Vec<f32>,
    /// Embedding rows, shape `[samples, fields]`, row-major; each below its field's `table_rows`.
    pub indices: Vec<u32>,
    /// Labels, shape `[samples]`, each 0 or 1.
    pub labels: Vec<f32>,
}

impl Batch {
    /// Samples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no samples.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.dense.clear();
        self.indices.clear();
        self.labels.clear();
    }
}
