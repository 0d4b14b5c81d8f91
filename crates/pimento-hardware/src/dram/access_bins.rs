//! How often the rows of a table were read, short enough to be kept with a design.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::dram::popularity::Popularity;

/// Rows, by falling number of reads, that have a bin of their own.
const SINGLE_ROWS: usize = 16;
/// Most bins of the other rows that were read.
const OTHER_BINS: usize = 46;

/// Reads of a table's rows, in bins of similar rows, the hottest first; at most 63 when counted. In text:
/// `ROWS:READS` of each bin, the reads being those of all its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AccessBins(Vec<(u64, u64)>);

/// Why a text is not a list of bins.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AccessBinsError {
    /// Something else than two numbers, or no rows.
    #[error("`{0}` is no bin, expected `ROWS:READS` with at least one row")]
    Bin(String),
    /// Rows after others that are read less.
    #[error("bin `{0}` is read more per row than the one before it: the hottest rows come first")]
    Order(String),
    /// No bins.
    #[error("there are no bins, expected `ROWS:READS` of at least one")]
    Empty,
    /// More than can be counted.
    #[error("bins have more than 2^53 rows or reads")]
    TooMany,
}

impl AccessBins {
    /// Bins of counted reads, one count per row in any order.
    pub fn of_counts(counts: &[u32]) -> Self {
        let mut read: Vec<u64> = counts
            .iter()
            .filter(|&&count| count > 0)
            .map(|&count| u64::from(count))
            .collect();
        read.sort_unstable_by(|a, b| b.cmp(a));
        let (single, others) = read.split_at(read.len().min(SINGLE_ROWS));
        let mut bins: Vec<(u64, u64)> = single.iter().map(|&reads| (1, reads)).collect();
        let (all, mut done) = (others.len() + SINGLE_ROWS, SINGLE_ROWS);
        for bin in 1..=OTHER_BINS {
            // Ends of bins are a geometric series of ranks.
            let share = bin as f64 / OTHER_BINS as f64;
            let end = all as f64 * (SINGLE_ROWS as f64 / all as f64).powf(1.0 - share);
            let end = (end.round() as usize).min(all);
            if end > done {
                let reads = others[done - SINGLE_ROWS..end - SINGLE_ROWS].iter().sum();
                bins.push(((end - done) as u64, reads));
                done = end;
            }
        }
        let unread = counts.len() - read.len();
        if unread > 0 || bins.is_empty() {
            bins.push((unread.max(1) as u64, 0));
        }
        Self(bins)
    }

    /// The popularity of the rows; that of rows of which none was read is uniform.
    pub fn popularity(&self) -> Popularity {
        Popularity::counted(&self.0)
    }

    fn checked(bins: Vec<(u64, u64)>) -> Result<Self, AccessBinsError> {
        const MOST: u64 = 1 << 53;
        let mut sums = (0_u64, 0_u64);
        for &(rows, reads) in &bins {
            sums = (sums.0.saturating_add(rows), sums.1.saturating_add(reads));
        }
        if sums.0 > MOST || sums.1 > MOST {
            return Err(AccessBinsError::TooMany);
        }
        if bins.is_empty() {
            return Err(AccessBinsError::Empty);
        }
        let mean = |&(rows, reads): &(u64, u64)| reads as f64 / rows as f64;
        match bins.windows(2).find(|two| mean(&two[1]) > mean(&two[0])) {
            Some(two) => Err(AccessBinsError::Order(text(two[1]))),
            None => Ok(Self(bins)),
        }
    }
}

fn text((rows, reads): (u64, u64)) -> String {
    format!("{rows}:{reads}")
}

impl fmt::Display for AccessBins {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bins: Vec<String> = self.0.iter().copied().map(text).collect();
        formatter.write_str(&bins.join(" "))
    }
}

impl FromStr for AccessBins {
    type Err = AccessBinsError;

    fn from_str(text: &str) -> Result<Self, AccessBinsError> {
        let bin = |bin: &str| {
            let numbers = bin.split_once(':');
            numbers
                .and_then(|(rows, reads)| Some((rows.parse().ok()?, reads.parse().ok()?)))
                .filter(|&(rows, _)| rows > 0_u64)
                .ok_or_else(|| AccessBinsError::Bin(bin.to_owned()))
        };
        Self::checked(text.split_whitespace().map(bin).collect::<Result<_, _>>()?)
    }
}

impl TryFrom<String> for AccessBins {
    type Error = AccessBinsError;

    fn try_from(text: String) -> Result<Self, AccessBinsError> {
        text.parse()
    }
}

impl From<AccessBins> for String {
    fn from(bins: AccessBins) -> Self {
        bins.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dram::cache::CachePolicy;

    #[test]
    fn few_rows_are_counted_one_by_one() {
        let bins = AccessBins::of_counts(&[1, 0, 6, 1, 2, 0]);
        assert_eq!(bins.to_string(), "1:6 1:2 1:1 1:1 2:0");
        let law = bins.popularity();
        assert_eq!((law.rows(), law.hottest()), (6.0, 0.6));
        assert_eq!(law.head(2.0), 0.8);
        let unread = AccessBins::of_counts(&[0, 0]).popularity();
        assert_eq!(unread, Popularity::uniform(2));
        assert_eq!(AccessBins::of_counts(&[]).to_string(), "1:0");
    }

    #[test]
    fn texts_that_are_no_bins_are_refused() {
        let check = |text: &str, expected: &str| {
            let error = text
                .parse::<AccessBins>()
                .map_err(|error| error.to_string());
            assert!(
                error.as_ref().is_err_and(|error| error.contains(expected)),
                "{error:?}"
            );
        };
        check("", "there are no bins");
        check("1:5 x", "`x` is no bin");
        check("0:5", "`0:5` is no bin");
        check("1:-5", "`1:-5` is no bin");
        check("2:4 1:3", "bin `1:3` is read more");
        check("9007199254740993:0", "more than 2^53");
        let bins: Result<AccessBins, _> = "1:5 3:9 7:0".parse();
        assert_eq!(bins.map(String::from), Ok("1:5 3:9 7:0".to_owned()));
    }

    /// A cache hits as often before the bins as before the rows that were counted.
    #[test]
    fn bins_keep_what_a_cache_hits() {
        let reads = |rank: u32| 4_000_000.0 * f64::from(rank + 5).powf(-1.1);
        let counts: Vec<u32> = (1..=60_000).map(|rank| reads(rank) as u32).collect();
        let bins = AccessBins::of_counts(&counts);
        assert!(bins.0.len() <= 63, "{bins}");
        let counts: Vec<u64> = counts.into_iter().map(u64::from).collect();
        let exact = Popularity::histogram(&counts, 60_000);
        for entries in [3.0, 30.0, 1000.0, 20_000.0] {
            let share = |law: &Popularity| CachePolicy::Lru.hit_share(law, entries);
            let (found, expected) = (share(&bins.popularity()), share(&exact));
            assert!(
                (found - expected).abs() < 0.003,
                "{entries} {found} {expected}"
            );
        }
    }
}
