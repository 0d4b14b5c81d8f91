//! Operators that burn has only as long chains of tensor passes, as one pass each with a backward
//! pass written by hand.
//!
//! Attention in this space has heads of width 2 over 16 to 64 rows: as tensor operators it spends
//! its time in small batched products and in passes over [samples, heads, rows, rows]. The
//! kernels are plain loops over slices, checked against the composed operators.

#![expect(
    clippy::inline_always,
    reason = "kernels must be compiled into the vectorised caller"
)]

mod attention;
mod autodiff;
mod batch_norm;
mod bias;
mod clip;
mod composed;
mod exponential;
mod flex;
mod normalise;
mod product;
mod round;
mod sigmoid;
mod triangle;

use std::ops::Range;

use burn::{
    backend::{Backend, Dispatch, backend_extension, tensor::FloatTensor},
    tensor::{Device, Tensor},
};
use pimento_space::ActivationRange;

pub(crate) use attention::Attention;
pub(crate) use batch_norm::moments as column_moments;
pub(crate) use clip::Grid;
#[cfg(test)]
pub(crate) use clip::backward as clip_backward;
pub(crate) use normalise::EPSILON;
pub(crate) use product::{Matrix, product as multiply};
pub(crate) use triangle::Triangle;

/// A function of one tensor; its fields are the sizes that the tensor's shape does not tell.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Function {
    /// Scaled dot-product attention.
    Attention(Attention),
    /// Dot products of all pairs of columns.
    Triangle(Triangle),
    /// 1 / (1 + e^-x).
    Sigmoid,
    /// Rounding to `bits` bits over groups of this many values; the gradient passes through.
    Round {
        /// Values that share a scale.
        group: usize,
        /// Bits.
        bits: u8,
        /// The range that they divide.
        range: ActivationRange,
    },
}

impl Function {
    #[inline(always)]
    fn forward(self, input: &[f32]) -> Vec<f32> {
        match self {
            Self::Attention(attention) => attention.forward(input),
            Self::Triangle(triangle) => triangle.forward(input),
            Self::Sigmoid => sigmoid::forward(input),
            Self::Round { group, bits, range } => round::forward(input, group, bits, range),
        }
    }

    /// The gradient of the input, from the gradient of the value.
    #[inline(always)]
    fn backward(self, input: &[f32], gradient: &[f32]) -> Vec<f32> {
        match self {
            Self::Attention(attention) => attention.backward(input, gradient),
            Self::Triangle(triangle) => triangle.backward(input, gradient),
            Self::Sigmoid => sigmoid::backward(input, gradient),
            Self::Round { .. } => gradient.to_vec(),
        }
    }

    /// Shape of the value for an input of this many values.
    fn output_shape(self, input: &[usize]) -> Vec<usize> {
        match self {
            Self::Attention(attention) => attention.output_shape(),
            Self::Triangle(triangle) => triangle.output_shape(),
            Self::Sigmoid | Self::Round { .. } => input.to_vec(),
        }
    }
}

/// Runs a loop compiled for the widest vector instructions that the machine has.
pub(crate) fn vectorised<R>(work: impl FnOnce() -> R) -> R {
    pulp::Arch::new().dispatch(Work(work))
}

struct Work<F>(F);

impl<R, F: FnOnce() -> R> pulp::NullaryFnOnce for Work<F> {
    type Output = R;

    #[inline(always)]
    fn call(self) -> R {
        (self.0)()
    }
}

/// Applies `function`; the result has `E` axes.
pub(crate) fn apply<const D: usize, const E: usize>(
    tensor: Tensor<D>,
    function: Function,
) -> Tensor<E> {
    if !has_fused_operators(&tensor) {
        return composed::apply(tensor, function);
    }
    Tensor::from_dispatch(<Dispatch as FusedBackend>::fused(
        tensor.into_dispatch(),
        function,
    ))
}

