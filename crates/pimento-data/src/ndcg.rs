//! How well a ranking puts relevant rows first: normalised discounted cumulative gain.
//!
//! Cumulated gain with a discount: Järvelin and Kekäläinen, *Cumulated gain-based evaluation of IR
//! techniques*, ACM TOIS 20 (4), 2002. The discount log₂(1 + position) from the first position on: Burges et al.,
//! *Learning to rank using gradient descent*, ICML 2005; their gain 2ʳ − 1 and the gain r that is used here
//! are equal for clicks. For relevances that are probabilities, gain r makes the discounted gain its
//! expectation.

/// The rows of one query that a ranking is measured by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ndcg<'r> {
    relevances: &'r [f32],
    top: usize,
    ideal: f64,
}

impl<'r> Ndcg<'r> {
    /// The measure that looks at the first `top` places of a ranking of rows with these `relevances`, none
    /// below 0. Absent if no row is relevant, or no place counts.
    pub fn at(top: usize, relevances: &'r [f32]) -> Option<Self> {
        let rows = (0..relevances.len() as u32).collect();
        let mut measure = Self {
            relevances,
            top,
            ideal: 0.0,
        };
        measure.ideal = measure.gain(&best_rows(rows, relevances, top));
        (measure.ideal > 0.0).then_some(measure)
    }

    /// Discounted gain of `ranking`, rows with the best first, over that of the ideal one, in [0, 1]. A ranking
    /// of fewer rows than places leaves the last places empty, without a gain.
    ///
    /// Panics if a row does not exist.
    pub fn of(&self, ranking: &[u32]) -> f64 {
        self.gain(ranking) / self.ideal
    }

    /// The sum of relevance / log₂(1 + position), positions from 1.
    fn gain(&self, ranking: &[u32]) -> f64 {
        let places = ranking.iter().take(self.top).enumerate();
        let gains = places.map(|(place, &row)| {
            f64::from(self.relevances[row as usize]) / (place as f64 + 2.0).log2()
        });
        gains.sum()
    }
}

/// The `count` rows with the highest scores, best first; of equal scores the lower row is first. NaN counts
/// as the lowest score, and −0 as 0.
///
/// Panics if a row has no score.
pub fn best_rows(mut rows: Vec<u32>, scores: &[f32], count: usize) -> Vec<u32> {
    let key = |row: u32| match scores[row as usize] {
        score if score.is_nan() => f32::NEG_INFINITY,
        score => score + 0.0,
    };
    let order = |a: &u32, b: &u32| key(*b).total_cmp(&key(*a)).then(a.cmp(b));
    if count < rows.len() {
        rows.select_nth_unstable_by(count, order);
        rows.truncate(count);
    }
    rows.sort_unstable_by(order);
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLICKS: [f32; 4] = [0.0, 1.0, 0.0, 1.0];

    fn check(top: usize, ranking: &[u32], expected: f64) {
        let ndcg = Ndcg::at(top, &CLICKS).unwrap().of(ranking);
        assert!((ndcg - expected).abs() < 1e-12, "{ndcg}");
    }

    #[test]
    fn gains_are_discounted_by_place() {
        // Ideal: 1 / log₂ 2 + 1 / log₂ 3.
        let ideal = 1.0 + 1.0 / 3_f64.log2();
        check(4, &[1, 3, 0, 2], 1.0);
        check(4, &[3, 1, 2, 0], 1.0);
        // Clicks in the second and in the fourth place: 1 / log₂ 3 + 1 / log₂ 5.
        check(
            4,
            &[0, 1, 2, 3],
            (1.0 / 3_f64.log2() + 1.0 / 5_f64.log2()) / ideal,
        );
        check(3, &[0, 1, 2, 3], 1.0 / 3_f64.log2() / ideal);
        check(1, &[0, 1, 2, 3], 0.0);
        check(1, &[3, 0, 2, 1], 1.0);
    }

    #[test]
    fn empty_places_gain_nothing() {
        let ideal = 1.0 + 1.0 / 3_f64.log2();
        check(4, &[3], 1.0 / ideal);
        check(4, &[], 0.0);
        check(9, &[1, 3, 0, 2], 1.0);
    }

    #[test]
    fn relevances_may_be_probabilities() {
        // .5 / log₂ 2 + 1 / log₂ 3 over 1 / log₂ 2 + .5 / log₂ 3.
        let ndcg = Ndcg::at(2, &[0.5, 1.0]).unwrap().of(&[0, 1]);
        let third = 1.0 / 3_f64.log2();
        assert!((ndcg - (0.5 + third) / (1.0 + 0.5 * third)).abs() < 1e-12);
    }

    #[test]
    fn without_a_click_there_is_no_measure() {
        assert_eq!(Ndcg::at(2, &[0.0, 0.0]), None);
        assert_eq!(Ndcg::at(2, &[]), None);
        assert_eq!(Ndcg::at(0, &CLICKS), None);
    }

    #[test]
    fn equal_scores_are_ranked_by_row() {
        let check = |scores: &[f32], count, expected: &[u32]| {
            let rows = (0..scores.len() as u32).rev().collect();
            assert_eq!(best_rows(rows, scores, count), expected);
        };
        check(&[1.0, 2.0, 2.0, 3.0], 4, &[3, 1, 2, 0]);
        check(&[1.0, 2.0, 2.0, 3.0], 2, &[3, 1]);
        check(&[-0.0, 0.0, 0.0], 9, &[0, 1, 2]);
        check(&[f32::NAN, f32::MIN, f32::NEG_INFINITY], 3, &[1, 0, 2]);
        check(&[1.0], 0, &[]);
    }

    #[test]
    fn only_the_rows_given_are_ranked() {
        assert_eq!(best_rows(vec![0, 2], &[1.0, 9.0, 3.0], 2), [2, 0]);
    }
}
