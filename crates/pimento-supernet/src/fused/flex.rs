//! The fused operators on the CPU.

use std::ops::Range;

use burn::{
    backend::{Flex, tensor::FloatTensor},
    tensor::TensorData,
};

use super::{
    Function, FusedBackend, Normalisation, Over, batch_norm, bias, clip, normalise,
    product::{self, Matrix},
    vectorised,
};

type Primitive = FloatTensor<Flex>;

impl FusedBackend for Flex {
    fn fused(input: Primitive, function: Function) -> Primitive {
        let input = Contiguous::new(&input);
        let shape = function.output_shape(&input.shape());
        let values = vectorised(
            #[inline(always)]
            || function.forward(input.values()),
        );
        tensor(values, shape)
    }

    fn fused_backward(input: Primitive, gradient: Primitive, function: Function) -> Primitive {
        let (input, gradient) = (Contiguous::new(&input), Contiguous::new(&gradient));
        let values = vectorised(
            #[inline(always)]
            || function.backward(input.values(), gradient.values()),
        );
        tensor(values, input.shape())
    }

    fn normalised(
        input: Primitive,
        gain: Primitive,
        shift: Primitive,
        normalisation: Normalisation,
    ) -> Primitive {
        let [input, gain, shift] = [input, gain, shift].map(|part| Contiguous::new(&part));
        let forward = normalise::Forward {
            input: input.values(),
            gain: gain.values(),
            shift: shift.values(),
            is_rectified: normalisation.is_rectified,
        };
        let values = match normalisation.over {
            Over::Row => forward.run(),
            Over::Batch => vectorised(
                #[inline(always)]
                || batch_norm::forward(&forward),
            ),
        };
        tensor(values, input.shape())
    }

    fn normalised_backward(
        input: Primitive,
        gain: Primitive,
        shift: Primitive,
        gradient: Primitive,
        normalisation: Normalisation,
    ) -> (Primitive, Primitive, Primitive) {
        let [input, gain, shift, gradient] =
            [input, gain, shift, gradient].map(|part| Contiguous::new(&part));
        let forward = normalise::Forward {
            input: input.values(),
            gain: gain.values(),
            shift: shift.values(),
            is_rectified: normalisation.is_rectified,
        };
        let backward = normalise::Backward {
            forward,
            gradient: gradient.values(),
        };
        let [inputs, gains, shifts] = match normalisation.over {
            Over::Row => backward.run(),
            Over::Batch => vectorised(
                #[inline(always)]
                || batch_norm::backward(&backward),
            ),
        };
        (
            tensor(inputs, input.shape()),
            tensor(gains, gain.shape()),
            tensor(shifts, shift.shape()),
        )
    }

    fn biased(input: Primitive, bias: Primitive, is_rectified: bool) -> Primitive {
        let (mut sums, bias) = (Contiguous::new(&input), Contiguous::new(&bias));
        // In place, unless somebody else holds the input.
        drop(input);
        let (start, end) = sums.0.layout().contiguous_offsets().expect("without gaps");
        let values = &mut sums.0.storage_mut::<f32>()[start..end];
        vectorised(
            #[inline(always)]
            || bias::add(values, bias.values(), is_rectified),
        );
        sums.0
    }

    fn biased_backward(
        value: Primitive,
        gradient: Primitive,
        is_rectified: bool,
    ) -> (Primitive, Primitive) {
        let [value, gradient] = [value, gradient].map(|part| Contiguous::new(&part));
        let shape = value.shape();
        let width = *shape.last().expect("rows have an axis");
        if !is_rectified {
            let sums = vectorised(
                #[inline(always)]
                || bias::sums(gradient.values(), width),
            );
            return (gradient.0, tensor(sums, vec![width]));
        }
        let [masked, sums] = vectorised(
            #[inline(always)]
            || bias::masked(value.values(), gradient.values(), width),
        );
        (tensor(masked, shape), tensor(sums, vec![width]))
    }

    fn clipped(input: Primitive, range: Primitive, bits: u8) -> Primitive {
        let [input, range] = [input, range].map(|part| Contiguous::new(&part));
        let values = vectorised(
            #[inline(always)]
            || clip::forward(input.values(), range.pair(), bits),
        );
        tensor(values, input.shape())
    }

    fn clipped_backward(
        input: Primitive,
        range: Primitive,
        gradient: Primitive,
        bits: u8,
    ) -> (Primitive, Primitive) {
        let [input, range, gradient] = [input, range, gradient].map(|part| Contiguous::new(&part));
        let (inputs, ranges) = vectorised(
            #[inline(always)]
            || clip::backward(input.values(), range.pair(), gradient.values(), bits),
        );
        (
            tensor(inputs, input.shape()),
            tensor(ranges.to_vec(), range.shape()),
        )
    }

    fn product(
        first: Primitive,
        second: Primitive,
        third: Primitive,
        fourth: Primitive,
        matrix: Primitive,
    ) -> Primitive {
        let parts = [first, second, third, fourth].map(|part| Contiguous::new(&part));
        let matrix = Contiguous::new(&matrix);
        let shape = vec![parts[0].shape()[0], matrix.shape()[1]];
        let values = product::joined(&Contiguous::matrices(&parts), matrix.matrix());
        tensor(values, shape)
    }

    fn product_backward_rows(
        matrix: Primitive,
        gradient: Primitive,
        columns: Range<usize>,
    ) -> Primitive {
        let [matrix, gradient] = [matrix, gradient].map(|part| Contiguous::new(&part));
        let shape = vec![gradient.shape()[0], columns.len()];
        let values = product::backward_rows(matrix.matrix().rows(columns), gradient.matrix());
        tensor(values, shape)
    }

    fn product_backward_matrix(
        first: Primitive,
        second: Primitive,
        third: Primitive,
        fourth: Primitive,
        gradient: Primitive,
    ) -> Primitive {
        let parts = [first, second, third, fourth].map(|part| Contiguous::new(&part));
        let gradient = Contiguous::new(&gradient);
        let rows = parts.iter().map(|part| part.shape()[1]).sum();
        let shape = vec![rows, gradient.shape()[1]];
        let values = product::backward_matrix(&Contiguous::matrices(&parts), gradient.matrix());
        tensor(values, shape)
    }
}

/// A tensor whose values lie in row-major order without gaps.
struct Contiguous(Primitive);

impl Contiguous {
    fn new(tensor: &Primitive) -> Self {
        Self(tensor.to_contiguous())
    }

    fn values(&self) -> &[f32] {
        self.0.as_slice().expect("all tensors hold 32-bit floats")
    }

    fn pair(&self) -> [f32; 2] {
        self.values().try_into().expect("a range is two numbers")
    }

    fn matrix(&self) -> Matrix<'_> {
        Matrix::new(self.values(), self.0.layout().shape()[1])
    }

    /// Those that have columns.
    fn matrices(parts: &[Self]) -> Vec<Matrix<'_>> {
        let parts = parts.iter().filter(|part| part.shape()[1] > 0);
        parts.map(Self::matrix).collect()
    }

    fn shape(&self) -> Vec<usize> {
        self.0.layout().shape().to_vec()
    }
}

fn tensor(values: Vec<f32>, shape: Vec<usize>) -> Primitive {
    Primitive::from_data(TensorData::new(values, shape))
}
