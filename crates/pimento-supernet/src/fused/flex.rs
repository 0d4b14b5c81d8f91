//! The fused operators on the CPU.

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
        let [input, bias] = [input, bias].map(|part| Contiguous::new(&part));
        let values = vectorised(
            #[inline(always)]
            || bias::forward(input.values(), bias.values(), is_rectified),
        );
        tensor(values, input.shape())
    }

    fn biased_backward(
        input: Primitive,
        bias: Primitive,
        gradient: Primitive,
        is_rectified: bool,
    ) -> (Primitive, Primitive) {
        let [input, bias, gradient] = [input, bias, gradient].map(|part| Contiguous::new(&part));
        let [inputs, sums] = vectorised(
            #[inline(always)]
            || {
                bias::backward(
                    input.values(),
                    bias.values(),
                    gradient.values(),
                    is_rectified,
                )
            },
        );
        (tensor(inputs, input.shape()), tensor(sums, bias.shape()))
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

    fn product(rows: Primitive, matrix: Primitive) -> Primitive {
        let [rows, matrix] = [rows, matrix].map(|part| Contiguous::new(&part));
        let shape = vec![rows.shape()[0], matrix.shape()[1]];
        tensor(product::product(rows.matrix(), matrix.matrix()), shape)
    }

    fn product_backward_rows(matrix: Primitive, gradient: Primitive) -> Primitive {
        let [matrix, gradient] = [matrix, gradient].map(|part| Contiguous::new(&part));
        let shape = vec![gradient.shape()[0], matrix.shape()[0]];
        let values = product::backward_rows(matrix.matrix(), gradient.matrix());
        tensor(values, shape)
    }

    fn product_backward_matrix(rows: Primitive, gradient: Primitive) -> Primitive {
        let [rows, gradient] = [rows, gradient].map(|part| Contiguous::new(&part));
        let shape = vec![rows.shape()[1], gradient.shape()[1]];
        let values = product::backward_matrix(rows.matrix(), gradient.matrix());
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

    fn shape(&self) -> Vec<usize> {
        self.0.layout().shape().to_vec()
    }
}

fn tensor(values: Vec<f32>, shape: Vec<usize>) -> Primitive {
    Primitive::from_data(TensorData::new(values, shape))
}
