//! Arithmetic of counts and times, without what makes it slow.

/// A divisor: a quotient takes a multiplication, which is several times as fast as a division.
///
/// With i = ⌊(2⁶⁴ − 1) / d⌋ the quotient ⌊n / d⌋ is ⌊(n + 1) · i / 2⁶⁴⌋ for all n and d of 32 bits. For
/// (n + 1) · i / 2⁶⁴ is less than (n + 1) / d, by no more than 2⁻³² and so by no more than 1 / d; and (n + 1) / d is
/// at least 1 / d above ⌊n / d⌋, and no more than 1 above it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Divisor {
    inverse: u64,
}

impl Divisor {
    /// Division by `by`, or by 1 if that is 0.
    pub(crate) fn new(by: u32) -> Self {
        Self {
            inverse: u64::MAX / u64::from(by.max(1)),
        }
    }

    /// The quotient, rounded down.
    #[inline]
    pub(crate) fn floor(self, count: u32) -> u32 {
        self.share_of(u64::from(count) + 1)
    }

    /// The quotient, rounded up: one more than that of the count before.
    #[inline]
    pub(crate) fn ceil(self, count: u32) -> u32 {
        self.share_of(count.into()) + u32::from(count > 0)
    }

    #[inline]
    fn share_of(self, next: u64) -> u32 {
        ((u128::from(next) * u128::from(self.inverse)) >> 64) as u32
    }
}

/// `count`, from 0 to 2⁶³, rounded up: [`f64::ceil`] is a call of the C library where a build does not
/// take for granted that the processor rounds.
#[inline]
pub(crate) fn ceil(count: f64) -> f64 {
    let floor = count as i64 as f64;
    floor + f64::from(u8::from(floor < count))
}

/// The integer next to `count`, from 0 to 2³¹, as both kinds of number: beside 2⁵² there is no room for a
/// fraction. A cast would look for what it cannot hold.
#[inline]
pub(crate) fn nearest(count: f64) -> (u32, f64) {
    const ROOM: f64 = 4_503_599_627_370_496.0;
    let whole = count + ROOM;
    (whole.to_bits() as u32, whole - ROOM)
}

/// The natural logarithm of a positive number to 10⁻⁹, without a call of the C library: that of the power of 2, and
/// 2 · artanh s of a rest from √½ to √2, s + s³/3 + … with s = (rest − 1) / (rest + 1).
#[inline]
pub(crate) fn ln(number: f64) -> f64 {
    const ROOT_OF_HALF: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
    let exponent = (number.to_bits().wrapping_sub(ROOT_OF_HALF) as i64) >> 52;
    let rest = f64::from_bits(number.to_bits().wrapping_sub((exponent as u64) << 52));
    let s = (rest - 1.0) / (rest + 1.0);
    let square = s * s;
    let fourth = square * square;
    // Side by side, as far as it goes: what waits for it has nothing else to do.
    let upper = (2.0 / 5.0 + 2.0 / 7.0 * square) + 2.0 / 9.0 * fourth;
    let series = (2.0 + 2.0 / 3.0 * square) + fourth * upper;
    exponent as f64 * std::f64::consts::LN_2 + s * series
}

/// The smaller of two numbers. Neither is NaN, which [`f64::min`] would look for.
#[inline]
pub(crate) fn smaller(one: f64, other: f64) -> f64 {
    if other < one { other } else { one }
}

/// The larger of two numbers, likewise.
#[inline]
pub(crate) fn larger(one: f64, other: f64) -> f64 {
    if other > one { other } else { one }
}

/// A figure per time, 0 if it takes none.
pub(crate) fn per(figure: f64, time_ns: f64) -> f64 {
    if time_ns > 0.0 { figure / time_ns } else { 0.0 }
}

/// One step of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
pub(crate) fn splitmix64(state: u64) -> u64 {
    let state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(count: u32, by: u32) {
        let divisor = Divisor::new(by);
        assert_eq!(divisor.floor(count), count / by, "⌊{count} / {by}⌋");
        assert_eq!(divisor.ceil(count), count.div_ceil(by), "⌈{count} / {by}⌉");
    }

    proptest! {
        #[test]
        fn quotients_are_those_of_division(count: u32, by in 1..=u32::MAX, small in 1_u32..1000, beside: i8) {
            for by in [by, small] {
                check(count, by);
                check((count / by * by).saturating_add_signed(beside.into()), by);
            }
        }
    }

    #[test]
    fn counts_are_rounded_up() {
        for count in [0.0, 0.25, 1.0, 1.5, 2.0_f64.powi(53), 1e18] {
            assert_eq!(ceil(count), count.ceil());
        }
    }

    proptest! {
        #[test]
        fn logarithms_are_those_of_the_library(number in -700.0..700.0_f64, beside in 0.5..2.0_f64) {
            for number in [number.exp(), beside, 1.0] {
                prop_assert!((ln(number) - number.ln()).abs() < 1e-9 * (1.0 + number.ln().abs()));
            }
        }
    }

    #[test]
    fn integers_next_to_counts() {
        for (count, expected) in [
            (0.0, 0),
            (0.4, 0),
            (0.6, 1),
            (70.0, 70),
            (2e9 + 0.3, 2_000_000_000),
        ] {
            assert_eq!(nearest(count), (expected, f64::from(expected)));
        }
    }

    #[test]
    fn ends_of_the_range() {
        for by in [1, 2, 3, 7, u32::MAX / 2, u32::MAX - 1, u32::MAX] {
            for count in [0, 1, by - 1, by, u32::MAX - 1, u32::MAX] {
                check(count, by);
            }
        }
    }
}
