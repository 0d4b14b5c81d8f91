//! A row as bytes.

/// The layout of a row in 4-byte little-endian words: the label (`f32`), the dense values (`f32`),
/// and an embedding row per categorical column (`u32`). Rows stand side by side rather than
/// columns, since a batch reads a few hundred rows from anywhere in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordLayout {
    /// Dense columns; may be 0.
    pub(crate) dense: usize,
    /// Categorical columns.
    pub(crate) categorical: usize,
}

impl RecordLayout {
    /// Bytes of a row.
    pub(crate) fn bytes(self) -> usize {
        4 * (1 + self.dense + self.categorical)
    }

    /// Byte at which the embedding row of a categorical column starts.
    pub(crate) fn index_at(self, column: usize) -> usize {
        4 * (1 + self.dense + column)
    }
}

/// The embedding row that starts at byte `at` of a record.
pub(crate) fn index(record: &[u8], at: usize) -> u32 {
    let bytes = record[at..at + 4].try_into().expect("four bytes");
    u32::from_le_bytes(bytes)
}
