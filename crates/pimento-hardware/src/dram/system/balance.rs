//! Which rows are hot, so that two memories take as long.

use crate::{
    arithmetic::ln,
    dram::{
        cache::CachePolicy,
        counts::{Accesses, Sample, TableReads},
        curves::{MIDDLE, MOST, Slanted, log_time_where_zero},
        locality::Concentration,
        system::{
            Tier,
            sums::Sums,
            tier::{TierLoad, TierTime, window},
        },
    },
};

/// Rows of a small table that units have at hand: who else reads a row of another table reads one of these, too.
#[derive(Debug, Clone, Copy)]
pub(super) struct Partner<'a> {
    /// The number of the other table among the reads.
    pub(super) of: usize,
    /// Their look-ups for each of that one's.
    pub(super) per_lookup: f64,
    pub(super) reads: TableReads<'a>,
}

/// How hot the rows of a table are.
#[derive(Debug, Clone, Copy)]
struct TableHeat {
    /// By which they are hotter than their share of its accesses tells: by its share of all accesses, and per
    /// byte.
    factor: f64,
    log_factor: f64,
    /// Its look-ups in either memory.
    samples: [Sample; 2],
}

/// What is asked for, and how hot its rows are.
#[derive(Debug)]
pub(super) struct Heat<'a> {
    asked: &'a TierLoad<'a>,
    partners: &'a [Partner<'a>],
    /// Of each table.
    tables: Vec<TableHeat>,
    lookups: f64,
    /// Whether requests for the same row are merged in the fast memory.
    merging: bool,
    /// Whether a batch ends before the next one begins.
    barrier: bool,
    /// Hot rows' part and the others', with all that goes with these.
    parts: [TierLoad<'a>; 2],
    /// Bytes of those hot rows.
    hot_bytes: f64,
}

