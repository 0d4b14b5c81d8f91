//! Which rows of a log are fitted, which are decided on, and which are looked at once.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::Split;

/// How the rows of one log are divided 80/10/10 into training, validation and test.
///
/// File order is kept inside each split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SplitRule {
    /// Each class is shuffled and a tenth of it, rounded, goes to validation and to test, so that
    /// all splits have the same click rate; NASRec, AutoInt and BARS split by stratified folds as
    /// well. The shuffle is ours (Fisher–Yates on ChaCha8), so rows do not move with the version
    /// of a library.
    Stratified {
        /// Seed of the shuffle.
        #[serde(default = "default_seed")]
        seed: u64,
    },
    /// The first 80 % of the rows train, the next 10 % validate, the last 10 % test: the honest
    /// rule for rows in time order.
    Ordered,
}

/// The seed with which the published splits of Criteo and Avazu were made.
fn default_seed() -> u64 {
    2018
}

impl Default for SplitRule {
    fn default() -> Self {
        Self::Stratified {
            seed: default_seed(),
        }
    }
}

impl SplitRule {
    /// The split of each row, given whether it was clicked.
    pub fn assign(self, clicks: &[bool]) -> Vec<Split> {
        let mut splits = vec![Split::Train; clicks.len()];
        match self {
            Self::Stratified { seed } => {
                let mut rng = generator(seed);
                for class in [false, true] {
                    let mut rows: Vec<u32> = (0..clicks.len() as u32)
                        .filter(|&row| clicks[row as usize] == class)
                        .collect();
                    shuffle(&mut rows, &mut rng);
                    hold_out(&rows, &mut splits);
                }
            }
            Self::Ordered => {
                let newest_first: Vec<u32> = (0..clicks.len() as u32).rev().collect();
                hold_out(&newest_first, &mut splits);
            }
        }
        splits
    }
}

/// Sends the first tenth of `rows` to test and the second to validation.
fn hold_out(rows: &[u32], splits: &mut [Split]) {
    let tenth = (rows.len() + 5) / 10;
    for &row in &rows[..tenth] {
        splits[row as usize] = Split::Test;
    }
    for &row in &rows[tenth..(2 * tenth).min(rows.len())] {
        splits[row as usize] = Split::Validation;
    }
}

/// The generator whose key is the seed, eight little-endian bytes and then zeros.
pub(crate) fn generator(seed: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// Fisher–Yates from the end; an index below `n` is the upper half of the product of `n` and the
/// next 64 random bits.
pub(crate) fn shuffle<T>(items: &mut [T], rng: &mut ChaCha8Rng) {
    for last in (1..items.len()).rev() {
        let other = (u128::from(rng.next_u64()) * (last as u128 + 1)) >> 64;
        items.swap(last, other as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(splits: &[Split]) -> [usize; 3] {
        Split::ALL.map(|split| splits.iter().filter(|&&other| other == split).count())
    }

    #[test]
    fn stratified_keeps_the_click_rate() {
        let clicks: Vec<bool> = (0..1000).map(|row| row % 4 == 0).collect();
        let splits = SplitRule::default().assign(&clicks);
        assert_eq!(counts(&splits), [800, 100, 100]);
        let of_clicks: Vec<Split> = splits
            .iter()
            .zip(&clicks)
            .filter(|(_, click)| **click)
            .map(|(split, _)| *split)
            .collect();
        assert_eq!(counts(&of_clicks), [200, 25, 25]);
    }

    #[test]
    fn stratified_follows_the_seed() {
        let clicks = vec![false; 100];
        let of = |seed| SplitRule::Stratified { seed }.assign(&clicks);
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn ordered_cuts_by_position() {
        let splits = SplitRule::Ordered.assign(&[true; 10]);
        assert_eq!(splits[..8], [Split::Train; 8]);
        assert_eq!(splits[8..], [Split::Validation, Split::Test]);
    }

    #[test]
    fn few_rows_all_train() {
        assert_eq!(SplitRule::default().assign(&[true; 4]), [Split::Train; 4]);
        assert!(SplitRule::default().assign(&[]).is_empty());
    }

    #[test]
    fn a_shuffle_is_a_permutation() {
        let mut items: Vec<u32> = (0..50).collect();
        shuffle(&mut items, &mut generator(7));
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
