//! Scaled dot-product attention with many narrow heads.
//!
//! Rows are 8 to 64 and a head is two columns wide, so queries lie side by side in vector lanes and
//! the loops run over keys: maxima, sums and weighted sums over keys then need no shuffling.

use pulp::{Arch, Simd, WithSimd, bytemuck};

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

    pub(super) fn forward(self, input: &[f32]) -> Vec<f32> {
        Arch::new().dispatch(Forward { sizes: self, input })
    }

    pub(super) fn backward(self, input: &[f32], gradient: &[f32]) -> Vec<f32> {
        Arch::new().dispatch(Backward {
            sizes: self,
            input,
            gradient,
        })
    }

    /// The usual width of a head as a constant, for which the compiler unrolls the loops.
    #[inline(always)]
    fn unrolled<R>(self, run: impl Fn(Self) -> R) -> R {
        if self.head_dim == 2 {
            run(Self {
                head_dim: 2,
                ..self
            })
        } else {
            run(self)
        }
    }
}

struct Forward<'a> {
    sizes: Attention,
    input: &'a [f32],
}

impl WithSimd for Forward<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        self.sizes.unrolled(
            #[inline(always)]
            |sizes| forward(simd, sizes, self.input),
        )
    }
}

struct Backward<'a> {
    sizes: Attention,
    input: &'a [f32],
    gradient: &'a [f32],
}

impl WithSimd for Backward<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        self.sizes.unrolled(
            #[inline(always)]
            |sizes| backward(simd, sizes, self.input, self.gradient),
        )
    }
}

#[inline(always)]
fn forward<S: Simd>(simd: S, sizes: Attention, input: &[f32]) -> Vec<f32> {
    let (rows, dim, head_dim) = (sizes.rows, sizes.dim(), sizes.head_dim);
    let mut output = vec![0.0; sizes.samples * rows * dim];
    let mut queries = Queries::new(simd, sizes);
    let mut context = vec![simd.splat_f32s(0.0); head_dim];
    let samples = input
        .chunks_exact(3 * rows * dim)
        .zip(output.chunks_exact_mut(rows * dim));
    for (input, output) in samples {
        for head in (0..dim).step_by(head_dim) {
            for first in (0..rows).step_by(S::F32_LANES) {
                queries.attend(&input[first * 3 * dim + head..], &input[dim + head..]);
                context.fill(simd.splat_f32s(0.0));
                let values = input[2 * dim + head..].chunks(3 * dim);
                for (value, weight) in values.zip(&queries.weights) {
                    for (sum, value) in context.iter_mut().zip(value) {
                        *sum = simd.mul_add_f32s(*weight, simd.splat_f32s(*value), *sum);
                    }
                }
                for sum in &mut context {
                    *sum = simd.mul_f32s(*sum, queries.share);
                }
                scatter::<S>(&context, &mut output[first * dim + head..], dim);
            }
        }
    }
    output
}

/// Gradients of queries, keys and values. With p the weights, dp = dy · v and ds = p ⊙ (dp − Σ p dp):
/// dv = pᵀ dy, dq = ds k / √head_dim, dk = dsᵀ q / √head_dim.
#[inline(always)]
fn backward<S: Simd>(simd: S, sizes: Attention, input: &[f32], gradient: &[f32]) -> Vec<f32> {
    let (rows, dim, head_dim) = (sizes.rows, sizes.dim(), sizes.head_dim);
    let zero = simd.splat_f32s(0.0);
    let scale = simd.splat_f32s(sizes.scale());
    let mut output = vec![0.0; input.len()];
    let mut queries = Queries::new(simd, sizes);
    let (mut context, mut slopes) = (vec![zero; head_dim], vec![zero; head_dim]);
    let mut scores = vec![zero; rows];
    let samples = input
        .chunks_exact(3 * rows * dim)
        .zip(output.chunks_exact_mut(3 * rows * dim));
    for ((input, output), gradient) in samples.zip(gradient.chunks_exact(rows * dim)) {
        for head in (0..dim).step_by(head_dim) {
            for first in (0..rows).step_by(S::F32_LANES) {
                queries.attend(&input[first * 3 * dim + head..], &input[dim + head..]);
                gather::<S>(&gradient[first * dim + head..], dim, &mut context);
                for context in &mut context {
                    *context = simd.mul_f32s(*context, queries.share);
                }
                let mut mean = zero;
                let values = input[2 * dim + head..].chunks(3 * dim);
                let slopes_of_values = output[2 * dim + head..].chunks_mut(3 * dim);
                let keys = scores.iter_mut().zip(&queries.weights);
                for ((score, weight), (value, slope)) in keys.zip(values.zip(slopes_of_values)) {
                    *score = zero;
                    for ((context, value), slope) in context.iter().zip(value).zip(slope) {
                        *score = simd.mul_add_f32s(*context, simd.splat_f32s(*value), *score);
                        *slope += simd.reduce_sum_f32s(simd.mul_f32s(*weight, *context));
                    }
                    mean = simd.mul_add_f32s(*weight, *score, mean);
                }
                mean = simd.mul_f32s(mean, queries.share);
                slopes.fill(zero);
                let keys = input[dim + head..].chunks(3 * dim);
                let slopes_of_keys = output[dim + head..].chunks_mut(3 * dim);
                let scores = scores.iter().zip(&queries.weights);
                for ((score, weight), (key, slope_of_key)) in scores.zip(keys.zip(slopes_of_keys)) {
                    let score = simd.mul_f32s(*weight, simd.sub_f32s(*score, mean));
                    let columns = slopes.iter_mut().zip(&queries.values);
                    for ((slope, query), (key, slope_of_key)) in
                        columns.zip(key.iter().zip(slope_of_key))
                    {
                        *slope = simd.mul_add_f32s(score, simd.splat_f32s(*key), *slope);
                        *slope_of_key += simd.reduce_sum_f32s(simd.mul_f32s(score, *query));
                    }
                }
                for slope in &mut slopes {
                    *slope = simd.mul_f32s(*slope, scale);
                }
                scatter::<S>(&slopes, &mut output[first * 3 * dim + head..], 3 * dim);
            }
        }
    }
    output
}

