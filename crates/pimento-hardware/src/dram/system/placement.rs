//! What each memory of a system is asked for: caches, compressed tables, hot rows.

use crate::{
    design::PimLevel,
    dram::{
        cache::CachePolicy,
        counts::{Accesses, TableReads},
        locality::{Place, Slanted, log_time_where_equal, log_time_where_zero},
        system::{
            MemorySystem, Subtables, Tier,
            sums::Sums,
            tier::{TierLoad, TierTime, cached},
        },
        workload::{GatherTable, Gathers, StoredPart},
    },
    workload::TableStorage,
};

/// A batch, spread over the memories of a system.
#[derive(Debug, Clone, Default)]
pub(super) struct Placement {
    /// Of the memories.
    pub(super) times: Vec<TierTime>,
    /// Share of the look-ups that the cache before the memories serves, and the bits it holds of them.
    pub(super) cache_share: f64,
    pub(super) cached_bits: f64,
    /// Share of the remaining look-ups that the first memory serves.
    pub(super) hot_share: f64,
    /// Bytes in store in each memory, copies included.
    pub(super) stored_bytes: Vec<f64>,
}

impl Placement {
    /// Spreads a batch over the memories.
    pub(super) fn new(system: &MemorySystem, gathers: &Gathers) -> Self {
        let mut asked = asked(system, gathers);
        let mut placement = Self::default();
        if let Some(cache) = &system.cache {
            let left = cached(&asked.reads, cache.policy, cache.bytes);
            placement.account(&asked.reads, &left);
            asked.reads = left;
        }
        if let [fast, slow] = &system.tiers[..] {
            placement.split([fast, slow], system, &asked);
        } else {
            let tier = &system.tiers[0];
            placement.hot_share = 1.0;
            placement.stored_bytes = vec![gathers.bytes() + copies(tier, system, gathers)];
            placement.times = vec![TierTime::new(tier, &asked)];
        }
        placement
    }

    fn account(&mut self, all: &[TableReads<'_>], left: &[TableReads<'_>]) {
        let (mut lookups, mut hits) = (0.0, 0.0);
        for (all, left) in all.iter().zip(left) {
            lookups += all.lookups;
            hits += all.lookups - left.lookups;
            self.cached_bits += 8.0 * (all.lookups - left.lookups) * all.row_bytes;
        }
        self.cache_share = if lookups > 0.0 { hits / lookups } else { 0.0 };
    }

    /// Hot rows to the fast memory: as many as it holds, or fewer where the slow one would wait.
    fn split(&mut self, tiers: [&Tier; 2], system: &MemorySystem, asked: &TierLoad<'_>) {
        let mut heat = Heat::new(asked);
        let stored = |log_time| heat.stored_bytes(log_time);
        let full = log_time_where_equal(stored, tiers[0].capacity_bytes());
        let halves = Halves::new(tiers, &mut heat, full).balanced(tiers, &mut heat);
        let hot_bytes = heat.stored_bytes(halves.log_time).value;
        let bytes = |table: &TableReads<'_>| table.locality.rows() * table.row_bytes;
        let bytes: f64 = asked.reads.iter().map(bytes).sum();
        self.hot_share = halves.hot_share;
        self.stored_bytes = vec![
            hot_bytes + asked.fetched_bytes * copies_of(tiers[0], system),
            (bytes - hot_bytes).max(0.0),
        ];
        self.times = halves.times.to_vec();
    }
}

/// What is asked for, and how hot its rows are.
#[derive(Debug)]
struct Heat<'a> {
    asked: &'a TierLoad<'a>,
    /// By which the rows of a table are hotter than their share of its accesses tells: by its share of all
    /// accesses, and per byte.
    offsets: Vec<f64>,
    lookups: f64,
    /// Hot rows' part and the others'.
    parts: [TierLoad<'a>; 2],
}

