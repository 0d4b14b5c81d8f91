//! How a row comes of the slices that a compressed table stores, and how its gradient goes back.
//!
//! Quotient and remainder are multiplied value by value (Shi et al., arXiv 1909.02107, whose
//! experiments prefer the product to the sum). The slices of a tensor train, shapes [d₁, r],
//! [r, d₂, r] and [r, d₃], are multiplied as matrices (TT-Rec, arXiv 2101.11714); the row is the
//! leading part of the result, shape [d₁, d₂, d₃].

use pimento_space::TableStorage;

/// Slices, their product on the way to a row, and its gradient.
#[derive(Debug, Default)]
pub(crate) struct Combiner {
    /// What was read of each stored table.
    pub(crate) slices: [Vec<f32>; 3],
    /// Gradients of the slices.
    pub(crate) gradients: [Vec<f32>; 3],
    /// Product of the first two slices of a tensor train, shape [d₁ · d₂, r].
    product: Vec<f32>,
    product_gradient: Vec<f32>,
}

impl Combiner {
    /// Makes `row` of the slices.
    pub(crate) fn combine(&mut self, storage: TableStorage, row: &mut [f32]) {
        let [first, second, third] = &self.slices;
        match storage {
            TableStorage::Rows => row.copy_from_slice(first),
            TableStorage::QuotientRemainder { .. } => {
                for (row, (quotient, remainder)) in row.iter_mut().zip(first.iter().zip(second)) {
                    *row = quotient * remainder;
                }
            }
            TableStorage::TensorTrain { rank, dims } => {
                multiply_first(&mut self.product, first, second, usize::from(rank));
                let columns = usize::from(dims[2]);
                let products = self.product.chunks(usize::from(rank));
                for (row, product) in row.chunks_mut(columns).zip(products) {
                    row.fill(0.0);
                    for (value, core) in product.iter().zip(third.chunks(columns)) {
                        add_scaled(row, core, *value);
                    }
                }
            }
        }
    }

    /// The gradients of the slices, given that of the row.
    pub(crate) fn backward(&mut self, storage: TableStorage, row: &[f32]) {
        for (gradient, slice) in self.gradients.iter_mut().zip(&self.slices) {
            gradient.clear();
            gradient.resize(slice.len(), 0.0);
        }
        match storage {
            TableStorage::Rows => self.gradients[0].copy_from_slice(row),
            TableStorage::QuotientRemainder { .. } => {
                let [quotient, remainder, _] = &mut self.gradients;
                add_product(quotient, row, &self.slices[1]);
                add_product(remainder, row, &self.slices[0]);
            }
            TableStorage::TensorTrain { rank, dims } => {
                self.backward_train(usize::from(rank), usize::from(dims[2]), row);
            }
        }
    }

    fn backward_train(&mut self, rank: usize, columns: usize, row: &[f32]) {
        let [first, second, third] = &self.slices;
        let [first_gradient, second_gradient, third_gradient] = &mut self.gradients;
        multiply_first(&mut self.product, first, second, rank);
        self.product_gradient.clear();
        self.product_gradient.resize(self.product.len(), 0.0);
        let products = self.product.chunks(rank);
        let gradients = self.product_gradient.chunks_mut(rank);
        for (row, (product, gradient)) in row.chunks(columns).zip(products.zip(gradients)) {
            let cores = third.chunks(columns);
            let core_gradients = third_gradient.chunks_mut(columns);
            for (inner, (core, core_gradient)) in cores.zip(core_gradients).enumerate() {
                gradient[inner] = dot(core, row);
                add_scaled(&mut core_gradient[..row.len()], row, product[inner]);
            }
        }
        let width = second.len() / rank;
        let rows = first.chunks(rank).zip(first_gradient.chunks_mut(rank));
        for ((first, first_gradient), gradient) in rows.zip(self.product_gradient.chunks(width)) {
            let cores = second.chunks(width).zip(second_gradient.chunks_mut(width));
            for (inner, (core, core_gradient)) in cores.enumerate() {
                first_gradient[inner] = dot(core, gradient);
                add_scaled(core_gradient, gradient, first[inner]);
            }
        }
    }
}