/// As many queries of one head as there are lanes, and how much they attend to each key. Lanes
/// beyond the last row hold queries of zero.
struct Queries<S: Simd> {
    simd: S,
    sizes: Attention,
    /// Columns of the queries, divided by √head_dim.
    values: Vec<S::f32s>,
    /// What each key is attended to, before the division by the sum over the keys.
    weights: Vec<S::f32s>,
    /// 1 / Σ weights.
    share: S::f32s,
}

impl<S: Simd> Queries<S> {
    #[inline(always)]
    fn new(simd: S, sizes: Attention) -> Self {
        let zero = simd.splat_f32s(0.0);
        Self {
            simd,
            sizes,
            values: vec![zero; sizes.head_dim],
            weights: vec![zero; sizes.rows],
            share: zero,
        }
    }

    /// `queries` and `keys` begin at the head's first column of the first query and the first key.
    #[inline(always)]
    fn attend(&mut self, queries: &[f32], keys: &[f32]) {
        let simd = self.simd;
        let stride = 3 * self.sizes.dim();
        gather::<S>(queries, stride, &mut self.values);
        for value in &mut self.values {
            *value = simd.mul_f32s(*value, simd.splat_f32s(self.sizes.scale()));
        }
        let mut largest = simd.splat_f32s(f32::NEG_INFINITY);
        for (score, key) in self.weights.iter_mut().zip(keys.chunks(stride)) {
            let mut sum = simd.splat_f32s(0.0);
            for (query, key) in self.values.iter().zip(key) {
                sum = simd.mul_add_f32s(*query, simd.splat_f32s(*key), sum);
            }
            *score = sum;
            largest = simd.max_f32s(largest, sum);
        }
        let mut sum = simd.splat_f32s(0.0);
        for score in &mut self.weights {
            *score = exp(simd, simd.sub_f32s(*score, largest));
            sum = simd.add_f32s(sum, *score);
        }
        self.share = simd.div_f32s(simd.splat_f32s(1.0), sum);
    }
}

/// Reads the leading columns of a matrix with `stride` columns, rows beyond its last as zeros.
#[inline(always)]
fn gather<S: Simd>(matrix: &[f32], stride: usize, columns: &mut [S::f32s]) {
    for (column, values) in columns.iter_mut().enumerate() {
        let rows = matrix.get(column..).unwrap_or_default().iter();
        let values: &mut [f32] = bytemuck::cast_slice_mut(std::slice::from_mut(values));
        values.fill(0.0);
        for (value, source) in values.iter_mut().zip(rows.step_by(stride)) {
            *value = *source;
        }
    }
}

/// Writes them back.
#[inline(always)]
fn scatter<S: Simd>(columns: &[S::f32s], matrix: &mut [f32], stride: usize) {
    for (column, values) in columns.iter().enumerate() {
        let values: &[f32] = bytemuck::cast_slice(std::slice::from_ref(values));
        let rows = matrix[column..].iter_mut().step_by(stride);
        for (value, target) in values.iter().zip(rows) {
            *target = *value;
        }
    }
}