/// How values are brought to mean 0 and variance 1 before gain, shift and perhaps the rectifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Normalisation {
    /// What has mean 0: each row, or each column over all rows.
    pub(crate) over: Over,
    /// Whether negative values become 0 at last.
    pub(crate) is_rectified: bool,
}

/// What a normalisation takes together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    /// A row, the last axis: layer normalisation.
    Row,
    /// A column: batch normalisation.
    Batch,
}

/// The normalisation of rows (last axis) with `gain` and `shift`.
pub(crate) fn normalise<const D: usize>(
    tensor: Tensor<D>,
    gain: Tensor<1>,
    shift: Tensor<1>,
    normalisation: Normalisation,
) -> Tensor<D> {
    if !has_fused_operators(&tensor) {
        return composed::normalise(tensor, gain, shift, normalisation);
    }
    Tensor::from_dispatch(<Dispatch as FusedBackend>::normalised(
        tensor.into_dispatch(),
        gain.into_dispatch(),
        shift.into_dispatch(),
        normalisation,
    ))
}

/// Rows (last axis) plus `bias`, rectified if `is_rectified`.
pub(crate) fn add_bias<const D: usize>(
    tensor: Tensor<D>,
    bias: Tensor<1>,
    is_rectified: bool,
) -> Tensor<D> {
    if !has_fused_operators(&tensor) {
        return composed::add_bias(tensor, bias, is_rectified);
    }
    Tensor::from_dispatch(<Dispatch as FusedBackend>::biased(
        tensor.into_dispatch(),
        bias.into_dispatch(),
        is_rectified,
    ))
}

/// Tensors that a product reads side by side without a copy.
pub(crate) const MOST_PARTS: usize = 4;

/// The product of rows, of which each part has some columns, shape \[n, columns\], and a matrix, shape
/// \[all columns, cols\].
pub(crate) fn product(mut parts: Vec<Tensor<2>>, matrix: Tensor<2>) -> Tensor<2> {
    if !has_fused_operators(&matrix) {
        return composed::product(parts, matrix);
    }
    // Every part after the first one is added to what is there, which costs more than copies of a few
    // columns.
    let [depth, cols] = matrix.dims();
    if parts.len() > MOST_PARTS || depth < cols * (parts.len() - 1) {
        parts = vec![Tensor::cat(parts, 1)];
    }
    let nothing = Tensor::empty([parts[0].dims()[0], 0], &matrix.device());
    parts.resize(MOST_PARTS, nothing);
    let mut parts = parts.into_iter().map(Tensor::into_dispatch);
    let mut next = || parts.next().expect("there are so many");
    Tensor::from_dispatch(<Dispatch as FusedBackend>::product(
        next(),
        next(),
        next(),
        next(),
        matrix.into_dispatch(),
    ))
}

/// Values rounded to `bits` bits in the learned range `range`, shape \[2\]: the logarithm of its span,
/// and the share of the span below zero.
pub(crate) fn clip<const D: usize>(tensor: Tensor<D>, range: Tensor<1>, bits: u8) -> Tensor<D> {
    if !has_fused_operators(&tensor) {
        return composed::clip(tensor, range, bits);
    }
    Tensor::from_dispatch(<Dispatch as FusedBackend>::clipped(
        tensor.into_dispatch(),
        range.into_dispatch(),
        bits,
    ))
}

fn has_fused_operators<const D: usize>(tensor: &Tensor<D>) -> bool {
    tensor.device() == Device::flex()
}

/// Backends that have the fused operators and their gradients.
#[backend_extension(Flex, Autodiff)]
pub(crate) trait FusedBackend: Backend {
    /// The value of the function.
    fn fused(input: FloatTensor<Self>, function: Function) -> FloatTensor<Self>;

    /// The gradient of the input.
    fn fused_backward(
        input: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        function: Function,
    ) -> FloatTensor<Self>;

    /// See [`normalise()`].
    fn normalised(
        input: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        normalisation: Normalisation,
    ) -> FloatTensor<Self>;

    /// The gradients of input, gain and shift.
    fn normalised_backward(
        input: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        normalisation: Normalisation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);

