//! What a stream of lookups makes a channel read, where no trace is at hand.

use serde::Deserialize;

use crate::{
    arithmetic::{ceil, larger, ln, smaller},
    dram::{
        channel::ChannelReads,
        curves::Place,
        locality::{Concentration, Draws, Imbalance, Locality, Parted, Spread},
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
    /// So many different rows per access, on which they concentrate so.
    Known(f64, Concentration),
}

/// Requests that wait together for the channels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    waiting: f64,
    /// Of a table.
    share: f64,
    burst_bytes: f64,
}

impl Window {
    pub(crate) fn new(
        standard: &DramStandard,
        channels: f64,
        controller: Controller,
        tables: usize,
    ) -> Self {
        Self {
            waiting: channels * controller.waiting(standard),
            share: 1.0 / tables as f64,
            burst_bytes: f64::from(standard.organisation.burst_bytes),
        }
    }

    /// Bursts of a row.
    fn bursts(&self, table: &TableReads<'_>) -> f64 {
        ceil(table.row_bytes / self.burst_bytes)
    }

    /// Accesses to a table that wait together: one table's run, or runs of several.
    pub(crate) fn together(&self, table: &TableReads<'_>) -> f64 {
        let vectors = self.waiting / self.bursts(table);
        larger(smaller(vectors, table.run), vectors * self.share)
    }
}

impl TableReads<'_> {
    /// Different rows per access among those that wait together, and how the accesses concentrate, if those to
    /// the same row among them are one where they are merged.
    fn rows(&self, window: &Window, merging: bool) -> (f64, Concentration) {
        let among = || {
            let together = window.together(self);
            (together, smaller(together, self.lookups))
        };
        match self.accesses {
            Accesses::All => {
                let (together, draws) = among();
                let place = Place::of_count(draws);
                let merged = match (merging, draws == together) {
                    (false, _) => Place::FIRST,
                    (true, true) => place,
                    (true, false) => Place::of_count(together),
                };
                let concentration = self.locality.concentration(merged);
                (self.locality.distinct(place), concentration)
            }
            Accesses::Missed(share) => {
                let (_, draws) = among();
                let distinct = self.locality.distinct(Place::of_count(draws / share));
                (smaller(distinct / share, 1.0), Concentration::default())
            }
            Accesses::Known(distinct, concentration) => (distinct, concentration),
        }
    }

    /// Those to hot rows, merged or not: how many, and which.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "called for every table of a search")]
    pub(crate) fn hot(&self, parted: &Parted, sample: &Sample, merging: bool) -> (f64, Accesses) {
        let inverse = 1.0 / larger(parted.hot.value, LEAST);
        let (all, part_of_one) = self.among(inverse, sample);
        let (rows, _) = parted.different(all);
        let distinct = larger(rows, LEAST) * part_of_one;
        let (place, factor) = if merging {
            (all.place, all.different / distinct)
        } else {
            (Place::FIRST, 1.0)
        };
        let concentration = self.locality.concentration(place);
        let concentration = parted.hot(concentration, factor * inverse);
        let lookups = self.lookups * parted.hot.value;
        (lookups, Accesses::Known(distinct, concentration))
    }

    /// Those to cold rows: how many, and which.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "called for every table of a search")]
    pub(crate) fn cold(&self, parted: &Parted, sample: &Sample) -> (f64, Accesses) {
        let inverse = 1.0 / larger(1.0 - parted.hot.value, LEAST);
        let (all, part_of_one) = self.among(inverse, sample);
        let (_, rows) = parted.different(all);
        let lookups = self.lookups * (1.0 - parted.hot.value);
        let accesses = Accesses::Known(rows * part_of_one, parted.cold(inverse));
        (lookups, accesses)
    }

    /// The look-ups among which those of a part wait together, of whose share this is the inverse; and one over
    /// that part of them.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "called for every table of a search")]
    fn among(&self, inverse: f64, sample: &Sample) -> (Draws, f64) {
        let all = sample.together * inverse;
        if self.lookups <= all {
            let draws = self
                .locality
                .draws(larger(self.lookups, LEAST), sample.log_lookups);
            (draws, inverse * sample.per_lookups)
        } else {
            (self.locality.draws(all, ln(all)), sample.per_together)
        }
    }
}

/// How many look-ups of a table there are, and how many of them wait together in a memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// The logarithm of all, and one over them.
    log_lookups: f64,
    per_lookups: f64,
    /// Those that wait together, and one over them.
    together: f64,
    per_together: f64,
}

impl Sample {
    /// The sample of a table's look-ups of which so many wait together.
    pub(crate) fn new(lookups: f64, together: f64) -> Self {
        let lookups = larger(lookups, LEAST);
        Self {
            log_lookups: ln(lookups),
            per_lookups: 1.0 / lookups,
            together,
            per_together: 1.0 / together,
        }
    }
}

/// A share of accesses that is as good as none.
const LEAST: f64 = 1e-9;

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
        let window = Window::new(standard, channels, controller, tables.len());
        let (mut activations, mut reads) = (0.0, 0.0);
        let mut spread = Spread::of_tables(tables.len());
        for table in tables {
            let bursts = window.bursts(table);
            let (distinct, concentration) = table.rows(&window, merging);
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

    /// Different hot rows among accesses to the hot ones, and different cold ones, against the expectation row by
    /// row.
    #[test]
    fn different_rows_are_hot_or_cold() {
        for exponent in [0.0, 0.6, 0.8, 1.05, 1.2] {
            let law = Popularity::zipf_mandelbrot(100_000, exponent, 0.0);
            let locality = Locality::new(&law);
            for (log_time, draws) in [
                (6.0_f64, 20.0_f64),
                (8.0, 20.0),
                (8.0, 200.0),
                (10.0, 200.0),
            ] {
                let parted = locality.parted(log_time.exp(), log_time);
                let share = parted.hot.value;
                let reads = TableReads {
                    lookups: 1e6,
                    run: 1.0,
                    row_bytes: 64.0,
                    locality: &locality,
                    accesses: Accesses::All,
                };
                // Few hot look-ups are all that there are.
                let draws = draws.min(1e6 * share.max(1e-9));
                let exact = |share: f64, is_in: &dyn Fn(f64) -> bool| {
                    let bins = law.bins().iter();
                    let bins = bins.filter(|bin| is_in(bin.share * log_time.exp()));
                    let seen =
                        bins.map(|bin| bin.rows * (1.0 - (1.0 - bin.share).powf(draws / share)));
                    seen.sum::<f64>() / draws
                };
                let different = |(_, accesses): (f64, Accesses)| match accesses {
                    Accesses::Known(different, _) => different,
                    Accesses::All | Accesses::Missed(_) => f64::NAN,
                };
                let sample = Sample::new(reads.lookups, draws);
                let hot = different(reads.hot(&parted, &sample, false));
                let cold = different(reads.cold(&parted, &sample));
                let exact_hot = exact(share, &|rate| rate >= 1.0);
                let exact_cold = exact(1.0 - share, &|rate| rate < 1.0);
                if share > 1e-3 {
                    let is_long = draws / share > log_time.exp();
                    let tolerance = if is_long { 0.12 } else { 0.02 };
                    assert!(
                        (hot / exact_hot - 1.0).abs() < tolerance,
                        "{hot} {exact_hot}"
                    );
                }
                assert!(
                    (cold / exact_cold - 1.0).abs() < 0.005,
                    "{cold} {exact_cold}"
                );
            }
        }
    }
}
