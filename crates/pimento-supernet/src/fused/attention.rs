//! Scaled dot-product attention with many narrow heads.
//!
//! Rows are 16 to 64 and a head is two columns wide, so queries lie side by side in vector lanes
//! and the loops run over keys: maxima, sums and weighted sums over keys then need no shuffling.

use super::exponential::exp;

/// For `samples` matrices of shape [rows, 3 · heads · head_dim], whose columns are the queries, the
/// keys and the values, each by head: softmax(q kᵀ / √head_dim) v, shape
/// [samples · rows, heads · head_dim].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attention {
    /// Matrices.
    pub(crate) samples: usize,
    /// Rows that attend to each other.
    pub(crate) rows: usize,
    /// Heads.
    pub(crate) heads: usize,
    /// Columns of a head.
    pub(crate) head_dim: usize,
}

impl Attention {
    #[inline(always)]
    pub(super) fn output_shape(self) -> Vec<usize> {
        vec![self.samples * self.rows, self.dim()]
    }

    #[inline(always)]
    fn dim(self) -> usize {
        self.heads * self.head_dim
    }

    #[inline(always)]
    fn scale(self) -> f32 {
        1.0 / (self.head_dim as f32).sqrt()
    }

    #[inline(always)]
    pub(super) fn forward(self, input: &[f32]) -> Vec<f32> {
        let size = self.rows * self.dim();
        let mut output = vec![0.0; self.samples * size];
        let mut head = Head::new(self);
        let mut context = vec![0.0; self.rows * self.head_dim];
        for (input, output) in input
            .chunks_exact(3 * size)
            .zip(output.chunks_exact_mut(size))
        {
            for index in 0..self.heads {
                head.attend(input, index);
                context.fill(0.0);
                for (key, weights) in head.weights.chunks_exact(self.rows).enumerate() {
                    for (column, sums) in context.chunks_exact_mut(self.rows).enumerate() {
                        add_scaled(sums, head.value[column * self.rows + key], weights);
                    }
                }
                scatter(
                    &context,
                    self.rows,
                    &mut output[index * self.head_dim..],
                    self.dim(),
                );
            }
        }
        output
    }

    #[inline(always)]
    pub(super) fn backward(self, input: &[f32], gradient: &[f32]) -> Vec<f32> {
        let size = self.rows * self.dim();
        let mut output = vec![0.0; input.len()];
        let mut head = Head::new(self);
        let mut slopes = Slopes::new(self);
        let samples = input
            .chunks_exact(3 * size)
            .zip(output.chunks_exact_mut(3 * size));
        for ((input, output), gradient) in samples.zip(gradient.chunks_exact(size)) {
            for index in 0..self.heads {
                head.attend(input, index);
                let first = index * self.head_dim;
                gather(
                    &gradient[first..],
                    self.dim(),
                    self.rows,
                    &mut slopes.context,
                );
                slopes.differentiate(&head);
                let parts = [&slopes.query, &slopes.key, &slopes.value];
                for (part, slopes) in parts.into_iter().enumerate() {
                    let out = &mut output[part * self.dim() + first..];
                    scatter(slopes, self.rows, out, 3 * self.dim());
                }
            }
        }
        output
    }
}

/// One head of one sample: columns of shape [head_dim, rows], weights of shape [keys, queries].
struct Head {
    sizes: Attention,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    weights: Vec<f32>,
    lanes: Vec<f32>,
}

impl Head {
    #[inline(always)]
    fn new(sizes: Attention) -> Self {
        let columns = vec![0.0; sizes.rows * sizes.head_dim];
        Self {
            sizes,
            query: columns.clone(),
            key: columns.clone(),
            value: columns,
            weights: vec![0.0; sizes.rows * sizes.rows],
            lanes: vec![0.0; sizes.rows],
        }
    }

