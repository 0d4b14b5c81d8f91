//! The same operators composed of burn's own, for devices that have no fused ones.
//!
//! Gradients are burn's. On the CPU they are what the fused operators are checked against.

use burn::tensor::{
    Int, Shape, Tensor,
    activation::{relu, sigmoid, softmax},
};
use pimento_space::ActivationRange;

use super::{Attention, EPSILON, Function, Normalisation, Over, Triangle};
use crate::parameters::concatenate;

/// See [`super::apply`].
pub(super) fn apply<const D: usize, const E: usize>(
    tensor: Tensor<D>,
    function: Function,
) -> Tensor<E> {
    let shape = Shape::from(function.output_shape(&tensor.dims()));
    match function {
        Function::Attention(sizes) => attention(tensor, sizes).reshape(shape),
        Function::Triangle(sizes) => triangle(tensor, sizes).reshape(shape),
        Function::Sigmoid => sigmoid(tensor).reshape(shape),
        Function::Round { group, bits, range } => {
            let groups = tensor.shape().num_elements() / group;
            rounded(tensor.reshape([groups, group]), bits, range).reshape(shape)
        }
    }
}

/// See [`super::normalise()`].
pub(super) fn normalise<const D: usize>(
    tensor: Tensor<D>,
    gain: Tensor<1>,
    shift: Tensor<1>,
    normalisation: Normalisation,
) -> Tensor<D> {
    let (shape, width) = (tensor.shape(), gain.dims()[0]);
    let axis = match normalisation.over {
        Over::Row => 1,
        Over::Batch => 0,
    };
    let rows = tensor.reshape([shape.num_elements() / width, width]);
    let centred = rows.clone() - rows.mean_dim(axis);
    let variance = (centred.clone() * centred.clone()).mean_dim(axis);
    let normalised = centred / (variance + EPSILON).sqrt();
    let values = normalised * gain.unsqueeze() + shift.unsqueeze();
    rectified(values, normalisation.is_rectified).reshape(shape)
}

/// See [`super::add_bias`].
pub(super) fn add_bias<const D: usize>(
    tensor: Tensor<D>,
    bias: Tensor<1>,
    is_rectified: bool,
) -> Tensor<D> {
    rectified(tensor + bias.unsqueeze(), is_rectified)
}

/// See [`super::product()`].
pub(super) fn product(parts: Vec<Tensor<2>>, matrix: Tensor<2>) -> Tensor<2> {
    concatenate(parts, 1).matmul(matrix)
}

/// See [`super::clip()`].
pub(super) fn clip<const D: usize>(tensor: Tensor<D>, range: Tensor<1>, bits: u8) -> Tensor<D> {
    let (shape, count) = (tensor.shape(), tensor.shape().num_elements());
    let steps = ((1_u32 << bits) - 1) as f32;
    let (span, below) = (range.clone().narrow(0, 0, 1).exp(), range.narrow(0, 1, 1));
    let step = span.clone() / steps;
    let lowest = -(below.clone().detach() * steps).round();
    let ends = [lowest.clone(), lowest + steps].map(|end| end.expand([count]));
    let scaled = tensor.reshape([count]) / step.clone();
    let values = scaled.clone().detach();
    let nearest = values.clone().max_pair(ends[0].clone());
    let nearest = nearest.min_pair(ends[1].clone());
    let [low, high] = ends;
    let is_outside = values.clone().lower(low).bool_or(values.greater(high));
    let levels = scaled.mask_where(is_outside.clone(), nearest.clone());
    let levels = levels.clone() + (nearest.round() - levels.detach());
    // Nothing but the gradient of the share below zero, which moves both ends.
    let nothing = (below.clone() - below.detach()) * span.detach();
    (levels * step - is_outside.float() * nothing).reshape(shape)
}

fn rectified<const D: usize>(tensor: Tensor<D>, is_rectified: bool) -> Tensor<D> {
    if is_rectified { relu(tensor) } else { tensor }
}

/// Shape [samples, rows, heads, head_dim].
fn attention<const D: usize>(packed: Tensor<D>, sizes: Attention) -> Tensor<4> {
    let Attention {
        samples,
        rows,
        heads,
        head_dim,
    } = sizes;
    let packed = packed.reshape([samples, rows, 3 * heads, head_dim]);
    let packed = packed.swap_dims(1, 2);
    let part = |index: usize| packed.clone().narrow(1, index * heads, heads);
    let scores = part(0).matmul(part(1).swap_dims(2, 3)) / (head_dim as f64).sqrt();
    softmax(scores, 3).matmul(part(2)).swap_dims(1, 2)
}

