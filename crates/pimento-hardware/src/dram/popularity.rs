//! How accesses are spread over the rows of a table.

use std::iter;

/// Rows, by falling popularity, that are told apart one by one; later ones are binned.
const SINGLE_ROWS: u64 = 256;
/// Bins of a factor of e of the rank beyond.
const BINS_PER_E: f64 = 100.0;

/// The shares of a table's accesses that its rows take: rows of about equal share in bins, the hottest
/// first. Shares add up to 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Popularity {
    bins: Vec<Bin>,
    rows: f64,
}

/// Rows of the same share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bin {
    /// How many.
    pub(crate) rows: f64,
    /// Share of the accesses that each of them takes.
    pub(crate) share: f64,
}

impl Popularity {
    /// All rows alike. A table without rows has one.
    pub fn uniform(rows: u64) -> Self {
        let rows = rows.max(1) as f64;
        let share = 1.0 / rows;
        Self {
            bins: vec![Bin { rows, share }],
            rows,
        }
    }

    /// The law of Zipf and Mandelbrot: the share of the i-th row, from 1, is in proportion to
    /// (i + `shift`)^−`exponent`. Exponent 0 is the uniform law, shift 0 Zipf's. On the five largest
    /// tables of Criteo-Kaggle the hit rates of a cache are those of exponent 1.10 and shift 5
    /// (`docs/cost-model.md`).
    pub fn zipf_mandelbrot(rows: u64, exponent: f64, shift: f64) -> Self {
        if exponent == 0.0 {
            return Self::uniform(rows);
        }
        let rows = rows.max(1);
        let single = SINGLE_ROWS.min(rows);
        let mut weights: Vec<Bin> = (1..=single)
            .map(|rank| Bin {
                rows: 1.0,
                share: (rank as f64 + shift).powf(-exponent),
            })
            .collect();
        let (mut first, step) = (single + 1, (1.0 / BINS_PER_E).exp());
        while first <= rows {
            let next = ((first as f64 * step).ceil() as u64).clamp(first + 1, rows + 1);
            let count = (next - first) as f64;
            // The sum over the ranks of a bin is an integral from half a rank before the first.
            let integral = power_integral(
                first as f64 - 0.5 + shift,
                next as f64 - 0.5 + shift,
                exponent,
            );
            weights.push(Bin {
                rows: count,
                share: integral / count,
            });
            first = next;
        }
        Self::normalised(weights, rows as f64)
    }

    /// Measured accesses: how often each row was read, in any order. Rows beyond those listed, up to
    /// `rows`, were never read.
    pub fn histogram(counts: &[u64], rows: u64) -> Self {
        let mut counts: Vec<u64> = counts.iter().copied().filter(|&count| count > 0).collect();
        if counts.is_empty() {
            return Self::uniform(rows);
        }
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let mut bins: Vec<Bin> = Vec::new();
        for count in &counts {
            let share = *count as f64;
            match bins.last_mut() {
                Some(bin) if bin.share == share => bin.rows += 1.0,
                _ => bins.push(Bin { rows: 1.0, share }),
            }
        }
        Self::normalised(bins, rows.max(counts.len() as u64) as f64)
    }

    /// Reads of rows in bins: rows, at least one, and reads of all of them, the hottest first.
    pub(crate) fn counted(bins: &[(u64, u64)]) -> Self {
        let rows = bins.iter().map(|&(rows, _)| rows as f64).sum();
        let bins: Vec<Bin> = bins
            .iter()
            .filter(|&&(_, reads)| reads > 0)
            .map(|&(rows, reads)| Bin {
                rows: rows as f64,
                share: reads as f64 / rows as f64,
            })
            .collect();
        if bins.is_empty() {
            return Self::uniform(rows as u64);
        }
        Self::normalised(bins, rows)
    }

    /// The same table with `group` rows, taken at random, in place of each one: the quotients of a
    /// quotient–remainder table, or rows that share a hashed one. The hottest rows fall into
    /// different groups, all others spread evenly.
    #[must_use]
    pub fn grouped(&self, group: u64) -> Self {
        if group <= 1 {
            return self.clone();
        }
        let groups = (self.rows / group as f64).ceil();
        let mut bins = Vec::new();
        let (mut left, mut head) = (groups, 0.0);
        for bin in &self.bins {
            let rows = bin.rows.min(left);
            if rows <= 0.0 {
                break;
            }
            head += rows * bin.share;
            left -= rows;
            bins.push(Bin { rows, ..*bin });
        }
        if left > 0.0 {
            bins.push(Bin {
                rows: left,
                share: 0.0,
            });
        }
        let tail = (1.0 - head).max(0.0) / groups;
        for bin in &mut bins {
            bin.share += tail;
        }
        Self::normalised(bins, groups)
    }

