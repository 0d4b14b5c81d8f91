//! How the accesses to a table are spread over the rows that are stored of it.

use crate::{
    dram::popularity::Popularity,
    workload::{EmbeddingTable, TableStorage, cube_root},
};

/// Which rows of a table one is stored for. Rows that share a quotient or a digit are taken as random
/// ones; remainders, which every row of a table shares with many, as evenly asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoredLaw {
    /// So many rows of the table share one.
    Shared(u64),
    /// So many rows, all asked for alike.
    Even(u64),
}

impl StoredLaw {
    /// A row for each row of the table.
    pub(crate) const WHOLE: Self = Self::Shared(1);

    /// The law of the stored table number `place` of a table.
    pub(crate) fn of(table: &EmbeddingTable, place: usize) -> Self {
        match table.storage {
            TableStorage::Rows => Self::WHOLE,
            TableStorage::QuotientRemainder { collisions } if place == 0 => {
                Self::Shared(u64::from(collisions))
            }
            TableStorage::QuotientRemainder { collisions } => {
                Self::Even(u64::from(collisions).min(table.rows))
            }
            TableStorage::TensorTrain { .. } => {
                Self::Shared(table.rows.div_ceil(cube_root(table.rows)))
            }
        }
    }

    /// Popularity of the stored rows, where the table has `rows` rows and `popularity` is that of the
    /// values asked for: more of them than rows share rows.
    pub(crate) fn popularity(self, popularity: &Popularity, rows: u64) -> Popularity {
        match self {
            Self::Shared(group) => popularity.shared_among(rows).grouped(group),
            Self::Even(rows) => Popularity::uniform(rows),
        }
    }
}
