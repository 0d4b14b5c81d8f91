//! Products with matrices that lie on crossbars.

use crate::{
    component::Component,
    ledger::{Ledger, times, unit},
    reram::{
        chip::{Chip, OpWork, Stage, Stages},
        mapping::{CrossbarMapping, Layout},
    },
};

/// Matrices of the same sizes, and the vectors that each of them is multiplied with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix {
    pub(super) count: u32,
    pub(super) rows: u32,
    pub(super) cols: u32,
    pub(super) vectors: u32,
    pub(super) weight_bits: u32,
    pub(super) activation_bits: u32,
    pub(super) copies: u32,
    /// Vectors that a copy has time for while the matrix works.
    pub(super) turns: f64,
    /// Only the diagonal holds weights, so that a column gives the product of one input and one weight.
    pub(super) is_diagonal: bool,
}

impl Matrix {
    /// Weights of one of them.
    fn weights(&self) -> f64 {
        let cols = if self.is_diagonal { 1 } else { self.cols };
        f64::from(self.rows) * f64::from(cols)
    }

    fn all_vectors(&self) -> f64 {
        f64::from(self.count) * f64::from(self.vectors)
    }

    fn cells(&self, mapping: &CrossbarMapping) -> f64 {
        f64::from(self.count) * self.weights() * f64::from(mapping.slices)
    }
}

impl Layout {
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "called for every matrix of a search")]
    fn map_matrix(&self, matrix: &Matrix) -> CrossbarMapping {
        let bits = (matrix.weight_bits, matrix.activation_bits);
        let mapping = self.map(matrix.rows, matrix.cols, bits.0, bits.1);
        if !matrix.is_diagonal {
            return mapping;
        }
        // One cell of a column conducts, so that a converter reads all rows at once.
        CrossbarMapping {
            reads: mapping.passes,
            rows_at_once: mapping.fullest_rows,
            row_groups: 1,
            ..mapping
        }
    }
}

