//! What a stream of lookups makes a channel read, where no trace is at hand.

use serde::Deserialize;

use crate::{
    arithmetic::{ceil, larger, smaller},
    dram::{
        channel::ChannelReads,
        locality::{Concentration, Imbalance, Locality, Place, Spread},
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
    /// Those to the hottest rows.
    Hot {
        /// Their share of all.
        share: f64,
        /// Probability that two accesses are of the same row and that one is not among the hottest.
        cold_collision: f64,
    },
    /// Those to all other rows.
    Cold(Concentration),
}

impl TableReads<'_> {
    /// Different rows per access among `together` accesses that follow one another, and how the accesses
    /// concentrate, if those to the same row among them are one where they are merged.
    fn rows(&self, together: f64, merging: bool) -> (f64, Concentration) {
        let draws = smaller(together, self.lookups);
        let merged = |draws: Place| if merging { draws } else { Place::FIRST };
        match self.accesses {
            Accesses::All => {
                let place = Place::of_count(draws);
                let of_stream = if merging && draws != together {
                    Place::of_count(together)
                } else {
                    merged(place)
                };
                let concentration = self.locality.concentration(of_stream);
                (self.locality.distinct(place), concentration)
            }
            Accesses::Missed(share) => {
                let distinct = self.locality.distinct(Place::of_count(draws / share));
                (smaller(distinct / share, 1.0), Concentration::default())
            }
            Accesses::Hot {
                share,
                cold_collision,
            } => {
                // Among all accesses, without those that are cold: of more different rows than all are, and of a
                // row less for about every pair of the same.
                let (inverse, cold) = (1.0 / larger(share, 1e-9), larger(1.0 - share, 1e-9));
                let all = draws * inverse;
                let place = Place::of_count(all);
                let of_all = self.locality.distinct(place);
                let of_cold = larger(of_all, cold / (cold + 0.5 * all * cold_collision));
                let of_hot = (of_all - cold * of_cold) * inverse;
                let distinct = if of_hot * draws < 1.0 {
                    1.0 / larger(draws, 1.0)
                } else {
                    smaller(of_hot, 1.0)
                };
                let concentration = self.locality.concentration(merged(place));
                let hot = if merging {
                    let hot = concentration.without(cold_collision / (of_all * of_all));
                    hot.times(inverse * of_all / distinct)
                } else {
                    concentration.without(cold_collision).times(inverse)
                };
                (distinct, hot)
            }
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
        let burst_bytes = f64::from(standard.organisation.burst_bytes);
        let (mut activations, mut reads) = (0.0, 0.0);
        let mut spread = Spread::of_tables(tables.len());
        let each = 1.0 / tables.len() as f64;
        for table in tables {
            let bursts = ceil(table.row_bytes / burst_bytes);
            // The window holds one table's run, or runs of several.
            let vectors = waiting / bursts;
            let together = larger(smaller(vectors, table.run), vectors * each);
            let (distinct, concentration) = table.rows(together, merging);
            let kept = if merging { distinct } else { 1.0 };
            activations += table.lookups * distinct;
            reads += table.lookups * kept * bursts;
            spread.add(table.lookups * kept, concentration);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dram::popularity::Popularity;

    /// Different hot rows among accesses to the hot ones, against the expectation row by row, where they are among
    /// no more accesses than those in which a hot row is asked for once.
    #[test]
    fn different_hot_rows_are_those_of_all_without_the_cold() {
        for exponent in [0.8, 1.05, 1.2] {
            let law = Popularity::zipf_mandelbrot(100_000, exponent, 0.0);
            let locality = Locality::new(&law);
            for (log_time, draws) in [(6.0, 20.0), (8.0, 20.0), (8.0, 200.0), (10.0, 200.0)] {
                let (hot, of_cold) = locality.parted(log_time);
                let share = hot.value;
                let accesses = Accesses::Hot {
                    share,
                    cold_collision: of_cold.collision,
                };
                let reads = TableReads {
                    lookups: 1e6,
                    run: 1.0,
                    row_bytes: 64.0,
                    locality: &locality,
                    accesses,
                };
                let (found, _) = reads.rows(draws, false);
                let bins = law.bins().iter();
                let hot = bins.filter(|bin| bin.share * log_time.exp() >= 1.0);
                let seen = hot.map(|bin| bin.rows * (1.0 - (1.0 - bin.share).powf(draws / share)));
                let exact = seen.sum::<f64>() / draws;
                assert!((found / exact - 1.0).abs() < 0.02, "{found} {exact}");
            }
        }
    }
}
