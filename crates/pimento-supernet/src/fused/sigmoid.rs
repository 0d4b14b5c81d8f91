//! 1 / (1 + e^-x).

use pulp::{Arch, Simd, WithSimd};

use super::exponential::exp;

pub(super) fn forward(input: &[f32]) -> Vec<f32> {
    let mut output = vec![0.0; input.len()];
    Arch::new().dispatch(Forward {
        input,
        output: &mut output,
    });
    output
}

pub(super) fn backward(input: &[f32], gradient: &[f32]) -> Vec<f32> {
    let mut slopes = forward(input);
    for (value, dy) in slopes.iter_mut().zip(gradient) {
        *value *= (1.0 - *value) * dy;
    }
    slopes
}

struct Forward<'a> {
    input: &'a [f32],
    output: &'a mut [f32],
}

impl WithSimd for Forward<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (input, tail) = S::as_simd_f32s(self.input);
        let (output, tail_output) = S::as_mut_simd_f32s(self.output);
        for (y, x) in output.iter_mut().zip(input) {
            *y = sigmoid(simd, *x);
        }
        let y = sigmoid(simd, simd.partial_load_f32s(tail));
        simd.partial_store_f32s(tail_output, y);
    }
}

#[inline(always)]
fn sigmoid<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    let (zero, one) = (simd.splat_f32s(0.0), simd.splat_f32s(1.0));
    let decay = exp(simd, simd.neg_f32s(simd.abs_f32s(x)));
    let near_one = simd.div_f32s(one, simd.add_f32s(one, decay));
    let near_zero = simd.mul_f32s(decay, near_one);
    simd.select_f32s(simd.less_than_f32s(x, zero), near_zero, near_one)
}
