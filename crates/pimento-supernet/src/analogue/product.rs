//! The product with a matrix in cells: digits into rows, sums through converters, shifted and added.

use pimento_hardware::ChipDesign;
use pimento_space::ActivationRange;

use super::{
    cells::{RowGroup, Writing},
    converter::{Converter, Seen},
    matrix::{Coding, WholeMatrix, format_bits},
};
use crate::fused::{Matrix, multiply, vectorised};

/// Sums that are worked on at once, about.
const SUMS_AT_ONCE: usize = 1 << 18;

/// Sums that are looked at to calibrate a converter, at most.
const CALIBRATION_SUMS: usize = 100_000;

/// A matrix in the cells of one chip, and how it is read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Reading {
    cols: usize,
    digits: Digits,
    groups: Vec<Group>,
    /// Of digits that are not negative.
    converter: Converter,
    /// Of the last digits, where they have a sign.
    signed_converter: Converter,
    /// What was added to every weight.
    offset: f32,
}

/// Rows that are read at once.
#[derive(Debug, Clone, PartialEq)]
struct Group {
    cells: RowGroup,
    /// What a read sum counts, shape \[slices · cols\]: the value of its slice, negative if stored
    /// flipped.
    factors: Vec<f32>,
    /// What the sum of the digits counts, shape \[slices · cols\].
    flips: Vec<f32>,
}

/// How numbers are streamed: from the lowest bits on, in two's complement where they have a sign.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Digits {
    bits: u32,
    count: u32,
    /// Whether numbers may be negative.
    are_signed: bool,
}

impl Digits {
    /// Whether the last digit is driven with its sign. A single bit is driven as it is, and what is
    /// read is subtracted.
    fn last_has_sign(self) -> bool {
        self.are_signed && self.bits > 1
    }

    fn is_last(self, pass: u32) -> bool {
        pass + 1 == self.count
    }

    fn digit(self, number: f32, pass: u32) -> f32 {
        let shifted = (number as i32) >> (self.bits * pass);
        let digit = if self.is_last(pass) && self.last_has_sign() {
            shifted
        } else {
            shifted & ((1 << self.bits) - 1)
        };
        digit as f32
    }

    /// What a digit counts.
    fn value(self, pass: u32) -> f32 {
        let value = ((self.bits * pass) as f32).exp2();
        if self.is_last(pass) && self.are_signed && self.bits == 1 {
            -value
        } else {
            value
        }
    }
}

impl Reading {
    /// A matrix written into `groups`, read without loss.
    pub(super) fn new(
        writing: &Writing<'_>,
        matrix: &WholeMatrix,
        coding: Coding,
        groups: Vec<RowGroup>,
    ) -> Self {
        let chip = writing.chip;
        let highest = writing.highest() as f32;
        let slice_value = |column: usize| {
            let slice = column / matrix.cols;
            ((usize::from(chip.cell_bits) * slice) as f32).exp2()
        };
        let groups = groups.into_iter().map(|cells| {
            let columns = cells.is_flipped.iter().enumerate();
            let (factors, flips) = columns
                .map(
                    |(column, &is_flipped)| match (slice_value(column), is_flipped) {
                        (value, false) => (value, 0.0),
                        (value, true) => (-value, value * highest),
                    },
                )
                .unzip();
            Group {
                cells,
                factors,
                flips,
            }
        });
        Self {
            cols: matrix.cols,
            digits: Digits {
                bits: u32::from(chip.dac_bits),
                count: u32::from(format_bits(coding.bits).div_ceil(chip.dac_bits)),
                are_signed: coding.range == ActivationRange::Symmetric,
            },
            groups: groups.collect(),
            converter: Converter::lossless(chip),
            signed_converter: Converter::lossless_signed(chip),
            offset: f32::from(1_u16 << (matrix.bits - 1)),
        }
    }

