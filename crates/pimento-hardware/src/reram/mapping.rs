//! How a matrix lies on crossbars.

use crate::{
    design::{ChipDesign, Readout},
    reram::adc::readable_rows,
};

/// A matrix on crossbars: its bit slices side by side in the same crossbars, as ISAAC maps them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrossbarMapping {
    /// Cells that hold one weight: ⌈weight bits / cell bits⌉, offset encoding.
    pub slices: u32,
    /// Crossbars one below the other: ⌈rows / crossbar rows⌉.
    pub row_blocks: u32,
    /// Crossbars side by side: ⌈cols · slices / crossbar cols⌉.
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
}

impl CrossbarMapping {
    /// Crossbars of one copy.
    pub fn crossbars(&self) -> u32 {
        self.row_blocks * self.col_blocks
    }
}

/// Maps a matrix of `rows` × `cols`. `lossless_bits` is the resolution that the converters have
/// for sums; where it does not reach for all rows of a crossbar they are read as the chip's readout
/// says. Absent if the converters cannot read even one row without loss and shall.
pub fn map_matrix(
    rows: u32,
    cols: u32,
    weight_bits: u8,
    activation_bits: u8,
    chip: &ChipDesign,
    lossless_bits: u32,
) -> Option<CrossbarMapping> {
    let side = u32::from(chip.crossbar_rows);
    let at_once = match chip.readout {
        Readout::RowGroups => readable_rows(lossless_bits, chip.dac_bits, chip.cell_bits).min(side),
        Readout::AllRows => side,
    };
    if at_once == 0 {
        return None;
    }
    let slices = u32::from(weight_bits.div_ceil(chip.cell_bits));
    let passes = u32::from(activation_bits.div_ceil(chip.dac_bits));
    let row_blocks = rows.div_ceil(side);
    let last = rows - (row_blocks - 1) * side;
    let fullest = rows.min(side).div_ceil(at_once);
    Some(CrossbarMapping {
        slices,
        row_blocks,
        col_blocks: (cols * slices).div_ceil(u32::from(chip.crossbar_cols)),
        reads: passes * fullest,
        passes,
        rows_at_once: at_once,
        row_groups: (row_blocks - 1) * side.div_ceil(at_once) + last.div_ceil(at_once),
    })
}
