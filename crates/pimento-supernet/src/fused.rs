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
mod exponential;
mod normalise;
mod round;
mod sigmoid;
mod triangle;

use burn::{
    backend::{
        Autodiff, Backend, Dispatch, Flex,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
            grads::Gradients,
            ops::{Backward, Ops, OpsKind, unary},
        },
        backend_extension,
        tensor::FloatTensor,
    },
    tensor::{Tensor, TensorData},
};

pub(crate) use attention::Attention;
pub(crate) use triangle::Triangle;

/// A function of one tensor; its fields are the sizes that the tensor's shape does not tell.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Function {
    /// Scaled dot-product attention.
    Attention(Attention),
    /// Dot products of all pairs of columns.
    Triangle(Triangle),
    /// (x − mean) / √(variance + ε) over groups of this many values.
    Normalise(usize),
    /// 1 / (1 + e^-x).
    Sigmoid,
    /// Rounding to `bits` bits over groups of this many values; the gradient passes through.
    Round {
        /// Values that share a scale.
        group: usize,
        /// Bits.
        bits: u8,
    },
}

impl Function {
    /// The value of the function.
    fn forward(self, input: Vec<f32>) -> Vec<f32> {
        vectorised(
            #[inline(always)]
            || self.forward_kernel(input),
        )
    }

    #[inline(always)]
    fn forward_kernel(self, input: Vec<f32>) -> Vec<f32> {
        match self {
            Self::Attention(attention) => attention.forward(&input),
            Self::Triangle(triangle) => triangle.forward(&input),
            Self::Normalise(group) => normalise::forward(input, group),
            Self::Sigmoid => sigmoid::forward(input),
            Self::Round { group, bits } => round::forward(input, group, bits),
        }
    }

    /// The gradient of the input, from the gradient of the value.
    fn backward(self, input: &[f32], gradient: Vec<f32>) -> Vec<f32> {
        vectorised(
            #[inline(always)]
            || self.backward_kernel(input, gradient),
        )
    }

    #[inline(always)]
    fn backward_kernel(self, input: &[f32], gradient: Vec<f32>) -> Vec<f32> {
        match self {
            Self::Attention(attention) => attention.backward(input, &gradient),
            Self::Triangle(triangle) => triangle.backward(input, &gradient),
            Self::Normalise(group) => normalise::backward(input, gradient, group),
            Self::Sigmoid => sigmoid::backward(input, gradient),
            Self::Round { .. } => gradient,
        }
    }

    /// Shape of the value for an input of this many values.
    fn output_shape(self, input: &[usize]) -> Vec<usize> {
        match self {
            Self::Attention(attention) => attention.output_shape(),
            Self::Triangle(triangle) => triangle.output_shape(),
            Self::Normalise(_) | Self::Sigmoid | Self::Round { .. } => input.to_vec(),
        }
    }
}

/// Runs a loop compiled for the widest vector instructions that the machine has. The compiler does
/// not fuse or reorder float operations, so the bits are the same on every machine.
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
    Tensor::from_dispatch(<Dispatch as FusedBackend>::fused(
        tensor.into_dispatch(),
        function,
    ))
}

/// Backends that can apply a [`Function`].
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
}

impl FusedBackend for Flex {
    fn fused(input: FloatTensor<Self>, function: Function) -> FloatTensor<Self> {
        let data = input.into_data();
        let shape = function.output_shape(data.shape());
        let values = function.forward(floats(data));
        FloatTensor::<Self>::from_data(TensorData::new(values, shape))
    }

    fn fused_backward(
        input: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        function: Function,
    ) -> FloatTensor<Self> {
        let input = input.into_data();
        let shape = input.shape().clone();
        let values = function.backward(&floats(input), floats(gradient.into_data()));
        FloatTensor::<Self>::from_data(TensorData::new(values, shape))
    }
}

impl<B: FusedBackend, C: CheckpointStrategy> FusedBackend for Autodiff<B, C> {
    fn fused(input: FloatTensor<Self>, function: Function) -> FloatTensor<Self> {
        match Fused
            .prepare::<C>([input.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => {
                let kept = match function {
                    Function::Round { .. } => None,
                    _ => Some(input.primitive().clone()),
                };
                prep.finish((kept, function), B::fused(input.into_primitive(), function))
            }
            OpsKind::UnTracked(prep) => prep.finish(B::fused(input.into_primitive(), function)),
        }
    }

    fn fused_backward(
        _input: FloatTensor<Self>,
        _gradient: FloatTensor<Self>,
        _function: Function,
    ) -> FloatTensor<Self> {
        unreachable!("second derivatives are never taken")
    }
}

/// The node of a fused function in a graph.
#[derive(Debug)]
struct Fused;

impl<B: FusedBackend> Backward<B, 1> for Fused {
    /// The input, unless the backward pass does not need it, and the function.
    type State = (Option<FloatTensor<B>>, Function);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let (input, function) = ops.state;
        unary::<B, _>(ops.parents, ops.node, gradients, |gradient| match input {
            Some(input) => B::fused_backward(input, gradient, function),
            None => gradient,
        });
    }
}

fn floats(data: TensorData) -> Vec<f32> {
    data.try_into_vec().expect("all tensors hold 32-bit floats")
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, activation::softmax};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::quantise::to_vec;

    fn random(count: usize, seed: u64) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..count).map(|_| rng.random_range(-1.5..1.5)).collect()
    }

    fn tensor<const D: usize>(values: &[f32], shape: [usize; D]) -> Tensor<D> {
        Tensor::from_data(TensorData::new(values.to_vec(), shape), &Device::flex())
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
        let output = function.forward(input.clone());
        let weights = random(output.len(), 2);
        let found = function.backward(&input, weights.clone());
        let weighted = |input: Vec<f32>| -> f64 {
            let output = function.forward(input);
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
    fn attention_is_the_composed_one() {
        let sizes = Attention {
            samples: 3,
            rows: 11,
            heads: 8,
            head_dim: 2,
        };
        let packed = random(3 * 11 * 48, 5);
        let found = Function::Attention(sizes).forward(packed.clone());
        let packed = tensor(&packed, [3, 11, 24, 2]).swap_dims(1, 2);
        let part = |index: usize| packed.clone().narrow(1, 8 * index, 8);
        let scores = part(0).matmul(part(1).swap_dims(2, 3)) / 2.0_f64.sqrt();
        let context = softmax(scores, 3).matmul(part(2));
        assert_close(
            &found,
            &to_vec(context.swap_dims(1, 2).reshape([33, 16])),
            1e-5,
        );
    }

    #[test]
    fn triangle_is_the_lower_one_row_by_row() {
        let triangle = Triangle {
            samples: 1,
            dim: 2,
            columns: 3,
        };
        // Columns (1, 4), (2, 5), (3, 6).
        let products = Function::Triangle(triangle).forward(vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        assert_eq!(products, [22.0, 27.0, 36.0]);
    }

    #[test]
    fn normalised_values_have_mean_0_and_variance_1() {
        let values = Function::Normalise(37).forward(random(37, 4));
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
        assert_close(&Function::Sigmoid.forward(input.to_vec()), &expected, 1e-6);
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
        check_gradient(Function::Normalise(13), 26);
        check_gradient(Function::Sigmoid, 7);
    }
}
