//! What a stream of lookups makes a channel read, where no trace is at hand.

use serde::Deserialize;

use crate::dram::{
    cache::CachePolicy,
    channel::ChannelReads,
    locality::{Imbalance, Locality},
    standard::DramStandard,
};

/// How a memory controller looks ahead.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Controller {
    /// A queue of 32 requests before one of eight per bank, as DRAMsim3's.
    BankQueues,
    /// One buffer of so many requests, as Ramulator's of 32.
    Buffer(f64),
}

impl Controller {
    /// Requests of a channel among which commands are chosen.
    pub fn window(self, standard: &DramStandard) -> f64 {
        match self {
            Self::BankQueues => 32.0 + 8.0 * standard.banks(),
            Self::Buffer(requests) => requests,
        }
    }

    /// Requests that wait at a time under full load. Queues per bank are never all full: 70 + 1.6 per
    /// bank is what duplicates merged by DRAMsim3 correspond to.
    fn waiting(self, standard: &DramStandard) -> f64 {
        match self {
            Self::BankQueues => 70.0 + 1.6 * standard.banks(),
            Self::Buffer(requests) => requests,
        }
    }
}

/// Lookups of one table.
#[derive(Debug, Clone, Copy)]
pub struct TableReads<'a> {
    /// Lookups of the stream.
    pub lookups: f64,
    /// Lookups that follow one another: those of one table for one sample.
    pub run: f64,
    /// Bytes of a row.
    pub row_bytes: f64,
    /// Locality of the table.
    pub locality: &'a Locality,
    /// Which of its accesses these are.
    pub accesses: Accesses,
}

/// Which accesses of a table are looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Accesses {
    /// All.
    #[default]
    All,
    /// The share that a cache has missed: taken as evenly spread, and as of different rows but for
    /// those that would wait for one another without the cache.
    Missed(f64),
    /// Those to rows that are asked for at least once in so many accesses, e to this power.
    Hot(f64),
    /// Those to all other rows.
    Cold(f64),
}

impl TableReads<'_> {
    /// Different rows among `draws` accesses that follow one another, per access.
    fn distinct(&self, draws: f64) -> f64 {
        match self.accesses {
            Accesses::All | Accesses::Hot(_) => self.locality.distinct(draws),
            Accesses::Missed(share) => (self.locality.distinct(draws / share) / share).min(1.0),
            Accesses::Cold(_) => 1.0,
        }
    }

    /// Probability that two of the accesses are of the same row, and share of the hottest row, if
    /// accesses to the same row among `merged` are one.
    fn concentration(&self, merged: f64) -> (f64, f64) {
        match self.accesses {
            Accesses::All => self.locality.concentration(merged),
            Accesses::Missed(_) => (0.0, 0.0),
            Accesses::Hot(log_time) => {
                let hot = self.locality.hits(CachePolicy::Static, log_time).max(1e-9);
                let (collision, hottest) = self.locality.concentration(merged);
                ((collision / hot.powi(2)).min(1.0), (hottest / hot).min(1.0))
            }
            Accesses::Cold(log_time) => {
                let (share, collision, hottest) = self.locality.cold(log_time);
                let share = share.max(1e-9);
                (
                    (collision / share.powi(2)).min(1.0),
                    (hottest / share).min(1.0),
                )
            }
        }
    }
}

/// The stream's reads, over all channels, and how they spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StreamReads {
    /// Rows opened.
    pub activations: f64,
    /// Bursts read.
    pub reads: f64,
    pub(crate) imbalance: Imbalance,
}

impl StreamReads {
    /// The reads of a stream on so many channels. A row's vector lies in one row of one bank; with
    /// `merging`, requests for a vector that is already waiting for are served with it.
    pub fn new(
        standard: &DramStandard,
        channels: f64,
        controller: Controller,
        merging: bool,
        tables: &[TableReads<'_>],
    ) -> Self {
        let waiting = channels * controller.waiting(standard);
        let (mut activations, mut reads) = (0.0, 0.0);
        let mut spread = Vec::with_capacity(tables.len());
        for table in tables {
            let bursts = standard.bursts(table.row_bytes);
            // The window holds one table's run, or runs of several.
            let vectors = waiting / bursts;
            let together = vectors.min(table.run).max(vectors / tables.len() as f64);
            let distinct = table.distinct(together.min(table.lookups));
            let kept = if merging { distinct } else { 1.0 };
            let merged = if merging { together } else { 1.0 };
            let (collision, hottest) = table.concentration(merged);
            activations += table.lookups * distinct;
            reads += table.lookups * kept * bursts;
            spread.push((table.lookups * kept, collision, hottest));
        }
        Self {
            activations,
            reads,
            imbalance: Imbalance::new(activations, &spread),
        }
    }

    /// The busiest channel's.
    pub fn channel(&self, channels: f64, window: f64) -> ChannelReads {
        let share = self.imbalance.of(channels) / channels;
        ChannelReads {
            activations: self.activations * share,
            reads: self.reads * share,
            window,
        }
    }
}