/// Shape [samples, pairs].
fn triangle<const D: usize>(matrices: Tensor<D>, sizes: Triangle) -> Tensor<2> {
    let Triangle {
        samples,
        dim,
        columns,
    } = sizes;
    let matrices = matrices.reshape([samples, dim, columns]);
    let products = matrices.clone().swap_dims(1, 2).matmul(matrices);
    let pairs = (1..columns).flat_map(|row| (0..row).map(move |column| row * columns + column));
    let pairs: Vec<i32> = pairs.map(|pair| pair as i32).collect();
    let pairs = Tensor::<1, Int>::from_data(pairs.as_slice(), &products.device());
    products
        .reshape([samples, columns * columns])
        .select(1, pairs)
}

/// Rows rounded with a scale of their own; the gradient passes through.
fn rounded(rows: Tensor<2>, bits: u8, range: ActivationRange) -> Tensor<2> {
    let values = rows.clone().detach();
    let on_grid = match range {
        ActivationRange::Symmetric => on_symmetric_grid(values.clone(), bits),
        ActivationRange::Asymmetric | ActivationRange::Learned => on_range(values.clone(), bits),
    };
    // The difference is 0 and has the gradient of the rows.
    on_grid + (rows - values)
}

fn on_symmetric_grid(rows: Tensor<2>, bits: u8) -> Tensor<2> {
    let steps = ((1_u64 << (bits - 1)) - 1) as f32;
    let largest = rows.clone().abs().max_dim(1);
    (rows * ratio(steps, &largest)).round() * (largest / steps)
}

/// See `quantise_range` for the upper end.
fn on_range(rows: Tensor<2>, bits: u8) -> Tensor<2> {
    let steps = ((1_u64 << bits) - 1) as f32;
    let low = rows.clone().min_dim(1).clamp_max(0.0);
    let high = rows.clone().max_dim(1).clamp_min(0.0);
    let width = high.clone() - low.clone();
    let to_grid = ratio(steps, &width);
    let shape = rows.dims();
    let highest = ((low * to_grid.clone()).round() + steps).expand(shape);
    let is_highest = rows.clone().greater_equal(high.expand(shape));
    let levels = (rows * to_grid).round().min_pair(highest.clone());
    levels.mask_where(is_highest, highest) * (width / steps)
}

