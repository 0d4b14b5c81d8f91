//! Layer normalisation without its gain and shift.

/// Added to the variance.
const EPSILON: f32 = 1e-5;

#[inline(always)]
pub(super) fn forward(mut values: Vec<f32>, group: usize) -> Vec<f32> {
    for values in values.chunks_mut(group) {
        let (mean, scale) = mean_and_scale(values);
        for value in values {
            *value = (*value - mean) * scale;
        }
    }
    values
}

/// dx = (dy − mean(dy) − x̂ · mean(dy · x̂)) · scale.
#[inline(always)]
pub(super) fn backward(input: &[f32], mut gradient: Vec<f32>, group: usize) -> Vec<f32> {
    for (gradient, input) in gradient.chunks_mut(group).zip(input.chunks(group)) {
        let (mean, scale) = mean_and_scale(input);
        let count = input.len() as f32;
        let gradient_mean = sum(gradient.iter().copied()) / count;
        let products = gradient
            .iter()
            .zip(input)
            .map(|(dy, x)| dy * (x - mean) * scale);
        let projection = sum(products) / count;
        for (gradient, x) in gradient.iter_mut().zip(input) {
            *gradient = (*gradient - gradient_mean - (x - mean) * scale * projection) * scale;
        }
    }
    gradient
}

#[inline(always)]
fn mean_and_scale(values: &[f32]) -> (f32, f32) {
    let count = values.len() as f32;
    let mean = sum(values.iter().copied()) / count;
    let variance = sum(values.iter().map(|value| (value - mean) * (value - mean))) / count;
    (mean, 1.0 / (variance + EPSILON).sqrt())
}

/// A sum in eight lanes, so that it vectorises; the order of additions is fixed.
#[inline(always)]
fn sum(mut values: impl ExactSizeIterator<Item = f32>) -> f32 {
    let mut lanes = [0.0_f32; 8];
    for _ in 0..values.len() / 8 {
        for lane in &mut lanes {
            *lane += values.next().unwrap_or(0.0);
        }
    }
    let rest: f32 = values.sum();
    lanes.iter().sum::<f32>() + rest
}
