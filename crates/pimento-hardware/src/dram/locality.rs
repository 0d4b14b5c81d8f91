//! What a closed form needs of a table's popularity, tabulated once.

use crate::{
    arithmetic::{larger, smaller},
    dram::{
        cache::CachePolicy,
        curves::{Curves, Place, Slanted},
        popularity::{Bin, Popularity},
    },
};

/// How accesses concentrate on rows.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Concentration {
    /// Probability that two accesses are of the same row.
    pub(crate) collision: f64,
    /// Share of the hottest row.
    pub(crate) hottest: f64,
}

impl Concentration {
    /// That of these without those of cold rows, which collide with this probability.
    pub(crate) fn without(self, cold: f64) -> Self {
        Self {
            collision: larger(self.collision - cold, self.hottest * self.hottest),
            ..self
        }
    }

    /// That of some of the accesses, which have all the rows that these concentrate on, where all are `factor`
    /// times as many.
    pub(crate) fn times(self, factor: f64) -> Self {
        Self {
            collision: smaller(self.collision * (factor * factor), 1.0),
            hottest: smaller(self.hottest * factor, 1.0),
        }
    }
}

/// So many accesses to a table, of so many different rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Draws {
    pub(crate) count: f64,
    pub(crate) place: Place,
    /// Different rows per access.
    pub(crate) different: f64,
}

/// A table's accesses, parted into those to hot rows, that are asked for at least once in so many accesses, and
/// those to cold ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Parted {
    /// Share of the accesses to hot rows, and its slope over the logarithm of so many.
    pub(crate) hot: Slanted,
    /// Hot rows.
    pub(crate) hot_rows: f64,
    /// The accesses in which a hot row is asked for once.
    time: f64,
    /// How accesses to cold rows concentrate, among all.
    cold: Concentration,
}

impl Parted {
    /// How accesses to cold rows concentrate, of which all are `factor` times as many.
    pub(crate) fn cold(&self, factor: f64) -> Concentration {
        self.cold.times(factor)
    }

    /// How accesses to hot rows concentrate, of which there are `factor` times as many in all, where those to
    /// all rows do so.
    pub(crate) fn hot(&self, all: Concentration, factor: f64) -> Concentration {
        all.without(self.cold.collision).times(factor)
    }

    /// Different hot rows, and different cold ones, among so many accesses.
    ///
    /// Cold rows are at least as different as all are, with a row less for about every pair of the same. Of the
    /// hot rows, each is seen with a probability of x / (1 + x) at least if it is asked for x times.
    pub(crate) fn different(&self, draws: Draws) -> (f64, f64) {
        let (count, hot) = (draws.count, self.hot.value);
        let (all, cold) = (count * draws.different, 1.0 - hot);
        let pairs = 0.5 * count * self.cold.collision;
        let of_cold = cold / larger(cold + pairs, f64::MIN_POSITIVE);
        let mut of_hot = all - count * cold * larger(of_cold, draws.different);
        if of_hot * (self.time + count) < self.hot_rows * count {
            of_hot = self.hot_rows * count / (self.time + count);
        }
        let of_hot = smaller(of_hot, smaller(self.hot_rows, smaller(count * hot, all)));
        (of_hot, smaller(all - of_hot, count * cold))
    }
}

/// The locality of a table's accesses, summarised for the closed form.
#[derive(Debug, Clone, PartialEq)]
pub struct Locality {
    rows: f64,
    /// By the number of accesses looked at: different rows per access; probability that two reads are of
    /// the same row, and share of the hottest one, where accesses to one row among so many are one read.
    merged: Curves<3>,
    /// Of a cache, by its characteristic time, least recently used and first in first out; and of the rows
    /// whose rate is at least one over a number.
    caches: [Residents; 3],
    /// Probability that two accesses are of the same row and a cold one, and share of the hottest cold
    /// row, where rows are cold whose rate is below one over a number.
    cold: Curves<2>,
}

/// Content of a cache, by its characteristic time: expected rows, and share of the accesses that it serves.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Residents(Curves<2>);

