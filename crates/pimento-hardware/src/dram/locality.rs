//! What a closed form needs of a table's popularity, tabulated once.

use crate::dram::{
    cache::CachePolicy,
    popularity::{Bin, Popularity},
};

/// Points of a curve, and their distance in natural logarithms: from 1 to 10^12.
const POINTS: usize = 72;
pub(crate) const STEP: f64 = 0.4;

/// A function of a positive number, straight between points of its logarithm, constant outside.
#[derive(Debug, Clone, PartialEq)]
struct Curve([f64; POINTS]);

impl Curve {
    fn new(of: impl Fn(f64) -> f64) -> Self {
        Self(std::array::from_fn(|point| of((point as f64 * STEP).exp())))
    }

    fn at_log(&self, log: f64) -> f64 {
        let place = (log / STEP).clamp(0.0, (POINTS - 1) as f64);
        let point = (place as usize).min(POINTS - 2);
        let share = place - point as f64;
        self.0[point] + share * (self.0[point + 1] - self.0[point])
    }

    /// The same, but in proportion to numbers below 1.
    fn growing_at_log(&self, log: f64) -> f64 {
        if log < 0.0 {
            return self.0[0] * log.exp();
        }
        self.at_log(log)
    }

    fn at(&self, number: f64) -> f64 {
        self.at_log(log_of_count(number))
    }
}

/// Logarithm of a number of accesses, at least one.
fn log_of_count(number: f64) -> f64 {
    if number > 1.0 { number.ln() } else { 0.0 }
}

/// The locality of a table's accesses, summarised for the closed form.
#[derive(Debug, Clone, PartialEq)]
pub struct Locality {
    rows: f64,
    /// Different rows per access, by the number of accesses looked at.
    distinct: Curve,
    /// Probability that two reads are of the same row, and share of the hottest one, where accesses to
    /// one row among so many are one read.
    collision: Curve,
    hottest: Curve,
    /// Expected rows and share of hits of a cache, by its characteristic time, least recently used and
    /// first in first out; and of the rows whose rate is at least one over a number.
    caches: [Residents; 3],
    /// Probability that two accesses are of the same row and a cold one, and share of the hottest cold
    /// row, where rows are cold whose rate is below one over a number.
    cold: Cold,
}

/// What is left of the accesses without the hot rows.
#[derive(Debug, Clone, PartialEq)]
struct Cold {
    collision: Curve,
    hottest: Curve,
}

/// Content of a cache, by its characteristic time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Residents {
    rows: Curve,
    hits: Curve,
}

impl Residents {
    /// Tabulates what a cache has of the rows of this popularity.
    pub(crate) fn new(popularity: &Popularity, policy: CachePolicy) -> Self {
        let bins = popularity.bins();
        let sum = |of: &dyn Fn(&Bin) -> f64| bins.iter().map(|bin| bin.rows * of(bin)).sum::<f64>();
        Self {
            rows: Curve::new(|time| sum(&|bin| policy.resident(bin.share * time))),
            hits: Curve::new(|time| sum(&|bin| bin.share * policy.resident(bin.share * time))),
        }
    }

    /// Expected rows; in proportion to times below 1.
    pub(crate) fn rows(&self, log_time: f64) -> f64 {
        self.rows.growing_at_log(log_time)
    }

    /// Share of the accesses that it serves; in proportion to times below 1.
    pub(crate) fn hits(&self, log_time: f64) -> f64 {
        self.hits.growing_at_log(log_time).min(1.0)
    }
}

const POLICIES: [CachePolicy; 3] = [CachePolicy::Lru, CachePolicy::Fifo, CachePolicy::Static];

impl Locality {
    /// Tabulates a popularity: some milliseconds.
    pub fn new(popularity: &Popularity) -> Self {
        let bins = popularity.bins();
        let seen = |bin: &Bin, draws: f64| -(draws * (-bin.share).ln_1p()).exp_m1();
        let sum = |of: &dyn Fn(&Bin) -> f64| bins.iter().map(|bin| bin.rows * of(bin)).sum::<f64>();
        let hottest = |draws: f64| bins.first().map_or(0.0, |bin| seen(bin, draws));
        Self {
            rows: popularity.rows(),
            distinct: Curve::new(|draws| popularity.unique(draws) / draws),
            collision: Curve::new(|draws| {
                sum(&|bin| seen(bin, draws).powi(2)) / popularity.unique(draws).powi(2)
            }),
            hottest: Curve::new(|draws| hottest(draws) / popularity.unique(draws)),
            caches: POLICIES.map(|policy| Residents::new(popularity, policy)),
            cold: Cold {
                collision: Curve::new(|time| {
                    sum(&|bin| bin.share.powi(2) * f64::from(u8::from(bin.share * time < 1.0)))
                }),
                hottest: Curve::new(|time| {
                    let mut cold = bins.iter().filter(|bin| bin.share * time < 1.0);
                    cold.next().map_or(0.0, |bin| bin.share)
                }),
            },
        }
    }

