//! Fake quantisation: values rounded to a symmetric grid, gradients passed straight through.

use burn::tensor::Tensor;
use pimento_space::ActivationRange;

use crate::fused::{Function, apply, vectorised};

/// Adding and subtracting 1.5 · 2²³ rounds a float of magnitude below 2²² to the nearest integer,
/// ties to even, in code that vectorises.
const ROUNDER: f32 = 12_582_912.0;

/// Bits from which values are left as they are.
pub(crate) const FULL_PRECISION_BITS: u8 = 32;

/// Rounds a matrix to `bits` bits with one symmetric scale, max |w| = 2^(bits−1) − 1 steps.
pub(crate) fn quantise_weights(weights: &mut [f32], bits: u8) {
    if bits < FULL_PRECISION_BITS {
        vectorised(
            #[inline(always)]
            || quantise_group(weights, bits),
        );
    }
}

/// Rounds each column of rows of `cols` values with a scale of its own.
pub(crate) fn quantise_columns(weights: &mut [f32], cols: usize, bits: u8) {
    if bits >= FULL_PRECISION_BITS || weights.is_empty() {
        return;
    }
    vectorised(
        #[inline(always)]
        || {
            let mut largest = vec![0.0_f32; cols];
            for row in weights.chunks_exact(cols) {
                for (largest, weight) in largest.iter_mut().zip(row) {
                    *largest = largest.max(weight.abs());
                }
            }
            let steps = ((1_u64 << (bits - 1)) - 1) as f32;
            let to_grid: Vec<f32> = largest
                .iter()
                .map(|&largest| if largest > 0.0 { steps / largest } else { 0.0 })
                .collect();
            for row in weights.chunks_exact_mut(cols) {
                for ((weight, to_grid), largest) in row.iter_mut().zip(&to_grid).zip(&largest) {
                    *weight = ((*weight * to_grid + ROUNDER) - ROUNDER) * (largest / steps);
                }
            }
        },
    );
}

/// Rounds `group` to the grid whose end is its largest magnitude.
#[expect(clippy::inline_always, reason = "compiled into the vectorised caller")]
#[inline(always)]
pub(crate) fn quantise_group(group: &mut [f32], bits: u8) {
    let steps = ((1_u64 << (bits - 1)) - 1) as f32;
    let largest = largest_magnitude(group);
    if largest == 0.0 {
        return;
    }
    let (to_grid, from_grid) = (steps / largest, largest / steps);
    for value in group {
        *value = ((*value * to_grid + ROUNDER) - ROUNDER) * from_grid;
    }
}

/// Rounds `group` to 2^bits levels from its least to its largest value, zero being one of them.
#[expect(clippy::inline_always, reason = "compiled into the vectorised caller")]
#[inline(always)]
pub(crate) fn quantise_range(group: &mut [f32], bits: u8) {
    let steps = ((1_u64 << bits) - 1) as f32;
    let (low, high) = range(group);
    if low == high {
        return;
    }
    let (to_grid, from_grid) = (steps / (high - low), (high - low) / steps);
    let highest = (low * to_grid + ROUNDER) - ROUNDER + steps;
    for value in group {
        // Where both ends lie half way between two levels, rounding may use a level too many or one
        // too few; so the upper end is always the highest, and rounding again changes nothing.
        let level = (*value * to_grid + ROUNDER) - ROUNDER;
        let level = if *value < high {
            level.min(highest)
        } else {
            highest
        };
        *value = level * from_grid;
    }
}

/// The least and the largest of zero and the values.
#[expect(clippy::inline_always, reason = "compiled into the vectorised caller")]
#[inline(always)]
fn range(values: &[f32]) -> (f32, f32) {
    values.iter().fold((0.0, 0.0), |(low, high), &value| {
        (
            if value < low { value } else { low },
            if value > high { value } else { high },
        )
    })
}

/// `tensor` rounded to `bits` bits with one scale per sample (first axis); its gradient is that of
/// the identity.
pub(crate) fn quantise_activations<const D: usize>(
    tensor: Tensor<D>,
    bits: u8,
    range: ActivationRange,
) -> Tensor<D> {
    let shape = tensor.shape();
    let group = shape.num_elements() / shape[0].max(1);
    if bits >= FULL_PRECISION_BITS || group == 0 {
        return tensor;
    }
    apply(tensor, Function::Round { group, bits, range })
}

/// The values of a tensor in row-major order.
pub(crate) fn to_vec<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor
        .into_data()
        .try_into_vec::<f32>()
        .expect("all tensors hold 32-bit floats")
}