impl Residents {
    const ROWS: usize = 0;
    const HITS: usize = 1;

    /// Tabulates what a cache has of the rows of this popularity.
    pub(crate) fn new(popularity: &Popularity, policy: CachePolicy) -> Self {
        let content = |time: f64| {
            let bins = popularity.bins().iter();
            bins.fold([0.0; 2], |[rows, hits], bin| {
                let resident = bin.rows * policy.resident(bin.share * time);
                [rows + resident, hits + resident * bin.share]
            })
        };
        Self(Curves::new(content))
    }

    /// Expected rows; in proportion to times below 1.
    pub(crate) fn rows(&self, log_time: f64) -> f64 {
        self.0.growing_at_log(Self::ROWS, log_time)
    }

    /// Share of the accesses that it serves; in proportion to times below 1.
    pub(crate) fn hits(&self, log_time: f64) -> f64 {
        self.0.growing_at_log(Self::HITS, log_time).min(1.0)
    }
}

const POLICIES: [CachePolicy; 3] = [CachePolicy::Lru, CachePolicy::Fifo, CachePolicy::Static];

impl Locality {
    /// Tabulates a popularity: some milliseconds.
    pub fn new(popularity: &Popularity) -> Self {
        let bins = popularity.bins();
        let seen = |bin: &Bin, draws: f64| -(draws * (-bin.share).ln_1p()).exp_m1();
        let sum = |of: &dyn Fn(&Bin) -> f64| bins.iter().map(|bin| bin.rows * of(bin)).sum::<f64>();
        Self {
            rows: popularity.rows(),
            merged: Curves::new(|draws| {
                let unique = popularity.unique(draws);
                let hottest = bins.first().map_or(0.0, |bin| seen(bin, draws));
                let collision = sum(&|bin| seen(bin, draws).powi(2)) / unique.powi(2);
                [unique / draws, collision, hottest / unique]
            }),
            caches: POLICIES.map(|policy| Residents::new(popularity, policy)),
            cold: Curves::new(|time| {
                let is_cold = |bin: &Bin| bin.share * time < 1.0;
                let hottest = bins.iter().find(|bin| is_cold(bin));
                let collision = sum(&|bin| bin.share.powi(2) * f64::from(u8::from(is_cold(bin))));
                [collision, hottest.map_or(0.0, |bin| bin.share)]
            }),
        }
    }

    /// Rows of the table.
    pub fn rows(&self) -> f64 {
        self.rows
    }

    /// Different rows among so many accesses, per access.
    pub(crate) fn distinct(&self, draws: Place) -> f64 {
        self.merged.one_at(0, draws).value
    }

    /// The reads of a stream where accesses to one row among `merged` are one read; 1 merges none.
    pub(crate) fn concentration(&self, merged: Place) -> Concentration {
        let [_, collision, hottest] = self.merged.at(merged);
        Concentration { collision, hottest }
    }

    /// So many accesses, and their logarithm.
    pub(crate) fn draws(&self, count: f64, log_count: f64) -> Draws {
        let place = Place::at_log(log_count);
        Draws {
            count,
            place,
            different: self.distinct(place),
        }
    }

    /// The accesses where rows are hot that are asked for at least once in `time` of them, whose logarithm is
    /// `log_time`.
    pub(crate) fn parted(&self, time: f64, log_time: f64) -> Parted {
        let place = Place::at_log(log_time);
        let [collision, hottest] = self.cold.at(place);
        let residents = &self.caches[CachePolicy::Static as usize].0;
        Parted {
            hot: self.hits_at(CachePolicy::Static, place),
            hot_rows: residents.one_at(Residents::ROWS, place).value,
            time,
            cold: Concentration { collision, hottest },
        }
    }

    /// Share of the accesses that a cache with this characteristic time serves.
    pub(crate) fn hits(&self, policy: CachePolicy, log_time: f64) -> Slanted {
        self.hits_at(policy, Place::at_log(log_time))
    }

