//! Fewer look-ups by Cartesian products of tables, on memory whose banks work side by side: MicroRec (MLSys
//! 2021, arXiv 2010.05894).
//!
//! A bank serves one look-up after the other, in a start and the words of the row, so that the busiest bank
//! sets the time of a sample. A product of two tables has a row for every pair of their rows: it costs
//! storage and saves a start. Which tables are merged, which lie on chip and which bank serves which is
//! chosen for the shortest look-up, and the least storage of those.

mod memory;
mod pipeline;
mod placement;
mod product;

pub use memory::{BankGroup, BankMemory};
pub use pipeline::Pipeline;
pub use placement::{BankLoad, Placement, PlacementRule};
pub use product::MergedTable;

use placement::{Layout, Placer};
use product::{Order, merge, pairings, sorted};

use crate::workload::EmbeddingTable;

/// Which tables are merged, and the bank of each.
#[derive(Debug, Clone, PartialEq)]
pub struct MergePlan {
    memory: BankMemory,
    tables: Vec<MergedTable>,
    layout: Layout,
    stored_bytes: f64,
}

impl MergePlan {
    /// The best of what [`Self::published`] tries and of merging any run of the tables, sorted by rows or
    /// by bytes, each placed by [`PlacementRule::Exchange`]: O(N²) sets of pairs. Then any two tables
    /// are taken apart and paired anew until nothing gets better. Where no product could be faster than none, or the
    /// tables exceed the memory as they are, none is tried.
    pub fn best(tables: &[EmbeddingTable], memory: &BankMemory) -> Self {
        let stored = MergedTable::stored(tables);
        let placer = Placer::new(&stored, memory, PlacementRule::Exchange.into());
        let bound_ns = placer.bound_of_products_ns();
        let apart = Self::placed(&stored, memory, placer);
        let is_full = apart.storage_bytes() > memory.capacity_bytes();
        if is_full || apart.layout.is_beyond(bound_ns, false) {
            return apart;
        }
        let mut best = Self::published(tables, memory, None);
        for order in [Order::Rows, Order::Bytes] {
            let sorted = sorted(&stored, order);
            for from in 0..=sorted.len() {
                let counts = 0..=sorted.len() - from;
                best = counts.step_by(2).fold(best, |best, count| {
                    best.or(
                        merge(&sorted, from, count),
                        PlacementRule::LongestFirst.into(),
                    )
                });
            }
        }
        loop {
            let before = (best.lookup_latency_ns(), best.storage_bytes());
            best = best.paired_anew(&stored);
            if (best.lookup_latency_ns(), best.storage_bytes()) == before {
                return best;
            }
        }
    }

    /// MicroRec's heuristic: the tables with the fewest rows are candidates, the smallest is merged with
    /// the largest of them, and so on; of all numbers of candidates the best one, placed by
    /// [`PlacementRule::Turns`] with `on_chip` tables on chip ([`Placement::on_chip`]).
    pub fn published(
        tables: &[EmbeddingTable],
        memory: &BankMemory,
        on_chip: Option<usize>,
    ) -> Self {
        let placement = Placement {
            rule: PlacementRule::Turns,
            on_chip,
        };
        let none = Self::unmerged(tables, memory, placement);
        let sorted = sorted(&MergedTable::stored(tables), Order::Rows);
        let counts = (0..=sorted.len()).step_by(2);
        counts.fold(none, |best, count| {
            best.or(merge(&sorted, 0, count), placement)
        })
    }

    /// The `candidates` tables with the fewest rows merged as by [`Self::published`].
    pub fn merged(
        tables: &[EmbeddingTable],
        memory: &BankMemory,
        candidates: usize,
        placement: impl Into<Placement>,
    ) -> Self {
        let stored = MergedTable::stored(tables);
        let sorted = sorted(&stored, Order::Rows);
        let merged = merge(&sorted, 0, candidates.min(sorted.len()));
        let placer = Placer::new(&merged, memory, placement.into());
        Self::placed(&stored, memory, placer)
    }

