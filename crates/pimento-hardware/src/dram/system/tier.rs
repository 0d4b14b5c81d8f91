//! The time in which one memory of a system serves its share of a batch.

use serde::Serialize;

use crate::{
    arithmetic::ln,
    design::PimLevel,
    dram::{
        cache::CachePolicy,
        channel::{Busiest, ChannelReads, ChannelTime},
        counts::{Accesses, Sample, StreamReads, TableReads, Window},
        curves::{MIDDLE, Slanted, THOUSANDTH, log_time_where_equal, log_time_where_zero},
        system::{
            Layout, Tier,
            sums::{Sums, WayOfSums},
        },
    },
    ledger::{Factor, Ledger, UnitCost, times, unit},
    reram::Stage,
};

/// What a memory is asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct TierLoad<'a> {
    pub(super) reads: Vec<TableReads<'a>>,
    pub(super) sums: Vec<Sums>,
    /// Bytes of rows that every unit fetches into its buffer before a batch.
    pub(super) fetched_bytes: f64,
    /// Bytes that units get from one another.
    pub(super) remote_bytes: f64,
}

impl TierLoad<'_> {
    /// What is left where stored sums stand for this share of the rows.
    fn without(&self, share: f64) -> Self {
        let mut left = self.clone();
        for table in &mut left.reads {
            table.lookups *= 1.0 - share;
        }
        for sums in &mut left.sums {
            sums.rows *= 1.0 - share;
            sums.values *= 1.0 - share;
        }
        left
    }
}

/// Times of a batch in one memory, and what it did meanwhile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct TierTime {
    /// Reading rows in the banks.
    pub reading_ns: f64,
    /// Commands of look-ups to units.
    pub command_ns: f64,
    /// Adding up in the busiest unit.
    pub adding_ns: f64,
    /// Sums and remote rows over the channels.
    pub transfer_ns: f64,
    /// Fetching small tables into units.
    pub fetch_ns: f64,
    /// Merging partial sums one by one.
    pub merge_ns: f64,
    /// Whether nothing is read while sums are transferred and small tables fetched.
    pub transfers_apart: bool,
    /// Look-ups, caches included.
    pub lookups: f64,
    /// Look-ups that a unit's cache or a stored sum serves.
    pub cached: f64,
    /// Rows opened.
    pub activations: f64,
    /// Bursts read.
    pub reads: f64,
    /// Bits over the channels.
    pub crossing_bits: f64,
    /// Bits of sums and remote rows over the data paths of ranks.
    pub rank_bits: f64,
    /// Bits that units read and add up.
    pub unit_bits: f64,
    /// Load of the busiest unit, or channel, over the mean one's.
    pub imbalance: f64,
    /// Bounds of the busiest channel's reading, in clock cycles.
    pub channel: ChannelTime,
}

impl TierTime {
    /// Time until the memory is free for the next batch: reading, and what it cannot do meanwhile.
    pub fn busy_ns(&self) -> f64 {
        let reading = self.reading_ns.max(self.command_ns).max(self.adding_ns);
        let transfer = self.transfer_ns.max(self.fetch_ns);
        if self.transfers_apart {
            reading + transfer
        } else {
            reading.max(transfer)
        }
    }

    /// [`Self::busy_ns`], charged: what of it takes longest.
    pub(super) fn charged_ns(&self, tier: &Tier, ledger: &mut impl Ledger) -> f64 {
        let clock_ns = tier.standard.timing.clock_ns;
        let cycles = |name, ns: f64| {
            (
                unit("timing.clock-ns", clock_ns),
                times(name, ns / clock_ns),
            )
        };
        let reading_ns = self.reading_ns.max(self.command_ns).max(self.adding_ns);
        let reading = if reading_ns == self.reading_ns {
            self.access(tier)
                .unwrap_or_else(|| cycles(self.channel.bottleneck().cycles(), reading_ns))
        } else if reading_ns == self.command_ns {
            cycles("cycles of commands to units", reading_ns)
        } else {
            cycles("cycles in which the busiest unit adds", reading_ns)
        };
        let transfer_ns = self.transfer_ns.max(self.fetch_ns);
        let transfer = if transfer_ns == self.transfer_ns {
            cycles("cycles of sums on a data path", transfer_ns)
        } else {
            cycles("cycles of fetching small tables", transfer_ns)
        };
        let mut working = |(unit, count)| ledger.time(Stage::Working, unit, &[count]);
        if self.transfers_apart {
            working(reading) + working(transfer)
        } else {
            working(if transfer_ns > reading_ns {
                transfer
            } else {
                reading
            })
        }
    }

