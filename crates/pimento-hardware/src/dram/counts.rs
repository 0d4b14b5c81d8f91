//! What a stream of lookups makes a channel read, where no trace is at hand.

use serde::Deserialize;

use crate::{
    arithmetic::{larger, smaller},
    dram::{
        channel::ChannelReads,
        locality::{Concentration, Imbalance, Locality, Place},
        standard::DramStandard,
    },
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
    /// Those to the hottest rows, which take this share of all.
    Hot(f64),
    /// Those to all other rows.
    Cold(Concentration),
}

impl TableReads<'_> {
    /// Different rows per access among `together` accesses that follow one another, and how the accesses
    /// concentrate, if those to the same row among them are one where they are merged.
    fn rows(&self, together: f64, merging: bool) -> (f64, Concentration) {
        let draws = smaller(together, self.lookups);
        let of_table = |share: f64| {
            let place = Place::of_count(draws);
            let merged = match merging {
                false => Place::FIRST,
                true if draws == together => place,
                true => Place::of_count(together),
            };
            let concentration = self.locality.concentration(merged);
            (self.locality.distinct(place), concentration.within(share))
        };
        match self.accesses {
            Accesses::All => of_table(1.0),
            Accesses::Missed(share) => {
                let distinct = self.locality.distinct(Place::of_count(draws / share));
                (smaller(distinct / share, 1.0), Concentration::default())
            }
            Accesses::Hot(share) => of_table(share),
            Accesses::Cold(concentration) => (1.0, concentration),
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
        let each = 1.0 / tables.len() as f64;
        for table in tables {
            let bursts = standard.bursts(table.row_bytes);
            // The window holds one table's run, or runs of several.
            let vectors = waiting / bursts;
            let together = larger(smaller(vectors, table.run), vectors * each);
            let (distinct, concentration) = table.rows(together, merging);
            let kept = if merging { distinct } else { 1.0 };
            activations += table.lookups * distinct;
            reads += table.lookups * kept * bursts;
            spread.push((table.lookups * kept, concentration));
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
