//! Closed form of gathering one row from each of some tables.
//!
//! The rows of an inference are concatenated, not added up, so every gathered vector crosses the
//! channel once whatever the level of the units. What units near the banks save is the width of a
//! burst: rows narrower than one are packed, and only packed bursts cross the channel.

use crate::{
    component::{ByComponent, Component},
    design::{MemoryDesign, PimLevel},
    dram::standard::DramStandard,
    workload::EmbeddingTable,
};

/// What a gather takes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Gather {
    /// Time from the first command to the last data.
    pub(crate) latency_ns: f64,
    /// Time until the next inference can be gathered.
    pub(crate) interval_ns: f64,
    /// Energy of commands and data; standby is not part of it.
    pub(crate) energy_pj: ByComponent,
    /// Share by which the tables exceed the capacity.
    pub(crate) violation: f64,
}

impl Gather {
    /// Gathers the rows of `tables`, spread evenly over the channels.
    pub(crate) fn new(
        standard: &DramStandard,
        memory: &MemoryDesign,
        tables: &[EmbeddingTable],
    ) -> Self {
        let channels = f64::from(memory.channels.max(1));
        let (mut lookups, mut bursts, mut bits, mut bytes) = (0.0, 0.0, 0.0, 0.0);
        let burst_bits = f64::from(standard.burst_bytes) * 8.0;
        for table in tables {
            let row_bits = f64::from(table.width) * f64::from(table.bits);
            let count = f64::from(table.lookups);
            lookups += count;
            bursts += count * (row_bits / burst_bits).ceil();
            bits += count * row_bits;
            bytes += table.rows as f64 * row_bits / 8.0;
        }
        if lookups == 0.0 {
            return Self::default();
        }
        let capacity = channels * standard.channel_bytes as f64;
        let crossing = match memory.pim_level {
            PimLevel::Host => bursts,
            PimLevel::Rank | PimLevel::BankGroup | PimLevel::Bank => (bits / burst_bits).ceil(),
        };
        let interval = Self::interval_ns(standard, memory, lookups, bursts, crossing);
        let first = (standard.rcd + standard.cl + standard.burst_cycles) * standard.clock_ns;
        Self {
            latency_ns: first + interval,
            interval_ns: interval,
            energy_pj: Self::energy(
                standard,
                memory,
                [lookups, bursts, crossing, bits],
                interval,
            ),
            violation: (bytes / capacity - 1.0).max(0.0),
        }
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

    fn energy(
        standard: &DramStandard,
        memory: &MemoryDesign,
        [lookups, bursts, crossing, bits]: [f64; 4],
        interval_ns: f64,
    ) -> ByComponent {
        let energies = standard.energies();
        let channels = f64::from(memory.channels.max(1));
        let burst_bits = f64::from(standard.burst_bytes) * 8.0;
        // Data that stop near the banks do not pay the global data path; what crosses the channel
        // pays the rest of it then.
        let near = standard.near_bank_share;
        let read_pj = match memory.pim_level {
            PimLevel::Host | PimLevel::Rank => bursts * energies.read_pj,
            PimLevel::BankGroup | PimLevel::Bank => {
                (bursts * near + crossing * (1.0 - near)) * energies.read_pj
            }
        };
        let mut energy = ByComponent::default();
        energy.add(Component::DramActivate, lookups * energies.activate_pj);
        energy.add(Component::DramRead, read_pj);
        energy.add(
            Component::DramIo,
            crossing * burst_bits * standard.io_pj_per_bit,
        );
        let refreshes = interval_ns / (standard.refi * standard.clock_ns);
        energy.add(
            Component::DramRefresh,
            channels * standard.ranks * refreshes * energies.refresh_pj,
        );
        if memory.pim_level != PimLevel::Host {
            energy.add(Component::PimUnits, bits * standard.pim_pj_per_bit);
        }
        energy
    }
}

/// Area of the processing units.
pub(crate) fn pim_area_um2(standard: &DramStandard, memory: &MemoryDesign) -> f64 {
    let per_channel = match memory.pim_level {
        PimLevel::Host => 0.0,
        PimLevel::Rank => standard.ranks,
        PimLevel::BankGroup => standard.ranks * standard.bank_groups,
        PimLevel::Bank => standard.ranks * standard.bank_groups * standard.banks_per_group,
    };
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
