//! Rounding of activations in a learned range.
//!
//! A range is two numbers, `[l, b]`: its span is eˡ, of which the share b lies below zero. Rounding to
//! n bits divides the span into 2ⁿ − 1 steps, moved so that zero is a level. Gradients pass straight
//! through the rounding and stop at the ends (PACT, Choi et al. 2018, arXiv 1805.06085); that of the
//! span is that of a learned step size (LSQ, Esser et al. 2020, arXiv 1902.08153). With y the rounded
//! value of x:
//!
//! | | ∂y/∂x | ∂y/∂l | ∂y/∂b |
//! |---|---|---|---|
//! | x inside | 1 | y − x | 0 |
//! | x outside | 0 | y | −eˡ |

/// Adding and subtracting 1.5 · 2²³ rounds a float of magnitude below 2²² to the nearest integer,
/// ties to even, in code that vectorises.
const ROUNDER: f32 = 12_582_912.0;

/// Sums that are added up side by side.
const LANES: usize = 8;

/// Sums of so many values go on in double precision.
const CHUNK: usize = 4096;

/// The levels of a range: whole numbers of steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Grid {
    /// Distance of two levels.
    pub(crate) step: f32,
    /// Steps from zero to the lowest level, not positive.
    pub(crate) lowest: f32,
    /// Steps from zero to the highest level.
    pub(crate) highest: f32,
}

impl Grid {
    /// The levels of `bits` bits in the range `[l, b]`.
    pub(crate) fn new(range: [f32; 2], bits: u8) -> Self {
        let [log_span, below] = range;
        let steps = ((1_u32 << bits) - 1) as f32;
        let lowest = -(below * steps).round_ties_even();
        Self {
            step: log_span.exp() / steps,
            lowest,
            highest: lowest + steps,
        }
    }

    /// The nearest level.
    #[inline(always)]
    pub(crate) fn round(self, value: f32) -> f32 {
        let scaled = value / self.step;
        // Comparisons, so that what is not a number stays none.
        let scaled = if scaled > self.highest {
            self.highest
        } else if scaled < self.lowest {
            self.lowest
        } else {
            scaled
        };
        ((scaled + ROUNDER) - ROUNDER) * self.step
    }

    #[inline(always)]
    fn is_inside(self, value: f32) -> bool {
        let scaled = value / self.step;
        scaled >= self.lowest && scaled <= self.highest
    }
}

#[inline(always)]
pub(super) fn forward(input: &[f32], range: [f32; 2], bits: u8) -> Vec<f32> {
    let grid = Grid::new(range, bits);
    input.iter().map(|&value| grid.round(value)).collect()
}

