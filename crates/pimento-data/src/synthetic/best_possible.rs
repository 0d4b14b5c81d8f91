//! What the best predictor scores.

use serde::{Deserialize, Serialize};

use crate::{
    auc, log_loss,
    metrics::{expected_auc, sigmoid, softplus},
};

/// A log loss in nats and an AUC, absent if it is not defined.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Mean binary cross-entropy in nats.
    pub log_loss: f64,
    /// Area under the ROC curve.
    pub auc: Option<f64>,
}

/// What the true probabilities score on a split, and what less complete predictors do.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BestPossible {
    /// Log loss, in nats, of the true probabilities on the log's labels. A predictor may fall below
    /// it by luck, by about 1 / √rows, if they were drawn.
    pub log_loss: f64,
    /// AUC of the true probabilities on the log's labels; absent if they are all equal.
    pub auc: Option<f64>,
    /// Score of the true probabilities in expectation over labels; the log loss is their entropy.
    pub expected: Score,
    /// Score, in expectation over labels, of the first-order part of the truth, scaled and shifted
    /// to its lowest log loss: about what logistic regression can reach.
    pub first_order: Score,
    /// Log loss, in nats, of the best constant in expectation over labels: the entropy of the base
    /// rate.
    pub constant_log_loss: f64,
}

impl BestPossible {
    /// Scores of the true `logits` and of their `first_order` part.
    pub(super) fn new(logits: &[f64], first_order: &[f64], labels: &[f32]) -> Self {
        let probabilities: Vec<f64> = logits.iter().map(|&logit| sigmoid(logit)).collect();
        let (bias, slope) = fit_line(first_order, &probabilities);
        let fitted: Vec<f64> = first_order
            .iter()
            .map(|score| bias + slope * score)
            .collect();
        let single: Vec<f32> = logits.iter().map(|&logit| logit as f32).collect();
        let rate = probabilities.iter().sum::<f64>() / probabilities.len() as f64;
        let base_logit = (rate / (1.0 - rate)).ln();
        Self {
            log_loss: log_loss(&single, labels),
            auc: auc(&single, labels),
            expected: Score::expected(logits, &probabilities),
            first_order: Score::expected(&fitted, &probabilities),
            constant_log_loss: softplus(base_logit) - rate * base_logit,
        }
    }
}

impl Score {
    /// Score of logits in expectation over labels with these probabilities.
    fn expected(logits: &[f64], probabilities: &[f64]) -> Self {
        let losses = logits
            .iter()
            .zip(probabilities)
            .map(|(&z, p)| softplus(z) - p * z);
        let log_loss = losses.sum::<f64>() / logits.len() as f64;
        Self {
            log_loss,
            auc: expected_auc(logits, probabilities),
        }
    }
}

/// Bias and slope of the logistic line through `scores` that has the lowest log loss against
/// probabilities (Newton's method).
fn fit_line(scores: &[f64], probabilities: &[f64]) -> (f64, f64) {
    let (mut bias, mut slope) = (0.0, 1.0);
    for _ in 0..20 {
        let (mut g0, mut g1, mut h00, mut h01, mut h11) = (0.0, 0.0, 1e-9, 0.0, 1e-9);
        for (&x, &p) in scores.iter().zip(probabilities) {
            let q = sigmoid(bias + slope * x);
            let curvature = q * (1.0 - q);
            g0 += q - p;
            g1 += (q - p) * x;
            h00 += curvature;
            h01 += curvature * x;
            h11 += curvature * x * x;
        }
        let determinant = h00 * h11 - h01 * h01;
        if determinant.abs() < 1e-12 {
            break;
        }
        bias -= (h11 * g0 - h01 * g1) / determinant;
        slope -= (h00 * g1 - h01 * g0) / determinant;
    }
    (bias, slope)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_line_of_true_logits_is_the_identity() {
        let logits: Vec<f64> = (-20..20).map(|x| f64::from(x) / 5.0).collect();
        let probabilities: Vec<f64> = logits.iter().map(|&z| sigmoid(z)).collect();
        let halves: Vec<f64> = logits.iter().map(|z| z / 2.0 + 1.0).collect();
        let (bias, slope) = fit_line(&halves, &probabilities);
        assert!(
            (slope - 2.0).abs() < 1e-9 && (bias + 2.0).abs() < 1e-9,
            "{bias} {slope}"
        );
    }

    #[test]
    fn expected_log_loss_of_the_truth_is_the_entropy() {
        let score = Score::expected(&[0.0, 3_f64.ln()], &[0.5, 0.75]);
        let entropy = 0.75 * (4.0_f64 / 3.0).ln() + 0.25 * 4_f64.ln();
        assert!((score.log_loss - f64::midpoint(2_f64.ln(), entropy)).abs() < 1e-12);
    }
}