    /// Rows of the table.
    pub fn rows(&self) -> f64 {
        self.rows
    }

    /// Different rows among `draws` accesses, per access.
    pub(crate) fn distinct(&self, draws: f64) -> f64 {
        self.distinct.at(draws)
    }

    /// Probability that two reads are of the same row, and share of the hottest row, in a stream where
    /// accesses to one row among `merged` are one read; 1 merges none.
    pub(crate) fn concentration(&self, merged: f64) -> (f64, f64) {
        let log = log_of_count(merged);
        (self.collision.at_log(log), self.hottest.at_log(log))
    }

    /// Share of accesses to cold rows, collision probability and hottest row among all accesses, where
    /// rows are hot that are asked for at least once in e^`log_time` accesses.
    pub(crate) fn cold(&self, log_time: f64) -> (f64, f64, f64) {
        let hot = self.hits(CachePolicy::Static, log_time);
        let collision = self.cold.collision.at_log(log_time);
        (1.0 - hot, collision, self.cold.hottest.at_log(log_time))
    }

    /// Share of the accesses that a cache with this characteristic time serves.
    pub(crate) fn hits(&self, policy: CachePolicy, log_time: f64) -> f64 {
        self.caches[policy as usize].hits.at_log(log_time).min(1.0)
    }

    /// Rows in such a cache.
    pub(crate) fn residents(&self, policy: CachePolicy, log_time: f64) -> f64 {
        self.caches[policy as usize].rows.at_log(log_time)
    }
}

/// The logarithm, within the range of curves, at which what is in store has a positive value, to a
/// thousandth of it. It grows like a power of the time, so its logarithm is nearly straight.
pub(crate) fn log_time_where_equal(of: impl Fn(f64) -> f64, value: f64) -> f64 {
    log_time_where_zero(|log_time| (of(log_time) / value).max(f64::MIN_POSITIVE).ln())
}

/// The logarithm, within the range of curves, at which a growing function is zero: by false position
/// (Illinois), to a thousandth of the function or of the logarithm. The nearer end where it has no zero.
pub(crate) fn log_time_where_zero(of: impl Fn(f64) -> f64) -> f64 {
    const NEAR: f64 = 1e-3;
    let (mut low, mut high) = (0.0, POINTS as f64 * STEP);
    let (mut below, mut above) = (of(low), of(high));
    if below >= 0.0 || above <= 0.0 {
        return if below >= 0.0 { low } else { high };
    }
    let mut last_was_low = None;
    while high - low > NEAR {
        let middle = (low * above - high * below) / (above - below);
        let found = of(middle);
        if found.abs() < NEAR {
            return middle;
        }
        // The end that stays twice weighs half.
        if found < 0.0 {
            (low, below) = (middle, found);
            above *= if last_was_low == Some(true) { 0.5 } else { 1.0 };
            last_was_low = Some(true);
        } else {
            (high, above) = (middle, found);
            below *= if last_was_low == Some(false) {
                0.5
            } else {
                1.0
            };
            last_was_low = Some(false);
        }
    }
    high
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
    /// Rows opened by all, and tables with their reads, collision probability and share of the hottest
    /// row.
    pub(crate) fn new(activations: f64, tables: &[(f64, f64, f64)]) -> Self {
        let reads: f64 = tables.iter().map(|(reads, ..)| reads).sum();
        if reads <= 0.0 {
            return Self::default();
        }
        let share = |own: f64| own / reads;
        let collision = tables
            .iter()
            .map(|&(own, same, _)| share(own).powi(2) * same);
        let heads = || tables.iter().map(|&(own, _, head)| share(own) * head);
        let hottest = heads().fold(0.0, f64::max);
        Self {
            activations,
            reads,
            collision: collision.sum(),
            hottest,
            hot_tables: heads().filter(|&head| head >= 0.5 * hottest).count() as f64,
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
        let deviation = |collision: f64| {
            let same = 1.0 / self.reads + (1.0 - 1.0 / self.reads).max(0.0) * collision;
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
