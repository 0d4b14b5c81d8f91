//! An embedding table as it is stored: as rows, or as smaller tables whose rows are combined.
//!
//! Sources: quotient and remainder, Shi et al., arXiv 1909.02107; tensor train, Yin et al. (TT-Rec),
//! MLSys 2021, arXiv 2101.11714.

use serde::{Deserialize, Serialize};

/// One embedding table and how often a sample reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct EmbeddingTable {
    /// Rows that can be asked for.
    pub rows: u64,
    /// Values in a row.
    pub width: u16,
    /// Bits of a stored value.
    pub bits: u8,
    /// Rows asked for per sample.
    pub lookups: u16,
    /// What is stored of them.
    pub storage: TableStorage,
}

/// What is stored of an embedding table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableStorage {
    /// The rows.
    Rows,
    /// Row i is the product, value by value, of row i div `collisions` of one table and row i mod
    /// `collisions` of another.
    QuotientRemainder {
        /// Rows that share a quotient, at least 1.
        collisions: u32,
    },
    /// Row i is the product of one slice of each of three cores, chosen by the digits of i in base
    /// ⌈rows^(1/3)⌉.
    TensorTrain {
        /// Length of the two inner axes, at least 1.
        rank: u16,
        /// Outer axes; their product is at least the width of a row.
        dims: [u16; 3],
    },
}

/// A table of which a look-up reads one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredTable {
    /// Rows.
    pub rows: u64,
    /// Values in a row.
    pub values: u64,
}

impl TableStorage {
    /// The tables that stand for one of `rows` rows of `width` values; each look-up reads a row of
    /// every one.
    pub fn parts(self, rows: u64, width: u64) -> Vec<StoredTable> {
        let stored = |rows, values| StoredTable { rows, values };
        match self {
            Self::Rows => vec![stored(rows, width)],
            Self::QuotientRemainder { collisions } => {
                let collisions = u64::from(collisions);
                vec![
                    stored(rows.div_ceil(collisions), width),
                    stored(collisions.min(rows), width),
                ]
            }
            Self::TensorTrain { rank, dims } => {
                let (base, rank) = (cube_root(rows), u64::from(rank));
                let [first, second, third] = dims.map(u64::from);
                vec![
                    stored(base, first * rank),
                    stored(base, rank * second * rank),
                    stored(base, rank * third),
                ]
            }
        }
    }

    /// Values in store for a table of `rows` rows of `width` values.
    pub fn stored_values(self, rows: u64, width: u64) -> u64 {
        let parts = self.parts(rows, width);
        parts.iter().map(|part| part.rows * part.values).sum()
    }

    /// Multiply–accumulates that make a row of `width` values of what is stored.
    pub fn macs(self, width: u64) -> u64 {
        match self {
            Self::Rows => 0,
            Self::QuotientRemainder { .. } => width,
            Self::TensorTrain { rank, dims } => {
                let rank = u64::from(rank);
                let [first, second, third] = dims.map(u64::from);
                first * rank * second * rank + first * second * rank * third
            }
        }
    }
}

impl EmbeddingTable {
    /// Bytes in store.
    pub fn bytes(&self) -> f64 {
        let values = self.storage.stored_values(self.rows, u64::from(self.width));
        values as f64 * f64::from(self.bits) / 8.0
    }
}

/// The smallest integer whose cube is at least `number`.
pub fn cube_root(number: u64) -> u64 {
    let mut root = (number as f64).cbrt() as u64;
    while root.pow(3) < number {
        root += 1;
    }
    while root > 0 && (root - 1).pow(3) >= number {
        root -= 1;
    }
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_are_exact() {
        for (number, root) in [
            (0, 0),
            (1, 1),
            (2, 2),
            (8, 2),
            (9, 3),
            (27, 3),
            (1_000_000, 100),
        ] {
            assert_eq!(cube_root(number), root, "{number}");
        }
        assert_eq!(cube_root(1_000_001), 101);
        assert_eq!(cube_root(u64::from(u32::MAX)), 1626);
    }

    /// 1000 rows of 16 values: 250 + 4 rows of 16; 10 slices of 4·8, 8·2·8 and 8·2 values.
    #[test]
    fn parts_by_hand() {
        let parts = |storage: TableStorage| -> Vec<[u64; 2]> {
            let parts = storage.parts(1000, 16);
            parts.iter().map(|part| [part.rows, part.values]).collect()
        };
        assert_eq!(parts(TableStorage::Rows), [[1000, 16]]);
        let remainder = TableStorage::QuotientRemainder { collisions: 4 };
        assert_eq!(parts(remainder), [[250, 16], [4, 16]]);
        assert_eq!(remainder.macs(16), 16);
        let train = TableStorage::TensorTrain {
            rank: 8,
            dims: [4, 2, 2],
        };
        assert_eq!(parts(train), [[10, 32], [10, 128], [10, 16]]);
        assert_eq!(train.stored_values(1000, 16), 1760);
        assert_eq!(train.macs(16), 512 + 128);
    }
}
