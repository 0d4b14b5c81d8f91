//! Rounding of activations.

use crate::quantise::quantise_group;

#[inline(always)]
pub(super) fn forward(input: &[f32], group: usize, bits: u8) -> Vec<f32> {
    let mut values = input.to_vec();
    for values in values.chunks_mut(group) {
        quantise_group(values, bits);
    }
    values
}
