//! What a gather asks of the memory: reads, what crosses the channel, and who combines what.
//!
//! A compressed table is several tables whose rows are combined. Units near the banks combine them
//! where the result is no larger than what was read; the small tables then have a copy per unit
//! (ProactivePIM's mapping), so that a unit finds all rows in its own banks. Otherwise, and without
//! units, all rows cross the channel and the host combines them.

use crate::{
    design::{MemoryDesign, PimLevel},
    dram::standard::DramStandard,
    workload::{EmbeddingTable, TableStorage},
};

/// Fewest bits of a combined value: the widest format of the crossbars, so that a product is not
/// rounded again.
const COMBINED_BITS: u8 = 16;

/// Reads per inference, and what becomes of them.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Demand {
    /// Rows read.
    pub(crate) lookups: f64,
    /// Bursts read.
    pub(crate) bursts: f64,
    /// Bits read.
    pub(crate) bits: f64,
    /// Bits that cross the channel if units pack them.
    pub(crate) packed_bits: f64,
    /// Bytes in store, copies included.
    pub(crate) bytes: f64,
    /// What units combine.
    pub(crate) units: Combining,
    /// What the host combines.
    pub(crate) host: Combining,
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
    /// The demand of one inference.
    pub(crate) fn new(
        standard: &DramStandard,
        memory: &MemoryDesign,
        tables: &[EmbeddingTable],
    ) -> Self {
        let mut demand = Self::default();
        for table in tables {
            demand.add(standard, memory, table);
        }
        demand
    }

    fn add(&mut self, standard: &DramStandard, memory: &MemoryDesign, table: &EmbeddingTable) {
        let burst_bits = f64::from(standard.burst_bytes) * 8.0;
        let (count, bits) = (f64::from(table.lookups), f64::from(table.bits));
        let row_bits = f64::from(table.width) * bits;
        if table.storage == TableStorage::Rows {
            self.lookups += count;
            self.bursts += count * (row_bits / burst_bits).ceil();
            self.bits += count * row_bits;
            self.packed_bits += count * row_bits;
            self.bytes += table.rows as f64 * row_bits / 8.0;
            return;
        }
        let parts = table.storage.parts(table.rows, u64::from(table.width));
        let (mut stored_bits, mut largest, mut bytes) = (0.0, 0.0_f64, 0.0);
        for part in &parts {
            let part_bits = part.values as f64 * bits;
            self.lookups += count;
            self.bursts += count * (part_bits / burst_bits).ceil();
            stored_bits += part_bits;
            let part_bytes = part.rows as f64 * part_bits / 8.0;
            bytes += part_bytes;
            largest = largest.max(part_bytes);
        }
        self.bits += count * stored_bits;
        self.bytes += bytes;
        let combined_bits = f64::from(table.width) * f64::from(table.bits.max(COMBINED_BITS));
        let units = units_per_channel(standard, memory.pim_level) * f64::from(memory.channels);
        if units > 0.0 && combined_bits <= stored_bits {
            self.packed_bits += count * combined_bits;
            self.bytes += (units - 1.0) * (bytes - largest);
            self.units.add(table);
        } else {
            self.packed_bits += count * stored_bits;
            self.host.add(table);
        }
    }
}

impl Combining {
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
        PimLevel::Rank => standard.ranks,
        PimLevel::BankGroup => standard.ranks * standard.bank_groups,
        PimLevel::Bank => standard.ranks * standard.bank_groups * standard.banks_per_group,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::design::MemoryStandard;

    fn demand(pim_level: PimLevel, bits: u8, storage: TableStorage) -> Demand {
        let standard = DramStandard::preset(MemoryStandard::Ddr4_2400).expect("a table");
        let memory = MemoryDesign {
            standard: MemoryStandard::Ddr4_2400,
            pim_level,
            channels: 2,
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
        assert_eq!((host.lookups, host.bursts, host.bits), (2.0, 4.0, 2048.0));
        assert_eq!(host.bytes, 254.0 * 128.0);
        assert_eq!((host.host.macs, host.units.macs), (32.0, 0.0));
        // Four ranks: three more copies of the remainders, half of what is read crosses.
        let rank = demand(PimLevel::Rank, 32, REMAINDER);
        assert_eq!((rank.lookups, rank.bursts), (2.0, 4.0));
        assert_eq!(rank.packed_bits, 1024.0);
        assert_eq!(rank.bytes, (250.0 + 4.0 * 4.0) * 128.0);
        assert_eq!((rank.host.macs, rank.units.macs), (0.0, 32.0));
    }

    /// A product of two 4-bit values is no shorter than the two.
    #[test]
    fn units_combine_only_what_shrinks() {
        let narrow = demand(PimLevel::Bank, 4, REMAINDER);
        assert_eq!(narrow.packed_bits, 2.0 * 32.0 * 4.0);
        assert_eq!((narrow.host.macs, narrow.units.macs), (32.0, 0.0));
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
        assert_eq!((host.lookups, host.bursts), (3.0, 55.0));
        assert_eq!(host.bytes, 10.0 * f64::from(64 + 768 + 48) * 4.0);
        assert_eq!(host.host.macs, f64::from(4 * 16 * 48 + 12 * 16 * 3));
        let bank = demand(PimLevel::Bank, 32, train);
        assert_eq!(bank.packed_bits, 1024.0);
    }
}