    /// An access of the processors' own and how many the busiest one makes, if they have any.
    fn access(&self, tier: &Tier) -> Option<(UnitCost, Factor)> {
        tier.units.as_ref()?.access.as_ref()?;
        let units = f64::from(tier.channels) * tier.units_per_channel();
        let accesses = self.lookups * f64::from(tier.slices) / units * self.imbalance;
        let each_ns = self.reading_ns / accesses.max(f64::MIN_POSITIVE);
        Some((
            unit("units.access: setup-ns + bytes / bytes-per-ns", each_ns),
            times("accesses of the busiest unit", accesses),
        ))
    }

    /// Merging partial sums one by one.
    pub(super) fn merging_ns(&self, tier: &Tier, ledger: &mut impl Ledger) -> f64 {
        let clock_ns = tier.standard.timing.clock_ns;
        let cycles = times("cycles of merging sums", self.merge_ns / clock_ns);
        ledger.time(
            Stage::Reduction,
            unit("timing.clock-ns", clock_ns),
            &[cycles],
        )
    }

    /// The times of a batch with the load.
    pub(super) fn new(tier: &Tier, load: &TierLoad<'_>) -> Self {
        let (lookups, bytes) = lookups_and_bytes(&load.reads);
        if lookups <= 0.0 {
            return Self::default();
        }
        let reused = tier.units.as_ref().map_or(0.0, |units| units.reused_sums);
        let left = (reused > 0.0).then(|| load.without(reused));
        let load = left.as_ref().unwrap_or(load);
        let missed = misses(tier, &load.reads);
        let reads = missed.as_deref().unwrap_or(&load.reads);
        let served = missed.as_ref().map(|reads| lookups_and_bytes(reads).0);
        let served = served.unwrap_or(lookups * (1.0 - reused));
        let bytes = bytes * (1.0 - reused);
        let stream = stream(tier, reads);
        let mut time = Self {
            lookups,
            cached: lookups - served,
            activations: stream.activations,
            reads: stream.reads,
            ..Self::default()
        };
        time.read(tier, &stream, load);
        if tier.gather == PimLevel::Host {
            time.crossing_bits = time.reads * tier.standard.burst_bits();
        } else {
            // Where nothing is cached, merged or cut into slices, all that is added up is read.
            let is_cut = matches!(tier.layout, Layout::Ranks | Layout::Tables);
            let is_whole = missed.is_none() && !tier.merging && !is_cut;
            time.units(tier, load, (bytes, is_whole.then_some(stream.reads)));
        }
        time
    }

    /// Reading: bounds of the channel, or of the processor at each bank.
    fn read(&mut self, tier: &Tier, stream: &StreamReads, load: &TierLoad<'_>) {
        let (channels, ranks) = (f64::from(tier.channels), tier.standard.ranks());
        let clock_ns = tier.standard.timing.clock_ns;
        let units = tier.units_per_channel();
        let of = |units: f64| match tier.layout {
            // Every look-up occupies all ranks alike.
            Layout::Ranks => 1.0,
            Layout::Bank | Layout::Banks => stream.imbalance.of(units),
            Layout::Tables => uneven_tables(&load.reads, f64::from(tier.slices), units),
        };
        let on_host = tier.gather == PimLevel::Host;
        self.imbalance = of(channels * if on_host { 1.0 } else { units });
        let share = if on_host { self.imbalance } else { 1.0 } / channels;
        let window = match tier.gather {
            PimLevel::Host => tier.controller.window(&tier.standard),
            // Units work on queues of their own.
            PimLevel::Rank | PimLevel::BankGroup | PimLevel::Bank => f64::INFINITY,
        };
        let reads = ChannelReads {
            activations: stream.activations * share,
            reads: stream.reads * share,
            window,
        };
        let busiest = if on_host {
            Busiest::default()
        } else {
            Busiest {
                rank: of(channels * ranks),
                unit: self.imbalance,
            }
        };
        self.channel = ChannelTime::uneven(&tier.standard, tier.gather, &reads, busiest);
        self.reading_ns = self.channel.total * clock_ns;
        self.read_by_units(tier, load, stream.activations, busiest);
        if let Some(units) = &tier.units
            && units.command_cycles > 0.0
        {
            let commands = self.lookups / channels * of(channels);
            self.command_ns = commands * units.command_cycles * clock_ns;
        }
    }

    /// Reading where banks work in lock-step or processors have an access of their own.
    fn read_by_units(
        &mut self,
        tier: &Tier,
        load: &TierLoad<'_>,
        activations: f64,
        busiest: Busiest,
    ) {
        let Some(table) = &tier.units else { return };
        let (channels, standard) = (f64::from(tier.channels), &tier.standard);
        if table.lock_step {
            // All banks of a rank open the row that one of them wants.
            let rows = activations / channels / standard.ranks() * busiest.rank;
            let occupied = standard.bank_cycles(self.reads / activations);
            let cycles = rows * occupied * standard.refresh_factor();
            self.channel = ChannelTime {
                bank: cycles,
                total: cycles,
                ..ChannelTime::default()
            };
            self.reading_ns = cycles * standard.timing.clock_ns;
        }
        if let Some(access) = &table.access {
            let bytes = load
                .reads
                .iter()
                .map(|table| table.lookups * table.row_bytes);
            let starts = self.lookups * f64::from(tier.slices);
            let accesses = starts * access.setup_ns + bytes.sum::<f64>() / access.bytes_per_ns;
            self.reading_ns = accesses / (channels * tier.units_per_channel()) * self.imbalance;
        }
    }