    /// Fixes the range of the converters for vectors like these, shape \[vectors, rows\].
    pub(super) fn calibrate(&mut self, chip: &ChipDesign, vectors: &[f32], rows: usize) {
        let per_vector =
            self.groups.len() * self.groups[0].factors.len() * self.digits.count as usize;
        let vectors = some(vectors, rows, CALIBRATION_SUMS / per_vector);
        let (mut plain, mut signed) = (Vec::new(), Vec::new());
        self.visit_sums(&vectors, rows, |group, pass, _, sums| {
            let (last, value) = (self.digits.is_last(pass), self.digits.value(pass));
            let seen = sums.iter().zip(group.factors.iter().cycle());
            let seen = seen.map(|(&sum, factor)| Seen {
                sum,
                weight: factor * value,
            });
            if last && self.digits.last_has_sign() {
                signed.extend(seen);
            } else {
                plain.extend(seen);
            }
        });
        self.converter = Converter::calibrated(chip, &plain);
        self.signed_converter = Converter::calibrated(chip, &signed);
    }

    /// The products of vectors of whole numbers, shape \[vectors, rows\], as they are read, shape
    /// \[vectors, cols\].
    pub(super) fn products(&self, vectors: &[f32], rows: usize) -> Vec<f32> {
        let count = vectors.len() / rows;
        let mut products = vec![0.0; count * self.cols];
        for (vector, out) in vectors
            .chunks_exact(rows)
            .zip(products.chunks_exact_mut(self.cols))
        {
            out.fill(-self.offset * vector.iter().sum::<f32>());
        }
        self.visit_sums(vectors, rows, |group, pass, chunk, sums| {
            let converter = if self.digits.is_last(pass) && self.digits.last_has_sign() {
                &self.signed_converter
            } else {
                &self.converter
            };
            let value = self.digits.value(pass);
            let columns = group.factors.len();
            let outputs = products[chunk.first * self.cols..].chunks_exact_mut(self.cols);
            vectorised(
                #[inline(always)]
                || {
                    for ((sums, digits), out) in sums
                        .chunks_exact(columns)
                        .zip(chunk.digit_sums)
                        .zip(outputs)
                    {
                        group.add(converter, value, *digits, sums, out);
                    }
                },
            );
        });
        products
    }

    /// The matrix that the cells act as where sums are read exactly, shape \[rows, cols\].
    pub(super) fn matrix(&self) -> Vec<f32> {
        let mut matrix = Vec::new();
        for group in &self.groups {
            let columns = group.factors.len();
            for row in group.cells.levels.chunks_exact(columns) {
                let mut weights = vec![-self.offset; self.cols];
                let cells = row.iter().zip(group.factors.iter().zip(&group.flips));
                for (weight, (level, (factor, flip))) in (0..self.cols).cycle().zip(cells) {
                    weights[weight] += level * factor + flip;
                }
                matrix.extend(weights);
            }
        }
        matrix
    }

    /// Calls `visit` with the analogue sums of some vectors for each group of rows and each pass:
    /// shape \[vectors, slices · cols\].
    fn visit_sums(
        &self,
        vectors: &[f32],
        rows: usize,
        mut visit: impl FnMut(&Group, u32, Chunk<'_>, &[f32]),
    ) {
        let columns = self.groups[0].factors.len();
        let at_once = (SUMS_AT_ONCE / columns).max(1);
        for (number, vectors) in vectors.chunks(at_once * rows).enumerate() {
            for group in &self.groups {
                let range = &group.cells.rows;
                for pass in 0..self.digits.count {
                    let digits: Vec<f32> = vectors
                        .chunks_exact(rows)
                        .flat_map(|vector| &vector[range.clone()])
                        .map(|&number| self.digits.digit(number, pass))
                        .collect();
                    let digit_sums: Vec<f32> = digits
                        .chunks_exact(range.len())
                        .map(|digits| digits.iter().sum())
                        .collect();
                    let sums = multiply(
                        Matrix::new(&digits, range.len()),
                        Matrix::new(&group.cells.levels, columns),
                    );
                    let chunk = Chunk {
                        first: number * at_once,
                        digit_sums: &digit_sums,
                    };
                    visit(group, pass, chunk, &sums);
                }
            }
        }
    }
}

/// Vectors that are worked on at once.
struct Chunk<'a> {
    /// Number of the first.
    first: usize,
    /// Sum of the digits of each.
    digit_sums: &'a [f32],
}