    /// The tables of the placer, made of those that are stored.
    fn placed(stored: &[MergedTable], memory: &BankMemory, placer: Placer) -> Self {
        let (tables, layout) = placer.best();
        Self {
            memory: memory.clone(),
            stored_bytes: stored.iter().map(MergedTable::bytes).sum(),
            tables,
            layout,
        }
    }

    /// No table is merged.
    pub fn unmerged(
        tables: &[EmbeddingTable],
        memory: &BankMemory,
        placement: impl Into<Placement>,
    ) -> Self {
        Self::merged(tables, memory, 0, placement)
    }

    /// The tables as they lie in the banks, from few bytes to many.
    pub fn tables(&self) -> &[MergedTable] {
        &self.tables
    }

    /// Bank of each of [`Self::tables`], numbered through the groups of the memory.
    pub fn banks(&self) -> &[usize] {
        &self.layout.banks
    }

    /// What each bank holds.
    pub fn loads(&self) -> &[BankLoad] {
        &self.layout.loads
    }

    /// The memory.
    pub fn memory(&self) -> &BankMemory {
        &self.memory
    }

    /// Tables that are products of two.
    pub fn products(&self) -> usize {
        let products = self.tables.iter().filter(|table| table.second.is_some());
        products.count()
    }

    /// Time of all look-ups of a sample, ns: until the last bank is done.
    pub fn lookup_latency_ns(&self) -> f64 {
        self.layout.latency_ns()
    }

    /// Samples per second if nothing but look-ups is done: a bank starts on a sample when all are done
    /// with the one before, as MicroRec's measured rates are. Infinite without look-ups.
    pub fn lookups_per_s(&self) -> f64 {
        1e9 / self.lookup_latency_ns()
    }

    /// The most look-ups that a sample asks of a bank off the chip.
    pub fn rounds(&self) -> u32 {
        let banks = self.memory.banks().into_iter().zip(self.loads());
        let off_chip = banks.filter(|(bank, _)| !bank.on_chip);
        off_chip.map(|(_, load)| load.lookups).max().unwrap_or(0)
    }

    /// Tables in the banks of a group of the memory, by its name.
    pub fn tables_in(&self, group: &str) -> Vec<MergedTable> {
        let (banks, groups) = (self.memory.banks(), self.memory.groups());
        let is_in = |bank: usize| groups[banks[bank].group].name == group;
        let placed = self.tables.iter().zip(self.banks());
        { placed.filter(|&(_, &bank)| is_in(bank)) }
            .map(|(table, _)| *table)
            .collect()
    }

    /// Time of the busiest bank of a group for the look-ups of a sample, ns.
    pub fn busy_ns(&self, group: &str) -> f64 {
        let (banks, groups) = (self.memory.banks(), self.memory.groups());
        let banks = banks.into_iter().zip(self.loads());
        let of_group = banks.filter(|(bank, _)| groups[bank.group].name == group);
        of_group.map(|(_, load)| load.busy_ns).fold(0.0, f64::max)
    }

    /// Bytes in store.
    pub fn storage_bytes(&self) -> f64 {
        self.tables.iter().map(MergedTable::bytes).sum()
    }

    /// Bytes in store ÷ bytes of the tables before merging; 1 without tables.
    pub fn storage_ratio(&self) -> f64 {
        if self.stored_bytes > 0.0 {
            self.storage_bytes() / self.stored_bytes
        } else {
            1.0
        }
    }

    /// Bytes beyond the capacities of the banks, as a share of the memory's: zero if all tables fit.
    pub fn violation(&self) -> f64 {
        self.layout.excess_bytes / self.memory.capacity_bytes()
    }

