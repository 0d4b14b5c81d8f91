//! A ranking funnel of two stages: a first network scores all candidates of a query, a second one ranks the
//! best of them.
//!
//! Gupta et al., *RecPipe: Co-designing Models and Hardware to Jointly Optimize Recommendation Quality and
//! Performance*, MICRO 2021, <https://arxiv.org/abs/2105.08820>. Its overlap of the stages, in sub-batches of a
//! query, is not modelled. `docs/funnel.md` has the definitions.

use std::{cmp::Ordering, ops::Add};

use pimento_data::{Ndcg, best_rows};
use pimento_hardware::CostSummary;
use serde::Serialize;
use thiserror::Error;

use crate::rank_statistics::Estimate;

/// How many rows there are at each place of a funnel; each at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Sizes {
    /// Rows of a query.
    pub(crate) candidates: usize,
    /// Rows that the first network leaves for the second.
    pub(crate) keep: usize,
    /// Places of the final ranking that count.
    pub(crate) top: usize,
}

/// Why there is nothing to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum FunnelError {
    /// The second stage is larger than the first.
    #[error("cannot keep `{keep}` of `{candidates}` candidates: lower `--keep`")]
    KeepsMore {
        /// Rows kept.
        keep: usize,
        /// Rows of a query.
        candidates: usize,
    },
    /// No query is complete.
    #[error(
        "the validation split has {rows} rows, fewer than the `{candidates}` of one query: lower \
         `--candidates`"
    )]
    TooFewRows {
        /// Rows of the split.
        rows: usize,
        /// Rows of a query.
        candidates: usize,
    },
    /// No ranking is better than another.
    #[error("none of the {queries} queries has a click: raise `--candidates`")]
    NoClick {
        /// Complete queries.
        queries: usize,
    },
}

/// Queries of consecutive rows.
#[derive(Debug)]
pub(crate) struct Queries<'l> {
    sizes: Sizes,
    /// First row and measure of each query with a click.
    measured: Vec<(usize, Ndcg<'l>)>,
    /// Complete queries without a click, which are left out.
    pub(crate) without_click: usize,
    /// Rows at the end that do not fill a query, which are left out.
    pub(crate) rows_left_over: usize,
}

impl Sizes {
    /// These sizes, if rows of a split suffice.
    pub(crate) fn check(self, rows: usize) -> Result<Self, FunnelError> {
        let Self {
            candidates, keep, ..
        } = self;
        if keep > candidates {
            return Err(FunnelError::KeepsMore { keep, candidates });
        }
        if rows < candidates {
            return Err(FunnelError::TooFewRows { rows, candidates });
        }
        Ok(self)
    }
}

impl<'l> Queries<'l> {
    /// The queries of a split with these labels, one for each row.
    pub(crate) fn new(labels: &'l [f32], sizes: Sizes) -> Result<Self, FunnelError> {
        let Sizes {
            candidates, top, ..
        } = sizes.check(labels.len())?;
        let queries = labels.chunks_exact(candidates);
        let (count, rows_left_over) = (queries.len(), queries.remainder().len());
        let measured: Vec<_> = queries
            .enumerate()
            .filter_map(|(query, labels)| Some((query * candidates, Ndcg::at(top, labels)?)))
            .collect();
        if measured.is_empty() {
            return Err(FunnelError::NoClick { queries: count });
        }
        Ok(Self {
            sizes,
            without_click: count - measured.len(),
            measured,
            rows_left_over,
        })
    }

    /// Queries that are measured.
    pub(crate) fn len(&self) -> usize {
        self.measured.len()
    }

    /// NDCG of each query where one network, with these logits of all rows, ranks all candidates.
    pub(crate) fn alone(&self, logits: &[f32]) -> Vec<f64> {
        let measured = self.measured.iter();
        measured
            .map(|(first, ndcg)| ndcg.of(&self.best(&logits[*first..], self.sizes.top)))
            .collect()
    }

    /// The candidates of each query that a first network with these logits keeps.
    pub(crate) fn kept(&self, logits: &[f32]) -> Vec<Vec<u32>> {
        let measured = self.measured.iter();
        measured
            .map(|(first, _)| self.best(&logits[*first..], self.sizes.keep))
            .collect()
    }

