//! The time and the counts of reading crossbars through their converters.

use crate::{
    design::ChipDesign,
    ledger::{Factor, Ledger, Total, times, unit},
    reram::{
        adc::AdcCost,
        chip::Stage,
        mapping::CrossbarMapping,
        preset::ReramPreset,
        tables::{Activity, IntegratorTable, Sharing},
    },
};

/// The converters of a crossbar of the chosen sizes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Converters<'a> {
    /// Time of a read before conversion: settling of the lines.
    pub(crate) read_ns: f64,
    /// Time in which cells conduct during a read.
    pub(crate) pulse_ns: f64,
    /// Time of a conversion.
    pub(crate) conversion_ns: f64,
    /// Time in which a line is driven.
    drive_ns: f64,
    overlaps_read: bool,
    sharing: Sharing,
    activity: Activity,
    /// Converters of a crossbar.
    pub(crate) per_crossbar: f64,
    /// Drivers of a crossbar.
    pub(crate) drivers: f64,
    /// Steps of the multiplexers of rows and columns, over a whole crossbar.
    multiplexer_steps: (f64, f64),
    integrator: Option<&'a IntegratorTable>,
    adc_bits: u8,
}

/// How often the parts of a matrix's crossbars work in a pass, as products of two factors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Activities {
    /// Conversions.
    pub(crate) conversions: [Factor; 2],
    /// Drives of a line.
    pub(crate) drives: [Factor; 2],
    /// Cells read, one per slice of a weight.
    pub(crate) cells: [Factor; 2],
}

impl<'a> Converters<'a> {
    pub(crate) fn new(preset: &'a ReramPreset, design: &ChipDesign, adc: AdcCost) -> Self {
        let (rows, cols) = (
            f64::from(design.crossbar_rows),
            f64::from(design.crossbar_cols),
        );
        let size = rows * cols / 8192.0;
        let settling = preset.crossbar.settling_ns.iter().rev();
        let settling_ns = settling.fold(0.0, |sum, coefficient| sum * size + coefficient);
        let per_crossbar = match preset.adc.sharing {
            Sharing::Columns(columns) => (cols / f64::from(columns)).ceil(),
            Sharing::PerCrossbar(count) => f64::from(count),
        };
        let drivers = preset.dac.per_crossbar.map_or(rows, f64::from);
        let cycles =
            preset.adc.cycles.fixed + preset.adc.cycles.per_bit * f64::from(design.adc_bits);
        let read_ns = preset.crossbar.read_ns + settling_ns;
        Self {
            read_ns,
            pulse_ns: preset.crossbar.pulse_ns.unwrap_or(read_ns),
            conversion_ns: cycles / adc.rate_gs,
            drive_ns: preset.dac.drive_ns,
            overlaps_read: preset.adc.overlaps_read,
            sharing: preset.adc.sharing,
            activity: preset.crossbar.activity,
            per_crossbar,
            drivers,
            multiplexer_steps: ((rows / drivers).ceil(), (cols / per_crossbar).ceil()),
            integrator: preset.integrator.as_ref(),
            adc_bits: design.adc_bits,
        }
    }

    /// Columns that the busiest converter reads one after the other.
    #[inline]
    pub(crate) fn column_steps(&self, mapping: &CrossbarMapping) -> f64 {
        let steps = match self.sharing {
            Sharing::Columns(columns) => u32::from(columns),
            Sharing::PerCrossbar(count) => mapping.fullest_cols.div_ceil(u32::from(count)),
        };
        f64::from(steps)
    }

    /// Time from the first to the last read of an input vector.
    pub(crate) fn vector_ns(&self, mapping: &CrossbarMapping) -> f64 {
        let one = times("vectors", 1.0);
        self.vectors_ns(mapping, one, &mut Total::default()).0
    }

    /// Time from the first to the last read of input vectors, one after another, and what follows after the
    /// last.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "called for every matrix of a search")]
    pub(crate) fn vectors_ns(
        &self,
        mapping: &CrossbarMapping,
        vectors: Factor,
        ledger: &mut impl Ledger,
    ) -> (f64, f64) {
        if let Some(table) = self.integrator {
            let phases = Phases::of(table, mapping.passes, self.adc_bits);
            return (phases.time_ns(table, vectors, ledger), 0.0);
        }
        let reads = times("reads", f64::from(mapping.reads));
        let steps = times("columns of a converter", self.column_steps(mapping));
        let read = unit("crossbar.read-ns and settling", self.read_ns);
        let conversion = unit("adc.cycles / adc.rate-gs", self.conversion_ns);
        if !self.overlaps_read {
            let mut each = |unit| ledger.time(Stage::Working, unit, &[vectors, reads, steps]);
            let drive_ns = each(unit("dac.drive-ns", self.drive_ns));
            return (drive_ns + each(read) + each(conversion), 0.0);
        }
        if steps.value * self.conversion_ns < self.read_ns {
            let working_ns = ledger.time(Stage::Working, read, &[vectors, reads]);
            return (working_ns, ledger.time(Stage::Fill, conversion, &[steps]));
        }
        let working_ns = ledger.time(Stage::Working, conversion, &[vectors, reads, steps]);
        (working_ns, ledger.time(Stage::Fill, read, &[]))
    }

