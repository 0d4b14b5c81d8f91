//! The product of rows and a matrix, and its gradients: burn's kernels without the passes around
//! them.
//!
//! burn's own product fills a result with zeros, copies these into an aligned buffer and only then
//! writes it. The small matrices of a sliced network feel that.

use std::ops::Range;

use gemm::{Parallelism, gemm};

/// Products of at least so many multiply–accumulates are worth several threads.
const PARALLEL_MACS: usize = 192 * 192 * 192;

/// From so many rows on, a matrix is better transposed before a product than read across.
const ROWS_WORTH_TRANSPOSING: usize = 1024;

/// A view of a matrix.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    cols: usize,
    row_stride: usize,
    col_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Rows of `cols` values.
    pub(crate) fn new(values: &'a [f32], cols: usize) -> Self {
        let rows = values.len() / cols;
        assert_eq!(values.len(), rows * cols, "rows are whole");
        Self {
            values,
            rows,
            cols,
            row_stride: cols,
            col_stride: 1,
        }
    }

    /// Some of its rows; not of a transpose.
    pub(super) fn rows(self, rows: Range<usize>) -> Self {
        Self::new(
            &self.values[rows.start * self.cols..rows.end * self.cols],
            self.cols,
        )
    }

    fn transposed(self) -> Self {
        Self {
            values: self.values,
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
        }
    }
}

/// The gradient of `x` in y = x · w, row-major, from that of y.
pub(super) fn backward_rows(w: Matrix, gradient: Matrix) -> Vec<f32> {
    if gradient.rows < ROWS_WORTH_TRANSPOSING {
        return product(gradient, w.transposed());
    }
    let transposed = transpose(w.values, w.cols);
    product(gradient, Matrix::new(&transposed, w.rows))
}

/// The gradient of w in y = x · w, row-major, from that of y; the columns of x are those of `parts`, side
/// by side.
pub(super) fn backward_matrix(parts: &[Matrix], gradient: Matrix) -> Vec<f32> {
    let rows: usize = parts.iter().map(|part| part.cols).sum();
    let mut output = Vec::with_capacity(rows * gradient.cols);
    let parallelism = parallelism(rows * gradient.rows * gradient.cols);
    for part in parts {
        let part = part.transposed();
        multiply(&mut output, part, gradient, Place::End, parallelism);
    }
    output
}

/// x · w, row-major; the columns of x are those of `parts`, side by side.
pub(super) fn joined(parts: &[Matrix], w: Matrix) -> Vec<f32> {
    let mut output = Vec::new();
    let mut end = 0;
    let mut place = Place::End;
    for part in parts {
        let parallelism = parallelism(part.rows * w.rows * w.cols);
        let rows = w.rows(end..end + part.cols);
        end += part.cols;
        multiply(&mut output, *part, rows, place, parallelism);
        place = Place::Sum;
    }
    assert_eq!(end, w.rows, "inner sizes agree");
    output
}

/// x · w, row-major.
pub(crate) fn product(x: Matrix, w: Matrix) -> Vec<f32> {
    let mut output = Vec::new();
    let parallelism = parallelism(x.rows * w.rows * w.cols);
    multiply(&mut output, x, w, Place::End, parallelism);
    output
}

/// Where a product goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Behind what is there.
    End,
    /// Added to what is there.
    Sum,
}

fn parallelism(macs: usize) -> Parallelism {
    if macs >= PARALLEL_MACS {
        Parallelism::Rayon(0)
    } else {
        Parallelism::None
    }
}

/// Writes x · w, row-major.
#[expect(unsafe_code, reason = "the kernels take pointers and strides")]
fn multiply(output: &mut Vec<f32>, x: Matrix, w: Matrix, place: Place, parallelism: Parallelism) {
    assert_eq!(x.cols, w.rows, "inner sizes agree");
    let (rows, cols, depth) = (x.rows, w.cols, x.cols);
    let adds = place == Place::Sum;
    let start = if adds {
        assert_eq!(output.len(), rows * cols, "outer sizes agree");
        0
    } else {
        output.reserve_exact(rows * cols);
        output.len()
    };
    // SAFETY: a matrix holds rows × cols values and its strides stay inside them, as `new` checks; the
    // output has room for rows × cols values from `start` on. If they are added to, they are there;
    // otherwise all are written and, `read_dst` being false, none is read.
    unsafe {
        gemm(
            rows,
            cols,
            depth,
            output.as_mut_ptr().add(start),
            1,
            cols as isize,
            adds,
            x.values.as_ptr(),
            x.col_stride as isize,
            x.row_stride as isize,
            w.values.as_ptr(),
            w.col_stride as isize,
            w.row_stride as isize,
            if adds { 1.0 } else { 0.0 },
            1.0,
            false,
            false,
            false,
            parallelism,
        );
        output.set_len(start + rows * cols);
    }
}

