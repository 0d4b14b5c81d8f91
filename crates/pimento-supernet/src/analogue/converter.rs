//! Analogue-to-digital converters with a fixed range.

use pimento_hardware::{ChipDesign, Readout};

/// Adding and subtracting 1.5 · 2²³ rounds a float of magnitude below 2²² to the nearest integer.
const ROUNDER: f32 = 12_582_912.0;

/// Shares of the largest sum that ranges are tried at: clipping the few largest sums makes the steps
/// of all others finer.
const SHARES: [f32; 10] = [1.0, 0.85, 0.7, 0.6, 0.5, 0.4, 0.3, 0.22, 0.15, 0.1];

/// Answers `low + step · code` with the nearest code of `0 ..= codes`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Converter {
    low: f32,
    step: f32,
    codes: f32,
}

/// A sum that was seen, and how much its error counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) sum: f32,
    pub(super) weight: f32,
}

impl Converter {
    /// The converter of sums of cells times digits that are not negative, if it resolves them all.
    pub(super) fn lossless(chip: &ChipDesign) -> Self {
        Self {
            low: 0.0,
            step: 1.0,
            codes: codes(chip),
        }
    }

    /// The same for digits of either sign, of which there is one more below zero.
    pub(super) fn lossless_signed(chip: &ChipDesign) -> Self {
        let (codes, digits) = (codes(chip), (1_u32 << chip.dac_bits) as f32);
        // The largest sum times the number of digits, less one, is what the codes reach for.
        let largest = (codes / (digits - 1.0)).floor();
        Self {
            low: -largest * digits / 2.0,
            step: 1.0,
            codes,
        }
    }

    /// The converter whose fixed range, from among some, reads these sums best. Its steps are not
    /// finer than a level of one cell.
    pub(super) fn calibrated(chip: &ChipDesign, seen: &[Seen]) -> Self {
        let (low, high) = seen.iter().fold((0.0_f32, 0.0_f32), |(low, high), seen| {
            (low.min(seen.sum), high.max(seen.sum))
        });
        let codes = codes(chip);
        let ranges = SHARES.map(|share| {
            let step = (share * (high - low) / codes).max(1.0);
            Self {
                low: (share * low / step).round() * step,
                step,
                codes,
            }
        });
        let error = |range: &Self| -> f64 { seen.iter().map(|seen| range.error(*seen)).sum() };
        let errors = ranges.map(|range| (error(&range), range));
        let best = errors.iter().min_by(|a, b| a.0.total_cmp(&b.0));
        best.expect("there are ranges").1
    }

    /// A converter of steps so fine and so many that nothing is lost.
    #[cfg(test)]
    pub(super) fn exact() -> Self {
        Self {
            low: -512.0,
            step: 1.0 / 4096.0,
            codes: 4_000_000.0,
        }
    }

    fn error(&self, seen: Seen) -> f64 {
        f64::from(seen.weight * (self.read(seen.sum) - seen.sum)).powi(2)
    }

    /// What is read of a sum.
    #[expect(clippy::inline_always, reason = "compiled into vectorised callers")]
    #[inline(always)]
    pub(super) fn read(&self, sum: f32) -> f32 {
        let code = (sum - self.low) / self.step;
        let code = code.max(0.0).min(self.codes);
        self.low + self.step * ((code + ROUNDER) - ROUNDER)
    }

    /// Whether sums may be lost.
    pub(super) fn is_calibrated(chip: &ChipDesign) -> bool {
        chip.readout == Readout::AllRows
    }
}

/// The largest code.
fn codes(chip: &ChipDesign) -> f32 {
    ((1_u32 << chip.adc_bits) - 1) as f32
}

#[cfg(test)]
mod tests {
    use pimento_hardware::Hardware;

    use super::*;

    fn chip(adc_bits: u8, dac_bits: u8) -> ChipDesign {
        ChipDesign {
            adc_bits,
            dac_bits,
            ..Hardware::naive().chip
        }
    }

    #[test]
    fn lossless_ranges_by_hand() {
        let converter = Converter::lossless(&chip(4, 1));
        let read = [-1.0, 0.4, 0.6, 15.0, 17.0].map(|sum| converter.read(sum));
        assert_eq!(read, [0.0, 0.0, 1.0, 15.0, 15.0]);
        // Digits -2 to 1 times sums of up to 5.
        let converter = Converter::lossless_signed(&chip(4, 2));
        let read = [-11.0, -10.0, 0.0, 5.0, 6.0].map(|sum| converter.read(sum));
        assert_eq!(read, [-10.0, -10.0, 0.0, 5.0, 5.0]);
    }

    #[test]
    fn calibration_clips_the_rare_and_keeps_what_it_can() {
        let common = (0..40_000).map(|n| Seen {
            sum: (n % 64) as f32,
            weight: 1.0,
        });
        let rare = Seen {
            sum: 100.0,
            weight: 1.0,
        };
        let seen: Vec<Seen> = common.clone().chain([rare]).collect();
        let converter = Converter::calibrated(&chip(6, 1), &seen);
        assert_eq!(converter.step, 1.0);
        assert_eq!(converter.read(100.0), 63.0);
        let seen: Vec<Seen> = common.collect();
        let converter = Converter::calibrated(&chip(6, 1), &seen);
        assert!(seen.iter().all(|seen| converter.read(seen.sum) == seen.sum));
        assert_eq!(Converter::calibrated(&chip(6, 1), &[]).read(0.0), 0.0);
    }
}
