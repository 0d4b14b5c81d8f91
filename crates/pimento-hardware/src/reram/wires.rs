//! The resistance of word and bit lines, to first order.
//!
//! Word lines are driven at their first column, bit lines are held at ground below the last row. A
//! crossbar with wires is a linear network, so that it still computes a product with a matrix;
//! only the matrix is another.

/// Resistance of wires from cell to cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wires {
    /// Of a word line, in Ω.
    pub row_ohm: f64,
    /// Of a bit line, in Ω.
    pub col_ohm: f64,
}

impl Wires {
    /// Whether they change nothing.
    pub fn are_ideal(&self) -> bool {
        self.row_ohm == 0.0 && self.col_ohm == 0.0
    }

    /// Replaces the conductances in µS of a crossbar (row-major, `cols` columns) by what its columns
    /// act as: g / (1 + δ), with
    ///
    /// δ_ij = row_ohm · Σ_j′ (min(j, j′) + 1) · g_ij′ + col_ohm · Σ_i′ (rows − max(i, i′)) · g_i′j,
    ///
    /// the loss of voltage by the currents of all cells of the row and of the column, to first order
    /// in conductance times resistance.
    ///
    /// # Panics
    /// If rows are not whole.
    pub fn attenuate(&self, conductance_us: &mut [f32], cols: usize) {
        assert!(
            cols > 0 && conductance_us.len().is_multiple_of(cols),
            "rows are whole"
        );
        if self.are_ideal() {
            return;
        }
        let row_loss = self.row_loss(conductance_us, cols);
        let col_loss = self.col_loss(conductance_us, cols);
        for ((conductance, along_row), along_col) in
            conductance_us.iter_mut().zip(row_loss).zip(col_loss)
        {
            *conductance /= 1.0 + along_row + along_col;
        }
    }

    fn row_loss(&self, conductance_us: &[f32], cols: usize) -> Vec<f32> {
        let ohm = self.row_ohm as f32 * 1e-6;
        let mut losses = Vec::with_capacity(conductance_us.len());
        for row in conductance_us.chunks_exact(cols) {
            // Current of the segment before a cell, and what it and those before it lose.
            let mut current: f32 = row.iter().sum();
            let mut loss = 0.0;
            for conductance in row {
                loss += current;
                losses.push(ohm * loss);
                current -= conductance;
            }
        }
        losses
    }

    fn col_loss(&self, conductance_us: &[f32], cols: usize) -> Vec<f32> {
        let ohm = self.col_ohm as f32 * 1e-6;
        let mut losses = vec![0.0; conductance_us.len()];
        let mut current = vec![0.0; cols];
        for row in conductance_us.chunks_exact(cols) {
            add(&mut current, row);
        }
        let mut loss = vec![0.0; cols];
        let rows = conductance_us.chunks_exact(cols);
        for (row, out) in rows.zip(losses.chunks_exact_mut(cols)).rev() {
            add(&mut loss, &current);
            for ((out, loss), (current, conductance)) in
                out.iter_mut().zip(&loss).zip(current.iter_mut().zip(row))
            {
                *out = ohm * loss;
                *current -= conductance;
            }
        }
        losses
    }
}

fn add(sums: &mut [f32], values: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Column currents in µA of a crossbar driven at `volts`, by relaxation of Kirchhoff's laws over
    /// all nodes.
    fn exact(conductance_us: &[f32], cols: usize, volts: &[f64], wires: Wires) -> Vec<f64> {
        let rows = volts.len();
        let siemens = |index: usize| f64::from(conductance_us[index]) * 1e-6;
        let (along_row, along_col) = (1.0 / wires.row_ohm, 1.0 / wires.col_ohm);
        let mut word = vec![0.0; rows * cols];
        let mut bit = vec![0.0; rows * cols];
        for _ in 0..20_000 {
            for (row, volts) in volts.iter().enumerate() {
                for col in 0..cols {
                    let index = row * cols + col;
                    let g = siemens(index);
                    let before = if col == 0 { *volts } else { word[index - 1] };
                    let (mut sum, mut weight) = (along_row * before, along_row);
                    if col + 1 < cols {
                        sum += along_row * word[index + 1];
                        weight += along_row;
                    }
                    word[index] = (sum + g * bit[index]) / (weight + g);
                    let after = if row + 1 == rows {
                        0.0
                    } else {
                        bit[index + cols]
                    };
                    let (mut sum, mut weight) = (along_col * after, along_col);
                    if row > 0 {
                        sum += along_col * bit[index - cols];
                        weight += along_col;
                    }
                    bit[index] = (sum + g * word[index]) / (weight + g);
                }
            }
        }
        let last = (rows - 1) * cols;
        (0..cols)
            .map(|col| bit[last + col] * along_col * 1e6)
            .collect()
    }

    fn pattern(rows: usize, cols: usize) -> Vec<f32> {
        (0..rows * cols)
            .map(|index| 1.0 + ((index * 7919) % 40) as f32)
            .collect()
    }

    #[test]
    fn one_cell_is_a_series_of_resistors() {
        let mut conductance = vec![100.0];
        let wires = Wires {
            row_ohm: 300.0,
            col_ohm: 700.0,
        };
        wires.attenuate(&mut conductance, 1);
        // 10 kΩ and 1 kΩ in series.
        assert!((conductance[0] - 1e6 / 11_000.0).abs() < 1e-4);
    }

    /// Where wires take 2 % on average the first order leaves a hundredth of that at most, and four
    /// times shorter wires leave about a sixteenth.
    #[test]
    fn the_rest_is_of_second_order() {
        let (rows, cols) = (24, 16);
        let conductance = pattern(rows, cols);
        let volts: Vec<f64> = (0..rows)
            .map(|row| f64::from(u8::from(row % 3 != 0)))
            .collect();
        let rest = |scale: f64| {
            let wires = Wires {
                row_ohm: 4.0 * scale,
                col_ohm: 2.0 * scale,
            };
            let mut attenuated = conductance.clone();
            wires.attenuate(&mut attenuated, cols);
            let exact = exact(&conductance, cols, &volts, wires);
            let product = |matrix: &[f32], col: usize| -> f64 {
                let cells = matrix[col..].iter().step_by(cols);
                cells.zip(&volts).map(|(g, v)| f64::from(*g) * v).sum()
            };
            let (mut loss, mut rest) = (0.0_f64, 0.0_f64);
            for (col, exact) in exact.iter().enumerate() {
                let whole = product(&conductance, col);
                loss += (whole - exact) / whole / cols as f64;
                rest = rest.max((product(&attenuated, col) - exact).abs() / whole);
            }
            (loss, rest)
        };
        let (loss, long) = rest(1.0);
        assert!(loss > 0.015 && long < 0.01 * loss, "{loss} {long}");
        let (_, short) = rest(0.25);
        assert!(short < long / 12.0, "{long} {short}");
    }
}
