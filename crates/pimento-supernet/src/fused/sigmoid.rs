//! 1 / (1 + e^-x).

use super::exponential::exp;

#[inline(always)]
pub(super) fn forward(mut values: Vec<f32>) -> Vec<f32> {
    for value in &mut values {
        *value = sigmoid(*value);
    }
    values
}

#[inline(always)]
pub(super) fn backward(input: &[f32], mut gradient: Vec<f32>) -> Vec<f32> {
    for (gradient, &input) in gradient.iter_mut().zip(input) {
        let value = sigmoid(input);
        *gradient *= value * (1.0 - value);
    }
    gradient
}

#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    let decay = exp(-x.abs());
    let near_one = 1.0 / (1.0 + decay);
    if x < 0.0 { decay * near_one } else { near_one }
}