/// The transpose of rows of `cols` values, row-major.
fn transpose(values: &[f32], cols: usize) -> Vec<f32> {
    /// Rows taken at once: their values side by side fill a cache line.
    const BAND: usize = 16;
    let rows = values.len() / cols;
    let mut output = vec![0.0; values.len()];
    for (band, sources) in values.chunks(BAND * cols).enumerate() {
        let sources: Vec<&[f32]> = sources.chunks_exact(cols).collect();
        for (col, targets) in output.chunks_exact_mut(rows).enumerate() {
            let targets = &mut targets[band * BAND..][..sources.len()];
            for (target, source) in targets.iter_mut().zip(&sources) {
                *target = source[col];
            }
        }
    }
    output
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whole numbers, so that sums are exact in any order.
    fn values(count: usize, seed: usize) -> Vec<f32> {
        let number = |index: usize| ((index * 37 + seed * 11) % 23) as f32 - 11.0;
        (0..count).map(number).collect()
    }

    /// Σ over `depth` of left(row, d) · right(d, col), row-major.
    fn by_definition(
        [rows, depth, cols]: [usize; 3],
        left: impl Fn(usize, usize) -> f32,
        right: impl Fn(usize, usize) -> f32,
    ) -> Vec<f32> {
        (0..rows * cols)
            .map(|index| {
                let (row, col) = (index / cols, index % cols);
                (0..depth).map(|d| left(row, d) * right(d, col)).sum()
            })
            .collect()
    }

    proptest! {
        #[test]
        fn product_and_gradients_are_those_of_the_definition(
            rows in prop_oneof![1_usize..40, 1024_usize..1030],
            depth in 1_usize..70,
            cols in 1_usize..70,
        ) {
            let (x, w, dy) = (values(rows * depth, 1), values(depth * cols, 2), values(rows * cols, 3));
            let [left, right, gradient] = [
                Matrix::new(&x, depth),
                Matrix::new(&w, cols),
                Matrix::new(&dy, cols),
            ];
            let x = |row, d| x[row * depth + d];
            let w = |d, col| w[d * cols + col];
            let dy = |row, col| dy[row * cols + col];
            prop_assert_eq!(product(left, right), by_definition([rows, depth, cols], x, w));
            prop_assert_eq!(
                backward_rows(right, gradient),
                by_definition([rows, cols, depth], dy, |col, d| w(d, col))
            );
            prop_assert_eq!(
                backward_matrix(&[left], gradient),
                by_definition([depth, rows, cols], |d, row| x(row, d), dy)
            );
        }

        #[test]
        fn parts_side_by_side_are_one_matrix(
            rows in prop_oneof![1_usize..40, 1024_usize..1030],
            depths in prop::collection::vec(1_usize..40, 1..5),
            cols in 1_usize..70,
        ) {
            let depth = depths.iter().sum();
            let (x, w, dy) = (values(rows * depth, 1), values(depth * cols, 2), values(rows * cols, 3));
            let mut end = 0;
            let parts: Vec<Vec<f32>> = depths
                .iter()
                .map(|&part| {
                    end += part;
                    let rows = x.chunks_exact(depth);
                    rows.flat_map(|row| &row[end - part..end]).copied().collect()
                })
                .collect();
            let views: Vec<Matrix> = parts
                .iter()
                .zip(&depths)
                .map(|(part, &depth)| Matrix::new(part, depth))
                .collect();
            let [whole, w, dy] = [
                Matrix::new(&x, depth),
                Matrix::new(&w, cols),
                Matrix::new(&dy, cols),
            ];
            prop_assert_eq!(joined(&views, w), product(whole, w));
            prop_assert_eq!(backward_matrix(&views, dy), backward_matrix(&[whole], dy));
            let gradient = backward_rows(w, dy);
            let mut end = 0;
            for (part, &depth_of_part) in parts.iter().zip(&depths) {
                let found = backward_rows(w.rows(end..end + depth_of_part), dy);
                let rows = gradient.chunks_exact(depth);
                let expected = rows.flat_map(|row| &row[end..end + depth_of_part]);
                prop_assert!(found.iter().eq(expected));
                prop_assert_eq!(found.len(), part.len());
                end += depth_of_part;
            }
        }
    }
}
