//! Analogue-to-digital converters.

use crate::reram::tables::SarTable;

/// Cost of converters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdcCost {
    /// One conversion.
    pub energy_pj: f64,
    /// All converters.
    pub area_um2: f64,
    /// Conversions (of one cycle) per nanosecond of one of them.
    pub rate_gs: f64,
}

/// The regression of Andrulis et al. (arXiv 2404.06553) over published converters: `count`
/// converters of `bits` effective bits (at least 4) that make `rate_hz` conversions per second
/// each, at `node_nm`.
pub fn adc_regression(bits: f64, node_nm: f64, rate_hz: f64, count: f64) -> AdcCost {
    let cap = 128.306_828_739_881_7 + 3.220_511_510_977_561_5 * bits.ceil().min(20.0);
    let figure_of_merit = (213.780_668_734_811_8 - 2.871_903_039_952_995_7 * rate_hz.ln()).min(cap);
    let signal_to_noise = 20.0 * bits * 2.0_f64.log10() + 10.0 * 1.5_f64.log10();
    let scale = 26.049_621_568_651_8 + 1.880_036_920_681_500_4 * node_nm.ln()
        - 2.829_125_605_059_452_7 * bits.ln()
        - 1.470_202_213_378_444_5;
    let energy_pj = 0.5 * 10.0_f64.powf((signal_to_noise - figure_of_merit) / 10.0) * scale.exp();
    let area = 1.346_191_643_991_074_2
        + 0.993_279_474_474_502_2 * node_nm.ln()
        + 0.180_715_384_245_082_38 * rate_hz.ln()
        + 0.299_124_261_926_534_85 * energy_pj.ln();
    AdcCost {
        energy_pj,
        area_um2: count * area.exp(),
        rate_gs: rate_hz / 1e9,
    }
}

impl SarTable {
    /// Energy of a conversion with `bits` bits: as many periods of 1 ns as bits and one more.
    ///
    /// DNN+NeuroSim V1.4, `SarADC.cpp`.
    pub(crate) fn conversion_pj(&self, bits: f64) -> f64 {
        let ohm = self.column_ohm * 0.5 / self.read_v;
        let column = self.column_w * 1e6 * (self.exponent * ohm.log10()).exp();
        let power_uw = self.per_bit_uw * bits + self.fixed_uw + column;
        power_uw * (bits + 1.0) * 1e-3
    }
}

/// Bits that read the sum of `rows` cells without loss: ⌈log₂(rows·(2^dac − 1)·(2^cell − 1) + 1)⌉.
pub fn lossless_adc_bits(rows: u32, dac_bits: u8, cell_bits: u8) -> u32 {
    let largest = u64::from(rows) * ((1 << dac_bits) - 1) * ((1 << cell_bits) - 1);
    u64::BITS - largest.leading_zeros()
}

/// Rows that a converter of `adc_bits` reads at once without loss; 0 if not even one.
pub(crate) fn readable_rows(adc_bits: u32, dac_bits: u8, cell_bits: u8) -> u32 {
    let per_row: u64 = ((1 << dac_bits) - 1) * ((1 << cell_bits) - 1);
    (((1_u64 << adc_bits) - 1) / per_row).min(u64::from(u32::MAX)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lossless_bits_by_hand() {
        assert_eq!(lossless_adc_bits(128, 1, 1), 8);
        assert_eq!(lossless_adc_bits(128, 1, 2), 9);
        assert_eq!(lossless_adc_bits(1, 1, 1), 1);
    }

    /// 22 nm, low power, 5 bits, 100 kΩ, 0.55 V: 7.859 µW, 0.04716 pJ.
    #[test]
    fn successive_approximation_by_hand() {
        let table = SarTable {
            per_bit_uw: 0.538,
            fixed_uw: 4.3753,
            column_w: 0.072_341,
            exponent: -2.303,
            column_ohm: 100e3,
            read_v: 0.55,
        };
        assert!((table.conversion_pj(5.0) - 0.047_16).abs() < 1e-5);
    }

    #[test]
    fn readable_rows_are_the_most_that_are_lossless() {
        for adc_bits in 1..=12 {
            for (dac_bits, cell_bits) in [(1, 1), (1, 2), (2, 2), (1, 4), (4, 4)] {
                let rows = readable_rows(adc_bits, dac_bits, cell_bits);
                assert!(rows == 0 || lossless_adc_bits(rows, dac_bits, cell_bits) <= adc_bits);
                assert!(lossless_adc_bits(rows + 1, dac_bits, cell_bits) > adc_bits);
            }
        }
    }
}
