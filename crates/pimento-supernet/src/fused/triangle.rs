//! Dot products of all pairs of columns of small matrices: the interaction of DP.

/// Products that are summed side by side.
const TILE: usize = 16;

/// For `samples` matrices of shape [dim, columns]: the products of column r with columns 0..r, for
/// r = 1, 2, …, one after another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Triangle {
    /// Matrices.
    pub(crate) samples: usize,
    /// Length of a column.
    pub(crate) dim: usize,
    /// Columns.
    pub(crate) columns: usize,
}

impl Triangle {
    #[inline(always)]
    pub(super) fn output_shape(self) -> Vec<usize> {
        vec![self.samples, self.pairs()]
    }

    #[inline(always)]
    fn pairs(self) -> usize {
        self.columns * (self.columns - 1) / 2
    }

    #[inline(always)]
    pub(super) fn forward(self, input: &[f32]) -> Vec<f32> {
        let mut output = vec![0.0; self.samples * self.pairs()];
        let stride = self.columns.next_multiple_of(TILE);
        let mut matrix = vec![0.0; self.dim * stride];
        let inputs = input.chunks_exact(self.dim * self.columns);
        for (input, output) in inputs.zip(output.chunks_exact_mut(self.pairs())) {
            self.pad(input, &mut matrix, stride);
            let mut first = 0;
            for row in 1..self.columns {
                for tile in (0..row).step_by(TILE) {
                    let mut sums = [0.0; TILE];
                    for values in matrix.chunks_exact(stride) {
                        let value = values[row];
                        for (sum, other) in sums.iter_mut().zip(&values[tile..tile + TILE]) {
                            *sum += value * other;
                        }
                    }
                    let own = TILE.min(row - tile);
                    output[first + tile..first + tile + own].copy_from_slice(&sums[..own]);
                }
                first += row;
            }
        }
        output
    }

    /// The symmetric matrix of slopes, zero on its diagonal, times the input.
    #[inline(always)]
    pub(super) fn backward(self, input: &[f32], gradient: &[f32]) -> Vec<f32> {
        let mut output = vec![0.0; input.len()];
        let size = self.dim * self.columns;
        let stride = self.columns.next_multiple_of(TILE);
        let mut slopes = vec![0.0; self.columns * stride];
        let matrices = input.chunks_exact(size).zip(output.chunks_exact_mut(size));
        for ((input, output), gradient) in matrices.zip(gradient.chunks_exact(self.pairs())) {
            let mut first = 0;
            for row in 1..self.columns {
                let own = &gradient[first..first + row];
                slopes[row * stride..row * stride + row].copy_from_slice(own);
                for (column, slope) in own.iter().enumerate() {
                    slopes[column * stride + row] = *slope;
                }
                first += row;
            }
            let rows = input
                .chunks_exact(self.columns)
                .zip(output.chunks_exact_mut(self.columns));
            for (input, output) in rows {
                for (tile, output) in output.chunks_mut(TILE).enumerate() {
                    let mut sums = [0.0; TILE];
                    for (value, slopes) in input.iter().zip(slopes.chunks_exact(stride)) {
                        let slopes = &slopes[tile * TILE..(tile + 1) * TILE];
                        for (sum, slope) in sums.iter_mut().zip(slopes) {
                            *sum += value * slope;
                        }
                    }
                    output.copy_from_slice(&sums[..output.len()]);
                }
            }
        }
        output
    }

    /// Copies a matrix to rows of `stride` values.
    #[inline(always)]
    fn pad(self, matrix: &[f32], padded: &mut [f32], stride: usize) {
        let rows = matrix.chunks_exact(self.columns);
        for (row, padded) in rows.zip(padded.chunks_exact_mut(stride)) {
            padded[..self.columns].copy_from_slice(row);
        }
    }
}
