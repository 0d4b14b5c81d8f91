//! What a gather asks of the memory: reads, what crosses the channel, and who combines what.
//!
//! A compressed table is several tables whose rows are combined. Units near the banks combine them
//! where the result is no larger than what was read; the small tables then have a copy per unit
//! (ProactivePIM's mapping), so that a unit finds all rows in its own banks. Otherwise, and without
//! units, all rows cross the channel and the host combines them.

use crate::{
    arithmetic::ceil,
    design::{MemoryDesign, PimLevel},
    dram::{standard::DramStandard, stored_law::StoredLaw},
    workload::{EmbeddingTable, TableStorage},
};

/// Fewest bits of a combined value: the widest format of the crossbars, so that a product is not
/// rounded again.
pub(crate) const COMBINED_BITS: u8 = 16;

/// What an inference asks of the memory, and what becomes of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Demand {
    /// All that is asked for.
    pub(crate) all: Reads,
    /// What is read: the same, less what a cache has.
    pub(crate) missed: Reads,
    /// Probability that a cache has everything.
    pub(crate) all_cached: f64,
    /// Bytes in store, copies included.
    pub(crate) bytes: f64,
    /// What the host combines.
    pub(crate) host: Combining,
    /// All of it in parts that a cache has or has not; none without a cache.
    pub(crate) flows: Vec<Flow>,
}

/// Reads of the memory.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Reads {
    /// Rows read.
    pub(crate) rows: f64,
    /// Bursts read.
    pub(crate) bursts: f64,
    /// Bits read.
    pub(crate) bits: f64,
    /// Bits that cross the channel if units pack them.
    pub(crate) packed_bits: f64,
    /// What units combine.
    pub(crate) units: Combining,
}

/// Rows of one kind that cross the channels, and the reads that they take.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Flow {
    /// Number of the table.
    pub(crate) table: usize,
    /// Which rows of it.
    pub(crate) law: StoredLaw,
    /// How many.
    pub(crate) lookups: f64,
    /// Their reads.
    pub(crate) reads: Reads,
}

/// Rows made of rows of several tables.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Combining {
    /// Rows made.
    pub(crate) vectors: f64,
    /// Values made.
    pub(crate) values: f64,
    /// Multiply–accumulates.
    pub(crate) macs: f64,
    /// Bits of their operands: the sum over all of them.
    pub(crate) operand_bits: f64,
    /// Bits of the widest operand.
    pub(crate) widest: u8,
}

impl Demand {
    /// The demand of one inference; without a cache, everything is missed.
    pub(crate) fn new(
        standard: &DramStandard,
        memory: &MemoryDesign,
        tables: &[EmbeddingTable],
    ) -> Self {
        let mut demand = Self::default();
        if memory.cache_kb > 0 {
            demand.flows.reserve(tables.len());
        }
        for (number, table) in tables.iter().enumerate() {
            demand.add(standard, memory, number, table);
        }
        demand.missed = demand.all;
        demand
    }

    /// A cache misses these shares of the flows.
    pub(crate) fn miss(&mut self, shares: &[f64]) {
        self.missed = Reads::default();
        self.all_cached = 1.0;
        for (flow, &share) in self.flows.iter().zip(shares) {
            self.missed.add(&flow.reads, share);
            self.all_cached *= (1.0 - share).powf(flow.lookups);
        }
    }

    fn add(
        &mut self,
        standard: &DramStandard,
        memory: &MemoryDesign,
        number: usize,
        table: &EmbeddingTable,
    ) {
        let burst_bits = standard.burst_bits();
        let (count, bits) = (f64::from(table.lookups), f64::from(table.bits));
        let flow = |place, reads| Flow {
            table: number,
            law: StoredLaw::of(table, place),
            lookups: count,
            reads,
        };
        if table.storage == TableStorage::Rows {
            let row_bits = f64::from(table.width) * bits;
            let row = Reads::of_row(row_bits, burst_bits);
            self.bytes += table.rows as f64 * row_bits / 8.0;
            if memory.cache_kb == 0 {
                return self.all.add_rows(&row, count);
            }
            return self.take(flow(0, row.times(count)), memory);
        }
        let parts = table.storage.parts(table.rows, u64::from(table.width));
        let (mut stored, mut largest, mut bytes) = (Reads::default(), 0.0_f64, 0.0);
        for part in &parts {
            let part_bits = part.values as f64 * bits;
            stored.add(&Reads::of_row(part_bits, burst_bits), 1.0);
            let part_bytes = part.rows as f64 * part_bits / 8.0;
            bytes += part_bytes;
            largest = largest.max(part_bytes);
        }
        self.bytes += bytes;
        let combined_bits = f64::from(table.width) * f64::from(table.bits.max(COMBINED_BITS));
        let units = units_per_channel(standard, memory.pim_level) * f64::from(memory.channels);
        if units > 0.0 && combined_bits <= stored.bits {
            self.bytes += (units - 1.0) * (bytes - largest);
            stored.packed_bits = combined_bits;
            let mut reads = stored.times(count);
            reads.units.add(table);
            let whole = Flow {
                law: StoredLaw::WHOLE,
                ..flow(0, reads)
            };
            return self.take(whole, memory);
        }
        self.host.add(table);
        for (place, part) in parts.iter().enumerate() {
            let row = Reads::of_row(part.values as f64 * bits, burst_bits);
            self.take(flow(place, row.times(count)), memory);
        }
    }

    fn take(&mut self, flow: Flow, memory: &MemoryDesign) {
        self.all.add(&flow.reads, 1.0);
        if memory.cache_kb > 0 && flow.lookups > 0.0 {
            self.flows.push(flow);
        }
    }
}