    /// NDCG of each query where a network with these logits ranks the candidates `kept` of it.
    pub(crate) fn cascade(&self, kept: &[Vec<u32>], logits: &[f32]) -> Vec<f64> {
        let queries = self.measured.iter().zip(kept);
        queries
            .map(|((first, ndcg), kept)| {
                ndcg.of(&best_rows(kept.clone(), &logits[*first..], self.sizes.top))
            })
            .collect()
    }

    fn best(&self, logits: &[f32], count: usize) -> Vec<u32> {
        best_rows((0..self.sizes.candidates as u32).collect(), logits, count)
    }
}

/// What a query costs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct QueryCost {
    /// From its first candidate to its ranking.
    pub(crate) time_ns: f64,
    /// Of all inferences.
    pub(crate) energy_pj: f64,
    /// Of all chips.
    pub(crate) area_um2: f64,
}

impl QueryCost {
    /// One stage, in which so many rows follow each other through a design's pipeline.
    pub(crate) fn of_stage(cost: &CostSummary, rows: usize) -> Self {
        Self {
            time_ns: cost.latency_ns + (rows - 1) as f64 * 1e9 / cost.throughput_per_s,
            energy_pj: rows as f64 * cost.energy_pj,
            area_um2: cost.area_um2,
        }
    }
}

/// One stage after the other, each on its own chip.
impl Add for QueryCost {
    type Output = Self;

    fn add(self, next: Self) -> Self {
        Self {
            time_ns: self.time_ns + next.time_ns,
            energy_pj: self.energy_pj + next.energy_pj,
            area_um2: self.area_um2 + next.area_um2,
        }
    }
}

/// A design alone, or two designs one after the other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Entry {
    /// Names of the designs, the first stage first.
    pub(crate) designs: Vec<String>,
    /// Mean over queries.
    pub(crate) ndcg: Estimate,
    /// The same minus that of the best design alone, query by query.
    pub(crate) difference: Estimate,
    /// Of a query.
    pub(crate) cost: QueryCost,
    /// Whether some other entry is as good in NDCG, time and energy, and better in one of them.
    pub(crate) is_dominated: bool,
}

impl Entry {
    /// An entry that nothing dominates yet, by its NDCG of each query and that of the best design alone.
    pub(crate) fn new(designs: &[&str], ndcg: &[f64], best: &[f64], cost: QueryCost) -> Self {
        let differences: Vec<f64> = ndcg.iter().zip(best).map(|(a, b)| a - b).collect();
        Self {
            designs: designs.iter().map(|&name| name.to_owned()).collect(),
            ndcg: Estimate::of(ndcg),
            difference: Estimate::of(&differences),
            cost,
            is_dominated: false,
        }
    }

    /// Best first: by NDCG, time and energy. Nothing is dominated by what comes after it.
    fn order(&self, other: &Self) -> Ordering {
        let by_ndcg = other.ndcg.mean.total_cmp(&self.ndcg.mean);
        by_ndcg
            .then(self.cost.time_ns.total_cmp(&other.cost.time_ns))
            .then(self.cost.energy_pj.total_cmp(&other.cost.energy_pj))
    }

    fn figures(&self) -> [f64; 3] {
        [-self.ndcg.mean, self.cost.time_ns, self.cost.energy_pj]
    }

    fn dominates(&self, other: &Self) -> bool {
        let (own, others) = (self.figures(), other.figures());
        own != others && own.iter().zip(others).all(|(own, other)| *own <= other)
    }
}

/// Sorts entries, the best first, and marks those that another one dominates.
pub(crate) fn sort_and_mark(entries: &mut [Entry]) {
    entries.sort_by(Entry::order);
    let mut front: Vec<usize> = Vec::new();
    for index in 0..entries.len() {
        let entry = &entries[index];
        let is_dominated = front.iter().any(|&other| entries[other].dominates(entry));
        entries[index].is_dominated = is_dominated;
        if !is_dominated {
            front.push(index);
        }
    }
}

#[cfg(test)]
mod tests;