    /// What units do beside reading rows of so many bytes and, if that is known, so many bursts.
    fn units(&mut self, tier: &Tier, load: &TierLoad<'_>, (bytes, bursts): (f64, Option<f64>)) {
        let Some(table) = &tier.units else { return };
        self.transfers_apart = table.transfers_apart;
        let channels = f64::from(tier.channels);
        let units = channels * tier.units_per_channel();
        let (standard, way) = (&tier.standard, WayOfSums::new(tier, table, &load.sums));
        let clock_ns = standard.timing.clock_ns;
        let burst_ns = standard.timing.burst.max(standard.timing.ccd_s) * clock_ns;
        self.crossing_bits = 8.0 * (way.crossing_bytes + load.remote_bytes);
        self.rank_bits = 8.0 * (way.rank_bytes + load.remote_bytes);
        let buses = f64::from(standard.organisation.data_buses);
        let per_path = (self.crossing_bits / buses).max(self.rank_bits / standard.ranks());
        self.transfer_ns = per_path / channels / standard.burst_bits() * burst_ns;
        self.merge_ns = way.partial * table.merge_cycles * clock_ns;
        let values: f64 = load.sums.iter().map(|sums| sums.values).sum();
        let adding_ns = if let Some(values_per_ns) = table.values_per_ns {
            values / values_per_ns
        } else {
            let sum = || {
                let bursts = load.reads.iter();
                bursts
                    .map(|table| table.lookups * standard.bursts(table.row_bytes))
                    .sum()
            };
            bursts.unwrap_or_else(sum) * burst_ns
        };
        // A unit adds up what its cache serves, too.
        let busiest = match tier.layout {
            Layout::Bank | Layout::Banks if table.cache_bytes > 0.0 => {
                stream(tier, &load.reads).imbalance.of(units)
            }
            Layout::Bank | Layout::Banks | Layout::Ranks | Layout::Tables => self.imbalance,
        };
        self.adding_ns = adding_ns / units * busiest;
        self.unit_bits = 8.0 * bytes;
        self.fetch(tier, load.fetched_bytes);
    }

    /// Every unit reads its copy of the small tables, row after row.
    fn fetch(&mut self, tier: &Tier, bytes: f64) {
        if bytes <= 0.0 {
            return;
        }
        let (timing, organisation) = (&tier.standard.timing, &tier.standard.organisation);
        let bursts = tier.standard.bursts(bytes);
        let rows = (bytes / f64::from(organisation.page_bytes)).ceil();
        let units = tier.units_per_channel();
        let activation = rows * units * timing.rrd_s.max(timing.faw / 4.0) / tier.standard.ranks();
        let cycles = activation.max(bursts * timing.ccd_l);
        self.fetch_ns = cycles * tier.standard.refresh_factor() * timing.clock_ns;
        let all = units * f64::from(tier.channels);
        self.activations += all * rows;
        self.reads += all * bursts;
    }
}