impl Group {
    /// Adds what is read of the sums of one vector.
    #[expect(clippy::inline_always, reason = "compiled into the vectorised caller")]
    #[inline(always)]
    fn add(&self, converter: &Converter, value: f32, digits: f32, sums: &[f32], out: &mut [f32]) {
        let cols = out.len();
        let slices = sums.chunks_exact(cols);
        let slices = slices.zip(self.factors.chunks_exact(cols));
        for ((sums, factors), flips) in slices.zip(self.flips.chunks_exact(cols)) {
            let cells = sums.iter().zip(factors.iter().zip(flips));
            for (out, (sum, (factor, flip))) in out.iter_mut().zip(cells) {
                *out += value * (factor * converter.read(*sum) + flip * digits);
            }
        }
    }
}

/// Some of the vectors, shape \[vectors, rows\], evenly spread; at least one if there is one.
pub(super) fn some(vectors: &[f32], rows: usize, at_most: usize) -> Vec<f32> {
    let count = vectors.len() / rows;
    let step = count.div_ceil(at_most.max(1)).max(1);
    let chosen = vectors.chunks_exact(rows).step_by(step);
    chosen.flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use pimento_hardware::{CellPreset, Hardware, Readout, map_matrix};
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use ActivationRange::{Asymmetric, Symmetric};

    /// Whole numbers of so many bits, 0 now and then.
    fn numbers(count: usize, bits: u8, seed: usize) -> Vec<f32> {
        let largest = (1_usize << (bits - 1)) - 1;
        let number = |index: usize| {
            let mixed = (index * 7919 + seed * 104_729) % 1_000_003;
            (mixed % (2 * largest + 1)) as f32 - largest as f32
        };
        (0..count)
            .map(|index| if index % 5 == 3 { 0.0 } else { number(index) })
            .collect()
    }

    fn matrix(rows: usize, cols: usize, bits: u8) -> WholeMatrix {
        WholeMatrix {
            rows,
            cols,
            bits,
            values: numbers(rows * cols, bits, 1),
            steps: vec![1.0; cols],
        }
    }

    fn read(
        chip: &ChipDesign,
        cells: &CellPreset,
        matrix: &WholeMatrix,
        (activation_bits, range): (u8, ActivationRange),
        flips_columns: bool,
    ) -> Option<Reading> {
        let (rows, cols) = (matrix.rows as u32, matrix.cols as u32);
        let lossless = u32::from(chip.adc_bits) + u32::from(flips_columns);
        let mapping = map_matrix(rows, cols, matrix.bits, activation_bits, chip, lossless)?;
        let writing = Writing {
            chip,
            cells,
            flips_columns,
            rows_at_once: mapping.rows_at_once as usize,
        };
        let groups = writing.write(matrix, &mut ChaCha8Rng::seed_from_u64(1));
        let coding = Coding {
            bits: activation_bits,
            range,
            grid: None,
            vectors_per_sample: 1,
        };
        Some(Reading::new(&writing, matrix, coding, groups))
    }

    /// Σ vector · column, in whole numbers.
    fn by_definition(vectors: &[f32], matrix: &WholeMatrix) -> Vec<f64> {
        let products = vectors.chunks_exact(matrix.rows).flat_map(|vector| {
            (0..matrix.cols).map(|col| {
                let column = matrix.values[col..].iter().step_by(matrix.cols);
                let pairs = vector.iter().zip(column);
                pairs.map(|(v, w)| f64::from(*v) * f64::from(*w)).sum()
            })
        });
        products.collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        /// Whatever the sizes of slices, digits, groups and converters: where nothing is lost, the
        /// product is the product.
        #[test]
        fn ideal_cells_read_without_loss_multiply(
            (rows, cols, vectors) in (1..70_usize, 1..9_usize, 1..4_usize),
            (bits, activation_bits) in (2..=9_u8, 2..=9_u8),
            (cell_bits, dac_bits, adc_bits) in (1..=4_u8, 1..=4_u8, 1..=9_u8),
            (rows_log, flips_columns, are_signed) in (3..=6_u32, any::<bool>(), any::<bool>()),
        ) {
            let chip = ChipDesign {
                crossbar_rows: 1 << rows_log,
                crossbar_cols: 8,
                cell_bits,
                dac_bits,
                adc_bits,
                ..Hardware::naive().chip
            };
            let cells = CellPreset::preset("ideal").expect("built in");
            let matrix = matrix(rows, cols, bits);
            let range = if are_signed { Symmetric } else { Asymmetric };
            let demand = (activation_bits, range);
            let Some(reading) = read(&chip, &cells, &matrix, demand, flips_columns) else {
                return Ok(());
            };
            let mut vectors = numbers(vectors * rows, activation_bits, 2);
            if !are_signed {
                let lowest = vectors.iter().copied().fold(0.0, f32::min);
                for number in &mut vectors {
                    *number -= lowest;
                }
            }
            let expected = by_definition(&vectors, &matrix);
            for (found, expected) in reading.products(&vectors, rows).iter().zip(&expected) {
                prop_assert!((f64::from(*found) - expected).abs() <= 0.5, "{found} {expected}");
            }
            prop_assert_eq!(&reading.matrix(), &matrix.values);
        }
    }

    /// Two rows of 2-bit weights 1 and -1 in 1-bit cells: 3 and 1 with the offset of 2, slices
    /// (1, 1) and (1, 0). Inputs 1 and 1 in 2 digits: the first pass reads 2 and 1 of the slices, a
    /// converter of one bit clips the 2. Answer: 1 + 2 · 1 less the offset, 2 · 2.
    #[test]
    fn clipping_by_hand() {
        let chip = ChipDesign {
            crossbar_rows: 8,
            cell_bits: 1,
            adc_bits: 1,
            readout: Readout::AllRows,
            ..Hardware::naive().chip
        };
        let cells = CellPreset::preset("ideal").expect("built in");
        let matrix = WholeMatrix {
            rows: 2,
            cols: 1,
            bits: 2,
            values: vec![1.0, -1.0],
            steps: vec![1.0],
        };
        let reading =
            read(&chip, &cells, &matrix, (2, Symmetric), false).expect("all rows can be read");
        assert_eq!(reading.products(&[1.0, 1.0], 2), [1.0 + 2.0 - 4.0]);
        // A negative input is -1 = 1 - 2: the first pass is the same, the second reads 1 and 0 of the
        // second row and counts -2. The offset is 2 · 0.
        assert_eq!(reading.products(&[1.0, -1.0], 2), [3.0 - 2.0]);
    }

    /// Faulty cells read exactly act as the matrix that `matrix` gives.
    #[test]
    fn faults_make_another_matrix() {
        let chip = Hardware::naive().chip;
        let cells = CellPreset::preset("wan-2022-1d").expect("built in");
        let matrix = matrix(40, 5, 8);
        let mut reading =
            read(&chip, &cells, &matrix, (8, Symmetric), true).expect("8 bits are enough");
        reading.converter = Converter::exact();
        let vectors = numbers(3 * 40, 8, 3);
        let other = WholeMatrix {
            values: reading.matrix(),
            ..matrix.clone()
        };
        assert_ne!(other.values, matrix.values);
        let expected = by_definition(&vectors, &other);
        for (found, expected) in reading.products(&vectors, 40).iter().zip(expected) {
            assert!(
                (f64::from(*found) - expected).abs() < 4.0,
                "{found} {expected}"
            );
        }
    }
}
