//! What a closed form needs of a table's popularity, tabulated once.

use std::iter::Sum;

use crate::{
    arithmetic::{larger, nearest, smaller},
    dram::{
        cache::CachePolicy,
        popularity::{Bin, Popularity},
    },
};

/// Points of a curve, and their distance in natural logarithms: from 1 to 10^12.
const POINTS: usize = 72;
pub(crate) const STEP: f64 = 0.4;
/// The last point, and one in the middle.
const MOST: f64 = (POINTS - 1) as f64 * STEP;
pub(crate) const MIDDLE: f64 = 0.5 * MOST;

/// A function of a positive number, straight between points of its logarithm, constant outside.
#[derive(Debug, Clone, PartialEq)]
struct Curve([f64; POINTS]);

impl Curve {
    fn new(of: impl Fn(f64) -> f64) -> Self {
        Self(std::array::from_fn(|point| of((point as f64 * STEP).exp())))
    }

    fn at(&self, place: Place) -> f64 {
        let (low, high) = (self.0[place.point], self.0[place.point + 1]);
        low + place.share * (high - low)
    }

    fn at_log(&self, log: f64) -> f64 {
        self.at(Place::at_log(log))
    }

    fn slanted_at_log(&self, log: f64) -> Slanted {
        let place = Place::at_log(log);
        let rise = self.0[place.point + 1] - self.0[place.point];
        Slanted {
            value: self.at(place),
            slope: rise * (1.0 / STEP),
        }
    }

    /// The same, but in proportion to numbers below 1.
    fn growing_at_log(&self, log: f64) -> f64 {
        if log < 0.0 {
            return self.0[0] * log.exp();
        }
        self.at_log(log)
    }
}

/// A place on curves: a share of the way from one of the points to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Place {
    point: usize,
    share: f64,
}

impl Place {
    /// Where curves begin.
    pub(crate) const FIRST: Self = Self {
        point: 0,
        share: 0.0,
    };

    /// A number by its logarithm; the nearer end outside of the range.
    fn at_log(log: f64) -> Self {
        let way = log * (1.0 / STEP);
        // Halfway between two points either of them will do.
        let (point, before) = nearest(bounded(way - 0.5, (POINTS - 2) as f64));
        Self {
            point: point as usize,
            share: bounded(way - before, 1.0),
        }
    }

    /// A number of accesses, at least one.
    pub(crate) fn of_count(number: f64) -> Self {
        if number > 1.0 {
            Self::at_log(number.ln())
        } else {
            Self::FIRST
        }
    }
}

/// `number`, or the nearer end of 0 to `most`.
fn bounded(number: f64, most: f64) -> f64 {
    smaller(larger(number, 0.0), most)
}

/// A function of a logarithm at some place, and its slope there.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Slanted {
    pub(crate) value: f64,
    pub(crate) slope: f64,
}

impl Slanted {
    pub(crate) fn times(self, factor: f64) -> Self {
        Self {
            value: factor * self.value,
            slope: factor * self.slope,
        }
    }
}

impl Sum for Slanted {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            value: sum.value + one.value,
            slope: sum.slope + one.slope,
        })
    }
}

/// How accesses concentrate on rows.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Concentration {
    /// Probability that two accesses are of the same row.
    pub(crate) collision: f64,
    /// Share of the hottest row.
    pub(crate) hottest: f64,
}

impl Concentration {
    /// That of a share of the accesses, which has all the rows that these concentrate on.
    pub(crate) fn within(self, share: f64) -> Self {
        let inverse = 1.0 / larger(share, 1e-9);
        Self {
            collision: smaller(self.collision * (inverse * inverse), 1.0),
            hottest: smaller(self.hottest * inverse, 1.0),
        }
    }
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

    /// Different rows among so many accesses, per access.
    pub(crate) fn distinct(&self, draws: Place) -> f64 {
        self.distinct.at(draws)
    }

    /// The reads of a stream where accesses to one row among `merged` are one read; 1 merges none.
    pub(crate) fn concentration(&self, merged: Place) -> Concentration {
        Concentration {
            collision: self.collision.at(merged),
            hottest: self.hottest.at(merged),
        }
    }

    /// Share of accesses to cold rows, and those accesses, where rows are hot that are asked for at
    /// least once in e^`log_time` accesses.
    pub(crate) fn cold(&self, log_time: f64) -> (f64, Concentration) {
        let place = Place::at_log(log_time);
        let hot = self.caches[CachePolicy::Static as usize].hits.at(place);
        let share = 1.0 - smaller(hot, 1.0);
        let of_all = Concentration {
            collision: self.cold.collision.at(place),
            hottest: self.cold.hottest.at(place),
        };
        (share, of_all.within(share))
    }

