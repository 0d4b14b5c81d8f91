//! How a matrix lies on crossbars.

use crate::{
    arithmetic::Divisor,
    design::{ChipDesign, Readout},
    reram::{
        adc::readable_rows,
        preset::ReramPreset,
        tables::{Signs, Slices},
    },
};

/// A matrix on crossbars; with two crossbars per weight's sign, a pair counts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrossbarMapping {
    /// Cells that hold the magnitude of one weight: ⌈weight bits / cell bits⌉ with an offset, one bit
    /// less with a pair of cells.
    pub slices: u32,
    /// Crossbars one below the other: ⌈rows / rows of a crossbar⌉.
    pub row_blocks: u32,
    /// Crossbars side by side: ⌈cols · slices / columns of a crossbar⌉, or ⌈cols / columns⌉ · slices.
    pub col_blocks: u32,
    /// Reads per input vector and crossbar column: input slices times row groups, for the fullest
    /// crossbar.
    pub reads: u32,
    /// Input slices: ⌈activation bits / DAC bits⌉.
    pub passes: u32,
    /// Rows that a converter reads at once, at most.
    pub rows_at_once: u32,
    /// Row groups of all row blocks together.
    pub row_groups: u32,
    /// Weight rows of the fullest crossbar.
    pub fullest_rows: u32,
    /// Columns of slices of the fullest crossbar.
    pub fullest_cols: u32,
}

impl CrossbarMapping {
    /// Crossbars of one copy.
    pub fn crossbars(&self) -> u32 {
        self.row_blocks * self.col_blocks
    }

    /// Row groups of the fullest crossbar.
    pub fn fullest_groups(&self) -> u32 {
        self.reads / self.passes
    }
}

/// What a crossbar offers to matrices.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// Inputs.
    rows: u32,
    /// Columns of slices.
    cols: u32,
    signs: Signs,
    slices: Slices,
    signed_inputs: bool,
    /// Rows that can be driven at once.
    drivers: u32,
    rows_at_once: u32,
    /// Row groups of a crossbar whose rows are all in use.
    full_groups: u32,
    by: Divisors,
}

/// What sizes of matrices are divided by.
#[derive(Debug, Clone, Copy)]
struct Divisors {
    rows: Divisor,
    cols: Divisor,
    rows_at_once: Divisor,
    cell_bits: Divisor,
    dac_bits: Divisor,
}

impl Layout {
    /// The crossbars of a chip whose converters resolve sums of `lossless_bits`. Absent if they shall
    /// not lose anything and cannot read even one row.
    pub(crate) fn new(preset: &ReramPreset, chip: &ChipDesign, lossless_bits: u32) -> Option<Self> {
        let plain = Self::with_offset(chip, lossless_bits)?;
        let signs = preset.encoding.signs;
        let (rows, cols) = match signs {
            Signs::PairOfRows => (plain.rows / 2, plain.cols),
            Signs::PairOfColumns => (plain.rows, plain.cols / 2),
            Signs::Offset | Signs::PairOfCrossbars => (plain.rows, plain.cols),
        };
        let drivers = preset.dac.per_crossbar.map_or(u32::MAX, u32::from);
        let (rows, cols) = (rows.max(1), cols.max(1));
        let rows_at_once = plain.rows_at_once.min(drivers);
        Some(Self {
            rows,
            cols,
            signs,
            slices: preset.encoding.slices,
            signed_inputs: preset.dac.signed_inputs,
            drivers,
            rows_at_once,
            full_groups: rows.div_ceil(rows_at_once),
            by: Divisors {
                rows: Divisor::new(rows),
                cols: Divisor::new(cols),
                rows_at_once: Divisor::new(rows_at_once),
                ..plain.by
            },
        })
    }

