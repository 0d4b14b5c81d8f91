//! Cartesian products of tables.

use crate::workload::EmbeddingTable;

/// A table as it lies in a bank: a stored table, or the Cartesian product of two, of which one look-up
/// reads the concatenated rows of both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MergedTable {
    /// Rows; those of a product are the product of its factors' rows.
    pub rows: u64,
    /// Values in a row; those of a product are the sum of its factors' values.
    pub dim: u64,
    /// Bits of a value.
    pub bits: u8,
    /// Rows read per sample.
    pub lookups: u16,
    /// Number of the stored table.
    pub first: usize,
    /// Number of the other factor of a product.
    pub second: Option<usize>,
}

impl MergedTable {
    /// The tables that are stored for `tables`, one after another: a compressed table is several
    /// ([`crate::TableStorage::parts`]).
    pub fn stored(tables: &[EmbeddingTable]) -> Vec<Self> {
        let parts = tables.iter().flat_map(|table| {
            let parts = table.storage.parts(table.rows, u64::from(table.width));
            parts.into_iter().map(move |part| (table, part))
        });
        { parts.enumerate() }
            .map(|(first, (table, part))| Self {
                rows: part.rows,
                dim: part.values,
                bits: table.bits,
                lookups: table.lookups,
                first,
                second: None,
            })
            .collect()
    }

    /// The product with another table. None where values or look-ups differ, where one is a product
    /// already, or where rows could not be counted.
    pub fn times(self, other: Self) -> Option<Self> {
        let is_alike = self.bits == other.bits && self.lookups == other.lookups;
        if !is_alike || self.second.is_some() || other.second.is_some() {
            return None;
        }
        Some(Self {
            rows: self.rows.checked_mul(other.rows)?,
            dim: self.dim + other.dim,
            second: Some(other.first),
            ..self
        })
    }

    /// Bits of a row.
    pub fn row_bits(&self) -> u64 {
        self.dim * u64::from(self.bits)
    }

    /// Bytes in store.
    pub fn bytes(&self) -> f64 {
        self.rows as f64 * self.row_bits() as f64 / 8.0
    }
}

/// What small means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Few rows.
    Rows,
    /// Few bytes.
    Bytes,
}

/// Tables from small to large, equal ones in the order in which they are stored.
pub(super) fn sorted(tables: &[MergedTable], order: Order) -> Vec<MergedTable> {
    let mut sorted = tables.to_vec();
    sorted.sort_by(|a, b| {
        let size = match order {
            Order::Rows => a.rows.cmp(&b.rows),
            Order::Bytes => a.bytes().total_cmp(&b.bytes()),
        };
        size.then(a.first.cmp(&b.first))
    });
    sorted
}

/// Merges `count` of sorted tables from the one numbered `from`: the smallest with the largest of them, and
/// so on inwards. Of all pairings of given rows this one has the smallest sum of products (the
/// rearrangement inequality). Tables that cannot be merged stay alone.
pub(super) fn merge(sorted: &[MergedTable], from: usize, count: usize) -> Vec<MergedTable> {
    let (mut merged, rest) = (sorted[..from].to_vec(), &sorted[from + count..]);
    merged.extend_from_slice(rest);
    let (mut low, mut high) = (from, from + count);
    while low + 1 < high {
        high -= 1;
        match sorted[low].times(sorted[high]) {
            Some(product) => merged.push(product),
            None => merged.extend([sorted[low], sorted[high]]),
        }
        low += 1;
    }
    merged.extend(&sorted[low..high]);
    merged
}

/// Every way to pair some of the tables, none of them first. Those that cannot be merged stay alone.
pub(super) fn pairings(tables: &[MergedTable]) -> Vec<Vec<MergedTable>> {
    let Some((&first, rest)) = tables.split_first() else {
        return vec![Vec::new()];
    };
    let mut found = Vec::new();
    let mut extend = |table: MergedTable, others: &[MergedTable]| {
        found.extend(pairings(others).into_iter().map(|mut pairing| {
            pairing.push(table);
            pairing
        }));
    };
    extend(first, rest);
    for (number, &partner) in rest.iter().enumerate() {
        if let Some(product) = first.times(partner) {
            let mut others = rest.to_vec();
            others.remove(number);
            extend(product, &others);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{dram::merging::tests::table, workload::TableStorage};

    /// 100 × 4 and 1000 × 8 values: 100 000 rows of 12.
    #[test]
    fn rows_multiply_and_values_add_up() {
        let [a, b] = MergedTable::stored(&[table(100, 4), table(1000, 8)])[..] else {
            panic!("two tables");
        };
        let product = a.times(b).expect("alike");
        assert_eq!((product.rows, product.dim), (100_000, 12));
        assert_eq!((product.first, product.second), (0, Some(1)));
        assert_eq!(product.bytes(), 4.8e6);
        assert_eq!(product.times(a), None, "pairs only");
        let narrow = MergedTable { bits: 16, ..b };
        assert_eq!(a.times(narrow), None, "values of one width");
        let endless = MergedTable {
            rows: u64::MAX,
            ..b
        };
        assert_eq!(a.times(endless), None, "rows that cannot be counted");
    }

    #[test]
    fn the_smallest_goes_with_the_largest() {
        let tables: Vec<_> = [3, 1, 2, 5, 4].map(|rows| table(rows, 4)).to_vec();
        let sorted = sorted(&MergedTable::stored(&tables), Order::Rows);
        let rows = |from, count| -> Vec<u64> {
            let merged = merge(&sorted, from, count);
            merged.iter().map(|table| table.rows).collect()
        };
        assert_eq!(rows(0, 0), [1, 2, 3, 4, 5]);
        assert_eq!(rows(0, 4), [5, 4, 6]);
        assert_eq!(rows(1, 4), [1, 10, 12]);
        assert_eq!(rows(0, 5), [5, 8, 3]);
    }

    #[test]
    fn a_compressed_table_is_stored_as_several() {
        let mut table = table(1000, 16);
        table.storage = TableStorage::QuotientRemainder { collisions: 4 };
        let stored = MergedTable::stored(&[table, table]);
        let rows: Vec<u64> = stored.iter().map(|table| table.rows).collect();
        assert_eq!(rows, [250, 4, 250, 4]);
    }
}
