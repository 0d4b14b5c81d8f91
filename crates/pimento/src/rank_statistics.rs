//! How well scores rank.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A figure with its 95 % confidence interval.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub(crate) struct Interval {
    /// The figure itself.
    pub(crate) value: f64,
    /// Bounds of the interval: the 2.5th and the 97.5th percentile over resamplings of the items.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Interval {
    /// As people read it.
    pub(crate) fn text(&self) -> String {
        format!("{:.2} [{:.2}, {:.2}]", self.value, self.low, self.high)
    }
}

/// A mean with its standard error; no error for one value.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub(crate) struct Estimate {
    /// The mean; NaN of no values.
    pub(crate) mean: f64,
    /// Its standard error, from the spread of the values.
    pub(crate) standard_error: Option<f64>,
}

impl Estimate {
    /// The mean of independent values.
    pub(crate) fn of(values: &[f64]) -> Self {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Self {
            mean,
            standard_error: (count > 1.0).then(|| (squares / (count - 1.0) / count).sqrt()),
        }
    }

    /// As people read it.
    pub(crate) fn text(&self) -> String {
        format!("{:.4}{}", self.mean, self.error_text())
    }

    /// The same of a difference.
    pub(crate) fn signed_text(&self) -> String {
        format!("{:+.4}{}", self.mean, self.error_text())
    }

    fn error_text(&self) -> String {
        let error = self.standard_error;
        error.map_or_else(String::new, |error| format!(" ± {error:.4}"))
    }
}

/// Resamplings of a bootstrap.
const RESAMPLINGS: usize = 1000;

/// `statistic` of pairs, with the interval of a percentile bootstrap over the pairs.
pub(crate) fn bootstrap(
    pairs: &[(f64, f64)],
    statistic: impl Fn(&[(f64, f64)]) -> f64,
    seed: u64,
) -> Interval {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut values: Vec<f64> = (0..RESAMPLINGS)
        .map(|_| {
            let drawn: Vec<_> = pairs
                .iter()
                .map(|_| pairs[rng.random_range(0..pairs.len())])
                .collect();
            statistic(&drawn)
        })
        .filter(|value| value.is_finite())
        .collect();
    values.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (share * values.len() as f64) as usize;
        values.get(place).copied().unwrap_or(f64::NAN)
    };
    Interval {
        value: statistic(pairs),
        low: at(0.025),
        high: at(0.975),
    }
}

/// Kendall's τ-b: ties in either value count for neither order.
pub(crate) fn kendall_tau(pairs: &[(f64, f64)]) -> f64 {
    let (mut agreement, mut left, mut right) = (0.0, 0.0, 0.0);
    for (index, one) in pairs.iter().enumerate() {
        for other in &pairs[..index] {
            let by_left = order(one.0, other.0);
            let by_right = order(one.1, other.1);
            agreement += by_left * by_right;
            left += by_left * by_left;
            right += by_right * by_right;
        }
    }
    agreement / f64::sqrt(left * right)
}

/// Spearman's ρ: the correlation of the ranks, ties at their mean rank.
pub(crate) fn spearman_rho(pairs: &[(f64, f64)]) -> f64 {
    let ranks = |values: Vec<f64>| -> Vec<f64> {
        values
            .iter()
            .map(|value| values.iter().map(|other| order(*value, *other)).sum())
            .collect()
    };
    // Twice the rank, counted from the middle: the mean is zero.
    let left = ranks(pairs.iter().map(|pair| pair.0).collect());
    let right = ranks(pairs.iter().map(|pair| pair.1).collect());
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    product(&left, &right) / f64::sqrt(product(&left, &left) * product(&right, &right))
}

/// What is lost by taking the best in truth among the `count` best by score: their least truth
/// minus the least of all. Pairs are (score, truth), lower is better.
pub(crate) fn regret(pairs: &[(f64, f64)], count: usize) -> f64 {
    let mut by_score = pairs.to_vec();
    by_score.sort_by(|a, b| a.0.total_cmp(&b.0));
    let least = |pairs: &[(f64, f64)]| pairs.iter().map(|p| p.1).fold(f64::INFINITY, f64::min);
    least(&by_score[..count.min(pairs.len())]) - least(pairs)
}

fn order(one: f64, other: f64) -> f64 {
    match one.total_cmp(&other) {
        std::cmp::Ordering::Less => -1.0,
        std::cmp::Ordering::Equal => 0.0,
        std::cmp::Ordering::Greater => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of `scipy.stats.kendalltau` and `spearmanr` (SciPy 1.17).
    #[test]
    fn agrees_with_scipy_with_and_without_ties() {
        let pairs =
            |left: [f64; 6], right: [f64; 6]| left.into_iter().zip(right).collect::<Vec<_>>();
        let plain = pairs(
            [1.0, 2.0, 3.0, 4.0, 5.0, 6.0],
            [2.0, 1.0, 4.0, 3.0, 6.0, 5.0],
        );
        assert!((kendall_tau(&plain) - 0.6).abs() < 1e-12);
        assert!((spearman_rho(&plain) - 0.828_571_428_571_428_6).abs() < 1e-12);
        let tied = pairs(
            [1.0, 1.0, 2.0, 3.0, 3.0, 4.0],
            [1.0, 2.0, 2.0, 3.0, 1.0, 5.0],
        );
        assert!((kendall_tau(&tied) - 0.538_461_538_461_538_4).abs() < 1e-12);
        assert!((spearman_rho(&tied) - 0.590_909_090_909_090_8).abs() < 1e-12);
    }

    #[test]
    fn regret_by_hand() {
        let pairs = [(3.0, 0.1), (1.0, 0.4), (2.0, 0.2)];
        assert!((regret(&pairs, 1) - 0.3).abs() < 1e-12);
        assert!((regret(&pairs, 2) - 0.1).abs() < 1e-12);
        assert_eq!(regret(&pairs, 3), 0.0);
    }

    #[test]
    fn the_interval_holds_the_figure_and_narrows_with_more_pairs() {
        let pairs = |count: usize| -> Vec<(f64, f64)> {
            (0..count)
                .map(|item| (item as f64, (item * 7 % 5 + item) as f64))
                .collect()
        };
        let few = bootstrap(&pairs(10), kendall_tau, 1);
        let many = bootstrap(&pairs(80), kendall_tau, 1);
        for interval in [few, many] {
            assert!(interval.low <= interval.value && interval.value <= interval.high);
        }
        assert!(many.high - many.low < few.high - few.low);
    }
}