    /// Weights with an offset, their slices side by side, a driver for each row.
    fn with_offset(chip: &ChipDesign, lossless_bits: u32) -> Option<Self> {
        let rows = u32::from(chip.crossbar_rows);
        let cols = u32::from(chip.crossbar_cols);
        let (dac_bits, cell_bits) = (chip.dac_bits, chip.cell_bits);
        let rows_at_once = match chip.readout {
            Readout::RowGroups => readable_rows(lossless_bits, dac_bits, cell_bits).min(rows),
            Readout::AllRows => rows,
        };
        (rows_at_once > 0).then(|| Self {
            rows,
            cols,
            signs: Signs::Offset,
            slices: Slices::Adjacent,
            signed_inputs: false,
            drivers: rows,
            rows_at_once,
            full_groups: rows.div_ceil(rows_at_once),
            by: Divisors {
                rows: Divisor::new(rows),
                cols: Divisor::new(cols),
                rows_at_once: Divisor::new(rows_at_once),
                cell_bits: Divisor::new(cell_bits.into()),
                dac_bits: Divisor::new(dac_bits.into()),
            },
        })
    }

    /// Crossbars that make up one of the mapping's.
    pub(crate) fn twins(&self) -> u32 {
        match self.signs {
            Signs::PairOfCrossbars => 2,
            Signs::Offset | Signs::PairOfColumns | Signs::PairOfRows => 1,
        }
    }

    /// Cells of a slice of a weight.
    pub(crate) fn cells_per_slice(&self) -> u32 {
        match self.signs {
            Signs::Offset => 1,
            Signs::PairOfColumns | Signs::PairOfRows | Signs::PairOfCrossbars => 2,
        }
    }

    /// Word lines that an input drives.
    pub(crate) fn lines_per_row(&self) -> u32 {
        match self.signs {
            Signs::PairOfRows => 2,
            Signs::Offset | Signs::PairOfColumns | Signs::PairOfCrossbars => 1,
        }
    }

    /// The longest diagonal of a crossbar for weights of so many columns of slices, all of whose rows are
    /// driven at once.
    pub(crate) fn diagonal(&self, columns: u32) -> u32 {
        self.rows.min(self.drivers).min(self.cols / columns).max(1)
    }

    /// Inputs and columns of slices of a crossbar.
    pub(crate) fn sides(&self) -> (u32, u32) {
        (self.rows, self.cols)
    }

    /// Maps a matrix.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "called for every matrix of a search")]
    pub(crate) fn map(
        &self,
        rows: u32,
        cols: u32,
        weight_bits: u32,
        activation_bits: u32,
    ) -> CrossbarMapping {
        let magnitude_bits = match self.signs {
            Signs::Offset => weight_bits,
            _ => weight_bits.saturating_sub(1).max(1),
        };
        let input_bits = if self.signed_inputs {
            activation_bits.saturating_sub(1).max(1)
        } else {
            activation_bits
        };
        let slices = self.by.cell_bits.ceil(magnitude_bits);
        let passes = self.by.dac_bits.ceil(input_bits);
        let row_blocks = self.by.rows.ceil(rows);
        let last = rows - (row_blocks - 1) * self.rows;
        let last_groups = self.by.rows_at_once.ceil(last);
        let fullest_groups = if row_blocks > 1 {
            self.full_groups
        } else {
            last_groups
        };
        let (col_blocks, fullest_cols) = match self.slices {
            Slices::Adjacent => (
                self.by.cols.ceil(cols * slices),
                (cols * slices).min(self.cols),
            ),
            Slices::OwnCrossbar => (self.by.cols.ceil(cols) * slices, cols.min(self.cols)),
        };
        CrossbarMapping {
            slices,
            row_blocks,
            col_blocks,
            reads: passes * fullest_groups,
            passes,
            rows_at_once: self.rows_at_once,
            row_groups: (row_blocks - 1) * self.full_groups + last_groups,
            fullest_rows: rows.min(self.rows),
            fullest_cols,
        }
    }
}

/// Maps a matrix of `rows` × `cols` as ISAAC does: weights with an offset, their slices side by side.
/// `lossless_bits` is the resolution that the converters have for sums; where it does not reach for
/// all rows of a crossbar they are read as the chip's readout says. Absent if the converters cannot
/// read even one row without loss and shall.
pub fn map_matrix(
    rows: u32,
    cols: u32,
    weight_bits: u8,
    activation_bits: u8,
    chip: &ChipDesign,
    lossless_bits: u32,
) -> Option<CrossbarMapping> {
    let layout = Layout::with_offset(chip, lossless_bits)?;
    Some(layout.map(rows, cols, weight_bits.into(), activation_bits.into()))
}