    fn hits_at(&self, policy: CachePolicy, place: Place) -> Slanted {
        let of_cache = &self.caches[policy as usize].0;
        let hits = of_cache.one_at(Residents::HITS, place);
        Slanted {
            value: smaller(hits.value, 1.0),
            ..hits
        }
    }

    /// Rows in such a cache.
    pub(crate) fn residents(&self, policy: CachePolicy, log_time: f64) -> Slanted {
        let of_cache = &self.caches[policy as usize].0;
        of_cache.one_at(Residents::ROWS, Place::at_log(log_time))
    }
}

/// Reads of some tables.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spread {
    reads: f64,
    /// Pairs of reads of the same row.
    pairs: f64,
    /// Reads of each table's hottest row.
    heads: Vec<f64>,
}

impl Spread {
    /// None yet of so many tables.
    pub(crate) fn of_tables(count: usize) -> Self {
        Self {
            heads: Vec::with_capacity(count),
            ..Self::default()
        }
    }

    /// Adds a table's.
    pub(crate) fn add(&mut self, reads: f64, rows: Concentration) {
        self.reads += reads;
        self.pairs += reads * reads * rows.collision;
        self.heads.push(reads * rows.hottest);
    }
}

/// How unevenly reads fall on units among which rows are placed at random.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Imbalance {
    /// Rows opened.
    activations: f64,
    reads: f64,
    collision: f64,
    hottest: f64,
    /// Tables whose hottest row is at least half as hot as the hottest of all.
    hot_tables: f64,
}

/// Expected largest of M standard normal variables, M = 2, 4, 8 …: the mean of the maximum.
const NORMAL_MAXIMA: [f64; 12] = [
    0.56, 1.03, 1.42, 1.77, 2.07, 2.34, 2.60, 2.82, 3.04, 3.24, 3.43, 3.61,
];

impl Imbalance {
    /// Rows opened by all reads.
    pub(crate) fn new(activations: f64, spread: &Spread) -> Self {
        let reads = spread.reads;
        if reads <= 0.0 {
            return Self::default();
        }
        let inverse = 1.0 / reads;
        let hottest = spread.heads.iter().copied().fold(0.0, larger);
        let hot = spread.heads.iter().filter(|&&head| head >= 0.5 * hottest);
        Self {
            activations,
            reads,
            collision: spread.pairs * (inverse * inverse),
            hottest: hottest * inverse,
            hot_tables: hot.count() as f64,
        }
    }

    /// Reads of the busiest of `units` units over those of the mean one, expected over placements.
    ///
    /// Loads are normal with the variance of random placement. Where one row is more than noise, the
    /// unit that has it is the busiest, with the noise of the rest.
    pub(crate) fn of(&self, units: f64) -> f64 {
        if units <= 1.0 || self.reads <= 0.0 {
            return 1.0;
        }
        let once = 1.0 / self.reads;
        let deviation = |collision: f64| {
            let same = once + larger(1.0 - once, 0.0) * collision;
            ((units - 1.0) * same).sqrt()
        };
        let all = 1.0 + normal_maximum(units) * deviation(self.collision);
        let heads = self.hot_tables.min(units);
        let rest = (self.collision - self.hot_tables * self.hottest.powi(2)).max(0.0);
        let hot = 1.0 + (units - 1.0) * self.hottest + normal_maximum(heads) * deviation(rest);
        // A row is always opened somewhere.
        let single = units / self.activations.max(1.0);
        all.max(hot).max(single).min(units)
    }
}

/// Expected largest of `count` standard normal variables.
fn normal_maximum(count: f64) -> f64 {
    let place = count.log2();
    if place <= 1.0 {
        return NORMAL_MAXIMA[0] * place.max(0.0);
    }
    let last = NORMAL_MAXIMA.len() - 1;
    let point = ((place - 1.0) as usize).min(last - 1);
    let share = place - 1.0 - point as f64;
    let (low, high) = (NORMAL_MAXIMA[point], NORMAL_MAXIMA[point + 1]);
    (high - low).mul_add(share, low)
}
