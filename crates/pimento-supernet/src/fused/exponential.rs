//! A natural exponential in vector lanes.

use pulp::Simd;

/// e^x for −87 ≤ x ≤ 88, to 2 units in the last place; below, e^−87, which is 2·10⁻³⁸. No branch.
#[inline(always)]
pub(super) fn exp<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    /// Adding it leaves the nearest integer in the low mantissa bits.
    const ROUNDER: f32 = 12_582_912.0;
    // ln 2 in two parts, so that `x - n · ln 2` loses nothing (Cody and Waite).
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    const COEFFICIENTS: [f32; 6] = [1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0];
    let number = |value| simd.splat_f32s(value);
    let x = simd.max_f32s(x, number(-87.0));
    let shifted = simd.mul_add_f32s(x, number(std::f32::consts::LOG2_E), number(ROUNDER));
    let whole = simd.sub_f32s(shifted, number(ROUNDER));
    let rest = simd.mul_add_f32s(whole, number(-LN2_HIGH), x);
    let rest = simd.mul_add_f32s(whole, number(-LN2_LOW), rest);
    let mut polynomial = number(1.0 / 720.0);
    for coefficient in COEFFICIENTS {
        polynomial = simd.mul_add_f32s(polynomial, rest, number(coefficient));
    }
    let exponent = simd.transmute_u32s_f32s(shifted);
    let exponent = simd.wrapping_dyn_shl_u32s(exponent, simd.splat_u32s(23));
    let exponent = simd.add_u32s(exponent, simd.splat_u32s(0x3f80_0000));
    simd.mul_f32s(polynomial, simd.transmute_f32s_u32s(exponent))
}

#[cfg(test)]
mod tests {
    use pulp::Scalar;

    use super::exp;

    #[test]
    fn agrees_with_the_exact_one() {
        for step in -8_700..=8_800 {
            let x = step as f32 / 100.0;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(Scalar, x)) - exact).abs() / exact;
            assert!(error < 4e-7, "exp({x}) is off by {error}");
        }
        assert_eq!(exp(Scalar, 0.0), 1.0);
        assert!(exp(Scalar, -1e30) < 2e-38);
    }
}
