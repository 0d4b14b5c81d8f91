//! How well predictions agree with labels: log loss and the area under the ROC curve.
//!
//! Both are computed in `f64` whatever the type of the predictions. A label counts as a click if
//! it is above 0.5.

/// Smallest distance of a probability from 0 and 1 in [`log_loss_of_probabilities`].
const PROBABILITY_MARGIN: f64 = 1e-7;

/// Mean binary cross-entropy in nats of `logits` against `labels`: the mean of
/// softplus(z) − y·z, which needs no clipping. NaN if there are no samples or a logit is NaN.
///
/// Panics if the lengths differ.
pub fn log_loss(logits: &[f32], labels: &[f32]) -> f64 {
    assert_eq!(logits.len(), labels.len(), "one logit per label");
    let sum: f64 = logits
        .iter()
        .zip(labels)
        .map(|(&logit, &label)| {
            let logit = f64::from(logit);
            softplus(logit) - f64::from(label) * logit
        })
        .sum();
    sum / labels.len() as f64
}

/// Mean binary cross-entropy in nats of `probabilities` against `labels`. Probabilities are
/// clipped to [1e-7, 1 − 1e-7]; prefer [`log_loss`], which needs no clipping. NaN if there are no
/// samples or a probability is NaN.
///
/// Panics if the lengths differ.
pub fn log_loss_of_probabilities(probabilities: &[f64], labels: &[f32]) -> f64 {
    assert_eq!(
        probabilities.len(),
        labels.len(),
        "one probability per label"
    );
    let sum: f64 = probabilities
        .iter()
        .zip(labels)
        .map(|(&probability, &label)| {
            let p = probability.clamp(PROBABILITY_MARGIN, 1.0 - PROBABILITY_MARGIN);
            let label = f64::from(label);
            -(label * p.ln() + (1.0 - label) * (-p).ln_1p())
        })
        .sum();
    sum / labels.len() as f64
}

/// Area under the ROC curve of `scores` against `labels`: the share of pairs of a click and a
/// non-click in which the click scores higher, equal scores counting one half (Mann–Whitney U with
/// mid-ranks). Exact. `None` if all labels are equal, if there are no samples, or if a score is
/// NaN. Labels between 0 and 1 are probabilities: the value is then the ratio of the expectations of
/// ordered and of all pairs.
///
/// Panics if the lengths differ.
pub fn auc(scores: &[f32], labels: &[f32]) -> Option<f64> {
    assert_eq!(scores.len(), labels.len(), "one score per label");
    if scores.iter().any(|score| score.is_nan()) {
        return None;
    }
    if labels.iter().any(|&label| label != 0.0 && label != 1.0) {
        let wide = |values: &[f32]| values.iter().copied().map(f64::from).collect::<Vec<_>>();
        return expected_auc(&wide(scores), &wide(labels));
    }
    let mut keys: Vec<u64> = scores
        .iter()
        .zip(labels)
        .map(|(&score, &label)| sort_key(score, label > 0.5))
        .collect();
    keys.sort_unstable();
    let (mut below, mut clicks, mut wins) = (0_u64, 0_u64, 0.0_f64);
    for tied in keys.chunk_by(|a, b| a >> 1 == b >> 1) {
        let tied_clicks: u64 = tied.iter().map(|key| key & 1).sum();
        let tied_others = tied.len() as u64 - tied_clicks;
        wins += tied_clicks as f64 * (below as f64 + 0.5 * tied_others as f64);
        below += tied_others;
        clicks += tied_clicks;
    }
    (clicks > 0 && below > 0).then(|| wins / (clicks as f64 * below as f64))
}

/// Expected share of the pairs of a click and a non-click that scores put in order, equal scores
/// counting one half; the ratio of the expectations of ordered and of all pairs.
pub(crate) fn expected_auc(scores: &[f64], probabilities: &[f64]) -> Option<f64> {
    let mut sorted: Vec<(f64, f64)> = scores
        .iter()
        .copied()
        .zip(probabilities.iter().copied())
        .collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut wins, mut clicks, mut self_pairs) = (0.0, 0.0, 0.0, 0.0);
    for tied in sorted.chunk_by(|a, b| a.0 == b.0) {
        let tied_clicks: f64 = tied.iter().map(|(_, p)| p).sum();
        let tied_others: f64 = tied.iter().map(|(_, p)| 1.0 - p).sum();
        let own: f64 = tied.iter().map(|(_, p)| p * (1.0 - p)).sum();
        wins += tied_clicks * below + 0.5 * (tied_clicks * tied_others - own);
        below += tied_others;
        clicks += tied_clicks;
        self_pairs += own;
    }
    let pairs = clicks * below - self_pairs;
    (pairs > 0.0).then(|| wins / pairs)
}

