//! What a batch of samples asks of a memory, with the locality of every stored table.

use std::sync::Arc;

use crate::{
    dram::{
        demand::COMBINED_BITS, locality::Locality, popularity::Popularity, stored_law::StoredLaw,
    },
    workload::{EmbeddingTable, TableStorage},
};

/// The law of Zipf and Mandelbrot; see [`Popularity::zipf_mandelbrot`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Law {
    /// Exponent; 0 is uniform.
    pub exponent: f64,
    /// Shift of the ranks.
    pub shift: f64,
}

/// Tables with the localities of what is stored of them, tabulated once.
#[derive(Debug, Clone, PartialEq)]
pub struct Gathers {
    pub(crate) tables: Vec<GatherTable>,
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct GatherTable {
    /// The table as it is asked for.
    pub(crate) asked: EmbeddingTable,
    /// Lookups of one sample.
    pub(crate) lookups: f64,
    /// Values of a row as it is asked for.
    pub(crate) width: f64,
    /// Bits of a value.
    pub(crate) bits: f64,
    /// Multiply–accumulates that make a row of what is stored.
    pub(crate) macs: f64,
    /// What is stored; the largest first.
    pub(crate) parts: Vec<StoredPart>,
}

/// A stored table, of which a lookup reads a row.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StoredPart {
    pub(crate) rows: f64,
    pub(crate) row_bytes: f64,
    pub(crate) locality: Arc<Locality>,
}

impl StoredPart {
    pub(crate) fn bytes(&self) -> f64 {
        self.rows * self.row_bytes
    }
}

impl Gathers {
    /// Tables whose rows are asked for by a law. Some milliseconds per table of different size.
    pub fn by_law(tables: &[EmbeddingTable], law: Law) -> Self {
        let of = |rows: u64| Popularity::zipf_mandelbrot(rows, law.exponent, law.shift);
        let mut known: Vec<(EmbeddingTable, GatherTable)> = Vec::new();
        let mut gathered = Vec::with_capacity(tables.len());
        for table in tables {
            let same = known.iter().find(|(other, _)| other == table);
            let new = match same {
                Some((_, same)) => same.clone(),
                None => GatherTable::of(table, &of(table.rows)),
            };
            if same.is_none() {
                known.push((*table, new.clone()));
            }
            gathered.push(new);
        }
        Self { tables: gathered }
    }

    /// Tables with the popularity of each.
    ///
    /// # Panics
    ///
    /// If there are not as many popularities as tables.
    pub fn measured(tables: &[EmbeddingTable], popularities: &[Popularity]) -> Self {
        assert_eq!(tables.len(), popularities.len(), "one for each table");
        let pairs = tables.iter().zip(popularities);
        Self {
            tables: pairs
                .map(|(table, law)| GatherTable::of(table, law))
                .collect(),
        }
    }

    /// Bytes in store.
    pub fn bytes(&self) -> f64 {
        self.tables.iter().map(GatherTable::bytes).sum()
    }

    /// Bytes of the largest table.
    pub(crate) fn largest_table_bytes(&self) -> f64 {
        let tables = self.tables.iter().map(GatherTable::bytes);
        tables.fold(0.0, f64::max)
    }

    /// Lookups of a sample.
    pub fn lookups(&self) -> f64 {
        self.tables.iter().map(|table| table.lookups).sum()
    }
}

impl GatherTable {
    fn bytes(&self) -> f64 {
        self.parts.iter().map(StoredPart::bytes).sum()
    }

    fn of(table: &EmbeddingTable, popularity: &Popularity) -> Self {
        Self::new(table, |law| {
            Arc::new(Locality::new(&law.popularity(popularity, table.rows)))
        })
    }

    /// A table of which what is stored has these localities.
    pub(crate) fn new(
        table: &EmbeddingTable,
        mut locality: impl FnMut(StoredLaw) -> Arc<Locality>,
    ) -> Self {
        let stored = table.storage.parts(table.rows, u64::from(table.width));
        let mut parts: Vec<StoredPart> = stored
            .iter()
            .enumerate()
            .map(|(place, part)| StoredPart {
                rows: part.rows as f64,
                row_bytes: part.values as f64 * f64::from(table.bits) / 8.0,
                locality: locality(StoredLaw::of(table, place)),
            })
            .collect();
        parts.sort_by(|a, b| b.bytes().total_cmp(&a.bytes()));
        Self {
            asked: *table,
            lookups: f64::from(table.lookups),
            width: f64::from(table.width),
            bits: f64::from(table.bits),
            macs: table.storage.macs(u64::from(table.width)) as f64,
            parts,
        }
    }

    /// Bytes of a row as it is asked for; one that is combined has no fewer bits than [`COMBINED_BITS`].
    pub(crate) fn result_bytes(&self) -> f64 {
        let bits = match self.asked.storage {
            TableStorage::Rows => self.bits,
            _ => self.bits.max(COMBINED_BITS.into()),
        };
        self.width * bits / 8.0
    }
}