/// steps / width; any number where the width is 0.
fn ratio(steps: f32, width: &Tensor<2>) -> Tensor<2> {
    let is_zero = width.clone().equal_elem(0.0);
    width.full_like(steps) / width.clone().mask_fill(is_zero, 1.0)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::{fused, quantise::to_vec};

    fn random(count: usize, seed: u64) -> Vec<f32> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..count).map(|_| rng.random_range(-1.5..1.5)).collect()
    }

    fn leaf<const D: usize>(shape: [usize; D], seed: u64) -> Tensor<D> {
        let values = random(shape.iter().product(), seed);
        let device = Device::flex().autodiff();
        Tensor::from_data(TensorData::new(values, shape), &device).require_grad()
    }

    /// A value, and the gradients of a weighted sum of it.
    fn value_and_gradients<const D: usize, const E: usize>(
        value: Tensor<D>,
        input: &Tensor<E>,
        others: &[Tensor<1>],
    ) -> Vec<Vec<f32>> {
        let weights = random(value.shape().num_elements(), 99);
        let weights = TensorData::new(weights, value.dims());
        let weights = Tensor::from_data(weights, &value.device());
        let gradients = (value.clone() * weights).sum().backward();
        let input = input.grad(&gradients).expect("a leaf has a gradient");
        let mut all = vec![to_vec(value), to_vec(input)];
        for other in others {
            let gradient = other.grad(&gradients).expect("a leaf has a gradient");
            all.push(to_vec(gradient));
        }
        all
    }

    fn assert_close(found: &[Vec<f32>], expected: &[Vec<f32>], tolerance: f32) {
        assert_eq!(found.len(), expected.len());
        for (part, (found, expected)) in found.iter().zip(expected).enumerate() {
            assert_eq!(found.len(), expected.len());
            for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
                let error = (found - expected).abs();
                assert!(
                    error <= tolerance * (1.0 + expected.abs()),
                    "part {part}, {index}: {found} {expected}"
                );
            }
        }
    }

    fn check<const D: usize, const E: usize>(
        function: Function,
        shape: [usize; D],
        tolerance: f32,
    ) {
        let input = leaf(shape, 7);
        let fused: Tensor<E> = fused::apply(input.clone(), function);
        let composed: Tensor<E> = apply(input.clone(), function);
        assert_eq!(fused.dims(), composed.dims());
        assert_close(
            &value_and_gradients(fused, &input, &[]),
            &value_and_gradients(composed, &input, &[]),
            tolerance,
        );
    }

    #[test]
    fn attention_is_the_fused_one() {
        for (heads, head_dim) in [(8, 2), (2, 5)] {
            let sizes = Attention {
                samples: 3,
                rows: 11,
                heads,
                head_dim,
            };
            let shape = [33, 3 * heads * head_dim];
            check::<2, 2>(Function::Attention(sizes), shape, 1e-5);
        }
    }

    #[test]
    fn triangle_is_the_fused_one() {
        for columns in [2, 5, 19] {
            let sizes = Triangle {
                samples: 3,
                dim: 4,
                columns,
            };
            check::<3, 2>(Function::Triangle(sizes), [3, 4, columns], 1e-5);
        }
    }

    #[test]
    fn sigmoid_is_the_fused_one() {
        check::<2, 2>(Function::Sigmoid, [3, 7], 1e-6);
    }

    #[test]
    fn rounding_is_the_fused_one_to_the_last_bit() {
        for range in [ActivationRange::Symmetric, ActivationRange::Asymmetric] {
            for bits in [2, 4, 8, 16] {
                let group = 15;
                let function = Function::Round { group, bits, range };
                check::<3, 3>(function, [9, 3, 5], 0.0);
            }
        }
    }

    #[test]
    fn clipping_is_the_fused_one() {
        let range = TensorData::new(vec![0.4_f32, 0.3], [2]);
        let device = Device::flex().autodiff();
        let range = Tensor::<1>::from_data(range, &device).require_grad();
        for bits in [2, 4, 8] {
            let input = leaf([9, 3, 5], 7);
            let of = |clip: fn(Tensor<3>, _, u8) -> Tensor<3>| {
                let value = clip(input.clone(), range.clone(), bits);
                value_and_gradients(value, &input, std::slice::from_ref(&range))
            };
            assert_close(&of(fused::clip), &of(clip), 1e-5);
        }
    }

    #[test]
    fn zeros_stay_zeros_and_ends_stay_on_the_grid() {
        let device = Device::flex();
        let rows = [
            [0.0, 0.0, 0.0],
            [-2.5, 4.5, 1.1],
            [-3.5, 3.5, 1.1],
            [1.0, 2.0, 7.0],
            [-1.0, -3.0, -7.0],
        ];
        let rows = Tensor::<2>::from_data(TensorData::from(rows), &device);
        for range in [ActivationRange::Symmetric, ActivationRange::Asymmetric] {
            let function = Function::Round {
                group: 3,
                bits: 3,
                range,
            };
            let fused: Tensor<2> = fused::apply(rows.clone(), function);
            let composed: Tensor<2> = apply(rows.clone(), function);
            assert_eq!(to_vec(fused), to_vec(composed), "{range:?}");
        }
    }

    #[test]
    fn normalisations_are_the_fused_ones() {
        for over in [Over::Row, Over::Batch] {
            for is_rectified in [false, true] {
                let normalisation = Normalisation { over, is_rectified };
                let (input, others) = (leaf([9, 21], 1), [leaf([21], 2), leaf([21], 3)]);
                let of = |normalise: fn(_, _, _, _) -> Tensor<2>| {
                    let [gain, shift] = others.clone();
                    let value = normalise(input.clone(), gain, shift, normalisation);
                    value_and_gradients(value, &input, &others)
                };
                assert_close(&of(fused::normalise), &of(normalise), 1e-5);
            }
        }
    }

    #[test]
    fn biases_are_the_fused_ones() {
        for is_rectified in [false, true] {
            let (input, bias) = (leaf([9, 21], 1), leaf([21], 2));
            let of = |add_bias: fn(_, _, _) -> Tensor<2>| {
                let value = add_bias(input.clone(), bias.clone(), is_rectified);
                value_and_gradients(value, &input, std::slice::from_ref(&bias))
            };
            assert_close(&of(fused::add_bias), &of(add_bias), 1e-5);
        }
    }

    #[test]
    fn products_are_the_fused_ones() {
        for widths in [&[21][..], &[4, 17], &[1, 2, 3, 15], &[3, 4, 5, 2, 7]] {
            let parts: Vec<Tensor<2>> = widths.iter().map(|&width| leaf([9, width], 1)).collect();
            let matrix = leaf([21, 6], 2);
            let of = |product: fn(_, _) -> Tensor<2>| -> Vec<Vec<f32>> {
                let leaves = parts.iter().chain([&matrix]);
                let each = leaves.map(|leaf| {
                    let value = product(parts.clone(), matrix.clone());
                    value_and_gradients(value, leaf, &[])
                });
                each.flatten().collect()
            };
            assert_close(&of(fused::product), &of(product), 1e-5);
        }
    }
}