    /// Reads head `index` of a sample and computes how much each query attends to each key.
    #[inline(always)]
    fn attend(&mut self, input: &[f32], index: usize) {
        let Attention { rows, head_dim, .. } = self.sizes;
        let (dim, scale) = (self.sizes.dim(), self.sizes.scale());
        let columns = [&mut self.query, &mut self.key, &mut self.value];
        for (part, columns) in columns.into_iter().enumerate() {
            gather(
                &input[part * dim + index * head_dim..],
                3 * dim,
                rows,
                columns,
            );
        }
        self.lanes.fill(f32::NEG_INFINITY);
        for (key, scores) in self.weights.chunks_exact_mut(rows).enumerate() {
            scores.fill(0.0);
            for (keys, queries) in self
                .key
                .chunks_exact(rows)
                .zip(self.query.chunks_exact(rows))
            {
                add_scaled(scores, keys[key] * scale, queries);
            }
            for (largest, &score) in self.lanes.iter_mut().zip(&*scores) {
                *largest = if score > *largest { score } else { *largest };
            }
        }
        for scores in self.weights.chunks_exact_mut(rows) {
            for (score, largest) in scores.iter_mut().zip(&self.lanes) {
                *score = exp(*score - largest);
            }
        }
        self.lanes.fill(0.0);
        for weights in self.weights.chunks_exact(rows) {
            add_scaled(&mut self.lanes, 1.0, weights);
        }
        for sum in &mut self.lanes {
            *sum = 1.0 / *sum;
        }
        for weights in self.weights.chunks_exact_mut(rows) {
            for (weight, share) in weights.iter_mut().zip(&self.lanes) {
                *weight *= share;
            }
        }
    }
}

/// Gradients of one head, columns of shape [head_dim, rows].
struct Slopes {
    sizes: Attention,
    context: Vec<f32>,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    scores: Vec<f32>,
    means: Vec<f32>,
}

impl Slopes {
    #[inline(always)]
    fn new(sizes: Attention) -> Self {
        let columns = vec![0.0; sizes.rows * sizes.head_dim];
        Self {
            sizes,
            context: columns.clone(),
            query: columns.clone(),
            key: columns.clone(),
            value: columns,
            scores: vec![0.0; sizes.rows * sizes.rows],
            means: vec![0.0; sizes.rows],
        }
    }

    /// Gradients of the queries, keys and values from that of the context.
    #[inline(always)]
    fn differentiate(&mut self, head: &Head) {
        let (rows, scale) = (self.sizes.rows, self.sizes.scale());
        self.means.fill(0.0);
        self.query.fill(0.0);
        let keys = self
            .scores
            .chunks_exact_mut(rows)
            .zip(head.weights.chunks_exact(rows));
        for (key, (scores, weights)) in keys.enumerate() {
            scores.fill(0.0);
            for (column, context) in self.context.chunks_exact(rows).enumerate() {
                add_scaled(scores, head.value[column * rows + key], context);
                self.value[column * rows + key] = dot(weights, context);
            }
            for ((mean, weight), score) in self.means.iter_mut().zip(weights).zip(&*scores) {
                *mean += weight * score;
            }
        }
        let keys = self
            .scores
            .chunks_exact_mut(rows)
            .zip(head.weights.chunks_exact(rows));
        for (key, (scores, weights)) in keys.enumerate() {
            for ((score, weight), mean) in scores.iter_mut().zip(weights).zip(&self.means) {
                *score = weight * (*score - mean) * scale;
            }
            for (column, sums) in self.query.chunks_exact_mut(rows).enumerate() {
                let lane = column * rows..(column + 1) * rows;
                add_scaled(sums, head.key[column * rows + key], scores);
                self.key[column * rows + key] = dot(scores, &head.query[lane]);
            }
        }
    }
}

/// Reads the leading columns of a matrix with `stride` columns, one column after another.
#[inline(always)]
fn gather(matrix: &[f32], stride: usize, rows: usize, columns: &mut [f32]) {
    for (column, values) in columns.chunks_exact_mut(rows).enumerate() {
        for (value, source) in values
            .iter_mut()
            .zip(matrix[column..].iter().step_by(stride))
        {
            *value = *source;
        }
    }
}

/// Writes them back.
#[inline(always)]
fn scatter(columns: &[f32], rows: usize, matrix: &mut [f32], stride: usize) {
    for (column, values) in columns.chunks_exact(rows).enumerate() {
        for (value, target) in values
            .iter()
            .zip(matrix[column..].iter_mut().step_by(stride))
        {
            *target = *value;
        }
    }
}

#[inline(always)]
fn add_scaled(sums: &mut [f32], factor: f32, values: &[f32]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += factor * value;
    }
}

/// A dot product in eight lanes, added up in a fixed order.
#[inline(always)]
fn dot(left: &[f32], right: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 8];
    let (left, right) = (left.chunks_exact(8), right.chunks_exact(8));
    let rest = left.remainder().iter().zip(right.remainder());
    for (lane, (left, right)) in lanes.iter_mut().zip(rest) {
        *lane = left * right;
    }
    for (left, right) in left.zip(right) {
        for ((lane, left), right) in lanes.iter_mut().zip(left).zip(right) {
            *lane += left * right;
        }
    }
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}
