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
pub(super) struct Placement<'a> {
    pub(super) loads: Vec<TierLoad<'a>>,
    /// Share of the look-ups that the cache before the memories serves, and the bits it holds of them.
    pub(super) cache_share: f64,
    pub(super) cached_bits: f64,
    /// Share of the remaining look-ups that the first memory serves.
    pub(super) hot_share: f64,
    /// Bytes in store in each memory, copies included.
    pub(super) stored_bytes: Vec<f64>,
}

impl<'a> Placement<'a> {
    /// Spreads a batch over the memories.
    pub(super) fn new(system: &MemorySystem, gathers: &'a Gathers) -> Self {
        let asked = asked(system, gathers);
        let mut placement = Self::default();
        let all = asked.reads.clone();
        let reads = match &system.cache {
            Some(cache) => {
                let left = cached(&all, cache.policy, cache.bytes);
                placement.account(&all, &left);
                left
            }
            None => all,
        };
        if let [fast, slow] = &system.tiers[..] {
            placement.split(fast, slow, system, &asked, &reads);
        } else {
            placement.hot_share = 1.0;
            let bytes = gathers.bytes() + copies(&system.tiers[0], system, gathers);
            placement.stored_bytes = vec![bytes];
            placement.loads = vec![TierLoad { reads, ..asked }];
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
    fn split(
        &mut self,
        fast: &Tier,
        slow: &Tier,
        system: &MemorySystem,
        asked: &TierLoad<'a>,
        reads: &[TableReads<'a>],
    ) {
        let offsets = heat(reads);
        let stored = |log_time: f64| -> f64 {
            let tables = reads.iter().zip(&offsets);
            let bytes = |(table, offset): (&TableReads<'_>, &f64)| {
                let rows = table
                    .locality
                    .residents(CachePolicy::Static, log_time + offset);
                rows * table.row_bytes
            };
            tables.map(bytes).sum()
        };
        let capacity = fast.capacity_bytes();
        let full = log_time_where_equal(stored, capacity);
        let at = |log_time: f64| divide(asked, reads, &offsets, log_time);
        let waits = |log_time: f64| {
            let [hot, cold] = at(log_time);
            let (hot, cold) = (TierTime::new(fast, &hot), TierTime::new(slow, &cold));
            (hot.busy_ns() - cold.busy_ns()) / (hot.busy_ns() + cold.busy_ns())
        };
        // Both take as long where the slow one would otherwise be idle.
        let log_time = if waits(full) <= 0.0 {
            full
        } else {
            log_time_where_zero(waits).min(full)
        };
        let [hot, cold] = at(log_time);
        let lookups =
            |load: &TierLoad<'_>| -> f64 { load.reads.iter().map(|table| table.lookups).sum() };
        let (of_hot, of_cold) = (lookups(&hot), lookups(&cold));
        self.hot_share = if of_hot + of_cold > 0.0 {
            of_hot / (of_hot + of_cold)
        } else {
            0.0
        };
        let hot_bytes = stored(log_time);
        let all: f64 = reads
            .iter()
            .map(|table| table.locality.rows() * table.row_bytes)
            .sum();
        self.stored_bytes = vec![
            hot_bytes + asked.fetched_bytes * copies_of(fast, system),
            (all - hot_bytes).max(0.0),
        ];
        self.loads = vec![hot, cold];
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

/// Hot rows' part of a load and the others'.
fn divide<'a>(
    asked: &TierLoad<'a>,
    reads: &[TableReads<'a>],
    offsets: &[f64],
    log_time: f64,
) -> [TierLoad<'a>; 2] {
    let (mut hot, mut cold) = (TierLoad::default(), TierLoad::default());
    let (mut lookups, mut of_hot) = (0.0, 0.0);
    for (table, offset) in reads.iter().zip(offsets) {
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
    [hot, cold]
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