fn lookups_and_bytes(reads: &[TableReads<'_>]) -> (f64, f64) {
    reads.iter().fold((0.0, 0.0), |(lookups, bytes), table| {
        let of_table = table.lookups * table.row_bytes;
        (lookups + table.lookups, bytes + of_table)
    })
}

/// Load of the busiest of `units` units over the mean one's, where each has whole tables, or slices of
/// tables, that are dealt out evenly.
fn uneven_tables(reads: &[TableReads<'_>], slices: f64, units: f64) -> f64 {
    let lookups = || reads.iter().map(|table| table.lookups);
    let largest = lookups().fold(0.0, f64::max) / lookups().sum::<f64>() / slices;
    let pieces = reads.len() as f64 * slices;
    let share = largest.max((pieces / units).ceil() / pieces);
    (units * share).clamp(1.0, units)
}

/// What waits together in a memory for rows of so many tables.
pub(super) fn window(tier: &Tier, tables: usize) -> Window {
    Window::new(
        &tier.standard,
        f64::from(tier.channels),
        tier.controller,
        tables,
    )
}

/// The reads of a memory.
fn stream(tier: &Tier, reads: &[TableReads<'_>]) -> StreamReads {
    let channels = f64::from(tier.channels);
    let spread = match tier.layout {
        Layout::Bank | Layout::Banks => 1.0,
        Layout::Ranks => channels * tier.standard.ranks(),
        Layout::Tables => f64::from(tier.slices),
    };
    if spread == 1.0 {
        let mut stream = StreamReads::new(
            &tier.standard,
            channels,
            tier.controller,
            tier.merging,
            reads,
        );
        if tier.layout == Layout::Banks {
            stream.activations = stream.reads;
        }
        return stream;
    }
    // A slice of each row in every rank, or in several units.
    let sliced: Vec<TableReads<'_>> = reads
        .iter()
        .map(|table| TableReads {
            row_bytes: table.row_bytes / spread,
            ..*table
        })
        .collect();
    let mut stream = StreamReads::new(
        &tier.standard,
        channels,
        tier.controller,
        tier.merging,
        &sliced,
    );
    stream.activations *= spread;
    stream.reads *= spread;
    stream
}

/// What is left to read behind the caches of units and, evenly spread, the rows that every unit has.
/// Nothing where there are neither.
fn misses<'a>(tier: &Tier, reads: &[TableReads<'a>]) -> Option<Vec<TableReads<'a>>> {
    let units = tier.units.as_ref()?;
    if units.cache_bytes > 0.0 {
        let bytes = units.cache_bytes * tier.units_per_channel() * f64::from(tier.channels);
        return Some(cached(reads, CachePolicy::Lru, bytes));
    }
    // Behind a cache no row is hot any more.
    let missed = |table: &TableReads<'_>| matches!(table.accesses, Accesses::Missed(_));
    if units.copied_share <= 0.0 || reads.iter().all(missed) {
        return None;
    }
    let log_time = hot_share_at(reads, units.copied_share);
    let window = window(tier, 2 * reads.len());
    let mut left = Vec::with_capacity(2 * reads.len());
    for (table, log_time) in reads.iter().zip(log_time) {
        let parted = table.locality.parted(log_time.exp(), log_time);
        let sample = Sample::new(table.lookups, window.together(table));
        let (lookups, accesses) = table.cold(&parted, &sample);
        left.push(TableReads {
            lookups,
            accesses,
            ..*table
        });
        left.push(TableReads {
            lookups: table.lookups * parted.hot.value,
            // Copies are read in turn, each its share.
            accesses: Accesses::Missed(1.0),
            ..*table
        });
    }
    Some(left)
}

/// What a shared cache of so many bytes misses.
pub(super) fn cached<'a>(
    reads: &[TableReads<'a>],
    policy: CachePolicy,
    bytes: f64,
) -> Vec<TableReads<'a>> {
    let traffic = traffic(reads);
    let content = |log_time: f64| -> Slanted {
        let tables = reads.iter().zip(&traffic);
        let bytes = |(table, traffic): (&TableReads<'a>, &f64)| {
            let rows = table.locality.residents(policy, log_time + traffic);
            rows.times(table.row_bytes)
        };
        tables.map(bytes).sum()
    };
    let log_time = log_time_where_equal(content, bytes);
    let misses = |(table, traffic): (&TableReads<'a>, &f64)| {
        let share = 1.0 - table.locality.hits(policy, log_time + traffic).value;
        TableReads {
            lookups: table.lookups * share,
            accesses: Accesses::Missed(share),
            ..*table
        }
    };
    reads.iter().zip(&traffic).map(misses).collect()
}

/// Where rows are hot that take this share of all accesses together: for each table, the logarithm of
/// the accesses to it among which a hot row is asked for once.
fn hot_share_at(reads: &[TableReads<'_>], share: f64) -> Vec<f64> {
    let all: f64 = reads.iter().map(|table| table.lookups).sum();
    let traffic = traffic(reads);
    let hot = |log_time: f64| -> Slanted {
        let tables = reads.iter().zip(&traffic);
        let hits = |(table, traffic): (&TableReads<'_>, &f64)| {
            let hits = table.locality.hits(CachePolicy::Static, log_time + traffic);
            hits.times(table.lookups)
        };
        tables.map(hits).sum::<Slanted>().times(1.0 / all)
    };
    let excess = |log_time| {
        let found = hot(log_time).times(1.0 / share);
        Slanted {
            value: found.value - 1.0,
            ..found
        }
    };
    let log_time = log_time_where_zero(MIDDLE, excess(MIDDLE), THOUSANDTH, excess);
    traffic.iter().map(|traffic| log_time + traffic).collect()
}

/// Logarithm of each table's share of all accesses.
fn traffic(reads: &[TableReads<'_>]) -> Vec<f64> {
    let all: f64 = reads.iter().map(|table| table.lookups).sum();
    reads
        .iter()
        .map(|table| ln((table.lookups / all).max(f64::MIN_POSITIVE)))
        .collect()
}
