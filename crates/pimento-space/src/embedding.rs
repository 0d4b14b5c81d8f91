//! What a categorical field stores: the kind of its table, the width and the precision of its rows.

use std::{fmt, str::FromStr};

use pimento_hardware::{EmbeddingTable, TableStorage, cube_root};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The embedding of one field. Rows narrower than the network's are filled with zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldEmbedding {
    /// What is stored of the table.
    pub table: TableKind,
    /// Values of a row, at most the network's embedding width.
    pub width: usize,
    /// Precision of what is stored; 32 means not quantised.
    pub bits: u8,
}

/// Kinds of tables. In text: `full`, `hash-R`, `qr-C`, `tt-R`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum TableKind {
    /// A row for every value.
    Full,
    /// A row for values that are equal modulo ⌈rows / ratio⌉.
    Hash {
        /// Values that share a row, 2 to 65536.
        ratio: u32,
    },
    /// The product, value by value, of row i div `collisions` of one table and row i mod
    /// `collisions` of another (Shi et al., arXiv 1909.02107).
    QuotientRemainder {
        /// Values that share a quotient, 2 to 65536.
        collisions: u32,
    },
    /// The product of slices of three cores (TT-Rec, arXiv 2101.11714).
    TensorTrain {
        /// Length of the inner axes, 1 to 64.
        rank: u16,
    },
}

/// A text that names no kind of table.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("there is no table `{0}`, expected {expected}", expected = TableKind::EXPECTED)]
pub struct UnknownTable(String);

impl TableKind {
    /// The texts that name a kind.
    pub const EXPECTED: &str =
        "`full`, `hash-R` or `qr-C` with R and C from 2 to 65536, or `tt-R` with R from 1 to 64";

    /// Rows that can be asked for, and what is stored of them, for a table of `rows` rows of `width`
    /// values in a network of width `embedding_dim`.
    ///
    /// The outer axes of a tensor train are ⌊`embedding_dim`^(1/3)⌋ twice and, first, as many as the
    /// width needs: narrower rows are made of leading parts of the first core.
    fn storage(self, rows: u64, width: usize, embedding_dim: usize) -> (u64, TableStorage) {
        match self {
            Self::Full => (rows, TableStorage::Rows),
            Self::Hash { ratio } => (rows.div_ceil(u64::from(ratio)), TableStorage::Rows),
            Self::QuotientRemainder { collisions } => {
                (rows, TableStorage::QuotientRemainder { collisions })
            }
            Self::TensorTrain { rank } => {
                let side = cube_root(embedding_dim as u64 + 1) as usize - 1;
                let dims = [width.div_ceil(side * side), side, side].map(|dim| dim as u16);
                (rows, TableStorage::TensorTrain { rank, dims })
            }
        }
    }
}

impl FieldEmbedding {
    /// A full table of rows of `width` values.
    pub fn full(width: usize, bits: u8) -> Self {
        Self {
            table: TableKind::Full,
            width,
            bits,
        }
    }

    /// The table of a field with `rows` values in a network of width `embedding_dim`, read once per
    /// sample.
    pub fn stored(&self, rows: u64, embedding_dim: usize) -> EmbeddingTable {
        let (rows, storage) = self.table.storage(rows, self.width, embedding_dim);
        EmbeddingTable {
            rows,
            width: self.width as u16,
            bits: self.bits,
            lookups: 1,
            storage,
        }
    }

    /// The same, but a full table where the kind stores no fewer values than that.
    #[must_use]
    pub fn canonical(self, rows: u64, embedding_dim: usize) -> Self {
        let stored = self.stored(rows, embedding_dim);
        let width = self.width as u64;
        if stored.storage.stored_values(stored.rows, width) < rows * width {
            return self;
        }
        Self::full(self.width, self.bits)
    }
}

impl fmt::Display for TableKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full => formatter.write_str("full"),
            Self::Hash { ratio } => write!(formatter, "hash-{ratio}"),
            Self::QuotientRemainder { collisions } => write!(formatter, "qr-{collisions}"),
            Self::TensorTrain { rank } => write!(formatter, "tt-{rank}"),
        }
    }
}

impl FromStr for TableKind {
    type Err = UnknownTable;

    fn from_str(text: &str) -> Result<Self, UnknownTable> {
        let shared = |number: &str| number.parse().ok().filter(|n| (2..=1 << 16).contains(n));
        let rank = |number: &str| number.parse().ok().filter(|n| (1..=64).contains(n));
        let kind = match text.split_once('-') {
            None if text == "full" => Some(Self::Full),
            Some(("hash", number)) => shared(number).map(|ratio| Self::Hash { ratio }),
            Some(("qr", number)) => {
                shared(number).map(|collisions| Self::QuotientRemainder { collisions })
            }
            Some(("tt", number)) => rank(number).map(|rank| Self::TensorTrain { rank }),
            _ => None,
        };
        // One text per kind: `hash-04` is none.
        kind.filter(|kind| kind.to_string() == text)
            .ok_or_else(|| UnknownTable(text.to_owned()))
    }
}

impl TryFrom<String> for TableKind {
    type Error = UnknownTable;

    fn try_from(text: String) -> Result<Self, UnknownTable> {
        text.parse()
    }
}

impl From<TableKind> for String {
    fn from(kind: TableKind) -> Self {
        kind.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_their_texts() {
        for text in ["full", "hash-4", "qr-16", "tt-8", "qr-65536"] {
            assert_eq!(
                text.parse::<TableKind>().map(String::from),
                Ok(text.to_owned())
            );
        }
        for text in [
            "", "Full", "hash", "hash-1", "hash-04", "qr-65537", "tt-0", "tt-65", "qr--4",
        ] {
            assert_eq!(
                text.parse::<TableKind>(),
                Err(UnknownTable(text.to_owned()))
            );
        }
    }

    #[test]
    fn narrow_rows_of_a_tensor_train_are_leading_parts_of_its_first_core() {
        let dims = |width| {
            let table = TableKind::TensorTrain { rank: 4 };
            let bits = 8;
            match (FieldEmbedding { table, width, bits })
                .stored(1000, 16)
                .storage
            {
                TableStorage::TensorTrain { dims, .. } => dims,
                _ => [0; 3],
            }
        };
        assert_eq!(dims(16), [4, 2, 2]);
        assert_eq!(dims(8), [2, 2, 2]);
        assert_eq!(dims(3), [1, 2, 2]);
    }

    /// Of 60 rows of 16 values: rank 4 stores 4 · (16 + 32 + 8) = 224 values, rank 16 stores
    /// 4 · (64 + 512 + 32); of 5 rows, quotients and remainders at 4 collisions are 2 + 4.
    #[test]
    fn what_saves_nothing_is_full() {
        let kind = |text: &str, rows| {
            let table = text.parse().unwrap_or(TableKind::Full);
            let embedding = FieldEmbedding {
                table,
                width: 16,
                bits: 8,
            };
            embedding.canonical(rows, 16).table.to_string()
        };
        assert_eq!(kind("tt-4", 60), "tt-4");
        assert_eq!(kind("tt-16", 60), "full");
        assert_eq!(kind("qr-4", 5), "full");
        assert_eq!(kind("qr-4", 9), "qr-4");
        assert_eq!(kind("hash-4", 1), "full");
        assert_eq!(kind("hash-4", 2), "hash-4");
    }
}
