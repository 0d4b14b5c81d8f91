//! Normalisation of columns over a batch of rows, and the rectifier after it.

use super::normalise::{Backward, EPSILON, Forward};

/// y = gain ⊙ (x − mean) / √(variance + ε) + shift, mean and variance those of each column; if
/// `is_rectified`, max(0, y).
#[inline(always)]
pub(super) fn forward(forward: &Forward) -> Vec<f32> {
    let columns = Columns::new(forward);
    let floor = floor(forward.is_rectified);
    let mut output = Vec::with_capacity(forward.input.len());
    for row in forward.input.chunks_exact(columns.mean.len()) {
        let values = row.iter().zip(&columns.scale).zip(&columns.mean);
        let values = values.zip(forward.gain.iter().zip(forward.shift));
        output.extend(values.map(|(((x, scale), mean), (gain, shift))| {
            let y = (x - mean) * scale * gain + shift;
            if y > floor { y } else { floor }
        }));
    }
    output
}

/// Gradients of input, gain and shift. With x̂ the normalised input and dy that of the rectifier's
/// input: dx = gain · scale · (dy − mean(dy) − x̂ · mean(dy · x̂)), means over the column.
#[inline(always)]
pub(super) fn backward(backward: &Backward) -> [Vec<f32>; 3] {
    let Backward { forward, gradient } = backward;
    let columns = Columns::new(forward);
    let floor = floor(forward.is_rectified);
    let width = columns.mean.len();
    let (mut slopes, mut normalised) = (gradient.to_vec(), forward.input.to_vec());
    let (mut shifts, mut gains) = (vec![0.0; width], vec![0.0; width]);
    let rows = slopes.chunks_exact_mut(width);
    for (slopes, row) in rows.zip(normalised.chunks_exact_mut(width)) {
        for column in 0..width {
            let x = (row[column] - columns.mean[column]) * columns.scale[column];
            let y = x * forward.gain[column] + forward.shift[column];
            let slope = if y > floor { slopes[column] } else { 0.0 };
            shifts[column] += slope;
            gains[column] += slope * x;
            slopes[column] = slope;
            row[column] = x;
        }
    }
    let share = width as f32 / forward.input.len() as f32;
    let rows = slopes.chunks_exact_mut(width);
    for (slopes, row) in rows.zip(normalised.chunks_exact(width)) {
        for column in 0..width {
            let centred = slopes[column] - share * (shifts[column] + row[column] * gains[column]);
            slopes[column] = centred * forward.gain[column] * columns.scale[column];
        }
    }
    [slopes, gains, shifts]
}

/// Mean and 1 / √(variance + ε) of each column.
struct Columns {
    mean: Vec<f32>,
    scale: Vec<f32>,
}

impl Columns {
    #[inline(always)]
    fn new(forward: &Forward) -> Self {
        let (mean, variance) = moments(forward.input, forward.gain.len());
        let scale = variance.iter().map(|v| 1.0 / (v + EPSILON).sqrt());
        Self {
            scale: scale.collect(),
            mean,
        }
    }
}

/// Mean and variance of each column of rows of `width` values.
#[inline(always)]
pub(crate) fn moments(input: &[f32], width: usize) -> (Vec<f32>, Vec<f32>) {
    let share = width as f32 / input.len() as f32;
    let mut mean = vec![0.0; width];
    for row in input.chunks_exact(width) {
        for (mean, x) in mean.iter_mut().zip(row) {
            *mean += x;
        }
    }
    for mean in &mut mean {
        *mean *= share;
    }
    let mut variance = vec![0.0; width];
    for row in input.chunks_exact(width) {
        for ((variance, mean), x) in variance.iter_mut().zip(&mean).zip(row) {
            *variance += (x - mean) * (x - mean);
        }
    }
    for variance in &mut variance {
        *variance *= share;
    }
    (mean, variance)
}

#[inline(always)]
fn floor(is_rectified: bool) -> f32 {
    if is_rectified { 0.0 } else { f32::NEG_INFINITY }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAIN: [f32; 3] = [0.5, -1.0, 2.0];
    const SHIFT: [f32; 3] = [0.1, 0.2, -0.3];

    fn values(count: usize, seed: usize) -> Vec<f32> {
        (0..count)
            .map(|index| ((index * 37 + seed * 11) % 23) as f32 / 11.0 - 1.0)
            .collect()
    }

    fn forward_of<'a>(input: &'a [f32], gain: &'a [f32], shift: &'a [f32]) -> Forward<'a> {
        Forward {
            input,
            gain,
            shift,
            is_rectified: true,
        }
    }

    #[test]
    fn columns_have_mean_0_and_variance_1() {
        let input = values(60, 3);
        let mut plain = forward_of(&input, &[1.0; 3], &[0.0; 3]);
        plain.is_rectified = false;
        let (mean, variance) = moments(&forward(&plain), 3);
        for (mean, variance) in mean.iter().zip(&variance) {
            assert!(mean.abs() < 1e-6 && (variance - 1.0).abs() < 1e-4);
        }
    }

    /// Against central differences of a weighted sum of the outputs, by every input value.
    #[test]
    fn gradients_are_those_of_central_differences() {
        let (input, weights) = (values(30, 1), values(30, 2));
        let sum = |input: &[f32], gain: &[f32], shift: &[f32]| -> f64 {
            let output = forward(&forward_of(input, gain, shift));
            let terms = output.iter().zip(&weights);
            terms.map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let found = backward(&Backward {
            forward: forward_of(&input, &GAIN, &SHIFT),
            gradient: &weights,
        });
        let step = 1e-3;
        for part in 0..3 {
            for index in 0..found[part].len() {
                let moved = |by: f32| {
                    let mut parts = [input.clone(), GAIN.to_vec(), SHIFT.to_vec()];
                    parts[part][index] += by;
                    sum(&parts[0], &parts[1], &parts[2])
                };
                let expected = (moved(step) - moved(-step)) / f64::from(2.0 * step);
                let error = (f64::from(found[part][index]) - expected).abs();
                assert!(
                    error < 5e-3 * (1.0 + expected.abs()),
                    "{part} {index}: {error}"
                );
            }
        }
    }
}