/// A number that sorts as the score does, −0 and 0 being equal; its lowest bit is the label.
fn sort_key(score: f32, is_click: bool) -> u64 {
    let bits = (score + 0.0).to_bits();
    let ordered = if bits >> 31 == 1 {
        !bits
    } else {
        bits | 1 << 31
    };
    u64::from(ordered) << 1 | u64::from(is_click)
}

/// ln(1 + eᶻ) without overflow.
pub(crate) fn softplus(z: f64) -> f64 {
    z.max(0.0) + (-z.abs()).exp().ln_1p()
}

/// 1 / (1 + e⁻ᶻ).
pub(crate) fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_auc_of_two_rows() {
        // Ordered pairs: the upper row clicks and the lower does not, .8 × .7; all pairs: that and
        // the reverse, .3 × .2.
        let auc = expected_auc(&[1.0, 0.0], &[0.8, 0.3]).unwrap();
        assert!((auc - 0.56 / 0.62).abs() < 1e-12);
        assert_eq!(expected_auc(&[0.0, 0.0], &[0.8, 0.3]), Some(0.5));
        assert_eq!(expected_auc(&[0.0], &[0.8]), None);
        let soft = crate::auc(&[1.0, 0.0], &[0.8, 0.3]).unwrap();
        assert!((soft - auc).abs() < 1e-7);
    }

    #[test]
    fn auc_counts_pairs() {
        // Pairs (click, non-click): .8 > .2, .8 > .6, .4 > .2, .4 < .6.
        assert_eq!(
            auc(&[0.8, 0.4, 0.2, 0.6], &[1.0, 1.0, 0.0, 0.0]),
            Some(0.75)
        );
    }

    #[test]
    fn equal_scores_count_one_half() {
        assert_eq!(auc(&[0.5, 0.5, 0.5], &[1.0, 0.0, 0.0]), Some(0.5));
        assert_eq!(auc(&[0.0, -0.0], &[1.0, 0.0]), Some(0.5));
    }

    #[test]
    fn infinite_scores_rank_at_the_ends() {
        let scores = [f32::NEG_INFINITY, -1.0, f32::INFINITY];
        assert_eq!(auc(&scores, &[0.0, 0.0, 1.0]), Some(1.0));
        assert_eq!(auc(&scores, &[1.0, 0.0, 0.0]), Some(0.0));
    }

    #[test]
    fn auc_is_absent_without_pairs() {
        assert_eq!(auc(&[], &[]), None);
        assert_eq!(auc(&[0.1, 0.9], &[1.0, 1.0]), None);
        assert_eq!(auc(&[0.1, 0.9], &[0.0, 0.0]), None);
        assert_eq!(auc(&[f32::NAN, 0.9], &[0.0, 1.0]), None);
    }

    #[test]
    fn a_logit_of_0_costs_ln_2() {
        assert!((log_loss(&[0.0, 0.0], &[0.0, 1.0]) - 2_f64.ln()).abs() < 1e-15);
    }

    #[test]
    fn large_logits_stay_finite() {
        assert_eq!(log_loss(&[1000.0, -1000.0], &[0.0, 1.0]), 1000.0);
        assert_eq!(log_loss(&[1000.0, -1000.0], &[1.0, 0.0]), 0.0);
    }

    #[test]
    fn certain_and_wrong_probabilities_are_clipped() {
        let loss = log_loss_of_probabilities(&[0.0], &[1.0]);
        assert!((loss - 1e7_f64.ln()).abs() < 1e-9);
    }

    #[test]
    fn no_samples_have_no_log_loss() {
        assert!(log_loss(&[], &[]).is_nan());
    }
}
