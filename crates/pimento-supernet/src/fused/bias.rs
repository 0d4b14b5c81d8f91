//! A bias, and the rectifier after it.

/// Values that a loop should at least have, so that vector instructions pay: narrow rows are taken
/// several at once.
const LONG: usize = 128;

/// y = x + bias over rows as long as `bias`; if `is_rectified`, max(0, y).
#[inline(always)]
pub(super) fn forward(input: &[f32], bias: &[f32], is_rectified: bool) -> Vec<f32> {
    let floor = floor(is_rectified);
    let bias = &tile(bias);
    let mut output = vec![0.0; input.len()];
    let rows = output.chunks_mut(bias.len()).zip(input.chunks(bias.len()));
    for (output, input) in rows {
        for ((y, x), bias) in output.iter_mut().zip(input).zip(bias) {
            let sum = x + bias;
            *y = if sum > floor { sum } else { floor };
        }
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
    let floor = floor(is_rectified);
    let width = bias.len();
    let bias = &tile(bias);
    let (mut output, mut sums) = (vec![0.0; input.len()], vec![0.0; bias.len()]);
    let rows = input.chunks(bias.len()).zip(gradient.chunks(bias.len()));
    for (output, (input, gradient)) in output.chunks_mut(bias.len()).zip(rows) {
        let values = output.iter_mut().zip(input).zip(gradient);
        for (((dx, x), dy), (bias, sum)) in values.zip(bias.iter().zip(&mut sums)) {
            *dx = if x + bias > floor { *dy } else { 0.0 };
            *sum += *dx;
        }
    }
    let mut tiles = sums.chunks_exact(width);
    let mut total = tiles.next().expect("there is a tile").to_vec();
    for tile in tiles {
        for (total, sum) in total.iter_mut().zip(tile) {
            *total += sum;
        }
    }
    [output, total]
}

#[inline(always)]
fn floor(is_rectified: bool) -> f32 {
    if is_rectified { 0.0 } else { f32::NEG_INFINITY }
}

/// The row, repeated until it is long.
#[inline(always)]
fn tile(row: &[f32]) -> Vec<f32> {
    row.repeat(LONG.div_ceil(row.len()))
}
