//! Functions of positive numbers, tabulated over their logarithms, and where they are zero.

use std::{iter::Sum, ops::Add};

use crate::arithmetic::{larger, ln, nearest, smaller};

/// Points of a curve, and their distance in natural logarithms: from 1 to 10^12.
const POINTS: usize = 72;
pub(crate) const STEP: f64 = 0.4;
/// The last point, and one in the middle.
pub(crate) const MOST: f64 = (POINTS - 1) as f64 * STEP;
pub(crate) const MIDDLE: f64 = 0.5 * MOST;

/// Functions of a positive number, straight between points of its logarithm, constant outside. What they are at
/// a point lies side by side.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curves<const N: usize>([[f64; N]; POINTS]);

impl<const N: usize> Curves<N> {
    pub(super) fn new(of: impl Fn(f64) -> [f64; N]) -> Self {
        Self(std::array::from_fn(|point| of((point as f64 * STEP).exp())))
    }

    /// All of them.
    pub(super) fn at(&self, place: Place) -> [f64; N] {
        let [low, high] = self.points(place);
        std::array::from_fn(|curve| low[curve] + place.share * (high[curve] - low[curve]))
    }

    /// The one of that number, and its slope over the logarithm.
    pub(super) fn one_at(&self, curve: usize, place: Place) -> Slanted {
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
    pub(super) fn growing_at_log(&self, curve: usize, log: f64) -> f64 {
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
    pub(super) fn at_log(log: f64) -> Self {
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
            Self::at_log(ln(number))
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
