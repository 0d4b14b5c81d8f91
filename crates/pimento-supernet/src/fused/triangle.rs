//! Dot products of all pairs of columns of small matrices: the interaction of DP.

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
        let matrices = input.chunks_exact(self.dim * self.columns);
        for (matrix, output) in matrices.zip(output.chunks_exact_mut(self.pairs())) {
            for values in matrix.chunks_exact(self.columns) {
                let mut first = 0;
                for (row, &value) in values.iter().enumerate() {
                    let sums = &mut output[first..first + row];
                    for (sum, other) in sums.iter_mut().zip(values) {
                        *sum += value * other;
                    }
                    first += row;
                }
            }
        }
        output
    }

    #[inline(always)]
    pub(super) fn backward(self, input: &[f32], gradient: &[f32]) -> Vec<f32> {
        let mut output = vec![0.0; input.len()];
        let size = self.dim * self.columns;
        let matrices = input.chunks_exact(size).zip(output.chunks_exact_mut(size));
        for ((matrix, output), gradient) in matrices.zip(gradient.chunks_exact(self.pairs())) {
            let columns = matrix.chunks_exact(self.columns);
            for (values, output) in columns.zip(output.chunks_exact_mut(self.columns)) {
                let mut first = 0;
                for row in 1..self.columns {
                    let slopes = &gradient[first..first + row];
                    let (before, rest) = output.split_at_mut(row);
                    let mut own = 0.0;
                    for ((slope, other), out) in slopes.iter().zip(values).zip(before) {
                        own += slope * other;
                        *out += slope * values[row];
                    }
                    rest[0] += own;
                    first += row;
                }
            }
        }
        output
    }
}