    /// The best plan that differs in the pairs of two tables, or several such steps, or this one.
    fn paired_anew(self, stored: &[MergedTable]) -> Self {
        let tables = self.tables.clone();
        let mut best = self;
        for (at, a) in tables.iter().enumerate() {
            for b in &tables[..at] {
                if ![a, b].iter().all(|table| best.tables.contains(table)) {
                    continue;
                }
                let factors: Vec<_> = { [Some(a.first), a.second, Some(b.first), b.second] }
                    .into_iter()
                    .flatten()
                    .map(|factor| stored[factor])
                    .collect();
                let others = best.tables.iter().filter(|table| ![a, b].contains(table));
                let others: Vec<_> = others.copied().collect();
                for mut pairing in pairings(&factors) {
                    pairing.extend(&others);
                    best = best.or(pairing, PlacementRule::Exchange.into());
                }
            }
        }
        best
    }

    /// This plan, or that of other tables if it is better.
    fn or(self, tables: Vec<MergedTable>, placement: Placement) -> Self {
        let bytes: f64 = tables.iter().map(MergedTable::bytes).sum();
        let is_smaller = bytes < self.storage_bytes();
        let placer = Placer::new(&tables, &self.memory, placement);
        if self.layout.is_beyond(placer.bound_ns(), is_smaller) {
            return self;
        }
        let (tables, layout) = placer.best();
        if !layout.is_better(&self.layout, is_smaller) {
            return self;
        }
        Self {
            tables,
            layout,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::TableStorage;

    /// A table of so many rows of 32-bit values, looked up once.
    pub(super) fn table(rows: u64, width: u16) -> EmbeddingTable {
        EmbeddingTable {
            rows,
            width,
            bits: 32,
            lookups: 1,
            storage: TableStorage::Rows,
        }
    }

    /// Two banks of 1000 bytes with a start of 100 ns, 10 ns for a word.
    fn two_banks() -> BankMemory {
        let text = "name = 'two'\nclock-mhz = 100.0\nport-bits = 32\nsource = 'test'\n[[groups]]\n\
            name = 'bank'\ncount = 2\ncapacity-bytes = 1000\nstart-ns = 100.0\non-chip = false\n\
            source = 'test'";
        BankMemory::parse(text).expect("a memory")
    }

    /// Three tables in two banks need two rounds, 2 · 100 + 2 · 40 ns, unless two are one of 6 rows of 8
    /// values: 100 + 80 ns and 192 bytes instead of 80.
    #[test]
    fn a_product_saves_a_round() {
        let tables = [table(2, 4), table(3, 4), table(20, 4)];
        let apart = MergePlan::unmerged(&tables, &two_banks(), PlacementRule::LongestFirst);
        assert_eq!((apart.lookup_latency_ns(), apart.rounds()), (280.0, 2));
        assert_eq!((apart.storage_bytes(), apart.storage_ratio()), (400.0, 1.0));
        let merged = MergePlan::best(&tables, &two_banks());
        assert_eq!((merged.lookup_latency_ns(), merged.rounds()), (180.0, 1));
        assert_eq!((merged.storage_bytes(), merged.products()), (512.0, 1));
        assert_eq!(merged.violation(), 0.0);
    }

    /// 20 · 20 rows of 8 values do not fit 1000 bytes.
    #[test]
    fn a_product_beyond_the_banks_is_not_made() {
        let tables = [table(20, 4), table(20, 4), table(20, 4)];
        let plan = MergePlan::best(&tables, &two_banks());
        assert_eq!((plan.products(), plan.violation()), (0, 0.0));
    }

    /// A table of 3200 bytes.
    #[test]
    fn tables_beyond_the_banks_are_a_violation_with_a_size() {
        let plan = MergePlan::best(&[table(200, 4)], &two_banks());
        assert_eq!(plan.violation(), 2200.0 / 2000.0);
    }

    #[test]
    fn nothing_takes_no_time() {
        let plan = MergePlan::best(&[], &two_banks());
        assert_eq!((plan.lookup_latency_ns(), plan.rounds()), (0.0, 0));
        assert_eq!(plan.storage_ratio(), 1.0);
    }
}