/// The gradients of the input and of the range.
#[inline(always)]
pub(crate) fn backward(
    input: &[f32],
    range: [f32; 2],
    gradient: &[f32],
    bits: u8,
) -> (Vec<f32>, [f32; 2]) {
    let grid = Grid::new(range, bits);
    let mut inputs = vec![0.0; input.len()];
    let (mut log_span, mut outside) = (0.0_f64, 0.0_f64);
    let chunks = input.chunks(CHUNK).zip(gradient.chunks(CHUNK));
    for ((input, gradient), inputs) in chunks.zip(inputs.chunks_mut(CHUNK)) {
        let (mut log_span_sums, mut outside_sums) = ([0.0_f32; LANES], [0.0_f32; LANES]);
        let lanes = input.chunks(LANES).zip(gradient.chunks(LANES));
        for ((input, gradient), inputs) in lanes.zip(inputs.chunks_mut(LANES)) {
            let values = input.iter().zip(gradient).zip(inputs);
            let sums = log_span_sums.iter_mut().zip(&mut outside_sums);
            for (((value, gradient), slope), (log_span, outside)) in values.zip(sums) {
                let (inside, clipped) = if grid.is_inside(*value) {
                    (*gradient, 0.0)
                } else {
                    (0.0, *gradient)
                };
                *slope = inside;
                *log_span += gradient * grid.round(*value) - inside * value;
                *outside += clipped;
            }
        }
        log_span += f64::from(log_span_sums.iter().sum::<f32>());
        outside += f64::from(outside_sums.iter().sum::<f32>());
    }
    let span = f64::from(range[0].exp());
    (inputs, [log_span as f32, (-span * outside) as f32])
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tensor, TensorData};
    use proptest::prelude::*;

    use super::*;
    use crate::{fused::clip, quantise::to_vec};

    /// A span of 7 of which 2/7 lie below zero, 3 bits: the levels are -2 to 5.
    const RANGE: [f32; 2] = [1.945_910_1, 2.0 / 7.0];

    fn assert_close(found: &[f32], expected: &[f32]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-5, "{found} is not {expected}");
        }
    }

    #[test]
    fn levels_by_hand() {
        let input = [-9.0, -2.0, -0.6, 0.3, 1.4, 4.9, 5.4, 80.0];
        let expected = [-2.0, -2.0, -1.0, 0.0, 1.0, 5.0, 5.0, 5.0];
        assert_close(&forward(&input, RANGE, 3), &expected);
        assert!(forward(&[f32::NAN], RANGE, 3)[0].is_nan());
    }

    #[test]
    fn gradients_by_hand() {
        // Outside below, inside twice, outside above; the values are -2, 0, 5 and 5.
        let (input, gradient) = ([-9.0, 0.3, 4.6, 6.0], [1.0, 2.0, -1.0, 3.0]);
        let (inputs, range) = backward(&input, RANGE, &gradient, 3);
        assert_close(&inputs, &[0.0, 2.0, -1.0, 0.0]);
        let log_span = -2.0 + 2.0 * (0.0 - 0.3) - (5.0 - 4.6) + 3.0 * 5.0;
        assert_close(&range, &[log_span, -7.0 * (1.0 + 3.0)]);
    }

    #[test]
    fn the_graph_has_both_gradients() {
        let device = Device::flex().autodiff();
        let leaf = |values: &[f32]| {
            let data = TensorData::new(values.to_vec(), [values.len()]);
            Tensor::<1>::from_data(data, &device).require_grad()
        };
        let (input, range) = (leaf(&[-9.0, 0.3, 4.6, 6.0]), leaf(&RANGE));
        let weights = Tensor::from_inner(leaf(&[1.0, 2.0, -1.0, 3.0]).inner());
        let rounded = clip(input.clone(), range.clone(), 3);
        let gradients = (rounded * weights).sum().backward();
        let gradient = |leaf: &Tensor<1>| to_vec(leaf.grad(&gradients).expect("a leaf"));
        assert_close(&gradient(&input), &[0.0, 2.0, -1.0, 0.0]);
        assert_close(&gradient(&range), &[12.0, -28.0]);
    }

    proptest! {
        #[test]
        fn levels_are_few_and_near(
            values in prop::collection::vec(-20.0_f32..20.0, 1..200),
            (log_span, below) in (-3.0_f32..4.0, 0.0_f32..=1.0),
            bits in 2..=16_u8,
        ) {
            let (range, grid) = ([log_span, below], Grid::new([log_span, below], bits));
            let rounded = forward(&values, range, bits);
            prop_assert_eq!(&forward(&rounded, range, bits), &rounded, "twice is once");
            prop_assert_eq!(forward(&[0.0], range, bits)[0], 0.0, "zero is a level");
            let mut levels = rounded.clone();
            levels.sort_by(f32::total_cmp);
            levels.dedup();
            prop_assert!(levels.len() <= 1 << bits);
            let (low, high) = (grid.lowest * grid.step, grid.highest * grid.step);
            for (value, rounded) in values.iter().zip(&rounded) {
                let nearest = value.clamp(low, high);
                let error = (rounded - nearest).abs();
                prop_assert!(error <= grid.step * 0.5 + nearest.abs() * 1e-6, "{value} {rounded}");
            }
        }

        /// With many bits rounding is all but smooth in the range: clipping to its ends, of which
        /// differences tell the gradient.
        #[test]
        fn gradients_are_those_of_clipping(
            values in prop::collection::vec(-20.0_f32..20.0, 1..100),
            (log_span, below) in (0.0_f32..3.0, 0.05_f32..0.95),
        ) {
            const NUDGE: f64 = 1e-4;
            let ends = |log_span: f64, below: f64| (-below * log_span.exp(), (1.0 - below) * log_span.exp());
            let sum = |log_span: f64, below: f64| -> f64 {
                let (low, high) = ends(log_span, below);
                values.iter().map(|&value| f64::from(value).clamp(low, high)).sum()
            };
            let (l, b) = (f64::from(log_span), f64::from(below));
            let (low, high) = ends(l, b);
            let margin = 30.0 * NUDGE * l.exp();
            let is_clear = |value: &f32| {
                let value = f64::from(*value);
                (value - low).abs() > margin && (value - high).abs() > margin
            };
            prop_assume!(values.iter().all(is_clear));
            let ones = vec![1.0; values.len()];
            let (inputs, [by_span, by_below]) = backward(&values, [log_span, below], &ones, 16);
            for (value, slope) in values.iter().zip(inputs) {
                let inside = (low..=high).contains(&f64::from(*value));
                prop_assert_eq!(slope, f32::from(inside));
            }
            let expected = (sum(l + NUDGE, b) - sum(l - NUDGE, b)) / (2.0 * NUDGE);
            let tolerance = 1e-3 * l.exp() * values.len() as f64;
            prop_assert!((f64::from(by_span) - expected).abs() < tolerance, "{by_span} {expected}");
            let expected = (sum(l, b + NUDGE) - sum(l, b - NUDGE)) / (2.0 * NUDGE);
            prop_assert!((f64::from(by_below) - expected).abs() < tolerance, "{by_below} {expected}");
        }
    }
}