impl Reads {
    /// A row that crosses as it is stored.
    fn of_row(bits: f64, burst_bits: f64) -> Self {
        Self {
            rows: 1.0,
            bursts: ceil(bits / burst_bits),
            bits,
            packed_bits: bits,
            units: Combining::default(),
        }
    }

    fn times(&self, count: f64) -> Self {
        let mut reads = Self::default();
        reads.add(self, count);
        reads
    }

    fn add(&mut self, reads: &Self, count: f64) {
        self.add_rows(reads, count);
        let (units, other) = (&mut self.units, &reads.units);
        units.vectors += count * other.vectors;
        units.values += count * other.values;
        units.macs += count * other.macs;
        units.operand_bits += count * other.operand_bits;
        units.widest = units.widest.max(other.widest);
    }

    /// The same of rows that units do not combine.
    fn add_rows(&mut self, reads: &Self, count: f64) {
        self.rows += count * reads.rows;
        self.bursts += count * reads.bursts;
        self.bits += count * reads.bits;
        self.packed_bits += count * reads.packed_bits;
    }
}

impl Flow {
    /// Bits of a row.
    pub(crate) fn row_bits(&self) -> f64 {
        self.reads.packed_bits / self.lookups
    }
}

impl Combining {
    /// All that there is to combine of some tables.
    pub(crate) fn of(tables: &[EmbeddingTable]) -> Self {
        let compressed = tables
            .iter()
            .filter(|table| table.storage != TableStorage::Rows);
        compressed.fold(Self::default(), |mut sum, table| {
            sum.add(table);
            sum
        })
    }

    fn add(&mut self, table: &EmbeddingTable) {
        let count = f64::from(table.lookups);
        let macs = count * table.storage.macs(u64::from(table.width)) as f64;
        self.vectors += count;
        self.values += count * f64::from(table.width);
        self.macs += macs;
        self.operand_bits += macs * f64::from(table.bits);
        self.widest = self.widest.max(table.bits);
    }
}

/// Units of a channel; none where the host gathers.
pub(crate) fn units_per_channel(standard: &DramStandard, level: PimLevel) -> f64 {
    match level {
        PimLevel::Host => 0.0,
        PimLevel::Rank => standard.ranks(),
        PimLevel::BankGroup => standard.ranks() * f64::from(standard.organisation.bank_groups),
        PimLevel::Bank => standard.banks(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{design::MemoryStandard, dram::SystemChoice};

    fn demand(pim_level: PimLevel, bits: u8, storage: TableStorage) -> Demand {
        let standard = DramStandard::preset(MemoryStandard::Ddr4_2400).expect("a table");
        let memory = MemoryDesign {
            standard: MemoryStandard::Ddr4_2400,
            pim_level,
            channels: 2,
            cache_kb: 0,
            system: SystemChoice::NONE,
        };
        let table = EmbeddingTable {
            rows: 1000,
            width: 32,
            bits,
            lookups: 1,
            storage,
        };
        Demand::new(&standard, &memory, &[table])
    }

    const REMAINDER: TableStorage = TableStorage::QuotientRemainder { collisions: 4 };

    /// Rows of 32 · 32 bits are two bursts; 254 of them are stored.
    #[test]
    fn quotient_and_remainder_by_hand() {
        let host = demand(PimLevel::Host, 32, REMAINDER);
        assert_eq!(
            (host.all.rows, host.all.bursts, host.all.bits),
            (2.0, 4.0, 2048.0)
        );
        assert_eq!(host.bytes, 254.0 * 128.0);
        assert_eq!((host.host.macs, host.all.units.macs), (32.0, 0.0));
        // Four ranks: three more copies of the remainders, half of what is read crosses.
        let rank = demand(PimLevel::Rank, 32, REMAINDER);
        assert_eq!((rank.all.rows, rank.all.bursts), (2.0, 4.0));
        assert_eq!(rank.all.packed_bits, 1024.0);
        assert_eq!(rank.bytes, (250.0 + 4.0 * 4.0) * 128.0);
        assert_eq!((rank.host.macs, rank.all.units.macs), (0.0, 32.0));
    }

    /// A product of two 4-bit values is no shorter than the two.
    #[test]
    fn units_combine_only_what_shrinks() {
        let narrow = demand(PimLevel::Bank, 4, REMAINDER);
        assert_eq!(narrow.all.packed_bits, 2.0 * 32.0 * 4.0);
        assert_eq!((narrow.host.macs, narrow.all.units.macs), (32.0, 0.0));
        assert_eq!(narrow.bytes, 254.0 * 16.0, "no copies");
    }

    /// Ranks 16: slices of 4·16, 16·3·16 and 16·3 values of 32 bits are 4, 48 and 3 bursts.
    #[test]
    fn a_tensor_train_reads_bursts_that_grow_with_the_square_of_the_rank() {
        let train = TableStorage::TensorTrain {
            rank: 16,
            dims: [4, 3, 3],
        };
        let host = demand(PimLevel::Host, 32, train);
        assert_eq!((host.all.rows, host.all.bursts), (3.0, 55.0));
        assert_eq!(host.bytes, 10.0 * f64::from(64 + 768 + 48) * 4.0);
        assert_eq!(host.host.macs, f64::from(4 * 16 * 48 + 12 * 16 * 3));
        let bank = demand(PimLevel::Bank, 32, train);
        assert_eq!(bank.all.packed_bits, 1024.0);
    }
}
