//! The learning rate over time.

use serde::{Deserialize, Serialize};

/// The smallest learning rate of a schedule.
const FLOOR: f64 = 1e-8;

/// The learning rate over the steps of a training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Linear to the peak over the first tenth, then half a cosine back, as NASRec.
    Cosine,
    /// The peak from the first step on.
    Constant,
}

impl Schedule {
    /// The rate of a step.
    pub(crate) fn learning_rate(self, peak: f64, step: u64, steps: u64) -> f32 {
        match self {
            Self::Cosine => learning_rate(peak, step, steps),
            Self::Constant => peak as f32,
        }
    }
}

/// Linear from 1e-8 to `peak` over the first tenth of `steps`, then half a cosine back to 1e-8, as
/// NASRec trains.
pub(crate) fn learning_rate(peak: f64, step: u64, steps: u64) -> f32 {
    let warm_up = (steps / 10).max(1);
    let rate = if step < warm_up {
        FLOOR + (peak - FLOOR) * step as f64 / warm_up as f64
    } else {
        let progress = (step - warm_up) as f64 / (steps - warm_up).max(1) as f64;
        FLOOR + (peak - FLOOR) * 0.5 * (1.0 + (std::f64::consts::PI * progress.min(1.0)).cos())
    };
    rate as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rises_for_a_tenth_then_falls() {
        let rates: Vec<f32> = (0..=100)
            .map(|step| learning_rate(0.12, step, 100))
            .collect();
        assert!((rates[0] - 1e-8).abs() < 1e-12);
        assert!((rates[5] - 0.06).abs() < 1e-6);
        assert!((rates[10] - 0.12).abs() < 1e-7);
        assert!((rates[55] - 0.06).abs() < 1e-6);
        assert!((rates[100] - 1e-8).abs() < 1e-9);
    }

    #[test]
    fn a_single_step_is_a_schedule() {
        assert!(learning_rate(0.12, 0, 1).is_finite());
        assert!(learning_rate(0.12, 1, 1).is_finite());
    }
}