impl<'a> Heat<'a> {
    fn new(asked: &'a TierLoad<'a>) -> Self {
        let reads = asked.reads.iter();
        let lookups: f64 = reads.clone().map(|table| table.lookups).sum();
        let bytes = reads.clone().map(|table| table.row_bytes);
        let bytes = bytes.fold(f64::INFINITY, f64::min);
        let offset = |table: &TableReads<'_>| {
            let traffic = (table.lookups / lookups).max(f64::MIN_POSITIVE);
            (traffic * bytes / table.row_bytes).ln()
        };
        let cold = TierLoad {
            fetched_bytes: 0.0,
            ..asked.clone()
        };
        Self {
            asked,
            offsets: reads.map(offset).collect(),
            lookups,
            parts: [asked.clone(), cold],
        }
    }

    /// Sum over the tables, each at its own time.
    fn sum(&self, log_time: f64, of: impl Fn(&TableReads<'_>, f64) -> Slanted) -> Slanted {
        let tables = self.asked.reads.iter().zip(&self.offsets);
        tables
            .map(|(table, offset)| of(table, log_time + offset))
            .sum()
    }

    /// Bytes of hot rows.
    fn stored_bytes(&self, log_time: f64) -> Slanted {
        self.sum(log_time, |table, log_time| {
            let rows = table.locality.residents(CachePolicy::Static, log_time);
            rows.times(table.row_bytes)
        })
    }

    /// Share of the look-ups that goes to hot rows.
    fn share(&self, log_time: f64) -> Slanted {
        let hits = self.sum(log_time, |table, log_time| {
            let hits = table.locality.hits(CachePolicy::Static, log_time);
            hits.times(table.lookups)
        });
        hits.times(1.0 / self.lookups)
    }

    /// Fills in the parts, and returns the share of the look-ups that goes to hot rows.
    fn divide(&mut self, log_time: f64) -> f64 {
        let mut of_hot = 0.0;
        let [hot, cold] = &mut self.parts;
        let parts = hot.reads.iter_mut().zip(&mut cold.reads);
        let tables = self.asked.reads.iter().zip(&self.offsets);
        for ((table, offset), (hot, cold)) in tables.zip(parts) {
            let (cold_share, concentration) = table.locality.cold(log_time + offset);
            let share = 1.0 - cold_share;
            hot.lookups = table.lookups * share;
            cold.lookups = table.lookups * cold_share;
            of_hot += hot.lookups;
            // Behind a cache no row is hot any more.
            if !matches!(table.accesses, Accesses::Missed(_)) {
                hot.accesses = Accesses::Hot(share);
                cold.accesses = Accesses::Cold(concentration);
            }
        }
        let share = if self.lookups > 0.0 {
            of_hot / self.lookups
        } else {
            0.0
        };
        for (part, share) in self.parts.iter_mut().zip([share, 1.0 - share]) {
            for (part, all) in part.sums.iter_mut().zip(&self.asked.sums) {
                part.rows = all.rows * share;
                part.values = all.values * share;
                let has_any = f64::from(u8::from(share > 0.0));
                (part.count, part.bytes) = (all.count * has_any, all.bytes * has_any);
            }
            part.remote_bytes = self.asked.remote_bytes * share;
        }
        share
    }
}

/// A batch over two memories.
#[derive(Debug, Clone, Copy)]
struct Halves {
    /// Rows are hot that are asked for at least once in so many accesses, e to this power.
    log_time: f64,
    /// Share of the look-ups that goes to hot rows.
    hot_share: f64,
    /// Of the memory of hot rows and of the other.
    times: [TierTime; 2],
}

impl Halves {
    /// Logarithm of the ratio of the times at which they are taken as equal.
    const NEAR: f64 = 2e-3;
    /// By how much that logarithm grows with the one of the ratio of the look-ups, until it is known: the more
    /// look-ups, the more of them are of the same rows.
    const USUAL_SLOPE: f64 = 0.95;
    /// Guesses before ends are halved.
    const GUESSES: u32 = 6;

    fn new(tiers: [&Tier; 2], heat: &mut Heat<'_>, log_time: f64) -> Self {
        let hot_share = heat.divide(log_time);
        let [hot, cold] = &heat.parts;
        Self {
            log_time,
            hot_share,
            times: [TierTime::new(tiers[0], hot), TierTime::new(tiers[1], cold)],
        }
    }

    /// Logarithm of the time of the memory of hot rows over that of the other.
    fn time_ratio(&self) -> f64 {
        let [hot, cold] = self.times.each_ref().map(TierTime::busy_ns);
        (hot / cold).ln()
    }

    /// Logarithm of the look-ups of hot rows over the others.
    fn lookup_ratio(&self) -> f64 {
        (self.hot_share / (1.0 - self.hot_share)).ln()
    }

