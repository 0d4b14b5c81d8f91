//! A bias, and the rectifier after it.

/// y = x + bias over rows as long as `bias`; if `is_rectified`, max(0, y).
#[inline(always)]
pub(super) fn forward(input: &[f32], bias: &[f32], is_rectified: bool) -> Vec<f32> {
    let floor = if is_rectified { 0.0 } else { f32::NEG_INFINITY };
    let mut output = Vec::with_capacity(input.len());
    for input in input.chunks_exact(bias.len()) {
        output.extend(
            input
                .iter()
                .zip(bias)
                .map(|(x, bias)| (x + bias).max(floor)),
        );
    }
    output
}

/// Gradients of input and bias.
#[inline(always)]
pub(super) fn backward(
    input: &[f32],
    bias: &[f32],
    gradient: &[f32],
    is_rectified: bool,
) -> [Vec<f32>; 2] {
    let floor = if is_rectified { 0.0 } else { f32::NEG_INFINITY };
    let width = bias.len();
    let (mut output, mut sums) = (vec![0.0; input.len()], vec![0.0; width]);
    let rows = input.chunks_exact(width).zip(gradient.chunks_exact(width));
    for (output, (input, gradient)) in output.chunks_exact_mut(width).zip(rows) {
        let values = output.iter_mut().zip(input).zip(gradient);
        for (((dx, x), dy), (bias, sum)) in values.zip(bias.iter().zip(&mut sums)) {
            *dx = if x + bias > floor { *dy } else { 0.0 };
            *sum += *dx;
        }
    }
    [output, sums]
}
