//! Embedding tables in crossbars: a look-up reads one word line.
//!
//! Rows of a table are dealt to its crossbars by their popularity, one after the other, so that popular
//! rows do not wait for each other, and the most popular ones have copies: the access-aware mapping of
//! REREC (ICCAD 2021) and ReCross (arXiv 2509.10627). For one inference this changes nothing, as tables
//! have crossbars of their own; it decides how often the busiest crossbar is asked.

use crate::{
    component::Component,
    dram::FieldLaws,
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
                let hottest = laws.hottest(tables, field, place);
                let hottest = hottest.unwrap_or_else(|| hottest_share(part.rows as f64));
                let reads = self.read_rows(part, table, hottest, ledger);
                crossbars += reads.crossbars;
                cells += part.rows as f64 * self.cells(part, table);
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
        hottest: f64,
        ledger: &mut impl Ledger,
    ) -> Reads {
        let (rows, cols) = self.sides();
        let cells = self.cells(part, table);
        let wide = (cells / cols).ceil();
        let per_crossbar = rows * (cols / cells).floor().max(1.0);
        let groups = (part.rows as f64 / per_crossbar).ceil();
        self.charge_row_reads(f64::from(table.lookups), cells, wide, ledger);
        let copies = f64::from(self.design.replication.max(1));
        let mut reads = Reads {
            crossbars: wide * groups,
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

/// Share of the look-ups of a table in `groups` crossbars that the busiest one serves: the most popular row's,
/// divided among its copies, and an even share of the rest.
fn busiest_share(hottest: f64, groups: f64, copies: f64) -> f64 {
    (hottest / copies.min(groups) + (1.0 - hottest) / groups).min(1.0)
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

    #[test]
    fn one_crossbar_serves_all_and_copies_share() {
        let hottest = hottest_share(1e6);
        assert!((busiest_share(hottest, 1.0, 8.0) - 1.0).abs() < 1e-12);
        let alone = busiest_share(hottest, 1000.0, 1.0);
        let shared = busiest_share(hottest, 1000.0, 8.0);
        assert!(shared < alone / 4.0 && shared > 1e-3);
    }
}
