//! Embedding tables in crossbars: a look-up reads one word line.
//!
//! Rows of a table are dealt to its crossbars by their popularity, one after the other, so that popular
//! rows do not wait for each other, and popular ones have copies, as many as their share of the look-ups
//! asks for: the access-aware mapping of REREC (ICCAD 2021) and ReCross (arXiv 2509.10627). For one
//! inference this changes nothing, as tables have crossbars of their own; it decides how often the busiest
//! crossbar is asked.

use crate::{
    component::Component,
    dram::{FieldLaws, Popularity},
    ledger::{Ledger, Total, times, unit},
    reram::{
        chip::{Chip, OpWork},
        mapping::CrossbarMapping,
    },
    workload::{EmbeddingTable, StoredTable},
};

/// Popularity of rows where it is not known: the i-th most popular one is asked for in proportion to (i + `SHIFT`)^−`SKEW`.
/// Fitted to the hit rates of caches before Criteo's five largest tables, as measured by
/// harvard-acc/RecPipe (`RPAccel_characterization/embedding`).
const SKEW: f64 = 1.10;
const SHIFT: f64 = 5.0;

/// The look-ups of one stored table.
#[derive(Debug, Clone, Copy)]
struct Reads {
    crossbars: f64,
    /// Rows, copies included.
    rows: f64,
    /// Look-ups one after another, and what of a crossbar one of them reads.
    lookups: f64,
    read: CrossbarMapping,
    latency_ns: f64,
    interval_ns: f64,
}

impl Chip<'_> {
    /// Reads the rows of tables and combines those of compressed ones on the lanes of a tile.
    pub(crate) fn lookups(
        &self,
        tables: &[EmbeddingTable],
        laws: &FieldLaws,
        ledger: &mut impl Ledger,
    ) -> OpWork {
        let mut work = OpWork::default();
        let (mut crossbars, mut output_bits, mut cells, mut macs) = (0.0, 0.0, 0.0, 0.0);
        let mut widest = 0;
        let mut longest: Option<Reads> = None;
        for (field, table) in tables.iter().enumerate() {
            let count = f64::from(table.lookups);
            let parts = table.storage.parts(table.rows, u64::from(table.width));
            for (place, part) in parts.into_iter().enumerate() {
                let law = laws.stored_rows(tables, field, place);
                let reads = self.read_rows(part, table, law.as_deref(), ledger);
                crossbars += reads.crossbars;
                cells += reads.rows * self.cells(part, table);
                let is_longer = longest.is_none_or(|longest| reads.latency_ns > longest.latency_ns);
                if reads.lookups > 0.0 && is_longer {
                    longest = Some(reads);
                }
                work.interval_ns = work.interval_ns.max(reads.interval_ns);
                output_bits += count * part.values as f64 * f64::from(table.bits);
            }
            macs += count * table.storage.macs(u64::from(table.width)) as f64;
            widest = widest.max(table.bits);
        }
        self.charge_movement(output_bits, ledger);
        if let Some(reads) = longest {
            (work.stages.working_ns, work.stages.fill_ns) = self.reads_ns(&reads, ledger);
        }
        if macs > 0.0 {
            work.stages.reduction_ns = self.combining_ns(macs, 0.0, widest, ledger);
            work.interval_ns = work.interval_ns.max(work.stages.reduction_ns);
        }
        work.crossbars = crossbars as u32;
        work.cells = cells;
        work
    }

    /// Cells of a row.
    fn cells(&self, part: StoredTable, table: &EmbeddingTable) -> f64 {
        part.values as f64 * f64::from(table.bits.div_ceil(self.design.cell_bits))
    }

    fn read_rows(
        &self,
        part: StoredTable,
        table: &EmbeddingTable,
        law: Option<&Popularity>,
        ledger: &mut impl Ledger,
    ) -> Reads {
        let (rows, cols) = self.sides();
        let cells = self.cells(part, table);
        let wide = (cells / cols).ceil();
        let per_crossbar = rows * (cols / cells).floor().max(1.0);
        let rows = part.rows as f64;
        self.charge_row_reads(f64::from(table.lookups), cells, wide, ledger);
        // No crossbar needs two copies of a row.
        let copies = f64::from(self.design.replication.max(1)).min((rows / per_crossbar).ceil());
        let (hottest, copied) = match law {
            Some(law) => (law.hottest(), law.copied(copies)),
            None => (hottest_share(rows), copied_rows(rows, copies)),
        };
        let groups = ((rows + copied) / per_crossbar).ceil();
        let mut reads = Reads {
            crossbars: wide * groups,
            rows: rows + copied,
            lookups: f64::from(table.lookups),
            read: one_read(cells.min(cols) as u32),
            latency_ns: 0.0,
            interval_ns: 0.0,
        };
        let (reading_ns, fill_ns) = self.reads_ns(&reads, &mut Total::default());
        reads.latency_ns = reading_ns + fill_ns;
        reads.interval_ns = reading_ns * busiest_share(hottest, groups, copies);
        reads
    }

    fn reads_ns(&self, reads: &Reads, ledger: &mut impl Ledger) -> (f64, f64) {
        let lookups = times("look-ups", reads.lookups);
        self.converters.vectors_ns(&reads.read, lookups, ledger)
    }

    fn charge_row_reads(&self, lookups: f64, cells: f64, wide: f64, ledger: &mut impl Ledger) {
        let preset = self.preset;
        let lookups = times("look-ups", lookups);
        let cells = times("cells of a row", cells);
        ledger.charge(
            Component::Dac,
            unit("dac.energy-pj", preset.dac.energy_pj),
            &[lookups, times("crossbars of a row", wide)],
        );
        ledger.charge(
            Component::Crossbar,
            unit("crossbar.power-mw / cells", self.shares.cell_mw),
            &[
                times("ns of a pulse", self.converters.pulse_ns),
                lookups,
                cells,
            ],
        );
        ledger.charge(
            Component::Adc,
            unit(self.adc_keys[0], self.adc.energy_pj),
            &[lookups, cells],
        );
        ledger.charge(
            Component::ShiftAdd,
            unit("shift-add.energy-pj", preset.shift_add.energy_pj),
            &[lookups, cells],
        );
    }
}

