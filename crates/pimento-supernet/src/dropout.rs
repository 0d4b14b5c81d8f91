//! Dropout: units that are zero for one step of training.

use burn::tensor::{Tensor, TensorData};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// `units` with each of them, with probability `share` in \[0, 1), replaced by zero, the others
/// scaled so that their mean stays.
pub(crate) fn dropped<const D: usize>(
    units: Tensor<D>,
    share: f64,
    rng: &mut ChaCha8Rng,
) -> Tensor<D> {
    if share == 0.0 {
        return units;
    }
    let threshold = (share * f64::from(u32::MAX)) as u32;
    let kept = (1.0 / (1.0 - share)) as f32;
    let mask = (0..units.shape().num_elements()).map(|_| {
        if rng.random::<u32>() < threshold {
            0.0
        } else {
            kept
        }
    });
    let mask = TensorData::new(mask.collect::<Vec<f32>>(), units.dims());
    let device = units.clone().inner().device();
    units * Tensor::from_inner(Tensor::from_data(mask, &device))
}