    /// These, or with fewer hot rows, so that both memories take as long, where the slow one would
    /// otherwise be idle.
    fn balanced(self, tiers: [&Tier; 2], heat: &mut Heat<'_>) -> Self {
        let (mut last, mut slope, mut guesses) = (self, Self::USUAL_SLOPE, 0);
        let (mut low, mut high) = (0.0, self.log_time);
        let mut excess = self.time_ratio();
        if excess <= 0.0 {
            return self;
        }
        while excess.abs() > Self::NEAR && high - low > Self::NEAR {
            // One logarithm over the other is nearly straight.
            let even = 1.0 / (1.0 + (excess / slope - last.lookup_ratio()).exp());
            let spread = even * (1.0 - even);
            let guess = log_time_where_zero(last.log_time, |log_time| {
                let found = heat.share(log_time);
                Slanted {
                    value: (found.value - even) / spread,
                    slope: found.slope / spread,
                }
            });
            let is_inside = guesses < Self::GUESSES && low < guess && guess < high;
            guesses += 1;
            let log_time = if is_inside { guess } else { 0.5 * (low + high) };
            let halves = Self::new(tiers, heat, log_time);
            let found = halves.time_ratio();
            let end = if found > 0.0 { &mut high } else { &mut low };
            *end = halves.log_time;
            slope = (found - excess) / (halves.lookup_ratio() - last.lookup_ratio());
            (last, excess) = (halves, found);
        }
        last
    }
}

/// Units that hold small tables of their own.
fn copies_of(tier: &Tier, system: &MemorySystem) -> f64 {
    if system.subtables == Subtables::Prefetched {
        tier.units_per_channel() * f64::from(tier.channels)
    } else {
        0.0
    }
}

fn copies(tier: &Tier, system: &MemorySystem, gathers: &Gathers) -> f64 {
    let small = gathers
        .tables
        .iter()
        .flat_map(|table| table.parts.iter().skip(1));
    let bytes: f64 = small.map(StoredPart::bytes).sum();
    bytes * (copies_of(tier, system) - 1.0).max(0.0)
}

/// What a batch asks for before caches: rows of the stored tables and the sums made of them.
fn asked<'a>(system: &MemorySystem, gathers: &'a Gathers) -> TierLoad<'a> {
    let batch = f64::from(system.batch);
    let parts = gathers.tables.iter().map(|table| table.parts.len());
    let mut load = TierLoad {
        reads: Vec::with_capacity(parts.sum()),
        sums: Vec::with_capacity(gathers.tables.len()),
        ..TierLoad::default()
    };
    for table in &gathers.tables {
        let lookups = batch * table.lookups;
        let sums = Sums {
            count: batch,
            rows: table.lookups,
            bytes: batch * table.result_bytes(),
            values: lookups * (table.width + table.macs),
        };
        Sums::join(&mut load.sums, sums);
        for (place, part) in table.parts.iter().enumerate() {
            let share = if system.unique_reads {
                part.locality.distinct(Place::of_count(lookups))
            } else {
                1.0
            };
            let reads = TableReads {
                lookups: lookups * share,
                run: table.lookups,
                row_bytes: part.row_bytes,
                locality: &part.locality,
                accesses: if system.unique_reads {
                    Accesses::Missed(1.0)
                } else {
                    Accesses::All
                },
            };
            let small = place > 0;
            // Remainders fit into tables of units, cores of tensor trains do not.
            let is_train = matches!(table.asked.storage, TableStorage::TensorTrain { .. });
            match system.subtables {
                Subtables::Lookup if small && !is_train => {}
                Subtables::Prefetched if small => load.fetched_bytes += part.bytes(),
                Subtables::Remote if small => {
                    load.reads.push(reads);
                    load.remote_bytes +=
                        remote_share(&system.tiers[0]) * reads.lookups * part.row_bytes;
                }
                _ => load.reads.push(reads),
            }
        }
    }
    load
}

/// Share of the rows of small tables that lie with another unit than the row they belong to.
fn remote_share(tier: &Tier) -> f64 {
    match tier.gather {
        PimLevel::Host => 0.0,
        PimLevel::Rank | PimLevel::BankGroup | PimLevel::Bank => {
            1.0 - 1.0 / (tier.units_per_channel() * f64::from(tier.channels))
        }
    }
}

/// Bytes of all sums of a batch.
pub(super) fn result_bytes(batch: f64, tables: &[GatherTable]) -> f64 {
    batch * tables.iter().map(GatherTable::result_bytes).sum::<f64>()
}