    /// What works in a pass over all crossbars of a matrix of `rows` rows and `columns` columns of
    /// slices.
    #[inline]
    pub(crate) fn activities(
        &self,
        mapping: &CrossbarMapping,
        rows: f64,
        columns: f64,
    ) -> Activities {
        let steps = if self.overlaps_read {
            1.0
        } else {
            self.column_steps(mapping)
        };
        if self.activity == Activity::Multiplexers {
            return self.multiplexed(mapping, steps);
        }
        let columns = times("columns of slices", columns);
        let rows = times("rows", rows);
        let drives = f64::from(mapping.col_blocks) * steps;
        Activities {
            conversions: [columns, times("row groups", f64::from(mapping.row_groups))],
            drives: [rows, times("drives of a row", drives)],
            cells: [rows, columns],
        }
    }

    fn multiplexed(&self, mapping: &CrossbarMapping, steps: f64) -> Activities {
        let crossbars = times("crossbars", f64::from(mapping.crossbars()));
        let (row_steps, col_steps) = self.multiplexer_steps;
        let (rows, cols) = (
            f64::from(mapping.fullest_rows),
            f64::from(mapping.fullest_cols),
        );
        let counted = f64::from(mapping.fullest_groups()) * steps;
        let each = |count: f64| times("of each crossbar", count * counted);
        Activities {
            conversions: [crossbars, each((cols / col_steps).ceil())],
            drives: [crossbars, each((rows / row_steps).ceil())],
            cells: [crossbars, each(rows * cols / (row_steps * col_steps))],
        }
    }

    /// Steps of neurons that integrate, if the chip has them.
    #[inline]
    pub(crate) fn phases(
        &self,
        mapping: &CrossbarMapping,
    ) -> Option<(&'a IntegratorTable, Phases)> {
        let table = self.integrator?;
        Some((table, Phases::of(table, mapping.passes, self.adc_bits)))
    }
}

/// The steps of a neuron that integrates the bits of an input: NeuRRAM, Wan et al., Nature 608, 2022.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Phases {
    /// Bits of the input, each put on the rows once.
    bits: f64,
    /// Conversions, one after each part of the bits.
    pub(crate) count: f64,
    /// Steps of integration: bit k takes 2^k of them.
    pub(crate) integrations: f64,
    /// Steps of conversion: one per bit that is still missing.
    pub(crate) conversions: f64,
}

impl Phases {
    fn of(table: &IntegratorTable, input_bits: u32, output_bits: u8) -> Self {
        let integrations = |bits: u32| f64::from((1_u32 << bits.min(31)) - 1);
        let output_bits = f64::from(output_bits);
        if input_bits <= u32::from(table.bits_per_phase) {
            return Self {
                bits: f64::from(input_bits),
                count: 1.0,
                integrations: integrations(input_bits),
                conversions: output_bits,
            };
        }
        let (first, second) = (input_bits.div_ceil(2), input_bits / 2);
        Self {
            bits: f64::from(input_bits),
            count: 2.0,
            integrations: integrations(first) + integrations(second),
            conversions: output_bits + (output_bits - f64::from(first)).max(0.0),
        }
    }

    fn time_ns(&self, table: &IntegratorTable, vectors: Factor, ledger: &mut impl Ledger) -> f64 {
        let mut part = |key, ns, name, count| {
            ledger.time(
                Stage::Working,
                unit(key, ns),
                &[vectors, times(name, count)],
            )
        };
        part("integrator.bit-ns", table.bit_ns, "input bits", self.bits)
            + part(
                "integrator.integrate-ns",
                table.integrate_ns,
                "steps of integration",
                self.integrations,
            )
            + part(
                "integrator.step-ns",
                table.step_ns,
                "steps of conversion",
                self.conversions,
            )
            + part("integrator.phase-ns", table.phase_ns, "phases", self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn neurons(bits_per_phase: u8) -> IntegratorTable {
        IntegratorTable {
            bits_per_phase,
            integrate_ns: 270.0,
            step_ns: 300.0,
            phase_ns: 300.0,
            bit_ns: 100.0,
            sample_pj: 1.2,
            integrate_pj: 0.25,
            step_pj: 0.3,
            shift_add_pj: 0.1,
            source: "a test".into(),
        }
    }

    /// Five bits in one phase: 31 and 8 steps; in two: 7 + 3 and 8 + 5 steps.
    #[test]
    fn phases_by_hand() {
        let one = Phases::of(&neurons(8), 5, 8);
        assert_eq!(
            (one.count, one.integrations, one.conversions),
            (1.0, 31.0, 8.0)
        );
        let two = Phases::of(&neurons(3), 5, 8);
        assert_eq!(
            (two.count, two.integrations, two.conversions),
            (2.0, 10.0, 13.0)
        );
        let time_ns = two.time_ns(&neurons(3), times("vectors", 1.0), &mut Total::default());
        assert!((time_ns - 7700.0).abs() < 1e-9);
    }
}
