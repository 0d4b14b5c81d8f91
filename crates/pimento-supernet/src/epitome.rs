//! Epitomes: matrices that one layer uses several times (EPIM, arXiv 2311.07620).
//!
//! The plain matrix [K, N] that an epitome [K, N / r] stands for consists of r blocks of columns, the
//! epitome with its rows rolled down by ⌊jK/r⌋ places for j from 0 to r − 1. It is never built: the
//! inputs are rolled up instead, as hardware reads them.

use std::ops::Range;

use burn::tensor::Tensor;

/// The inputs of an epitome's uses, one after the other for each sample: shape \[samples, K\] to
/// \[samples · reuse, K\]. Row j of a sample is its input from place ⌊jK/r⌋ on, round to that place.
pub(crate) fn rolled(input: Tensor<2>, reuse: usize) -> Tensor<2> {
    let [samples, width] = input.dims();
    let part = |columns: Range<usize>| {
        let count = columns.len();
        (count > 0).then(|| input.clone().narrow(1, columns.start, count))
    };
    let parts = (0..reuse).flat_map(|turn| {
        let first = turn * width / reuse;
        [part(first..width), part(0..first)]
    });
    let uses = Tensor::cat(parts.flatten().collect(), 1);
    uses.reshape([samples * reuse, width])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{device::Device, quantise::to_vec};

    fn check(input: &[[f32; 5]], reuse: usize, expected: &[[f32; 5]]) {
        let device = Device::default();
        let values = input.concat();
        let input = Tensor::<1>::from_data(values.as_slice(), device.of_tensors());
        let rolled = rolled(input.reshape([-1, 5]), reuse);
        assert_eq!(rolled.dims(), [expected.len(), 5]);
        assert_eq!(to_vec(rolled), expected.concat());
    }

    #[test]
    fn inputs_are_rolled_by_shares_of_their_width() {
        let [one, other] = [[1.0, 2.0, 3.0, 4.0, 5.0], [6.0, 7.0, 8.0, 9.0, 0.0]];
        check(&[one, other], 1, &[one, other]);
        let (rolled_one, rolled_other) = ([3.0, 4.0, 5.0, 1.0, 2.0], [8.0, 9.0, 0.0, 6.0, 7.0]);
        check(&[one, other], 2, &[one, rolled_one, other, rolled_other]);
        let thirds = [one, [2.0, 3.0, 4.0, 5.0, 1.0], [4.0, 5.0, 1.0, 2.0, 3.0]];
        check(&[one], 3, &thirds);
    }

    #[test]
    fn with_fewer_inputs_than_uses_some_are_equal() {
        let one = [1.0, 2.0, 3.0, 4.0, 5.0];
        let next = [2.0, 3.0, 4.0, 5.0, 1.0];
        let last = [5.0, 1.0, 2.0, 3.0, 4.0];
        let between = [[3.0, 4.0, 5.0, 1.0, 2.0], [4.0, 5.0, 1.0, 2.0, 3.0]];
        check(
            &[one],
            10,
            &[
                one, one, next, next, between[0], between[0], between[1], between[1], last, last,
            ],
        );
    }
}
