//! A layer's matrix as whole numbers: what is written into cells and streamed into rows.

use crate::quantise::FULL_PRECISION_BITS;

/// Widest fixed-point format of the crossbars; what is not rounded is computed in it.
const MAX_BITS: u8 = 16;

/// A matrix of whole numbers in two's complement, with the value of one step in each column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WholeMatrix {
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    /// Bits of a weight.
    pub(crate) bits: u8,
    /// Shape \[rows, cols\].
    pub(crate) values: Vec<f32>,
    /// Value of a step, shape \[cols\].
    pub(crate) steps: Vec<f32>,
}

/// Vectors of whole numbers, with the value of one step of each.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct WholeVectors {
    /// Shape \[vectors, rows\].
    pub(crate) values: Vec<f32>,
    /// Value of a step, shape \[vectors\].
    pub(crate) steps: Vec<f32>,
}

impl WholeMatrix {
    /// The whole numbers of a matrix that was rounded to `bits` bits, with a scale for each column
    /// or for all.
    pub(crate) fn new(weights: &[f32], cols: usize, bits: u8, has_column_scales: bool) -> Self {
        let bits = format_bits(bits);
        let largest = largest(bits);
        let mut ends = vec![0.0_f32; cols];
        for row in weights.chunks_exact(cols) {
            for (end, weight) in ends.iter_mut().zip(row) {
                *end = end.max(weight.abs());
            }
        }
        if !has_column_scales {
            let end = ends.iter().copied().fold(0.0, f32::max);
            ends.fill(end);
        }
        let steps: Vec<f32> = ends.iter().map(|end| end / largest).collect();
        let rows = weights.chunks_exact(cols);
        let values = rows
            .flat_map(|row| row.iter().zip(&steps).map(|(w, step)| whole(*w, *step)))
            .collect();
        Self {
            rows: weights.len() / cols,
            cols,
            bits,
            values,
            steps,
        }
    }
}

impl WholeVectors {
    /// Rows of `width` values rounded to `bits` bits; `per_sample` rows, those of one sample, share
    /// a step.
    pub(crate) fn new(rows: &[f32], width: usize, bits: u8, per_sample: usize) -> Self {
        let largest = largest(format_bits(bits));
        let mut values = Vec::with_capacity(rows.len());
        let mut steps = Vec::with_capacity(rows.len() / width);
        for sample in rows.chunks(width * per_sample) {
            let end = sample.iter().fold(0.0_f32, |end, v| end.max(v.abs()));
            let step = end / largest;
            values.extend(sample.iter().map(|value| whole(*value, step)));
            steps.resize(steps.len() + sample.len() / width, step);
        }
        Self { values, steps }
    }
}

/// The bits that numbers of this precision take on crossbars.
pub(crate) fn format_bits(bits: u8) -> u8 {
    if bits >= FULL_PRECISION_BITS {
        MAX_BITS
    } else {
        bits
    }
}

/// The largest number of `bits` bits.
fn largest(bits: u8) -> f32 {
    ((1_u32 << (bits - 1)) - 1) as f32
}

fn whole(value: f32, step: f32) -> f32 {
    if step > 0.0 {
        (value / step).round_ties_even()
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantise::{quantise_columns, quantise_weights};

    #[test]
    fn rounded_matrices_are_whole_numbers_of_steps() {
        let weights: Vec<f32> = (0..60_u8).map(|n| (f32::from(n) * 1.7).sin()).collect();
        for bits in [2, 3, 4, 8, 16] {
            for by_column in [false, true] {
                let mut rounded = weights.clone();
                if by_column {
                    quantise_columns(&mut rounded, 5, bits);
                } else {
                    quantise_weights(&mut rounded, bits);
                }
                let matrix = WholeMatrix::new(&rounded, 5, bits, by_column);
                for (index, value) in matrix.values.iter().enumerate() {
                    let back = value * matrix.steps[index % 5];
                    assert!((back - rounded[index]).abs() < 1e-6, "{bits} bits: {back}");
                }
            }
        }
    }

    #[test]
    fn vectors_of_a_sample_share_a_step() {
        let rows = [3.0, -1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let vectors = WholeVectors::new(&rows, 2, 3, 2);
        assert_eq!(vectors.values, [3.0, -1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(vectors.steps, [1.0, 1.0, 0.0, 0.0]);
        let alone = WholeVectors::new(&rows, 2, 3, 1);
        assert_eq!(alone.values[2..4], [3.0, 0.0]);
        assert!((alone.steps[1] - 1.0 / 3.0).abs() < 1e-7);
    }
}
