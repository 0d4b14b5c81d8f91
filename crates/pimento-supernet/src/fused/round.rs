//! Rounding of activations.

use crate::quantise::quantise_group;

#[inline(always)]
pub(super) fn forward(mut values: Vec<f32>, group: usize, bits: u8) -> Vec<f32> {
    for values in values.chunks_mut(group) {
        quantise_group(values, bits);
    }
    values
}
