//! A matrix in the cells of one chip.

use std::ops::Range;

use pimento_hardware::{CellPreset, ChipDesign};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::matrix::WholeMatrix;

/// Rows that a converter reads at once, as the cells of all slices hold them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RowGroup {
    /// Rows of the matrix.
    pub(super) rows: Range<usize>,
    /// Cells in units of a level, shape \[rows, slices · cols\], slice after slice; whole numbers
    /// where cells are ideal.
    pub(super) levels: Vec<f32>,
    /// Which columns are stored flipped, shape \[slices · cols\].
    pub(super) is_flipped: Vec<bool>,
}

/// How a matrix is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writing<'a> {
    pub(super) chip: &'a ChipDesign,
    pub(super) cells: &'a CellPreset,
    /// Whether columns are stored flipped where that makes their sum smaller.
    pub(super) flips_columns: bool,
    /// Rows that are read at once.
    pub(super) rows_at_once: usize,
}

impl Writing<'_> {
    /// Cells that hold one weight.
    pub(super) fn slices(&self, matrix: &WholeMatrix) -> usize {
        usize::from(matrix.bits.div_ceil(self.chip.cell_bits))
    }

    /// The highest level of a cell.
    pub(super) fn highest(&self) -> u32 {
        (1 << self.chip.cell_bits) - 1
    }

    /// Writes a matrix into the cells of a chip, whose faults come from `rng`.
    pub(super) fn write(&self, matrix: &WholeMatrix, rng: &mut ChaCha8Rng) -> Vec<RowGroup> {
        let side = usize::from(self.chip.crossbar_rows);
        let mut groups = Vec::new();
        for first in (0..matrix.rows).step_by(side) {
            let rows = first..(first + side).min(matrix.rows);
            let mut block: Vec<RowGroup> = rows
                .clone()
                .step_by(self.rows_at_once)
                .map(|first| self.ideal(matrix, first..(first + self.rows_at_once).min(rows.end)))
                .collect();
            let physics = Physics::new(self.cells, self.highest());
            if !physics.is_ideal() {
                for group in &mut block {
                    physics.program(&mut group.levels, rng);
                }
                self.add_wires(&mut block, matrix.cols, &physics);
            }
            groups.extend(block);
        }
        groups
    }

    /// Levels as they are meant: weights plus half their range, sliced from the lowest bits on.
    fn ideal(&self, matrix: &WholeMatrix, rows: Range<usize>) -> RowGroup {
        let (cols, slices) = (matrix.cols, self.slices(matrix));
        let (bits, highest) = (u32::from(self.chip.cell_bits), self.highest());
        let offset = 1_i32 << (matrix.bits - 1);
        let mut levels = vec![0.0; rows.len() * slices * cols];
        let mut sums = vec![0.0; slices * cols];
        for (row, out) in rows.clone().zip(levels.chunks_exact_mut(slices * cols)) {
            let weights = &matrix.values[row * cols..][..cols];
            for (slice, out) in out.chunks_exact_mut(cols).enumerate() {
                for (out, weight) in out.iter_mut().zip(weights) {
                    let stored = (*weight as i32 + offset) as u32;
                    *out = ((stored >> (bits * slice as u32)) & highest) as f32;
                }
            }
            for (sum, level) in sums.iter_mut().zip(out) {
                *sum += *level;
            }
        }
        let half = (rows.len() as u32 * highest) as f32 / 2.0;
        let is_flipped: Vec<bool> = sums
            .iter()
            .map(|&sum| self.flips_columns && sum > half)
            .collect();
        for row in levels.chunks_exact_mut(slices * cols) {
            for (level, _) in row
                .iter_mut()
                .zip(&is_flipped)
                .filter(|(_, flipped)| **flipped)
            {
                *level = highest as f32 - *level;
            }
        }
        RowGroup {
            rows,
            levels,
            is_flipped,
        }
    }

    /// What the wires of each crossbar take. The slices of a weight lie side by side.
    fn add_wires(&self, block: &mut [RowGroup], cols: usize, physics: &Physics<'_>) {
        let wires = self.cells.wires();
        if wires.are_ideal() {
            return;
        }
        let physical = block[0].is_flipped.len();
        let slices = physical / cols;
        let place = |column: usize| column % slices * cols + column / slices;
        let side = usize::from(self.chip.crossbar_cols);
        for first in (0..physical).step_by(side) {
            let columns = first..(first + side).min(physical);
            let mut crossbar = Vec::new();
            for row in block
                .iter()
                .flat_map(|group| group.levels.chunks_exact(physical))
            {
                crossbar.extend(
                    columns
                        .clone()
                        .map(|column| physics.conductance(row[place(column)])),
                );
            }
            wires.attenuate(&mut crossbar, columns.len());
            let mut cells = crossbar.iter();
            for group in &mut *block {
                for row in group.levels.chunks_exact_mut(physical) {
                    for (column, cell) in columns.clone().zip(&mut cells) {
                        row[place(column)] = physics.level(*cell);
                    }
                }
            }
        }
    }
}

/// Cells of one kind with so many levels.
struct Physics<'a> {
    cells: &'a CellPreset,
    highest: f32,
    /// µS of a level.
    step_us: f32,
    /// Deviation of each level, in levels.
    deviations: Vec<f32>,
}

impl<'a> Physics<'a> {
    fn new(cells: &'a CellPreset, highest: u32) -> Self {
        let step_us = (cells.high_us() - cells.low_us()) / f64::from(highest);
        let deviations = (0..=highest)
            .map(|level| cells.deviation_us(cells.low_us() + f64::from(level) * step_us) / step_us)
            .map(|deviation| deviation as f32)
            .collect();
        Self {
            cells,
            highest: highest as f32,
            step_us: step_us as f32,
            deviations,
        }
    }

    fn is_ideal(&self) -> bool {
        self.cells.wires().are_ideal()
            && self.cells.stuck_low() + self.cells.stuck_high() == 0.0
            && self.deviations.iter().all(|&deviation| deviation == 0.0)
    }

    /// Writes levels into cells: each lies beside what was meant, some are stuck.
    fn program(&self, levels: &mut [f32], rng: &mut ChaCha8Rng) {
        let lowest = -self.cells.low_us() as f32 / self.step_us;
        let (low, high) = (self.cells.stuck_low(), self.cells.stuck_high());
        for level in levels {
            let normal: f32 = StandardNormal.sample(rng);
            let luck: f64 = if low + high > 0.0 { rng.random() } else { 1.0 };
            *level = if luck < low {
                0.0
            } else if luck < low + high {
                self.highest
            } else {
                (*level + self.deviations[*level as usize] * normal).max(lowest)
            };
        }
    }

    fn conductance(&self, level: f32) -> f32 {
        self.cells.low_us() as f32 + level * self.step_us
    }

    fn level(&self, conductance_us: f32) -> f32 {
        (conductance_us - self.cells.low_us() as f32) / self.step_us
    }
}