impl Chip<'_> {
    /// Products with matrices that are in the cells.
    pub(super) fn matrix(&self, matrix: &Matrix, ledger: &mut impl Ledger, work: &mut OpWork) {
        let Some(layout) = &self.layout else {
            work.violation = self.missing_bits();
            return;
        };
        let mapping = layout.map_matrix(matrix);
        let twins = layout.twins();
        work.copy_crossbars = matrix.count * mapping.crossbars() * twins;
        work.crossbars = matrix.copies * work.copy_crossbars;
        if work.crossbars == twins {
            work.shelf = Some((mapping.fullest_rows, mapping.fullest_cols));
        }
        work.stages = self.stages(matrix, &mapping, ledger);
        work.interval_ns = work.stages.working_ns;
        self.charge_reads(matrix, &mapping, ledger);
        let vector_ns = work.interval_ns / matrix.turns;
        self.charge_registers(matrix, (&mapping, vector_ns), ledger);
        let vectors = matrix.all_vectors();
        let values = vectors * (f64::from(matrix.rows) + f64::from(matrix.cols));
        self.charge_movement(f64::from(matrix.activation_bits) * values, ledger);
        work.input_bits = f64::from(matrix.activation_bits) * vectors * f64::from(matrix.rows);
        work.cells =
            matrix.cells(&mapping) * f64::from(layout.cells_per_slice()) * f64::from(matrix.copies);
    }

    /// Products with operands that are written into cells before.
    pub(super) fn written_matrix(
        &self,
        matrix: &Matrix,
        ledger: &mut impl Ledger,
        work: &mut OpWork,
    ) {
        let Some(table) = &self.preset.write else {
            work.violation = 1.0;
            return;
        };
        self.matrix(matrix, ledger, work);
        let Some(layout) = &self.layout else {
            return;
        };
        let mapping = layout.map_matrix(matrix);
        let cells = matrix.cells(&mapping) * f64::from(layout.cells_per_slice());
        ledger.charge(
            Component::Crossbar,
            unit("write.cell-pj", table.cell_pj),
            &[times("cells", cells), times("pulses", table.pulses)],
        );
        let values = f64::from(matrix.count) * matrix.weights();
        let written_bits = f64::from(matrix.activation_bits) * values;
        self.charge_movement(written_bits, ledger);
        let lines = f64::from(mapping.fullest_rows * layout.lines_per_row());
        work.stages.write_ns = ledger.time(
            Stage::Write,
            unit("write.pulse-ns", table.pulse_ns),
            &[times("lines", lines), times("pulses", table.pulses)],
        );
        work.interval_ns += work.stages.write_ns;
        work.input_bits += written_bits;
        work.shelf = None;
    }

    /// Products of two vectors of so many values, value by value: one vector on the diagonals of as many
    /// crossbars as it takes.
    pub(super) fn diagonal(&self, values: u32, bits: u8) -> Option<Matrix> {
        let layout = self.layout?;
        let bits = u32::from(bits);
        let columns = layout.map(1, 1, bits, bits).fullest_cols;
        let count = values.div_ceil(layout.diagonal(columns));
        let side = values.div_ceil(count.max(1));
        Some(Matrix {
            count,
            rows: side,
            cols: side,
            vectors: 1,
            weight_bits: bits,
            activation_bits: bits,
            copies: 1,
            turns: 1.0,
            is_diagonal: true,
        })
    }

    /// Operations of a full crossbar for one input vector, and their time; charges its reads.
    pub(super) fn full_crossbar(
        &self,
        weight_bits: u8,
        activation_bits: u8,
        ledger: &mut impl Ledger,
    ) -> Option<(f64, f64)> {
        let layout = self.layout?;
        let (rows, cols) = layout.sides();
        let (weight_bits, activation_bits) = (weight_bits.into(), activation_bits.into());
        let slices = layout.map(1, 1, weight_bits, activation_bits).slices;
        let matrix = Matrix {
            count: 1,
            rows,
            cols: (cols / slices).max(1),
            vectors: 1,
            weight_bits,
            activation_bits,
            copies: 1,
            turns: 1.0,
            is_diagonal: false,
        };
        let mapping = layout.map_matrix(&matrix);
        self.charge_reads(&matrix, &mapping, ledger);
        let macs = f64::from(matrix.rows) * f64::from(matrix.cols);
        Some((2.0 * macs, self.converters.vector_ns(&mapping)))
    }

    /// The stages of a copy's input vectors, one after another.
    fn stages(
        &self,
        matrix: &Matrix,
        mapping: &CrossbarMapping,
        ledger: &mut impl Ledger,
    ) -> Stages {
        let turns = times("vectors", matrix.turns);
        let (working_ns, fill_ns) = self.converters.vectors_ns(mapping, turns, ledger);
        let levels = f64::from(32 - (mapping.row_blocks - 1).leading_zeros());
        let table = &self.preset.edram;
        let bits = matrix.rows.saturating_mul(matrix.activation_bits);
        let accesses = f64::from(self.shares.by_access_bits.ceil(bits));
        let access = unit("edram.access-ns", table.access_ns);
        let cycle = unit("digital.cycle-ns", self.preset.digital.cycle_ns);
        let levels = times("levels of additions", levels);
        Stages {
            transfer_ns: ledger.time(Stage::Transfer, access, &[times("accesses", accesses)]),
            write_ns: 0.0,
            working_ns,
            fill_ns,
            reduction_ns: ledger.time(Stage::Reduction, cycle, &[levels]),
        }
    }

    fn charge_reads(&self, matrix: &Matrix, mapping: &CrossbarMapping, ledger: &mut impl Ledger) {
        let preset = self.preset;
        let vectors = times("vectors", matrix.all_vectors());
        let passes = times("passes", f64::from(mapping.passes));
        let columns = f64::from(matrix.cols) * f64::from(mapping.slices);
        let active = self
            .converters
            .activities(mapping, f64::from(matrix.rows), columns);
        let [drives, per_row] = active.drives;
        ledger.charge(
            Component::Dac,
            unit("dac.energy-pj", preset.dac.energy_pj),
            &[self.dac_scale(), vectors, passes, drives, per_row],
        );
        let [rows, cells] = if matrix.is_diagonal {
            let slices = times("slices", f64::from(mapping.slices));
            [times("rows", f64::from(matrix.rows)), slices]
        } else {
            active.cells
        };
        let read_ns = times("ns of a read", self.converters.read_ns);
        let pulse_ns = times("ns of a pulse", self.converters.pulse_ns);
        let twins = times("crossbars of a pair", f64::from(self.twins()));
        ledger.charge(
            Component::Crossbar,
            unit("crossbar.power-mw / cells", self.shares.cell_mw),
            &[pulse_ns, twins, vectors, passes, rows, cells],
        );
        if self.charge_integration(matrix, mapping, ledger) {
            return;
        }
        let [conversions, groups] = active.conversions;
        let counts = [vectors, passes, conversions, groups];
        ledger.charge(
            Component::Adc,
            unit(self.adc_keys[0], self.adc.energy_pj),
            &counts,
        );
        let shift_pj = unit("shift-add.energy-pj", preset.shift_add.energy_pj);
        ledger.charge(Component::ShiftAdd, shift_pj, &counts);
        let hold_mw = unit("sample-hold.power-mw", preset.sample_hold.power_mw);
        let held = [read_ns, vectors, passes, conversions, groups];
        ledger.charge(Component::SampleHold, hold_mw, &held);
    }

    /// Charges neurons that integrate; false if the chip has none.
    fn charge_integration(
        &self,
        matrix: &Matrix,
        mapping: &CrossbarMapping,
        ledger: &mut impl Ledger,
    ) -> bool {
        let Some((table, phases)) = self.converters.phases(mapping) else {
            return false;
        };
        let vectors = times("vectors", matrix.all_vectors());
        let columns = f64::from(matrix.cols) * f64::from(mapping.slices);
        let neurons = times("neurons", columns * f64::from(mapping.row_blocks));
        let mut charge = |component, key, pj, name, count| {
            ledger.charge(
                component,
                unit(key, pj),
                &[vectors, neurons, times(name, count)],
            );
        };
        let inputs = f64::from(mapping.passes);
        charge(
            Component::SampleHold,
            "integrator.sample-pj",
            table.sample_pj,
            "input bits",
            inputs,
        );
        let (integrations, conversions) = (phases.integrations, phases.conversions);
        charge(
            Component::Adc,
            "integrator.integrate-pj",
            table.integrate_pj,
            "steps of integration",
            integrations,
        );
        charge(
            Component::Adc,
            "integrator.step-pj",
            table.step_pj,
            "steps of conversion",
            conversions,
        );
        charge(
            Component::ShiftAdd,
            "integrator.shift-add-pj",
            table.shift_add_pj,
            "steps of conversion",
            conversions,
        );
        true
    }

    /// Registers hold the inputs and outputs of crossbars while these read a vector.
    fn charge_registers(
        &self,
        matrix: &Matrix,
        (mapping, vector_ns): (&CrossbarMapping, f64),
        ledger: &mut impl Ledger,
    ) {
        let crossbars = f64::from(mapping.crossbars() * self.twins());
        let (input_mw, output_mw) = self.shares.register_mw;
        let counts = [
            times("crossbars", crossbars),
            times("vectors", matrix.all_vectors()),
            times("ns of a vector", vector_ns),
        ];
        ledger.charge(
            Component::Registers,
            unit("input-register.power-mw / crossbars", input_mw),
            &counts,
        );
        ledger.charge(
            Component::Registers,
            unit("output-register.power-mw / crossbars", output_mw),
            &counts,
        );
    }
}