/// `product` ← `first` [d₁, r] · `second` [r, d₂ · r].
fn multiply_first(product: &mut Vec<f32>, first: &[f32], second: &[f32], rank: usize) {
    let width = second.len() / rank;
    product.clear();
    product.resize(first.len() / rank * width, 0.0);
    for (product, first) in product.chunks_mut(width).zip(first.chunks(rank)) {
        for (value, core) in first.iter().zip(second.chunks(width)) {
            add_scaled(product, core, *value);
        }
    }
}

/// `sum` += `factor` · `values`, as far as `sum` goes.
fn add_scaled(sum: &mut [f32], values: &[f32], factor: f32) {
    for (sum, value) in sum.iter_mut().zip(values) {
        *sum += factor * value;
    }
}

fn add_product(sum: &mut [f32], one: &[f32], other: &[f32]) {
    for (sum, (one, other)) in sum.iter_mut().zip(one.iter().zip(other)) {
        *sum += one * other;
    }
}

fn dot(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    const REMAINDER: TableStorage = TableStorage::QuotientRemainder { collisions: 4 };

    fn combiner(lengths: [usize; 3]) -> Combiner {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut random = |length| (0..length).map(|_| rng.random_range(-1.0..1.0)).collect();
        Combiner {
            slices: lengths.map(&mut random),
            ..Combiner::default()
        }
    }

    #[test]
    fn quotient_and_remainder_are_multiplied() {
        let mut combiner = Combiner {
            slices: [vec![1.0, 2.0], vec![3.0, -4.0], Vec::new()],
            ..Combiner::default()
        };
        let mut row = [0.0; 2];
        combiner.combine(REMAINDER, &mut row);
        assert_eq!(row, [3.0, -8.0]);
        combiner.backward(REMAINDER, &[10.0, 100.0]);
        assert_eq!(
            combiner.gradients,
            [vec![30.0, -400.0], vec![10.0, 200.0], vec![]]
        );
    }

    /// The sum over both inner axes, written out.
    #[test]
    fn a_tensor_train_is_a_sum_over_its_inner_axes() {
        let (rank, dims) = (3, [2, 3, 2]);
        let storage = TableStorage::TensorTrain { rank: 3, dims };
        let mut combiner = combiner([2 * 3, 3 * 3 * 3, 3 * 2]);
        let mut row = [0.0; 11];
        combiner.combine(storage, &mut row);
        let [first, second, third] = &combiner.slices;
        for (place, value) in row.iter().enumerate() {
            let (i, j, k) = (place / 6, place / 2 % 3, place % 2);
            let mut expected = 0.0;
            for a in 0..rank {
                for b in 0..rank {
                    let core = second[(a * 3 + j) * rank + b];
                    expected += first[i * rank + a] * core * third[b * 2 + k];
                }
            }
            assert!((value - expected).abs() < 1e-5, "{value} is not {expected}");
        }
    }

    #[test]
    fn gradients_are_central_differences() {
        let train = |rank, dims| TableStorage::TensorTrain { rank, dims };
        let cases = [
            (REMAINDER, 5, [5, 5, 0]),
            (train(1, [2, 2, 2]), 8, [2, 2, 2]),
            (train(4, [2, 2, 2]), 7, [8, 32, 8]),
            (train(3, [4, 1, 1]), 4, [12, 9, 3]),
        ];
        for (storage, width, lengths) in cases {
            let mut combiner = combiner(lengths);
            let slope: Vec<f32> = (0..width).map(|place| place as f32 - 1.5).collect();
            combiner.backward(storage, &slope);
            let gradients = combiner.gradients.clone();
            let loss = |combiner: &mut Combiner| {
                let mut row = vec![0.0; width];
                combiner.combine(storage, &mut row);
                let terms = row.iter().zip(&slope);
                terms
                    .map(|(value, slope)| f64::from(value * slope))
                    .sum::<f64>()
            };
            for (part, gradients) in gradients.iter().enumerate() {
                for (place, gradient) in gradients.iter().enumerate() {
                    let at = combiner.slices[part][place];
                    let mut shifted = |step: f32| {
                        combiner.slices[part][place] = at + step;
                        loss(&mut combiner)
                    };
                    let difference = (shifted(0.125) - shifted(-0.125)) / 0.25;
                    combiner.slices[part][place] = at;
                    assert!(
                        (f64::from(*gradient) - difference).abs() < 1e-4,
                        "{storage:?}: {gradient} is not {difference}"
                    );
                }
            }
        }
    }
}
