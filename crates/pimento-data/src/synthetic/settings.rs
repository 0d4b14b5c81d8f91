//! What a synthetic click log looks like.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a synthetic click log looks like. The defaults have the shape of Criteo, 13 dense values
/// and 26 fields, with tables small enough to be learnt from 100 000 rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct SyntheticSettings {
    /// Rows of all splits, from 10 to 2³² − 1.
    pub rows: u32,
    /// Seed of the truth and of the rows.
    pub seed: u64,
    /// Dense values per row; with 0 the dense input is one constant 0.
    pub dense: usize,
    /// Distinct values of each categorical field, from 2 to 10 000 000; missing comes on top.
    pub cardinalities: Vec<u32>,
    /// Mean share of missing values, in [0, 0.5): columns take turns at 0, this, and twice this.
    pub missing_share: f64,
    /// Planted products of the latent factors of two fields.
    pub pairs: usize,
    /// Planted products of the latent factors of two fields that a third field turns over.
    pub triples: usize,
    /// Planted products of a field and a dense value.
    pub crosses: usize,
    /// Length of a latent factor, from 1 to 64.
    pub latent_dim: usize,
    /// Probability of a click, in (0, 1).
    pub base_rate: f64,
    /// Standard deviation of the true logit, in (0, 10]. With a base rate of 0.25, 1.5 gives an
    /// AUC of about 0.82.
    pub logit_sd: f64,
    /// What the variance of the true logit is made of.
    pub variance_shares: VarianceShares,
    /// What the labels of the validation and the test split are; training is always on clicks.
    pub labels: Labels,
}

/// What a label says about a sample.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Labels {
    /// Whether it was clicked, drawn from the true probability.
    #[default]
    Drawn,
    /// The true probability itself: log loss and AUC are then expectations over all draws, and a
    /// log loss minus [`BestPossible::expected`](super::BestPossible::expected)'s is exactly the
    /// divergence of the predictions from the truth.
    Expected,
}

/// What the variance of the true logit is made of, relative to each other. The share of a kind of
/// effect that is not planted does not count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct VarianceShares {
    /// Effects of one value.
    pub first_order: f64,
    /// Effects of pairs.
    pub pairs: f64,
    /// Effects of triples.
    pub triples: f64,
    /// Effects of a field and a dense value.
    pub crosses: f64,
}

/// A setting that does not describe a log.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SyntheticError {
    /// A number out of its range.
    #[error("`{key}` is {found}, expected {expected}")]
    OutOfRange {
        /// The key.
        key: &'static str,
        /// The number.
        found: f64,
        /// Its range.
        expected: &'static str,
    },
    /// No categorical field.
    #[error("`cardinalities` is empty; give at least one field")]
    NoFields,
    /// More planted interactions than there are places for them.
    #[error(
        "`{key}` is {found}, expected at most {most}; interactions are planted among the {fields} \
         smallest fields, add fields or plant fewer"
    )]
    TooManyInteractions {
        /// The key.
        key: &'static str,
        /// Interactions asked for.
        found: usize,
        /// Interactions that there is a place for.
        most: usize,
        /// Fields among which they are planted.
        fields: usize,
    },
    /// No effect has a share of the variance.
    #[error("`variance-shares` is 0 for every effect; give one of them a share")]
    NoVariance,
}

impl Default for SyntheticSettings {
    fn default() -> Self {
        Self {
            rows: 120_000,
            seed: 1,
            dense: 13,
            cardinalities: vec![
                4, 4, 5, 6, 8, 8, 10, 10, 12, 15, 18, 20, 24, 30, 40, 50, 60, 80, 100, 100, 150,
                200, 300, 500, 1000, 2000,
            ],
            missing_share: 0.1,
            pairs: 3,
            triples: 1,
            crosses: 3,
            latent_dim: 2,
            base_rate: 0.25,
            logit_sd: 1.5,
            variance_shares: VarianceShares::default(),
            labels: Labels::default(),
        }
    }
}

impl Default for VarianceShares {
    fn default() -> Self {
        Self {
            first_order: 0.7,
            pairs: 0.15,
            triples: 0.05,
            crosses: 0.1,
        }
    }
}

impl SyntheticSettings {
    /// The first setting that is out of its range, as an error.
    pub fn validate(&self) -> Result<(), SyntheticError> {
        if self.cardinalities.is_empty() {
            return Err(SyntheticError::NoFields);
        }
        self.check_ranges()?;
        self.check_interactions()?;
        let shares = self.shares();
        if shares.iter().sum::<f64>() <= 0.0 {
            return Err(SyntheticError::NoVariance);
        }
        Ok(())
    }

