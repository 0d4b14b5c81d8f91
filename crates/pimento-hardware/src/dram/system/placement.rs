//! What each memory of a system is asked for: caches, compressed tables, hot rows.

use crate::{
    design::PimLevel,
    dram::{
        counts::{Accesses, TableReads},
        curves::{Place, log_time_where_equal},
        system::{
            MemorySystem, Subtables, Tier,
            balance::{Halves, Heat, Partner},
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
        let (mut asked, partners) = asked(system, gathers);
        let mut placement = Self::default();
        if let Some(cache) = &system.cache {
            let left = cached(&asked.reads, cache.policy, cache.bytes);
            placement.account(&asked.reads, &left);
            asked.reads = left;
        }
        if let [fast, slow] = &system.tiers[..] {
            placement.split([fast, slow], system, (&asked, &partners));
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

    /// Hot rows to the fast memory: so many that both memories take as long, or as many as it holds.
    fn split<'a>(
        &mut self,
        tiers: [&Tier; 2],
        system: &MemorySystem,
        (asked, partners): (&'a TierLoad<'a>, &'a [Partner<'a>]),
    ) {
        let mut heat = Heat::new(tiers, (asked, partners), system.barrier);
        let mut halves = Halves::balanced(tiers, &mut heat);
        let copies = asked.fetched_bytes * copies_of(tiers[0], system);
        let capacity = (tiers[0].capacity_bytes() - copies).max(1.0);
        if halves.hot_bytes > capacity {
            let stored = |log_time| heat.stored_bytes(log_time);
            let full = log_time_where_equal(stored, capacity);
            halves = Halves::new(tiers, &mut heat, full);
            halves.hot_bytes = capacity;
        }
        let hot_bytes = halves.hot_bytes;
        let bytes = |table: &TableReads<'_>| table.locality.rows() * table.row_bytes;
        let all: f64 = asked.reads.iter().map(bytes).sum();
        let partners: f64 = { partners.iter() }
            .map(|partner| bytes(&partner.reads))
            .sum();
        self.hot_share = halves.hot.share;
        self.stored_bytes = vec![hot_bytes + copies, (all - hot_bytes).max(0.0) + partners];
        self.times = halves.times.to_vec();
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

/// What a batch asks for before caches: rows of the stored tables and the sums made of them, and what units have at
/// hand.
pub(super) fn asked<'a>(
    system: &MemorySystem,
    gathers: &'a Gathers,
) -> (TierLoad<'a>, Vec<Partner<'a>>) {
    let batch = f64::from(system.batch);
    let parts = gathers.tables.iter().map(|table| table.parts.len());
    let mut load = TierLoad {
        reads: Vec::with_capacity(parts.sum()),
        sums: Vec::with_capacity(gathers.tables.len()),
        ..TierLoad::default()
    };
    let mut partners = Vec::new();
    for table in &gathers.tables {
        let lookups = batch * table.lookups;
        let sums = Sums {
            count: batch,
            rows: table.lookups,
            bytes: batch * table.result_bytes(),
            values: lookups * (table.width + table.macs),
        };
        Sums::join(&mut load.sums, sums);
        let first = load.reads.len();
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
            let partner = || Partner {
                of: first,
                per_lookup: reads.lookups / load.reads[first].lookups.max(f64::MIN_POSITIVE),
                reads,
            };
            match system.subtables {
                Subtables::Lookup if small && !is_train => partners.push(partner()),
                Subtables::Prefetched if small => {
                    partners.push(partner());
                    load.fetched_bytes += part.bytes();
                }
                Subtables::Remote if small => {
                    load.reads.push(reads);
                    load.remote_bytes +=
                        remote_share(&system.tiers[0]) * reads.lookups * part.row_bytes;
                }
                _ => load.reads.push(reads),
            }
        }
    }
    (load, partners)
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