#[expect(clippy::inline_always, reason = "compiled into the vectorised caller")]
#[inline(always)]
fn largest_magnitude(values: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 8];
    let mut chunks = values.chunks_exact(8);
    for chunk in &mut chunks {
        for (lane, value) in lanes.iter_mut().zip(chunk) {
            *lane = if value.abs() > *lane {
                value.abs()
            } else {
                *lane
            };
        }
    }
    chunks
        .remainder()
        .iter()
        .chain(&lanes)
        .fold(0.0, |largest: f32, v| largest.max(v.abs()))
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    #[test]
    fn three_bits_have_seven_levels() {
        let mut weights = vec![-3.0, -1.4, -0.4, 0.0, 0.6, 1.6, 2.4, 3.0];
        quantise_weights(&mut weights, 3);
        assert_eq!(weights, [-3.0, -1.0, 0.0, 0.0, 1.0, 2.0, 2.0, 3.0]);
    }

    #[test]
    fn each_column_has_its_own_scale() {
        let mut weights = vec![-3.0, 0.3, 0.0, 1.4, 0.14, 0.0];
        let whole = weights.clone();
        quantise_columns(&mut weights, 3, 3);
        let expected = [-3.0, 0.3, 0.0, 1.0, 0.1, 0.0];
        for (weight, expected) in weights.iter().zip(expected) {
            assert!(
                (weight - expected).abs() < 1e-6,
                "{weight} is not {expected}"
            );
        }
        let mut full = whole.clone();
        quantise_columns(&mut full, 3, 32);
        assert_eq!(full, whole);
        let (mut column, mut matrix) = (vec![0.7, -0.2, 0.33], vec![0.7, -0.2, 0.33]);
        quantise_columns(&mut column, 1, 4);
        quantise_weights(&mut matrix, 4);
        for (a, b) in column.iter().zip(matrix) {
            assert!((a - b).abs() < 1e-6, "one column is a matrix");
        }
    }

    #[test]
    fn full_precision_and_zeros_are_left_alone() {
        let mut weights = vec![0.1234, -5.0];
        quantise_weights(&mut weights, 32);
        assert_eq!(weights, [0.1234, -5.0]);
        let mut zeros = vec![0.0; 5];
        quantise_weights(&mut zeros, 4);
        assert_eq!(zeros, [0.0; 5]);
    }

    #[test]
    fn asymmetric_levels_reach_from_end_to_end_and_have_zero() {
        let mut positive = vec![0.0, 0.9, 3.4, 7.0];
        quantise_range(&mut positive, 3);
        assert_eq!(positive, [0.0, 1.0, 3.0, 7.0]);
        let mut mixed = vec![-2.0, 0.0, 0.4, 4.9, 5.0];
        quantise_range(&mut mixed, 3);
        assert_eq!(mixed, [-2.0, 0.0, 0.0, 5.0, 5.0]);
        let mut halves = vec![-3.5, 3.5, 1.1];
        quantise_range(&mut halves, 3);
        assert_eq!(halves, [-4.0, 3.0, 1.0]);
        let mut halves = vec![-2.5, 4.5, 1.1];
        quantise_range(&mut halves, 3);
        assert_eq!(halves, [-2.0, 5.0, 1.0]);
        let once = halves.clone();
        quantise_range(&mut halves, 3);
        assert_eq!(halves, once);
        let mut zeros = vec![0.0; 3];
        quantise_range(&mut zeros, 8);
        assert_eq!(zeros, [0.0; 3]);
    }

    #[test]
    fn each_sample_has_its_own_scale_and_the_gradient_is_one() {
        let device = Device::flex().autodiff();
        let data = TensorData::from([[3.0_f32, 1.4, -0.4], [0.3, 0.14, -0.04]]);
        let tensor = Tensor::<2>::from_data(data, &device).require_grad();
        let rounded = quantise_activations(tensor.clone(), 3, ActivationRange::Symmetric);
        let values = to_vec(rounded.clone().inner());
        for (value, expected) in values.iter().zip([3.0, 1.0, 0.0, 0.3, 0.1, 0.0]) {
            assert!((value - expected).abs() < 1e-6, "{value} is not {expected}");
        }
        let gradients = rounded.sum().backward();
        let gradient = tensor
            .grad(&gradients)
            .expect("a tracked leaf has a gradient");
        assert_eq!(to_vec(gradient), [1.0; 6]);
    }
}