/// A read of one word line.
fn one_read(used_columns: u32) -> CrossbarMapping {
    CrossbarMapping {
        slices: 1,
        row_blocks: 1,
        col_blocks: 1,
        reads: 1,
        passes: 1,
        rows_at_once: 1,
        row_groups: 1,
        fullest_rows: 1,
        fullest_cols: used_columns,
    }
}

/// Share of the look-ups of a table of `rows` rows that goes to the most popular one.
fn hottest_share(rows: f64) -> f64 {
    let popularity = |from: f64, to: f64| {
        let integral = |rank: f64| (rank + SHIFT).powf(1.0 - SKEW) / (1.0 - SKEW);
        integral(to) - integral(from)
    };
    popularity(0.5, 1.5) / popularity(0.5, rows + 0.5)
}

/// Rows that copies add to a table of `rows` rows so that none is asked for more often than the most popular
/// one with `copies` of it ([`Popularity::copied`]): for every j < `copies` those that are asked for more than
/// j times as often as such a copy.
fn copied_rows(rows: f64, copies: f64) -> f64 {
    let rows_beyond = |j: u32| {
        let rank = (1.0 + SHIFT) * (copies / f64::from(j)).powf(1.0 / SKEW) - SHIFT;
        (rank.ceil() - 1.0).clamp(0.0, rows)
    };
    (1..copies as u32).map(rows_beyond).sum()
}

/// Share of the look-ups of a table in `groups` crossbars that the busiest one serves: the most popular row's,
/// divided among its copies, and an even share of the rest. No other copy has more.
fn busiest_share(hottest: f64, groups: f64, copies: f64) -> f64 {
    (hottest / copies + (1.0 - hottest) / groups).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the sum over all rows.
    #[test]
    fn the_integral_is_the_sum() {
        let rows = 10_000;
        let weights = (1..=rows).map(|rank| (f64::from(rank) + SHIFT).powf(-SKEW));
        let first = (1.0 + SHIFT).powf(-SKEW) / weights.sum::<f64>();
        let found = hottest_share(f64::from(rows));
        assert!((found / first - 1.0).abs() < 5e-3, "{found} {first}");
    }

    /// Four copies of the first row, shares of 6, 7, 8, … to the power of −1.1: 0.84 of it and 0.73 take four
    /// and three, and so on; of all rows that is the law's own count.
    #[test]
    fn copies_are_those_that_shares_ask_for() {
        let by_hand = |rows: u32| -> f64 {
            let share =
                |rank: u32| (f64::from(rank) + SHIFT).powf(-SKEW) / (1.0 + SHIFT).powf(-SKEW);
            (1..=rows)
                .map(|rank| (4.0 * share(rank)).ceil() - 1.0)
                .sum()
        };
        assert_eq!(copied_rows(10.0, 4.0), by_hand(10));
        assert_eq!(copied_rows(1e6, 4.0), by_hand(1000));
        assert_eq!((copied_rows(1e6, 1.0), copied_rows(1.0, 4.0)), (0.0, 3.0));
        for copies in [1.0, 2.0, 7.0, 16.0] {
            let law = Popularity::zipf_mandelbrot(1_000_000, SKEW, SHIFT);
            assert_eq!(law.copied(copies), copied_rows(1e6, copies));
        }
    }

    #[test]
    fn one_crossbar_serves_all_and_copies_share() {
        let hottest = hottest_share(1e6);
        assert_eq!(busiest_share(hottest, 1.0, 1.0), 1.0);
        let alone = busiest_share(hottest, 1000.0, 1.0);
        let shared = busiest_share(hottest, 1000.0, 8.0);
        assert!(shared < alone / 4.0 && shared > 1e-3);
    }
}
