//! Closed form of gathering one row from each of some tables, compressed ones included.
//!
//! The rows of an inference are concatenated, not added up, so every gathered vector crosses the
//! channel once whatever the level of the units. What units near the banks save is the width of a
//! burst: rows narrower than one are packed, and only packed bursts cross the channel.

use crate::{
    component::Component,
    design::{MemoryDesign, PimLevel},
    dram::{
        demand::{Combining, Demand, units_per_channel},
        standard::DramStandard,
    },
    ledger::{Ledger, times, unit},
    workload::EmbeddingTable,
};

/// Multiply–accumulates that a unit does per clock cycle (TRiM, MICRO 2021: four per bank group;
/// here at every level).
const UNIT_MACS_PER_CYCLE: f64 = 4.0;

/// What a gather takes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Gather {
    /// Time from the first command to the last data.
    pub(crate) reading_ns: f64,
    /// Time in which units combine rows of compressed tables afterwards.
    pub(crate) combining_ns: f64,
    /// Time until the next inference can be gathered.
    pub(crate) interval_ns: f64,
    /// Rows of compressed tables that the host is left to combine.
    pub(crate) host: Combining,
    /// Share by which the tables exceed the capacity.
    pub(crate) violation: f64,
}

impl Gather {
    /// Gathers the rows of `tables`, spread evenly over the channels. Charges commands and data;
    /// standby is not part of them.
    pub(crate) fn new(
        standard: &DramStandard,
        memory: &MemoryDesign,
        tables: &[EmbeddingTable],
        ledger: &mut impl Ledger,
    ) -> Self {
        let channels = f64::from(memory.channels.max(1));
        let demand = Demand::new(standard, memory, tables);
        if demand.lookups == 0.0 {
            return Self::default();
        }
        let burst_bits = f64::from(standard.burst_bytes) * 8.0;
        let capacity = channels * standard.channel_bytes as f64;
        let crossing = match memory.pim_level {
            PimLevel::Host => demand.bursts,
            PimLevel::Rank | PimLevel::BankGroup | PimLevel::Bank => {
                (demand.packed_bits / burst_bits).ceil()
            }
        };
        let reading = Self::interval_ns(standard, memory, demand.lookups, demand.bursts, crossing);
        let combining = Self::combining_ns(standard, memory, &demand.units);
        let interval = reading.max(combining);
        Self::charge(standard, memory, &demand, crossing, interval, ledger);
        let first = (standard.rcd + standard.cl + standard.burst_cycles) * standard.clock_ns;
        Self {
            reading_ns: first + reading,
            combining_ns: combining,
            interval_ns: interval,
            host: demand.host,
            violation: (demand.bytes / capacity - 1.0).max(0.0),
        }
    }

    /// Time in which the units combine their share, all of them at once.
    fn combining_ns(standard: &DramStandard, memory: &MemoryDesign, work: &Combining) -> f64 {
        if work.vectors == 0.0 {
            return 0.0;
        }
        let units =
            units_per_channel(standard, memory.pim_level) * f64::from(memory.channels.max(1));
        let turns = (work.vectors / units).ceil();
        turns * (work.macs / work.vectors / UNIT_MACS_PER_CYCLE).ceil() * standard.clock_ns
    }

    fn interval_ns(
        standard: &DramStandard,
        memory: &MemoryDesign,
        lookups: f64,
        bursts: f64,
        crossing: f64,
    ) -> f64 {
        let channels = f64::from(memory.channels.max(1));
        let per_channel = (lookups / channels).ceil();
        let vector = standard.cycles_per_vector(memory.pim_level, bursts / lookups);
        let bus = (crossing / channels).ceil() * standard.burst_cycles.max(standard.ccd_s);
        let refresh = 1.0 - standard.rfc / standard.refi;
        (per_channel * vector).max(bus) * standard.clock_ns / refresh
    }

    fn charge(
        standard: &DramStandard,
        memory: &MemoryDesign,
        demand: &Demand,
        crossing: f64,
        interval_ns: f64,
        ledger: &mut impl Ledger,
    ) {
        let energies = standard.energies();
        let channels = f64::from(memory.channels.max(1));
        let burst_bits = f64::from(standard.burst_bytes) * 8.0;
        // Data that stop near the banks do not pay the global data path; what crosses the channel
        // pays the rest of it then.
        let near = standard.near_bank_share;
        let whole_reads = match memory.pim_level {
            PimLevel::Host | PimLevel::Rank => demand.bursts,
            PimLevel::BankGroup | PimLevel::Bank => demand.bursts * near + crossing * (1.0 - near),
        };
        ledger.charge(
            Component::DramActivate,
            unit("activation of a row", energies.activate_pj),
            &[times("rows", demand.lookups)],
        );
        ledger.charge(
            Component::DramRead,
            unit("read of a burst", energies.read_pj),
            &[times("bursts", whole_reads)],
        );
        ledger.charge(
            Component::DramIo,
            unit("io-pj-per-bit", standard.io_pj_per_bit),
            &[
                times("bursts over the channel", crossing),
                times("bits", burst_bits),
            ],
        );
        let refreshes = interval_ns / (standard.refi * standard.clock_ns);
        ledger.charge(
            Component::DramRefresh,
            unit("refresh of a rank", energies.refresh_pj),
            &[
                times("channels", channels),
                times("ranks", standard.ranks),
                times("refreshes", refreshes),
            ],
        );
        if memory.pim_level != PimLevel::Host {
            let bits = demand.bits + demand.units.operand_bits;
            ledger.charge(
                Component::PimUnits,
                unit("pim-pj-per-bit", standard.pim_pj_per_bit),
                &[times("bits", bits)],
            );
        }
    }
}

/// Area of the processing units.
pub(crate) fn pim_area_um2(standard: &DramStandard, memory: &MemoryDesign) -> f64 {
    let per_channel = units_per_channel(standard, memory.pim_level);
    f64::from(memory.channels) * per_channel * standard.pim_unit_area_um2
}

/// Power of all ranks while nothing is gathered.
pub(crate) fn standby_mw(standard: &DramStandard, memory: &MemoryDesign) -> f64 {
    f64::from(memory.channels) * standard.ranks * standard.energies().idle_mw
}

/// What ranks take above standby while rows are open.
pub(crate) fn active_surplus_mw(standard: &DramStandard, memory: &MemoryDesign) -> f64 {
    let energies = standard.energies();
    f64::from(memory.channels) * standard.ranks * (energies.active_mw - energies.idle_mw)
}