    fn check_ranges(&self) -> Result<(), SyntheticError> {
        let shares = &self.variance_shares;
        let share_range = 0.0..=1e6;
        let smallest = self.cardinalities.iter().min().copied().unwrap_or_default();
        let largest = self.cardinalities.iter().max().copied().unwrap_or_default();
        let sizes = "from 2 to 10000000";
        let positive = f64::MIN_POSITIVE;
        let rules = [
            (
                "rows",
                f64::from(self.rows),
                10.0..=f64::from(u32::MAX),
                "at least 10",
            ),
            ("cardinalities", f64::from(smallest), 2.0..=1e7, sizes),
            ("cardinalities", f64::from(largest), 2.0..=1e7, sizes),
            ("dense", self.dense as f64, 0.0..=1e4, "at most 10000"),
            (
                "missing-share",
                self.missing_share,
                0.0..=0.499,
                "0 or more and below 0.5",
            ),
            (
                "latent-dim",
                self.latent_dim as f64,
                1.0..=64.0,
                "from 1 to 64",
            ),
            (
                "base-rate",
                self.base_rate,
                1e-6..=1.0 - 1e-6,
                "above 0 and below 1",
            ),
            (
                "logit-sd",
                self.logit_sd,
                positive..=10.0,
                "above 0 and at most 10",
            ),
            (
                "first-order",
                shares.first_order,
                share_range.clone(),
                "a share, 0 or more",
            ),
            (
                "pairs",
                shares.pairs,
                share_range.clone(),
                "a share, 0 or more",
            ),
            (
                "triples",
                shares.triples,
                share_range.clone(),
                "a share, 0 or more",
            ),
            ("crosses", shares.crosses, share_range, "a share, 0 or more"),
        ];
        match rules
            .into_iter()
            .find(|(_, found, range, _)| !range.contains(found))
        {
            Some((key, found, _, expected)) => Err(SyntheticError::OutOfRange {
                key,
                found,
                expected,
            }),
            None => Ok(()),
        }
    }

    fn check_interactions(&self) -> Result<(), SyntheticError> {
        let fields = self.interacting_fields().len();
        let pairs = fields * (fields - 1) / 2;
        let triples = pairs * fields.saturating_sub(2) / 3;
        let limits = [
            ("pairs", self.pairs, pairs),
            ("triples", self.triples, triples),
            ("crosses", self.crosses, fields * self.dense),
        ];
        match limits.into_iter().find(|(_, found, most)| found > most) {
            Some((key, found, most)) => Err(SyntheticError::TooManyInteractions {
                key,
                found,
                most,
                fields,
            }),
            None => Ok(()),
        }
    }

    /// The fields among which interactions are planted: the smallest third, since the product of two
    /// rare values is seen too seldom to be learnt, and at least three where there are as many.
    pub(super) fn interacting_fields(&self) -> Vec<usize> {
        let fields = self.cardinalities.len();
        let mut by_size: Vec<usize> = (0..fields).collect();
        by_size.sort_by_key(|&field| self.cardinalities[field]);
        by_size.truncate(fields.div_ceil(3).max(fields.min(3)));
        by_size
    }

    /// Shares of the variance of first-order effects, pairs, triples and crosses; 0 where there is
    /// none of a kind.
    pub(super) fn shares(&self) -> [f64; 4] {
        let shares = &self.variance_shares;
        let planted = |count: usize, share: f64| if count > 0 { share } else { 0.0 };
        [
            shares.first_order,
            planted(self.pairs, shares.pairs),
            planted(self.triples, shares.triples),
            planted(self.crosses, shares.crosses),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut SyntheticSettings), message: &str) {
        let mut settings = SyntheticSettings::default();
        change(&mut settings);
        assert_eq!(settings.validate().unwrap_err().to_string(), message);
    }

    #[test]
    fn the_defaults_are_valid() {
        SyntheticSettings::default().validate().unwrap();
    }

    #[test]
    fn settings_stay_in_their_ranges() {
        check(|s| s.rows = 9, "`rows` is 9, expected at least 10");
        check(
            |s| s.cardinalities = vec![],
            "`cardinalities` is empty; give at least one field",
        );
        check(
            |s| s.cardinalities = vec![1, 5],
            "`cardinalities` is 1, expected from 2 to 10000000",
        );
        check(
            |s| s.base_rate = 1.0,
            "`base-rate` is 1, expected above 0 and below 1",
        );
        check(
            |s| s.logit_sd = f64::NAN,
            "`logit-sd` is NaN, expected above 0 and at most 10",
        );
        check(
            |s| s.missing_share = 0.5,
            "`missing-share` is 0.5, expected 0 or more and below 0.5",
        );
        check(
            |s| s.latent_dim = 0,
            "`latent-dim` is 0, expected from 1 to 64",
        );
    }

    #[test]
    fn interactions_need_fields() {
        check(
            |s| s.cardinalities = vec![5, 5],
            "`pairs` is 3, expected at most 1; interactions are planted among the 2 smallest \
             fields, add fields or plant fewer",
        );
        check(
            |s| (s.cardinalities, s.pairs, s.triples, s.crosses) = (vec![5], 0, 0, 14),
            "`crosses` is 14, expected at most 13; interactions are planted among the 1 smallest \
             fields, add fields or plant fewer",
        );
    }

    #[test]
    fn shares_of_what_is_not_planted_do_not_count() {
        check(
            |s| {
                s.pairs = 0;
                s.variance_shares = VarianceShares {
                    first_order: 0.0,
                    pairs: 1.0,
                    triples: 0.0,
                    crosses: 0.0,
                };
            },
            "`variance-shares` is 0 for every effect; give one of them a share",
        );
    }

    #[test]
    fn unknown_keys_are_refused() {
        let error = toml::from_str::<SyntheticSettings>("row = 5\n").unwrap_err();
        assert!(error.message().contains("`rows`"), "{error}");
    }
}
