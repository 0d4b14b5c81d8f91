//! The rest that converters leave, in place of their every conversion.
//!
//! Where sums are read exactly, faulty cells still compute a product with a matrix, only another
//! one. What rounding and clipping add to it is measured on some vectors, bit by bit, and drawn anew
//! for all others: a normal variate with the mean and the deviation that it has in each column. So
//! one product takes the place of one for each pair of slices.

use std::hash::{DefaultHasher, Hasher};

use crate::fused::{Matrix, multiply};

/// A matrix in cells, with the statistics of its converters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Statistics {
    cols: usize,
    /// What the cells act as, shape \[rows, cols\].
    matrix: Vec<f32>,
    means: Vec<f32>,
    deviations: Vec<f32>,
}

impl Statistics {
    /// Those of a matrix for vectors, shape \[vectors, rows\], whose products were `read`.
    pub(super) fn new(matrix: Vec<f32>, cols: usize, vectors: &[f32], read: &[f32]) -> Self {
        let rows = matrix.len() / cols;
        let linear = multiply(Matrix::new(vectors, rows), Matrix::new(&matrix, cols));
        let count = (read.len() / cols).max(1) as f64;
        let (mut sums, mut squares) = (vec![0.0_f64; cols], vec![0.0_f64; cols]);
        for (read, linear) in read.chunks_exact(cols).zip(linear.chunks_exact(cols)) {
            for (col, (read, linear)) in read.iter().zip(linear).enumerate() {
                let rest = f64::from(read - linear);
                sums[col] += rest;
                squares[col] += rest * rest;
            }
        }
        let columns = sums.iter().zip(&squares);
        let (means, deviations) = columns
            .map(|(sum, squares)| {
                let mean = sum / count;
                let variance = (squares / count - mean * mean).max(0.0);
                (mean as f32, variance.sqrt() as f32)
            })
            .unzip();
        Self {
            cols,
            matrix,
            means,
            deviations,
        }
    }

    /// Products of vectors, shape \[vectors, cols\]. A vector's rest depends on the vector and on
    /// `seed` only.
    pub(super) fn products(&self, vectors: &[f32], seed: u64) -> Vec<f32> {
        let rows = self.matrix.len() / self.cols;
        let mut products = multiply(
            Matrix::new(vectors, rows),
            Matrix::new(&self.matrix, self.cols),
        );
        for (vector, out) in vectors
            .chunks_exact(rows)
            .zip(products.chunks_exact_mut(self.cols))
        {
            let mut state = digest(vector, seed);
            let columns = self.means.iter().zip(&self.deviations);
            for (out, (mean, deviation)) in out.iter_mut().zip(columns) {
                *out += mean + deviation * about_normal(&mut state);
            }
        }
        products
    }
}

fn digest(vector: &[f32], seed: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(seed);
    for pair in vector.chunks(2) {
        let low = pair[0].to_bits();
        let high = pair.get(1).map_or(0, |value| value.to_bits());
        hasher.write_u64(u64::from(high) << 32 | u64::from(low));
    }
    hasher.finish()
}

/// The sum of four uniform variates, mean 0 and variance 1, by `SplitMix64`.
fn about_normal(state: &mut u64) -> f32 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut bits = *state;
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    let sum: u64 = (0..4).map(|part| bits >> (16 * part) & 0xffff).sum();
    // Four variates of 0 to 65535: mean 131070, variance (65536² − 1) / 3.
    (sum as f32 - 131_070.0) / 37_837.23
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variates_are_about_normal() {
        let mut state = 5;
        let values: Vec<f32> = (0..100_000).map(|_| about_normal(&mut state)).collect();
        let mean = values.iter().sum::<f32>() / 1e5;
        let variance = values.iter().map(|v| v * v).sum::<f32>() / 1e5;
        let within = values.iter().filter(|v| v.abs() < 1.0).count();
        assert!(
            mean.abs() < 0.01 && (variance - 1.0).abs() < 0.02,
            "{mean} {variance}"
        );
        // Of a normal variate 68.3 % lie within a deviation, of this one two thirds.
        assert!((66_000..67_500).contains(&within), "{within}");
    }

    #[test]
    fn a_rest_that_is_always_the_same_has_no_deviation() {
        let vectors = [1.0, 2.0, 3.0, -1.0];
        let statistics = Statistics::new(vec![2.0, 1.0], 1, &vectors, &[4.5, 5.5]);
        assert_eq!(statistics.products(&[1.0, 0.0], 9), [2.5]);
        let varied = Statistics::new(vec![2.0, 1.0], 1, &vectors, &[4.5, 4.5]);
        let products = varied.products(&[1.0, 0.0, 0.0, 1.0], 9);
        assert_eq!(products, varied.products(&[1.0, 0.0, 0.0, 1.0], 9));
        assert_ne!(
            products[0] - 2.0,
            products[1] - 1.0,
            "another vector, another rest"
        );
    }
}
