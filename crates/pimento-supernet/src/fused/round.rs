//! Rounding of activations.

use pimento_space::ActivationRange;

use crate::quantise::{quantise_group, quantise_range};

#[inline(always)]
pub(super) fn forward(input: &[f32], group: usize, bits: u8, range: ActivationRange) -> Vec<f32> {
    let mut values = input.to_vec();
    for values in values.chunks_mut(group) {
        match range {
            ActivationRange::Symmetric => quantise_group(values, bits),
            // A learned range of which nothing was learned yet is found like an asymmetric one.
            ActivationRange::Asymmetric | ActivationRange::Learned => quantise_range(values, bits),
        }
    }
    values
}