    /// Share of the accesses that a cache with this characteristic time serves.
    pub(crate) fn hits(&self, policy: CachePolicy, log_time: f64) -> Slanted {
        let hits = self.caches[policy as usize].hits.slanted_at_log(log_time);
        Slanted {
            value: smaller(hits.value, 1.0),
            ..hits
        }
    }

    /// Rows in such a cache.
    pub(crate) fn residents(&self, policy: CachePolicy, log_time: f64) -> Slanted {
        self.caches[policy as usize].rows.slanted_at_log(log_time)
    }
}

/// The logarithm, within the range of curves, at which what is in store has a positive value, to a
/// thousandth of it. It grows like a power of the time, so its logarithm is nearly straight.
pub(crate) fn log_time_where_equal(of: impl Fn(f64) -> Slanted, value: f64) -> f64 {
    log_time_where_zero(MIDDLE, |log_time| {
        let found = of(log_time);
        Slanted {
            value: (found.value / value).max(f64::MIN_POSITIVE).ln(),
            slope: found.slope / found.value,
        }
    })
}

/// The logarithm, within the range of curves, at which a growing function is zero, to a thousandth of the
/// function or of the logarithm: by some steps of Newton's method from `start`, within bounds that
/// bisection narrows where it fails. The nearer end where it has no zero.
pub(crate) fn log_time_where_zero(start: f64, of: impl Fn(f64) -> Slanted) -> f64 {
    const NEAR: f64 = 1e-3;
    const STEPS: u32 = 10;
    let (mut low, mut high, mut at, mut steps) = (0.0, MOST, start, 0);
    // Whether the ends of the range are known to lie on either side of the zero.
    let (mut low_is_below, mut high_is_above) = (false, false);
    loop {
        let found = of(at);
        if found.value.abs() < NEAR || high - low < NEAR {
            return at;
        }
        let next = at - found.value / found.slope;
        if found.value < 0.0 {
            if at == MOST {
                return at;
            }
            (low, low_is_below) = (at, true);
        } else {
            if at == 0.0 {
                return at;
            }
            (high, high_is_above) = (at, true);
        }
        steps += 1;
        at = if low < next && next < high && steps < STEPS {
            next
        } else if next >= high && !high_is_above {
            high
        } else if next <= low && !low_is_below {
            low
        } else {
            0.5 * (low + high)
        };
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
    /// Rows opened by all, and tables with their reads.
    pub(crate) fn new(activations: f64, tables: &[(f64, Concentration)]) -> Self {
        let reads: f64 = tables.iter().map(|(reads, _)| reads).sum();
        if reads <= 0.0 {
            return Self::default();
        }
        let inverse = 1.0 / reads;
        let share = |own: f64| own * inverse;
        let collision = tables
            .iter()
            .map(|(own, rows)| share(*own).powi(2) * rows.collision);
        let heads = || tables.iter().map(|(own, rows)| share(*own) * rows.hottest);
        let hottest = heads().fold(0.0, larger);
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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A growing curve, flat in places and steep in others, and a value within or outside of its range.
        #[test]
        fn zeros_of_growing_functions_are_found_soon(
            rises in prop::collection::vec((0_u8..3, 0.0..1.0_f64), POINTS),
            value in -0.1..1.1_f64,
            start in 0.0..MOST,
        ) {
            let rise = |&(kind, rise): &(u8, f64)| [0.0, rise * rise * rise, rise][usize::from(kind)];
            let mut sum = 0.0;
            let points = rises.iter().map(|one| {
                sum += rise(one);
                sum
            });
            let points: Vec<f64> = points.collect();
            let curve = Curve(std::array::from_fn(|point| points[point] / sum.max(1e-9)));
            let value = curve.0[0] + value * (1.0 - curve.0[0]);
            let calls = Cell::new(0);
            let of = |log_time| {
                calls.set(calls.get() + 1);
                let found = curve.slanted_at_log(log_time);
                Slanted { value: found.value - value, ..found }
            };
            let found = log_time_where_zero(start, of);
            prop_assert!(calls.get() < 30, "{} calls", calls.get());
            prop_assert!((0.0..=MOST).contains(&found));
            let beside = |by: f64| curve.at_log(found + by) - value;
            let (below, above) = (beside(-2e-3), beside(2e-3));
            let is_near = below < 1e-3 && above > -1e-3;
            let has_none = (found == MOST && above < 0.0) || (found == 0.0 && below > 0.0);
            prop_assert!(is_near || has_none, "{below} {above} at {found}");
        }
    }
}
