//! The fused operators in a graph: their nodes keep what the backward kernels need, and call these.

use std::ops::Range;

use burn::backend::{
    Autodiff, TensorMetadata,
    autodiff::{
        checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
        grads::Gradients,
        ops::{Backward, Ops, OpsKind, unary},
    },
    tensor::FloatTensor,
};

use super::{Function, FusedBackend, Normalisation};

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

    fn normalised(
        input: FloatTensor<Self>,
        gain: FloatTensor<Self>,
        shift: FloatTensor<Self>,
        normalisation: Normalisation,
    ) -> FloatTensor<Self> {
        let nodes = [input.node(), gain.node(), shift.node()];
        let parts = [input, gain, shift].map(FloatTensor::<Self>::into_primitive);
        let value = |[input, gain, shift]: [_; 3]| B::normalised(input, gain, shift, normalisation);
        match Normalised.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((parts.clone(), normalisation), value(parts)),
            OpsKind::UnTracked(prep) => prep.finish(value(parts)),
        }
    }

    fn biased(
        input: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        is_rectified: bool,
    ) -> FloatTensor<Self> {
        let nodes = [input.node(), bias.node()];
        // Nothing else holds the input then, and the sum can take its place.
        let [input, bias] = [input, bias].map(FloatTensor::<Self>::into_primitive);
        let value = B::biased(input, bias, is_rectified);
        match Biased.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(is_rectified.then(|| value.clone()), value),
            OpsKind::UnTracked(prep) => prep.finish(value),
        }
    }

    fn clipped(input: FloatTensor<Self>, range: FloatTensor<Self>, bits: u8) -> FloatTensor<Self> {
        let nodes = [input.node(), range.node()];
        let parts = [input, range].map(FloatTensor::<Self>::into_primitive);
        let value = |[input, range]: [_; 2]| B::clipped(input, range, bits);
        match Clipped.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish((parts.clone(), bits), value(parts)),
            OpsKind::UnTracked(prep) => prep.finish(value(parts)),
        }
    }

    fn product(
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        third: FloatTensor<Self>,
        fourth: FloatTensor<Self>,
        matrix: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let all = [first, second, third, fourth, matrix];
        let nodes = all.each_ref().map(FloatTensor::<Self>::node);
        let parts = all.map(FloatTensor::<Self>::into_primitive);
        let value = |[first, second, third, fourth, matrix]: [_; 5]| {
            B::product(first, second, third, fourth, matrix)
        };
        match Product.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prep) => prep.finish(parts.clone(), value(parts)),
            OpsKind::UnTracked(prep) => prep.finish(value(parts)),
        }
    }

    fn fused_backward(
        _input: FloatTensor<Self>,
        _gradient: FloatTensor<Self>,
        _function: Function,
    ) -> FloatTensor<Self> {
        no_second_derivatives()
    }

    fn normalised_backward(
        _input: FloatTensor<Self>,
        _gain: FloatTensor<Self>,
        _shift: FloatTensor<Self>,
        _gradient: FloatTensor<Self>,
        _normalisation: Normalisation,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        no_second_derivatives()
    }

    fn biased_backward(
        _value: FloatTensor<Self>,
        _gradient: FloatTensor<Self>,
        _is_rectified: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        no_second_derivatives()
    }

    fn clipped_backward(
        _input: FloatTensor<Self>,
        _range: FloatTensor<Self>,
        _gradient: FloatTensor<Self>,
        _bits: u8,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        no_second_derivatives()
    }

    fn product_backward_rows(
        _matrix: FloatTensor<Self>,
        _gradient: FloatTensor<Self>,
        _columns: Range<usize>,
    ) -> FloatTensor<Self> {
        no_second_derivatives()
    }

    fn product_backward_matrix(
        _first: FloatTensor<Self>,
        _second: FloatTensor<Self>,
        _third: FloatTensor<Self>,
        _fourth: FloatTensor<Self>,
        _gradient: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        no_second_derivatives()
    }
}

fn no_second_derivatives() -> ! {
    unreachable!("second derivatives are never taken")
}

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

#[derive(Debug)]
struct Normalised;

impl<B: FusedBackend> Backward<B, 3> for Normalised {
    /// Input, gain and shift.
    type State = ([FloatTensor<B>; 3], Normalisation);

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let ([input, gain, shift], normalisation) = ops.state;
        let gradient = gradients.consume::<B>(&ops.node);
        let (input, gain, shift) =
            B::normalised_backward(input, gain, shift, gradient, normalisation);
        for (parent, value) in ops.parents.into_iter().zip([input, gain, shift]) {
            if let Some(parent) = parent {
                gradients.register::<B>(parent.id, value);
            }
        }
    }
}

#[derive(Debug)]
struct Biased;

impl<B: FusedBackend> Backward<B, 2> for Biased {
    /// The value if it is rectified.
    type State = Option<FloatTensor<B>>;

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let gradient = gradients.consume::<B>(&ops.node);
        let is_rectified = ops.state.is_some();
        let value = ops.state.unwrap_or_else(|| gradient.clone());
        let (input, bias) = B::biased_backward(value, gradient, is_rectified);
        for (parent, value) in ops.parents.into_iter().zip([input, bias]) {
            if let Some(parent) = parent {
                gradients.register::<B>(parent.id, value);
            }
        }
    }
}

#[derive(Debug)]
struct Clipped;

impl<B: FusedBackend> Backward<B, 2> for Clipped {
    /// Input and range; bits.
    type State = ([FloatTensor<B>; 2], u8);

    fn backward(
        self,
        ops: Ops<Self::State, 2>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let ([input, range], bits) = ops.state;
        let gradient = gradients.consume::<B>(&ops.node);
        let (input, range) = B::clipped_backward(input, range, gradient, bits);
        for (parent, value) in ops.parents.into_iter().zip([input, range]) {
            if let Some(parent) = parent {
                gradients.register::<B>(parent.id, value);
            }
        }
    }
}

#[derive(Debug)]
struct Product;

impl<B: FusedBackend> Backward<B, 5> for Product {
    /// Parts of the rows, and the matrix.
    type State = [FloatTensor<B>; 5];

    fn backward(
        self,
        ops: Ops<Self::State, 5>,
        gradients: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [first, second, third, fourth, matrix] = ops.state;
        let gradient = gradients.consume::<B>(&ops.node);
        let [parts @ .., matrix_node] = ops.parents;
        let mut end = 0;
        for (node, part) in parts.into_iter().zip([&first, &second, &third, &fourth]) {
            let start = end;
            end += part.shape()[1];
            if let Some(node) = node {
                let (matrix, gradient) = (matrix.clone(), gradient.clone());
                let value = B::product_backward_rows(matrix, gradient, start..end);
                gradients.register::<B>(node.id, value);
            }
        }
        if let Some(node) = matrix_node {
            let value = B::product_backward_matrix(first, second, third, fourth, gradient);
            gradients.register::<B>(node.id, value);
        }
    }
}
