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
        field_laws::FieldLaws,
        row_cache::{CacheTime, RowCache},
        standard::DramStandard,
    },
    ledger::{Factor, Ledger, Total, UnitCost, times, unit},
    reram::Stage,
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

/// Bursts over the channels.
#[derive(Debug, Clone, Copy)]
struct Crossing {
    /// Without a cache.
    all: f64,
    /// Share of them that is missed.
    missed_share: f64,
}

impl Crossing {
    fn new(standard: &DramStandard, memory: &MemoryDesign, demand: &Demand) -> Self {
        let (all, missed) = (&demand.all, &demand.missed);
        match memory.pim_level {
            PimLevel::Host => Self {
                all: all.bursts,
                missed_share: missed.bursts / all.bursts,
            },
            PimLevel::Rank | PimLevel::BankGroup | PimLevel::Bank => Self {
                all: (all.packed_bits / standard.burst_bits()).ceil(),
                missed_share: missed.packed_bits / all.packed_bits,
            },
        }
    }

    fn bursts(self) -> f64 {
        self.all * self.missed_share
    }
}

/// The time of the misses, in the mean.
#[derive(Debug, Clone, Copy)]
struct Reading {
    clock: UnitCost,
    /// Cycles from the first command to the first data, and how often there are any.
    first: [Factor; 2],
    /// Cycles of what takes longest: of the rows and bursts of the fullest channel, the share that is missed
    /// of all.
    bound: [Factor; 3],
}

impl Reading {
    fn new(
        standard: &DramStandard,
        memory: &MemoryDesign,
        demand: &Demand,
        crossing: Crossing,
    ) -> Self {
        let (all, missed) = (&demand.all, &demand.missed);
        let channels = f64::from(memory.channels.max(1));
        let rows = (all.rows / channels).ceil() * (missed.rows / all.rows);
        let bursts = missed.bursts / missed.rows.max(f64::MIN_POSITIVE);
        let of_row = standard.cycles_per_vector(memory.pim_level, bursts);
        let timing = &standard.timing;
        let buses = f64::from(standard.organisation.data_buses);
        let on_bus = (crossing.all / channels).ceil() * crossing.missed_share;
        let of_burst = timing.burst.max(timing.ccd_s) / buses;
        let refresh = times("lengthened by refreshes", standard.refresh_factor());
        Self {
            clock: clock(standard),
            first: [
                times(
                    "cycles to the first data",
                    timing.rcd + timing.cl + timing.burst,
                ),
                times("gathers that miss a cache", 1.0 - demand.all_cached),
            ],
            bound: if on_bus * of_burst > rows * of_row {
                [
                    times("bursts on a bus", on_bus),
                    times("cycles of a burst", of_burst),
                    refresh,
                ]
            } else {
                [
                    times("rows of a channel", rows),
                    times("cycles of a row", of_row),
                    refresh,
                ]
            },
        }
    }

    /// Time until the next misses can be read.
    fn bound_ns(&self) -> f64 {
        Total::default().time(Stage::Working, self.clock, &self.bound)
    }

    /// From the first command to the last data.
    fn time_ns(&self, ledger: &mut impl Ledger) -> f64 {
        ledger.time(Stage::Working, self.clock, &self.first)
            + ledger.time(Stage::Working, self.clock, &self.bound)
    }
}

fn clock(standard: &DramStandard) -> UnitCost {
    unit("timing.clock-ns", standard.timing.clock_ns)
}

/// A cache of rows, and what it knows of the tables.
pub(crate) type CachedTables<'a> = (&'a RowCache, &'a FieldLaws);

