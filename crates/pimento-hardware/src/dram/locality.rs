//! What a closed form needs of a table's popularity, tabulated once.

use std::{iter::Sum, ops::Add};

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
pub(crate) const MOST: f64 = (POINTS - 1) as f64 * STEP;
pub(crate) const MIDDLE: f64 = 0.5 * MOST;

/// Functions of a positive number, straight between points of its logarithm, constant outside. What they are at
/// a point lies side by side.
#[derive(Debug, Clone, PartialEq)]
struct Curves<const N: usize>([[f64; N]; POINTS]);

impl<const N: usize> Curves<N> {
    fn new(of: impl Fn(f64) -> [f64; N]) -> Self {
        Self(std::array::from_fn(|point| of((point as f64 * STEP).exp())))
    }

    /// All of them.
    fn at(&self, place: Place) -> [f64; N] {
        let [low, high] = self.points(place);
        std::array::from_fn(|curve| low[curve] + place.share * (high[curve] - low[curve]))
    }

    /// The one of that number, and its slope over the logarithm.
    fn one_at(&self, curve: usize, place: Place) -> Slanted {
        let [low, high] = self.points(place);
        let rise = high[curve] - low[curve];
        Slanted {
            value: low[curve] + place.share * rise,
            slope: rise * (1.0 / STEP),
        }
    }

    /// The points between which it lies.
    fn points(&self, place: Place) -> [&[f64; N]; 2] {
        // It lies before the last one, which the compiler learns here.
        let point = place.point.min(POINTS - 2);
        [&self.0[point], &self.0[point + 1]]
    }

    /// The same, but in proportion to numbers below 1.
    fn growing_at_log(&self, curve: usize, log: f64) -> f64 {
        if log < 0.0 {
            return self.0[0][curve] * log.exp();
        }
        self.one_at(curve, Place::at_log(log)).value
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

    /// Of a share: the logarithm of its ratio to the rest.
    pub(crate) fn log_odds(self) -> Self {
        let rest = 1.0 - self.value;
        Self {
            value: (self.value / rest).ln(),
            slope: self.slope / (self.value * rest),
        }
    }

    /// Where it would have that value if it were straight, from the place where it has its own.
    pub(crate) fn place_of(self, value: f64, at: f64) -> f64 {
        at + (value - self.value) / self.slope
    }
}

impl Add for Slanted {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            value: self.value + other.value,
            slope: self.slope + other.slope,
        }
    }
}

impl Sum for Slanted {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
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
    /// That of these without some, of rows other than the hottest, that collide with this probability.
    pub(crate) fn without(self, collision: f64) -> Self {
        let left = larger(self.collision - collision, self.hottest * self.hottest);
        Self {
            collision: left,
            ..self
        }
    }

    /// That of a share of the accesses, which has all the rows that these concentrate on.
    pub(crate) fn within(self, share: f64) -> Self {
        self.times(1.0 / larger(share, 1e-9))
    }

    /// The same where there are so many times as many accesses.
    pub(crate) fn times(self, factor: f64) -> Self {
        Self {
            collision: smaller(self.collision * (factor * factor), 1.0),
            hottest: smaller(self.hottest * factor, 1.0),
        }
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

    /// Share of accesses to hot rows, and how those to all others concentrate among all, where rows are hot that
    /// are asked for at least once in e^`log_time` accesses.
    pub(crate) fn parted(&self, log_time: f64) -> (Slanted, Concentration) {
        let place = Place::at_log(log_time);
        let hot = self.hits_at(CachePolicy::Static, place);
        let [collision, hottest] = self.cold.at(place);
        (hot, Concentration { collision, hottest })
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

pub(crate) const THOUSANDTH: f64 = 1e-3;

/// The logarithm, within the range of curves, at which what is in store has a positive value, to a
/// thousandth of it. It grows like a power of the time, so its logarithm is nearly straight.
pub(crate) fn log_time_where_equal(of: impl Fn(f64) -> Slanted, value: f64) -> f64 {
    let excess = |log_time| {
        let found = of(log_time);
        Slanted {
            value: (found.value / value).max(f64::MIN_POSITIVE).ln(),
            slope: found.slope / found.value,
        }
    };
    log_time_where_zero(MIDDLE, excess(MIDDLE), THOUSANDTH, excess)
}

/// The logarithm, within the range of curves, at which a growing function is zero, to `tolerance` of the
/// function or a thousandth of the logarithm: by some steps of Newton's method from a place where it is known,
/// within bounds that bisection narrows where it fails. The nearer end where it has no zero.
pub(crate) fn log_time_where_zero(
    mut at: f64,
    mut found: Slanted,
    tolerance: f64,
    of: impl Fn(f64) -> Slanted,
) -> f64 {
    const STEPS: u32 = 10;
    let (mut low, mut high, mut steps) = (0.0, MOST, 0);
    // Whether the ends of the range are known to lie on either side of the zero.
    let (mut low_is_below, mut high_is_above) = (false, false);
    loop {
        if found.value.abs() < tolerance || high - low < THOUSANDTH {
            return at;
        }
        let next = found.place_of(0.0, at);
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
        found = of(at);
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
            let curve = Curves(std::array::from_fn(|point| [points[point] / sum.max(1e-9)]));
            let value = curve.0[0][0] + value * (1.0 - curve.0[0][0]);
            let calls = Cell::new(0);
            let of = |log_time| {
                calls.set(calls.get() + 1);
                let found = curve.one_at(0, Place::at_log(log_time));
                Slanted { value: found.value - value, ..found }
            };
            let found = log_time_where_zero(start, of(start), THOUSANDTH, of);
            prop_assert!(calls.get() < 30, "{} calls", calls.get());
            prop_assert!((0.0..=MOST).contains(&found));
            let beside = |by: f64| curve.one_at(0, Place::at_log(found + by)).value - value;
            let (below, above) = (beside(-2e-3), beside(2e-3));
            let is_near = below < 1e-3 && above > -1e-3;
            let has_none = (found == MOST && above < 0.0) || (found == 0.0 && below > 0.0);
            prop_assert!(is_near || has_none, "{below} {above} at {found}");
        }
    }
}
