//! What each memory of a system is asked for: caches, compressed tables, hot rows.

use crate::{
    design::PimLevel,
    dram::{
        cache::CachePolicy,
        counts::{Accesses, TableReads},
        locality::{
            Concentration, MIDDLE, MOST, Place, Slanted, log_time_where_equal, log_time_where_zero,
        },
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

    /// Hot rows to the fast memory: so many that both memories take as long, or as many as it holds.
    fn split(&mut self, tiers: [&Tier; 2], system: &MemorySystem, asked: &TierLoad<'_>) {
        let mut heat = Heat::new(asked);
        let mut halves = Halves::balanced(tiers, &mut heat);
        let mut hot_bytes = heat.stored_bytes(halves.hot.log_time).value;
        let capacity = tiers[0].capacity_bytes();
        if hot_bytes > capacity {
            let stored = |log_time| heat.stored_bytes(log_time);
            let full = log_time_where_equal(stored, capacity);
            halves = Halves::new(tiers, &mut heat, full);
            hot_bytes = capacity;
        }
        let bytes = |table: &TableReads<'_>| table.locality.rows() * table.row_bytes;
        let bytes: f64 = asked.reads.iter().map(bytes).sum();
        self.hot_share = halves.hot.share;
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

    /// Where rows are hot that are asked for at least once in e^`log_time` accesses.
    fn at(&self, log_time: f64) -> Hot {
        let hits = self.sum(log_time, |table, log_time| {
            let hits = table.locality.hits(CachePolicy::Static, log_time);
            hits.times(table.lookups)
        });
        Hot::new(log_time, hits.times(1.0 / self.lookups))
    }

    /// Where look-ups of hot rows over the others have this ratio, by its logarithm, to a fiftieth of the way from
    /// `near`.
    fn log_time_of(&self, ratio: f64, near: &Hot) -> f64 {
        const SHARE_OF_WAY: f64 = 0.02;
        /// A step over which the ratio is nearly straight.
        const SHORT: f64 = 0.05;
        let next = near.ratio.place_of(ratio, near.log_time);
        if (next - near.log_time).abs() < SHORT {
            return next;
        }
        let excess = |hot: Hot| Slanted {
            value: hot.ratio.value - ratio,
            ..hot.ratio
        };
        let of = |log_time| excess(self.at(log_time));
        let start = excess(*near);
        let tolerance = SHARE_OF_WAY * start.value.abs();
        log_time_where_zero(near.log_time, start, tolerance, of)
    }

    /// Logarithm of the look-ups of hot rows over the others with which both memories would take as long if all
    /// were of one table whose rows are asked for alike.
    fn even_ratio(&mut self, tiers: [&Tier; 2]) -> f64 {
        self.divide_sums(0.5);
        let reads = self.asked.reads.iter();
        let bytes: f64 = reads.map(|table| table.lookups * table.row_bytes).sum();
        let half = TableReads {
            lookups: 0.5 * self.lookups,
            row_bytes: bytes / self.lookups,
            accesses: Accesses::Cold(Concentration::default()),
            ..self.asked.reads[0]
        };
        let busy_ns = |tier, part: &TierLoad<'a>| {
            let load = TierLoad {
                reads: vec![half],
                sums: part.sums.clone(),
                ..*part
            };
            TierTime::new(tier, &load).busy_ns()
        };
        let [hot, cold] = &self.parts;
        (busy_ns(tiers[1], cold) / busy_ns(tiers[0], hot)).ln() / Halves::USUAL_SLOPE
    }

    /// Fills in the parts where rows are hot that are asked for at least once in e^`log_time` accesses.
    fn divide(&mut self, log_time: f64) -> Hot {
        let mut of_hot = Slanted::default();
        let [hot, cold] = &mut self.parts;
        let parts = hot.reads.iter_mut().zip(&mut cold.reads);
        let tables = self.asked.reads.iter().zip(&self.offsets);
        for ((table, offset), (hot, cold)) in tables.zip(parts) {
            let (share, of_cold) = table.locality.parted(log_time + offset);
            let lookups = share.times(table.lookups);
            hot.lookups = lookups.value;
            cold.lookups = table.lookups - lookups.value;
            of_hot = of_hot + lookups;
            // Behind a cache no row is hot any more.
            if !matches!(table.accesses, Accesses::Missed(_)) {
                hot.accesses = Accesses::Hot {
                    share: share.value,
                    cold_collision: of_cold.collision,
                };
                cold.accesses = Accesses::Cold(of_cold.within(1.0 - share.value));
            }
        }
        let hot = Hot::new(log_time, of_hot.times(1.0 / self.lookups));
        self.divide_sums(hot.share);
        hot
    }

    fn divide_sums(&mut self, hot_share: f64) {
        let shares = [hot_share, 1.0 - hot_share];
        for (part, share) in self.parts.iter_mut().zip(shares) {
            for (part, all) in part.sums.iter_mut().zip(&self.asked.sums) {
                part.rows = all.rows * share;
                part.values = all.values * share;
                let has_any = f64::from(u8::from(share > 0.0));
                (part.count, part.bytes) = (all.count * has_any, all.bytes * has_any);
            }
            part.remote_bytes = self.asked.remote_bytes * share;
        }
    }
}

/// Which rows are hot.
#[derive(Debug, Clone, Copy)]
struct Hot {
    /// Those that are asked for at least once in so many accesses, e to this power.
    log_time: f64,
    /// Share of the look-ups that goes to them.
    share: f64,
    /// Logarithm of those look-ups over the others.
    ratio: Slanted,
}

impl Hot {
    fn new(log_time: f64, share: Slanted) -> Self {
        Self {
            log_time,
            share: share.value,
            ratio: share.log_odds(),
        }
    }
}

/// A batch over two memories.
#[derive(Debug, Clone, Copy)]
struct Halves {
    hot: Hot,
    /// Of the memory of hot rows and of the other.
    times: [TierTime; 2],
}

impl Halves {
    /// Logarithm of the ratio of the times at which they are taken as equal.
    const NEAR: f64 = 3e-3;
    /// By how much that logarithm grows with the one of the ratio of the look-ups, until it is known: the more
    /// look-ups, the more of them are of the same rows.
    const USUAL_SLOPE: f64 = 0.94;
    /// Guesses before ends are halved.
    const GUESSES: u32 = 6;

    fn new(tiers: [&Tier; 2], heat: &mut Heat<'_>, log_time: f64) -> Self {
        let hot = heat.divide(log_time);
        let [of_hot, of_cold] = &heat.parts;
        Self {
            hot,
            times: [
                TierTime::new(tiers[0], of_hot),
                TierTime::new(tiers[1], of_cold),
            ],
        }
    }

    /// Time until both memories are free for the next batch.
    fn busy_ns(&self) -> f64 {
        let [hot, cold] = self.times.each_ref().map(TierTime::busy_ns);
        hot.max(cold)
    }

    /// These, or those that take less time.
    fn or_better(self, others: Option<&Self>) -> Self {
        let better = others.filter(|others| others.busy_ns() < self.busy_ns());
        better.copied().unwrap_or(self)
    }

    /// Logarithm of the time of the memory of hot rows over that of the other.
    fn time_ratio(&self) -> f64 {
        let [hot, cold] = self.times.each_ref().map(TierTime::busy_ns);
        (hot / cold).ln()
    }

    /// So many hot rows that both memories take as long, were there room for all in the fast one.
    fn balanced(tiers: [&Tier; 2], heat: &mut Heat<'_>) -> Self {
        if heat.lookups <= 0.0 {
            return Self {
                hot: Hot::new(MIDDLE, Slanted::default()),
                times: Default::default(),
            };
        }
        let (mut low, mut high, mut guesses) = (0.0, MOST, 0);
        let (mut near, mut ratio) = (heat.at(MIDDLE), heat.even_ratio(tiers));
        let (mut last, mut slope) = (None, Self::USUAL_SLOPE);
        let mut best: Option<Self> = None;
        loop {
            let guess = heat.log_time_of(ratio, &near);
            let is_inside = guesses < Self::GUESSES && low < guess && guess < high;
            guesses += 1;
            let log_time = if is_inside { guess } else { 0.5 * (low + high) };
            let halves = Self::new(tiers, heat, log_time);
            let excess = halves.time_ratio();
            if excess.abs() <= Self::NEAR {
                return halves;
            }
            let end = if excess > 0.0 { &mut high } else { &mut low };
            *end = log_time;
            near = halves.hot;
            best = Some(halves.or_better(best.as_ref()));
            if high - low <= Self::NEAR {
                // Where the ratio jumps, as where the last cold row becomes hot, it is even nowhere.
                return Self::new(tiers, heat, MOST).or_better(best.as_ref());
            }
            let found = near.ratio.value;
            if let Some((last_ratio, last_excess)) = last.replace((found, excess)) {
                slope = (excess - last_excess) / (found - last_ratio);
            }
            // One logarithm over the other is nearly straight.
            ratio = found - excess / slope;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EmbeddingTable, Law, RankingModel};

    /// Every workload, as it is and with one look-up of each table, evenly and unevenly asked for, on every
    /// system of two memories, against 200 placements.
    #[test]
    fn no_other_placement_is_faster() {
        let systems = ["space", "heam", "proactivepim", "host-hbm"];
        let systems = systems.map(|name| MemorySystem::preset(name).expect("built in"));
        for model in RankingModel::preset_names() {
            let tables = RankingModel::preset(model).expect("built in").tables(32);
            let once = |table: &EmbeddingTable| EmbeddingTable {
                lookups: 1,
                ..*table
            };
            let once: Vec<_> = tables.iter().map(once).collect();
            for (tables, exponent) in [(&tables, 0.8), (&tables, 1.2), (&once, 0.0), (&once, 1.05)]
            {
                let law = Law {
                    exponent,
                    shift: 0.0,
                };
                let gathers = Gathers::by_law(tables, law);
                for system in &systems {
                    check(system, &gathers, model);
                }
            }
        }
    }

    fn check(system: &MemorySystem, gathers: &Gathers, model: &str) {
        let mut asked = asked(system, gathers);
        if let Some(cache) = &system.cache {
            asked.reads = cached(&asked.reads, cache.policy, cache.bytes);
        }
        let tiers = [&system.tiers[0], &system.tiers[1]];
        let mut heat = Heat::new(&asked);
        let found_ns = Halves::balanced(tiers, &mut heat).busy_ns();
        for step in 0..=200 {
            let log_time = MOST * f64::from(step) / 200.0;
            let other_ns = Halves::new(tiers, &mut heat, log_time).busy_ns();
            let is_best = found_ns <= 1.01 * other_ns;
            assert!(is_best, "{} {model}: {found_ns} {other_ns}", system.name());
        }
    }
}