    /// The same values where no more than `rows` rows are stored for them, by their remainders: a hashed
    /// table. Itself where it has no more rows.
    #[must_use]
    pub fn shared_among(&self, rows: u64) -> Self {
        self.grouped((self.rows / rows.max(1) as f64).ceil() as u64)
    }

    fn normalised(mut bins: Vec<Bin>, rows: f64) -> Self {
        let total: f64 = bins.iter().map(|bin| bin.rows * bin.share).sum();
        for bin in &mut bins {
            bin.share /= total;
        }
        Self { bins, rows }
    }

    /// Rows of the table.
    pub fn rows(&self) -> f64 {
        self.rows
    }

    pub(crate) fn bins(&self) -> &[Bin] {
        &self.bins
    }

    /// Share of the hottest row.
    pub fn hottest(&self) -> f64 {
        self.bins.first().map_or(0.0, |bin| bin.share)
    }

    /// Rows that copies add so that none is asked for more often than the hottest one with `copies` of it: as
    /// many of every row as its share asks for.
    pub fn copied(&self, copies: f64) -> f64 {
        let least = self.hottest() / copies.max(1.0);
        let hot = self.bins.iter().take_while(|bin| bin.share > least);
        // A share that is rounded shall not take a copy more.
        hot.map(|bin| bin.rows * ((bin.share / least - 1e-9).ceil() - 1.0))
            .sum()
    }

    /// Expected number of different rows among `draws` independent accesses.
    pub fn unique(&self, draws: f64) -> f64 {
        let seen = |bin: &Bin| bin.rows * -(draws * (-bin.share).ln_1p()).exp_m1();
        self.bins.iter().map(seen).sum()
    }

    /// Share of the accesses that goes to the `rows` hottest rows.
    pub fn head(&self, rows: f64) -> f64 {
        let mut left = rows;
        let taken = iter::from_fn({
            let mut bins = self.bins.iter();
            move || {
                let bin = bins.next()?;
                let rows = bin.rows.min(left.max(0.0));
                left -= rows;
                (rows > 0.0).then_some(rows * bin.share)
            }
        });
        taken.sum::<f64>().min(1.0)
    }
}

/// ∫ x^−exponent over [from, to].
fn power_integral(from: f64, to: f64, exponent: f64) -> f64 {
    // (to^(1−s) − from^(1−s)) / (1−s) without loss near s = 1.
    let power = 1.0 - exponent;
    let ratio = (to / from).ln();
    if power.abs() * ratio < 1e-12 {
        return from.powf(power) * ratio;
    }
    from.powf(power) * (power * ratio).exp_m1() / power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(popularity: &Popularity) -> f64 {
        let bins = popularity.bins().iter();
        bins.map(|bin| bin.rows * bin.share).sum()
    }

    #[test]
    fn bins_are_the_sum_over_all_ranks() {
        let (rows, exponent, shift) = (300_000_u64, 1.1, 5.0);
        let law = Popularity::zipf_mandelbrot(rows, exponent, shift);
        let weight = |rank: u64| (rank as f64 + shift).powf(-exponent);
        let all: f64 = (1..=rows).map(weight).sum();
        assert!((total(&law) - 1.0).abs() < 1e-12);
        assert!((law.hottest() * all / weight(1) - 1.0).abs() < 1e-5);
        let (draws, head) = (5000.0, 20_000);
        let unique: f64 = (1..=rows)
            .map(|rank| 1.0 - (1.0 - weight(rank) / all).powf(draws))
            .sum();
        assert!((law.unique(draws) / unique - 1.0).abs() < 1e-5);
        let share: f64 = (1..=head).map(weight).sum::<f64>() / all;
        assert!((law.head(head as f64) / share - 1.0).abs() < 1e-4);
    }

    #[test]
    fn a_histogram_is_what_was_counted() {
        let law = Popularity::histogram(&[1, 0, 6, 1, 2], 10);
        assert_eq!(law.hottest(), 0.6);
        assert_eq!(law.head(2.0), 0.8);
        assert!((law.head(3.5) - 0.95).abs() < 1e-12);
        assert_eq!(law.head(100.0), 1.0);
        assert_eq!((law.rows(), total(&law)), (10.0, 1.0));
        let unread = Popularity::histogram(&[0, 0], 2);
        assert_eq!(unread, Popularity::uniform(2));
    }

    #[test]
    fn groups_keep_all_accesses() {
        let law = Popularity::zipf_mandelbrot(1000, 1.0, 0.0).grouped(4);
        assert_eq!(law.rows(), 250.0);
        assert!((total(&law) - 1.0).abs() < 1e-12);
        assert_eq!(
            Popularity::uniform(1000).grouped(4),
            Popularity::uniform(250)
        );
    }
}
