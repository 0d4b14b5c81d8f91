//! Share of accesses that a cache of embedding rows serves.
//!
//! Characteristic-time approximation (Che et al.; Fricker, Robert, Roberts, "A versatile and accurate
//! approximation for LRU cache performance", arXiv 1202.3974): a cache of C rows forgets a row T
//! accesses after it was read (LRU) or loaded (FIFO), and T is where the expected content is C.

use serde::Deserialize;

use crate::dram::popularity::{Bin, Popularity};

/// Which row a full cache gives up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CachePolicy {
    /// The one that was read longest ago.
    Lru,
    /// The one that was loaded longest ago; a random one does as well.
    Fifo,
    /// None: the rows that are hottest on the whole stay.
    Static,
}

impl CachePolicy {
    /// Share of the accesses to a table of this popularity that a cache of `entries` rows serves, once
    /// warm.
    pub fn hit_share(self, popularity: &Popularity, entries: f64) -> f64 {
        self.hit_shares(&[(1.0, popularity)], entries)[0]
    }

    /// The same for tables that share a cache, each with its share of all accesses.
    pub fn hit_shares(self, tables: &[(f64, &Popularity)], entries: f64) -> Vec<f64> {
        let readable: f64 = tables.iter().map(|(_, table)| table.rows()).sum();
        if entries <= 0.0 {
            return vec![0.0; tables.len()];
        }
        if entries >= readable {
            return vec![1.0; tables.len()];
        }
        if self == Self::Static {
            return hottest_shares(tables, entries);
        }
        let time = self.characteristic_time(tables, entries);
        let share = |&(traffic, table): &(f64, &Popularity)| -> f64 {
            let bins = table.bins().iter();
            bins.map(|bin| bin.rows * bin.share * self.resident(traffic * bin.share * time))
                .sum()
        };
        tables.iter().map(share).collect()
    }

    /// Probability that a row is in the cache that is read so often within the time after which rows
    /// are forgotten; where none is, rows stay that are read once or more.
    pub(crate) fn resident(self, accesses: f64) -> f64 {
        match self {
            Self::Lru => -(-accesses).exp_m1(),
            Self::Fifo => accesses / (1.0 + accesses),
            Self::Static => f64::from(u8::from(accesses >= 1.0)),
        }
    }

    /// Accesses after which a row is forgotten, by bisection of its logarithm.
    fn characteristic_time(self, tables: &[(f64, &Popularity)], entries: f64) -> f64 {
        let content = |time: f64| -> f64 {
            let of_table = |&(traffic, table): &(f64, &Popularity)| -> f64 {
                let bins = table.bins().iter();
                bins.map(|bin| bin.rows * self.resident(traffic * bin.share * time))
                    .sum()
            };
            tables.iter().map(of_table).sum()
        };
        let (mut low, mut high) = (1e-3_f64.ln(), 1e13_f64.ln());
        for _ in 0..60 {
            let middle = f64::midpoint(low, high);
            if content(middle.exp()) < entries {
                low = middle;
            } else {
                high = middle;
            }
        }
        high.exp()
    }
}

/// Share of each table's accesses that goes to the hottest `entries` rows of all.
fn hottest_shares(tables: &[(f64, &Popularity)], entries: f64) -> Vec<f64> {
    let mut bins: Vec<(f64, usize, &Bin)> = Vec::new();
    for (index, (traffic, table)) in tables.iter().enumerate() {
        let of_table = table.bins().iter();
        bins.extend(of_table.map(|bin| (traffic * bin.share, index, bin)));
    }
    bins.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let (mut shares, mut left) = (vec![0.0; tables.len()], entries);
    for (_, index, bin) in bins {
        let rows = bin.rows.min(left);
        shares[index] += rows * bin.share;
        left -= rows;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hits of a cache that is played through, after a warm-up.
    fn played(policy: CachePolicy, rows: usize, entries: usize) -> f64 {
        let law: Vec<f64> = (1..=rows).map(|rank| 1.0 / rank as f64).collect();
        let total: f64 = law.iter().sum();
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut draw = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let mut left = (state >> 11) as f64 / (1_u64 << 53) as f64 * total;
            law.iter().position(|weight| {
                left -= weight;
                left < 0.0
            })
        };
        let (mut content, mut hits) = (Vec::new(), 0);
        for access in 0..60_000 {
            let row = draw().unwrap_or(0);
            let found = content.iter().position(|&cached| cached == row);
            hits += u32::from(access >= 20_000 && found.is_some());
            match (found, policy) {
                (Some(place), CachePolicy::Lru) => {
                    content.remove(place);
                    content.push(row);
                }
                (Some(_), _) => {}
                (None, _) => content.push(row),
            }
            if content.len() > entries {
                content.remove(0);
            }
        }
        f64::from(hits) / 40_000.0
    }

    #[test]
    fn hit_shares_are_those_of_a_simulation() {
        let law = Popularity::zipf_mandelbrot(500, 1.0, 0.0);
        for policy in [CachePolicy::Lru, CachePolicy::Fifo] {
            for entries in [5, 50, 200] {
                let (found, played) = (
                    policy.hit_share(&law, f64::from(entries)),
                    played(policy, 500, entries as usize),
                );
                assert!(
                    (found - played).abs() < 0.015,
                    "{policy:?} {found} {played}"
                );
            }
        }
    }

    #[test]
    fn nothing_beats_keeping_the_hottest() {
        let law = Popularity::zipf_mandelbrot(100_000, 0.9, 0.0);
        for entries in [10.0, 1000.0, 30_000.0] {
            let share = |policy: CachePolicy| policy.hit_share(&law, entries);
            let (lru, fifo) = (share(CachePolicy::Lru), share(CachePolicy::Fifo));
            let best = share(CachePolicy::Static);
            assert!(fifo < lru && lru < best, "{fifo} {lru} {best}");
            assert!((best / law.head(entries) - 1.0).abs() < 0.01);
        }
        assert_eq!(CachePolicy::Lru.hit_share(&law, 1e5), 1.0);
        assert_eq!(CachePolicy::Lru.hit_share(&law, 0.0), 0.0);
    }

    /// A table that is read more often holds more of a shared cache.
    #[test]
    fn tables_share_a_cache_by_traffic() {
        let law = Popularity::zipf_mandelbrot(10_000, 1.0, 0.0);
        let shares = CachePolicy::Lru.hit_shares(&[(0.9, &law), (0.1, &law)], 100.0);
        assert!(shares[0] > shares[1] && shares[1] > 0.0);
    }
}