impl Gather {
    /// Gathers the rows of `tables`, spread evenly over the channels. Charges commands and data;
    /// standby is not part of them.
    pub(crate) fn new(
        standard: &DramStandard,
        memory: &MemoryDesign,
        tables: &[EmbeddingTable],
        (cache, laws): CachedTables<'_>,
        ledger: &mut impl Ledger,
    ) -> Self {
        let channels = f64::from(memory.channels.max(1));
        let mut demand = Demand::new(standard, memory, tables);
        if demand.all.rows == 0.0 {
            return Self::default();
        }
        let mut hits = CacheTime::default();
        if memory.cache_kb > 0 {
            let rows = laws.residents(tables, &demand.flows);
            demand.miss(&cache.misses(memory.cache_kb, &demand.flows, &rows));
            hits = cache.time(&demand, channels);
            cache.charge(&demand, ledger);
        }
        let capacity = channels * standard.organisation.channel_bytes as f64;
        let crossing = Crossing::new(standard, memory, &demand);
        let reading = Reading::new(standard, memory, &demand, crossing);
        let combining = Self::combining_ns(standard, memory, &demand, ledger);
        let interval = reading.bound_ns().max(combining).max(hits.interval_ns);
        let bursts = crossing.bursts();
        Self::charge(standard, memory, &demand, bursts, interval, ledger);
        // Hits leave the cache while misses are read.
        let reading_ns = if hits.reading_ns > reading.time_ns(&mut Total::default()) {
            cache.reading_ns(&demand, channels, ledger)
        } else {
            reading.time_ns(ledger)
        };
        Self {
            reading_ns,
            combining_ns: combining,
            interval_ns: interval,
            host: demand.host,
            violation: (demand.bytes / capacity - 1.0).max(0.0),
        }
    }

    /// Time in which the units combine their share, all of them at once, in the mean over the misses.
    fn combining_ns(
        standard: &DramStandard,
        memory: &MemoryDesign,
        demand: &Demand,
        ledger: &mut impl Ledger,
    ) -> f64 {
        let (work, missed) = (&demand.all.units, &demand.missed.units);
        if work.vectors == 0.0 {
            return 0.0;
        }
        let units =
            units_per_channel(standard, memory.pim_level) * f64::from(memory.channels.max(1));
        let turns = (work.vectors / units).ceil();
        let cycles = (work.macs / work.vectors / UNIT_MACS_PER_CYCLE).ceil();
        let factors = [
            times("vectors of the busiest unit", turns),
            times("cycles of a vector", cycles),
            times("share that is missed", missed.macs / work.macs),
        ];
        ledger.time(Stage::Reduction, clock(standard), &factors)
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
        let burst_bits = standard.burst_bits();
        // Data that stop near the banks do not pay the global data path; what crosses the channel
        // pays the rest of it then.
        let near = standard.data_path.near_bank_share;
        let whole_reads = match memory.pim_level {
            PimLevel::Host | PimLevel::Rank => demand.missed.bursts,
            PimLevel::BankGroup | PimLevel::Bank => {
                demand.missed.bursts * near + crossing * (1.0 - near)
            }
        };
        ledger.charge(
            Component::DramActivate,
            unit("energy.activate-pj", energies.activate_pj),
            &[times("rows", demand.missed.rows)],
        );
        ledger.charge(
            Component::DramRead,
            unit("energy.read-pj", energies.read_pj),
            &[times("bursts", whole_reads)],
        );
        ledger.charge(
            Component::DramIo,
            unit("data-path.io-pj-per-bit", standard.data_path.io_pj_per_bit),
            &[
                times("bursts over the channel", crossing),
                times("bits", burst_bits),
            ],
        );
        let refreshes = interval_ns / (standard.timing.refi * standard.timing.clock_ns);
        ledger.charge(
            Component::DramRefresh,
            unit("energy.refresh-pj", energies.refresh_pj),
            &[
                times("channels", channels),
                times("ranks", standard.ranks()),
                times("refreshes", refreshes),
            ],
        );
        if memory.pim_level != PimLevel::Host {
            let bits = demand.missed.bits + demand.missed.units.operand_bits;
            ledger.charge(
                Component::PimUnits,
                unit("units.pj-per-bit", standard.units.pj_per_bit),
                &[times("bits", bits)],
            );
        }
    }
}

/// Area of the processing units.
pub(crate) fn pim_area_um2(standard: &DramStandard, memory: &MemoryDesign) -> f64 {
    let per_channel = units_per_channel(standard, memory.pim_level);
    f64::from(memory.channels) * per_channel * standard.units.area_um2
}

/// Power of all ranks while nothing is gathered.
pub(crate) fn standby_mw(standard: &DramStandard, memory: &MemoryDesign) -> f64 {
    f64::from(memory.channels) * standard.ranks() * standard.energies().idle_mw
}

/// What ranks take above standby while rows are open.
pub(crate) fn active_surplus_mw(standard: &DramStandard, memory: &MemoryDesign) -> f64 {
    let energies = standard.energies();
    f64::from(memory.channels) * standard.ranks() * (energies.active_mw - energies.idle_mw)
}
