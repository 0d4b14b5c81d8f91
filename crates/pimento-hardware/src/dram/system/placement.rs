//! What each memory of a system is asked for: caches, compressed tables, hot rows.

use crate::{
    design::PimLevel,
    dram::{
        cache::CachePolicy,
        counts::{Accesses, TableReads},
        locality::{log_time_where_equal, log_time_where_zero},
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
        let offsets = heat(&asked.reads);
        let of_tables = |of: &dyn Fn(&TableReads<'_>, f64) -> f64| -> f64 {
            let tables = asked.reads.iter().zip(&offsets);
            tables.map(|(table, &offset)| of(table, offset)).sum()
        };
        let stored = |log_time: f64| {
            of_tables(&|table, offset| {
                let rows = table
                    .locality
                    .residents(CachePolicy::Static, log_time + offset);
                rows * table.row_bytes
            })
        };
        let lookups: f64 = asked.reads.iter().map(|table| table.lookups).sum();
        let share = |log_time: f64| {
            let hits = |table: &TableReads<'_>, offset: f64| {
                let hits = table.locality.hits(CachePolicy::Static, log_time + offset);
                table.lookups * hits
            };
            of_tables(&hits) / lookups
        };
        let at = |log_time| Halves::new(tiers, asked, &offsets, log_time);
        let full = at(log_time_where_equal(stored, tiers[0].capacity_bytes()));
        let halves = full.balanced(at, share);
        let hot_bytes = stored(halves.log_time);
        let rows = |table: &TableReads<'_>, _| table.locality.rows() * table.row_bytes;
        self.hot_share = halves.hot_share;
        self.stored_bytes = vec![
            hot_bytes + asked.fetched_bytes * copies_of(tiers[0], system),
            (of_tables(&rows) - hot_bytes).max(0.0),
        ];
        self.times = halves.times.to_vec();
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
    /// Difference of the times, as a share of both, at which they are taken as equal.
    const NEAR: f64 = 1e-3;
    /// Guesses, by shares of look-ups and then along secants, before ends are halved.
    const GUESSES: u32 = 6;

    fn new(tiers: [&Tier; 2], asked: &TierLoad<'_>, offsets: &[f64], log_time: f64) -> Self {
        let (loads, hot_share) = divide(asked, offsets, log_time);
        let [hot, cold] = &loads;
        Self {
            log_time,
            hot_share,
            times: [TierTime::new(tiers[0], hot), TierTime::new(tiers[1], cold)],
        }
    }

    fn busy_ns(&self) -> [f64; 2] {
        self.times.each_ref().map(TierTime::busy_ns)
    }

    /// By how much the memory of hot rows takes longer, as a share of both times.
    fn excess(&self) -> f64 {
        let [hot, cold] = self.busy_ns();
        (hot - cold) / (hot + cold)
    }

    /// The share of the look-ups with which both would take as long, if the times grew with them.
    fn even_share(&self) -> f64 {
        let [hot, cold] = self.busy_ns();
        let (each_hot, each_cold) = (hot / self.hot_share, cold / (1.0 - self.hot_share));
        each_cold / (each_hot + each_cold)
    }

    /// These, or with fewer hot rows, so that both memories take as long, where the slow one would
    /// otherwise be idle; `at` tells the halves and `share` the share of hot look-ups at a time.
    fn balanced(self, at: impl Fn(f64) -> Self, share: impl Fn(f64) -> f64) -> Self {
        if self.excess() <= 0.0 {
            return self;
        }
        let even = self.even_share();
        let mut guess = log_time_where_zero(|log_time| share(log_time) / even - 1.0);
        let (mut low, mut high) = (0.0, self.log_time);
        let (mut last, mut guesses) = (self, 0);
        loop {
            let is_inside = guesses < Self::GUESSES && low < guess && guess < high;
            guesses += 1;
            let halves = at(if is_inside { guess } else { 0.5 * (low + high) });
            let excess = halves.excess();
            let end = if excess > 0.0 { &mut high } else { &mut low };
            *end = halves.log_time;
            if excess.abs() <= Self::NEAR || high - low <= Self::NEAR {
                return halves;
            }
            let slope = (excess - last.excess()) / (halves.log_time - last.log_time);
            guess = halves.log_time - excess / slope;
            last = halves;
        }
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

/// Offset by which the rows of a table are hotter than their share of its accesses tells: by its share
/// of all accesses, and per byte.
fn heat(reads: &[TableReads<'_>]) -> Vec<f64> {
    let all: f64 = reads.iter().map(|table| table.lookups).sum();
    let bytes = reads
        .iter()
        .map(|table| table.row_bytes)
        .fold(f64::INFINITY, f64::min);
    reads
        .iter()
        .map(|table| {
            let traffic = (table.lookups / all).max(f64::MIN_POSITIVE);
            (traffic * bytes / table.row_bytes).ln()
        })
        .collect()
}

/// Hot rows' part of a load and the others', and the share of the look-ups of the first.
fn divide<'a>(asked: &TierLoad<'a>, offsets: &[f64], log_time: f64) -> ([TierLoad<'a>; 2], f64) {
    let count = asked.reads.len();
    let empty = || TierLoad {
        reads: Vec::with_capacity(count),
        ..TierLoad::default()
    };
    let (mut hot, mut cold) = (empty(), empty());
    let (mut lookups, mut of_hot) = (0.0, 0.0);
    for (table, offset) in asked.reads.iter().zip(offsets) {
        let log_time = log_time + offset;
        let share = 1.0 - table.locality.cold(log_time).0;
        lookups += table.lookups;
        of_hot += table.lookups * share;
        let missed = matches!(table.accesses, Accesses::Missed(_));
        let part = |share: f64, accesses| TableReads {
            lookups: table.lookups * share,
            accesses: if missed { table.accesses } else { accesses },
            ..*table
        };
        hot.reads.push(part(share, Accesses::Hot(log_time)));
        cold.reads.push(part(1.0 - share, Accesses::Cold(log_time)));
    }
    let share = if lookups > 0.0 { of_hot / lookups } else { 0.0 };
    let sums = |share: f64| {
        let part = |sums: &Sums| Sums {
            rows: sums.rows * share,
            values: sums.values * share,
            count: sums.count * f64::from(u8::from(share > 0.0)),
            ..*sums
        };
        asked.sums.iter().map(part).collect()
    };
    (hot.sums, cold.sums) = (sums(share), sums(1.0 - share));
    hot.fetched_bytes = asked.fetched_bytes;
    (hot.remote_bytes, cold.remote_bytes) = (
        asked.remote_bytes * share,
        asked.remote_bytes * (1.0 - share),
    );
    ([hot, cold], share)
}

/// What a batch asks for before caches: rows of the stored tables and the sums made of them.
fn asked<'a>(system: &MemorySystem, gathers: &'a Gathers) -> TierLoad<'a> {
    let batch = f64::from(system.batch);
    let mut load = TierLoad::default();
    for table in &gathers.tables {
        let lookups = batch * table.lookups;
        load.sums.push(Sums {
            count: batch,
            rows: table.lookups,
            bytes: table.result_bytes(),
            values: lookups * (table.width + table.macs),
        });
        for (place, part) in table.parts.iter().enumerate() {
            let share = if system.unique_reads {
                part.locality.distinct(lookups)
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