impl<'a> Heat<'a> {
    pub(super) fn new(
        tiers: [&Tier; 2],
        (asked, partners): (&'a TierLoad<'a>, &'a [Partner<'a>]),
        barrier: bool,
    ) -> Self {
        let windows = tiers.map(|tier| window(tier, asked.reads.len()));
        let reads = asked.reads.iter();
        let lookups: f64 = reads.clone().map(|table| table.lookups).sum();
        let bytes = reads.clone().map(|table| table.row_bytes);
        let bytes = bytes.fold(f64::INFINITY, f64::min);
        let of_table = |table: &TableReads<'_>| {
            let width = bytes / table.row_bytes;
            let factor = table.lookups * width / lookups;
            TableHeat {
                factor,
                log_factor: ln(factor.max(f64::MIN_POSITIVE)),
                samples: windows.map(|window| Sample::new(table.lookups, window.together(table))),
            }
        };
        let mut cold = TierLoad {
            fetched_bytes: 0.0,
            ..asked.clone()
        };
        let of_partners = partners.iter().map(|partner| partner.reads);
        cold.reads.extend(of_partners);
        Self {
            asked,
            partners,
            tables: reads.map(of_table).collect(),
            lookups,
            merging: tiers[0].merging,
            barrier,
            parts: [asked.clone(), cold],
            hot_bytes: 0.0,
        }
    }

    /// Sum over the tables, each at its own time.
    fn sum(&self, log_time: f64, of: impl Fn(&TableReads<'_>, f64) -> Slanted) -> Slanted {
        let tables = self.asked.reads.iter().zip(&self.tables);
        tables
            .map(|(table, heat)| of(table, log_time + heat.log_factor))
            .sum()
    }

    /// Bytes of hot rows.
    pub(super) fn stored_bytes(&self, log_time: f64) -> Slanted {
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
        const MOST_OFF: f64 = 0.1;
        /// A step over which the ratio is nearly straight.
        const SHORT: f64 = 0.2;
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
        // From where no row is cold the way is endless.
        let tolerance = (SHARE_OF_WAY * start.value.abs()).min(MOST_OFF);
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
            accesses: Accesses::Known(1.0, Concentration::default()),
            ..self.asked.reads[0]
        };
        let [hot, cold] = &self.parts;
        let mut load = TierLoad {
            reads: vec![half],
            sums: vec![Sums::alike(&hot.sums)],
            ..*hot
        };
        let hot_ns = self.time_ns(&TierTime::new(tiers[0], &load));
        load.fetched_bytes = cold.fetched_bytes;
        let cold_ns = self.time_ns(&TierTime::new(tiers[1], &load));
        (cold_ns / hot_ns).ln() / Halves::USUAL_SLOPE
    }

    /// Time of a memory until the next batch, sums merged.
    fn time_ns(&self, time: &TierTime) -> f64 {
        if self.barrier {
            time.busy_ns() + time.merge_ns
        } else {
            time.busy_ns().max(time.merge_ns)
        }
    }

    /// Fills in the parts where rows are hot that are asked for at least once in e^`log_time` accesses.
    fn divide(&mut self, log_time: f64) -> Hot {
        let (mut of_hot, mut hot_bytes) = (Slanted::default(), 0.0);
        let [hot, cold] = &mut self.parts;
        let parts = hot.reads.iter_mut().zip(&mut cold.reads);
        let tables = self.asked.reads.iter().zip(&self.tables);
        let time = log_time.exp();
        for ((table, heat), (hot, cold)) in tables.zip(parts) {
            let (time, log_time) = (time * heat.factor, log_time + heat.log_factor);
            let parted = table.locality.parted(time, log_time);
            of_hot = of_hot + parted.hot.times(table.lookups);
            hot_bytes += parted.hot_rows * table.row_bytes;
            if matches!(table.accesses, Accesses::Missed(_)) {
                // Behind a cache no row is hot any more.
                hot.lookups = table.lookups * parted.hot.value;
                cold.lookups = table.lookups - hot.lookups;
            } else {
                (hot.lookups, hot.accesses) = table.hot(&parted, &heat.samples[0], self.merging);
                (cold.lookups, cold.accesses) = table.cold(&parted, &heat.samples[1]);
            }
        }
        let (rows, partners) = cold.reads.split_at_mut(self.asked.reads.len());
        for (reads, partner) in partners.iter_mut().zip(self.partners) {
            reads.lookups = rows[partner.of].lookups * partner.per_lookup;
        }
        let hot = Hot::new(log_time, of_hot.times(1.0 / self.lookups));
        self.divide_sums(hot.share);
        self.hot_bytes = hot_bytes;
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
pub(super) struct Hot {
    /// Those that are asked for at least once in so many accesses, e to this power.
    pub(super) log_time: f64,
    /// Share of the look-ups that goes to them.
    pub(super) share: f64,
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
pub(super) struct Halves {
    pub(super) hot: Hot,
    /// Bytes of the hot rows.
    pub(super) hot_bytes: f64,
    /// Of the memory of hot rows and of the other.
    pub(super) times: [TierTime; 2],
    /// Of each until the next batch.
    times_ns: [f64; 2],
}

impl Halves {
    /// Logarithm of the ratio of the times at which they are taken as equal.
    const NEAR: f64 = 5e-3;
    /// By how much that logarithm grows with the one of the ratio of the look-ups, until it is known: the more
    /// look-ups, the more of them are of the same rows.
    const USUAL_SLOPE: f64 = 0.94;
    /// Guesses before ends are halved.
    const GUESSES: u32 = 6;

    pub(super) fn new(tiers: [&Tier; 2], heat: &mut Heat<'_>, log_time: f64) -> Self {
        let hot = heat.divide(log_time);
        let [of_hot, of_cold] = &heat.parts;
        let times = [
            TierTime::new(tiers[0], of_hot),
            TierTime::new(tiers[1], of_cold),
        ];
        Self {
            hot,
            hot_bytes: heat.hot_bytes,
            times_ns: times.each_ref().map(|time| heat.time_ns(time)),
            times,
        }
    }

    /// Time of both memories until the next batch.
    fn time_ns(&self) -> f64 {
        self.times_ns[0].max(self.times_ns[1])
    }

    /// These, or those that take less time.
    fn or_better(self, others: Option<&Self>) -> Self {
        let better = others.filter(|others| others.time_ns() < self.time_ns());
        better.copied().unwrap_or(self)
    }

    /// Logarithm of the time of the memory of hot rows over that of the other.
    fn time_ratio(&self) -> f64 {
        (self.times_ns[0] / self.times_ns[1]).ln()
    }

    /// So many hot rows that both memories take as long, were there room for all in the fast one.
    pub(super) fn balanced(tiers: [&Tier; 2], heat: &mut Heat<'_>) -> Self {
        if heat.lookups <= 0.0 {
            return Self {
                hot: Hot::new(MIDDLE, Slanted::default()),
                hot_bytes: heat.stored_bytes(MIDDLE).value,
                times: Default::default(),
                times_ns: [0.0; 2],
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
                let all_hot = Self::new(tiers, heat, MOST).or_better(best.as_ref());
                return Self::new(tiers, heat, 0.0).or_better(Some(&all_hot));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        EmbeddingTable, Gathers, Law, MemorySystem, RankingModel, TableStorage,
        dram::system::{placement::asked, tier::cached},
    };

    /// Every workload, as it is, with one look-up of each table and with quotients and remainders, evenly and unevenly
    /// asked for, on every system of two memories, against 200 placements.
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
            let compressed = |table: &EmbeddingTable| EmbeddingTable {
                storage: TableStorage::QuotientRemainder { collisions: 4 },
                ..*table
            };
            let compressed: Vec<_> = tables.iter().map(compressed).collect();
            let cases = [
                (&tables, 0.8),
                (&tables, 1.2),
                (&once, 0.0),
                (&once, 1.05),
                (&compressed, 1.05),
            ];
            for (tables, exponent) in cases {
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
        let (mut asked, partners) = asked(system, gathers);
        if let Some(cache) = &system.cache {
            asked.reads = cached(&asked.reads, cache.policy, cache.bytes);
        }
        let tiers = [&system.tiers[0], &system.tiers[1]];
        let mut heat = Heat::new(tiers, (&asked, &partners), system.barrier);
        let found_ns = Halves::balanced(tiers, &mut heat).time_ns();
        for step in 0..=200 {
            let log_time = MOST * f64::from(step) / 200.0;
            let other_ns = Halves::new(tiers, &mut heat, log_time).time_ns();
            let is_best = found_ns <= 1.03 * other_ns;
            assert!(is_best, "{} {model}: {found_ns} {other_ns}", system.name());
        }
    }
}
