//! A natural exponential that the compiler turns into vector instructions.

/// e^x for x ≤ 88, to 2 units in the last place; 0 below −87.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    /// Adding it leaves the nearest integer in the low mantissa bits.
    const ROUNDER: f32 = 12_582_912.0;
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    // ln 2 in two parts, so that `x - n · ln 2` loses nothing (Cody and Waite).
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let clamped = if x < -87.0 { -87.0 } else { x };
    let shifted = clamped * LOG2_E + ROUNDER;
    let whole = shifted - ROUNDER;
    let rest = clamped - whole * LN2_HIGH - whole * LN2_LOW;
    let polynomial = 1.0 / 720.0;
    let polynomial = polynomial * rest + 1.0 / 120.0;
    let polynomial = polynomial * rest + 1.0 / 24.0;
    let polynomial = polynomial * rest + 1.0 / 6.0;
    let polynomial = polynomial * rest + 0.5;
    let polynomial = polynomial * rest + 1.0;
    let polynomial = polynomial * rest + 1.0;
    let exponent = (shifted.to_bits() << 23).wrapping_add(0x3f80_0000);
    let power = f32::from_bits(exponent);
    if x < -87.0 { 0.0 } else { polynomial * power }
}

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn agrees_with_the_exact_one() {
        for step in -8_700..=8_800 {
            let x = step as f32 / 100.0;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(error < 4e-7, "exp({x}) is off by {error}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1e30), 0.0);
    }
}
