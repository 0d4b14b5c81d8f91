//! The optimiser of NASRec: Adagrad with one accumulator per value and ε outside the root.

/// One step of Adagrad: `a += g²`, `w -= learning_rate · g / (√a + epsilon)`, where `g` is the
/// gradient times `gradient_scale`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Adagrad {
    /// Step size.
    pub(crate) learning_rate: f32,
    /// Added to the root.
    pub(crate) epsilon: f32,
    /// Factor on every gradient, below one when the global norm is clipped.
    pub(crate) gradient_scale: f32,
}

impl Adagrad {
    /// Updates values that lie side by side.
    #[expect(clippy::inline_always, reason = "compiled into vectorised callers")]
    #[inline(always)]
    pub(crate) fn update(&self, values: &mut [f32], accumulators: &mut [f32], gradients: &[f32]) {
        for ((value, accumulator), gradient) in values
            .iter_mut()
            .zip(accumulators.iter_mut())
            .zip(gradients)
        {
            let gradient = gradient * self.gradient_scale;
            *accumulator += gradient * gradient;
            *value -= self.learning_rate * gradient / (accumulator.sqrt() + self.epsilon);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_steps_by_hand() {
        let adagrad = Adagrad {
            learning_rate: 0.1,
            epsilon: 0.01,
            gradient_scale: 0.5,
        };
        let (mut value, mut accumulator) = ([1.0], [0.0]);
        adagrad.update(&mut value, &mut accumulator, &[4.0]);
        assert_eq!(accumulator, [4.0]);
        assert!((value[0] - (1.0 - 0.2 / 2.01)).abs() < 1e-6);
        adagrad.update(&mut value, &mut accumulator, &[0.0]);
        assert!(
            (value[0] - (1.0 - 0.2 / 2.01)).abs() < 1e-6,
            "no gradient, no change"
        );
    }
}