    /// See [`add_bias`].
    fn biased(
        input: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        is_rectified: bool,
    ) -> FloatTensor<Self>;

    /// The gradients of input and bias, from the value; anything of its shape where it is not rectified.
    fn biased_backward(
        value: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        is_rectified: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// See [`clip()`].
    fn clipped(input: FloatTensor<Self>, range: FloatTensor<Self>, bits: u8) -> FloatTensor<Self>;

    /// The gradients of input and range.
    fn clipped_backward(
        input: FloatTensor<Self>,
        range: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        bits: u8,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// See [`product()`]; parts without columns are none.
    fn product(
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        third: FloatTensor<Self>,
        fourth: FloatTensor<Self>,
        matrix: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// The gradient of a part of the rows, whose columns are these rows of the matrix.
    fn product_backward_rows(
        matrix: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        columns: Range<usize>,
    ) -> FloatTensor<Self>;

    /// The gradient of the matrix.
    fn product_backward_matrix(
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        third: FloatTensor<Self>,
        fourth: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    fn random(count: usize, seed: u64) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..count).map(|_| rng.random_range(-1.5..1.5)).collect()
    }

    fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
        assert_eq!(found.len(), expected.len());
        for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
            let error = (found - expected).abs();
            assert!(
                error <= tolerance * (1.0 + expected.abs()),
                "{index}: {found} {expected}"
            );
        }
    }

    /// Checks the backward pass against central differences of a weighted sum of the outputs.
    fn check_gradient(function: Function, count: usize) {
        let input = random(count, 1);
        let output = function.forward(&input);
        let weights = random(output.len(), 2);
        let found = function.backward(&input, &weights);
        let weighted = |input: Vec<f32>| -> f64 {
            let output = function.forward(&input);
            output
                .iter()
                .zip(&weights)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum()
        };
        let step = 1e-2;
        for index in 0..count {
            let (mut above, mut below) = (input.clone(), input.clone());
            above[index] += step;
            below[index] -= step;
            let expected = (weighted(above) - weighted(below)) / (2.0 * f64::from(step));
            let error = (f64::from(found[index]) - expected).abs();
            assert!(
                error < 2e-3 * (1.0 + expected.abs()),
                "{index}: {} {expected}",
                found[index]
            );
        }
    }

    #[test]
    fn triangle_is_the_lower_one_row_by_row() {
        let triangle = Triangle {
            samples: 1,
            dim: 2,
            columns: 3,
        };
        // Columns (1, 4), (2, 5), (3, 6).
        let products = Function::Triangle(triangle).forward(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(products, [22.0, 27.0, 36.0]);
    }

    #[test]
    fn normalised_values_have_mean_0_and_variance_1() {
        let forward = normalise::Forward {
            input: &random(37, 4),
            gain: &[1.0; 37],
            shift: &[0.0; 37],
            is_rectified: false,
        };
        let values = forward.run();
        let mean: f32 = values.iter().sum::<f32>() / 37.0;
        let variance: f32 = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f32>() / 37.0;
        assert!(
            mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-4,
            "{mean} {variance}"
        );
    }

    #[test]
    fn sigmoid_is_the_exact_one() {
        let input = [-200.0, -30.0, -2.0, 0.0, 0.7, 25.0, 200.0];
        let expected = input.map(|x: f32| (1.0 / (1.0 + (-f64::from(x)).exp())) as f32);
        assert_close(&Function::Sigmoid.forward(&input), &expected, 1e-6);
    }

    #[test]
    fn gradients_are_those_of_central_differences() {
        let sizes = Attention {
            samples: 2,
            rows: 9,
            heads: 2,
            head_dim: 2,
        };
        check_gradient(Function::Attention(sizes), 2 * 9 * 12);
        check_gradient(
            Function::Triangle(Triangle {
                samples: 2,
                dim: 3,
                columns: 5,
            }),
            30,
        );
        check_gradient(Function::Sigmoid, 7);
    }
}
