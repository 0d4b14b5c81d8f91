//! A layer's matrix as whole numbers: what is written into cells and streamed into rows.

use pimento_space::ActivationRange;

use crate::{fused::Grid, quantise::FULL_PRECISION_BITS};

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
    /// The number that means zero, shape \[vectors\].
    pub(crate) zeros: Vec<f32>,
}

/// How activations become whole numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Coding {
    /// Their precision.
    pub(crate) bits: u8,
    /// Numbers of an asymmetric or a learned range are not negative; one of them means zero.
    pub(crate) range: ActivationRange,
    /// The levels of a learned range.
    pub(crate) grid: Option<Grid>,
    /// Vectors of a sample, which share a step.
    pub(crate) vectors_per_sample: usize,
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

impl WholeMatrix {
    /// Sum of each column.
    pub(crate) fn sums(&self) -> Vec<f32> {
        let mut sums = vec![0.0; self.cols];
        for row in self.values.chunks_exact(self.cols) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += value;
            }
        }
        sums
    }
}

impl WholeVectors {
    /// Rows of `width` values, rounded.
    pub(crate) fn new(rows: &[f32], width: usize, coding: Coding) -> Self {
        let bits = format_bits(coding.bits);
        let mut vectors = Self {
            values: Vec::with_capacity(rows.len()),
            steps: Vec::with_capacity(rows.len() / width),
            zeros: Vec::with_capacity(rows.len() / width),
        };
        for sample in rows.chunks(width * coding.vectors_per_sample) {
            let low = sample.iter().copied().fold(0.0, f32::min);
            let high = sample.iter().copied().fold(0.0, f32::max);
            let (step, zero) = match (coding.range, coding.grid) {
                (ActivationRange::Learned, Some(grid)) => (grid.step, -grid.lowest),
                (ActivationRange::Symmetric, _) => (high.max(-low) / largest(bits), 0.0),
                (ActivationRange::Asymmetric | ActivationRange::Learned, _) => {
                    let step = (high - low) / ((1_u32 << bits) - 1) as f32;
                    (step, whole(-low, step))
                }
            };
            let highest = match coding.range {
                ActivationRange::Symmetric => largest(bits),
                ActivationRange::Asymmetric | ActivationRange::Learned => {
                    ((1_u32 << bits) - 1) as f32
                }
            };
            // Numbers of a learned range end where it ends.
            let lowest = if coding.grid.is_some() { 0.0 } else { -highest };
            let numbers = sample
                .iter()
                .map(|value| (whole(*value, step) + zero).max(lowest).min(highest));
            vectors.values.extend(numbers);
            let count = vectors.steps.len() + sample.len() / width;
            vectors.steps.resize(count, step);
            vectors.zeros.resize(count, zero);
        }
        vectors
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

    fn coding(range: ActivationRange, vectors_per_sample: usize) -> Coding {
        Coding {
            bits: 3,
            range,
            grid: None,
            vectors_per_sample,
        }
    }

    #[test]
    fn numbers_of_an_asymmetric_range_are_not_negative() {
        let rows = [-2.0, 0.0, 5.0, 1.2];
        let vectors = WholeVectors::new(&rows, 2, coding(ActivationRange::Asymmetric, 2));
        assert_eq!(vectors.values, [0.0, 2.0, 7.0, 3.0]);
        assert_eq!(vectors.zeros, [2.0, 2.0]);
        assert_eq!(vectors.steps, [1.0, 1.0]);
    }

    #[test]
    fn vectors_of_a_sample_share_a_step() {
        let rows = [3.0, -1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let vectors = WholeVectors::new(&rows, 2, coding(ActivationRange::Symmetric, 2));
        assert_eq!(vectors.values, [3.0, -1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(vectors.steps, [1.0, 1.0, 0.0, 0.0]);
        let alone = WholeVectors::new(&rows, 2, coding(ActivationRange::Symmetric, 1));
        assert_eq!(alone.values[2..4], [3.0, 0.0]);
        assert!((alone.steps[1] - 1.0 / 3.0).abs() < 1e-7);
    }
}
