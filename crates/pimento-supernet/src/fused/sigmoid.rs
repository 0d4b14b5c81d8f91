//! 1 / (1 + e^-x).

use super::exponential::exp;

#[inline(always)]
pub(super) fn forward(input: &[f32]) -> Vec<f32> {
    input.iter().map(|&x| sigmoid(x)).collect()
}

#[inline(always)]
pub(super) fn backward(input: &[f32], gradient: &[f32]) -> Vec<f32> {
    let slope = |x| {
        let value = sigmoid(x);
        value * (1.0 - value)
    };
    let values = input.iter().zip(gradient);
    values.map(|(&x, dy)| dy * slope(x)).collect()
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    let decay = exp(-x.abs());
    let near_one = 1.0 / (1.0 + decay);
    if x < 0.0 { decay * near_one } else { near_one }
}
