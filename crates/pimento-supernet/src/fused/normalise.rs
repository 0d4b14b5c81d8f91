//! Layer normalisation with its gain and shift, and the rectifier after it.

use pulp::{Arch, Simd, WithSimd, bytemuck::cast_slice};

/// Added to the variance.
pub(crate) const EPSILON: f32 = 1e-5;

/// y = gain ⊙ (x − mean) / √(variance + ε) + shift over rows as long as `gain`; if `is_rectified`,
/// max(0, y).
pub(super) struct Forward<'a> {
    pub(super) input: &'a [f32],
    pub(super) gain: &'a [f32],
    pub(super) shift: &'a [f32],
    pub(super) is_rectified: bool,
}

impl Forward<'_> {
    pub(super) fn run(self) -> Vec<f32> {
        Arch::new().dispatch(self)
    }
}

impl WithSimd for Forward<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
        let floor = simd.splat_f32s(floor(self.is_rectified));
        let row = Row::new(simd, self.gain, self.shift);
        let mut output = vec![0.0; self.input.len()];
        let inputs = self.input.chunks_exact(self.gain.len());
        for (input, output) in inputs.zip(output.chunks_exact_mut(self.gain.len())) {
            let (input, tail) = S::as_simd_f32s(input);
            let (output, tail_output) = S::as_mut_simd_f32s(output);
            let moments = row.moments(input, tail);
            for (index, (x, y)) in input.iter().zip(output).enumerate() {
                *y = simd.max_f32s(row.value(row.normalised(moments, *x), index), floor);
            }
            let x = row.normalised(moments, simd.partial_load_f32s(tail));
            let y = simd.max_f32s(row.value(x, input.len()), floor);
            simd.partial_store_f32s(tail_output, y);
        }
        output
    }
}

/// Gradients of input, gain and shift. With x̂ the normalised input and dz = dy ⊙ gain:
/// dx = (dz − mean(dz) − x̂ · mean(dz · x̂)) · scale.
pub(super) struct Backward<'a> {
    pub(super) forward: Forward<'a>,
    pub(super) gradient: &'a [f32],
}

impl Backward<'_> {
    pub(super) fn run(self) -> [Vec<f32>; 3] {
        Arch::new().dispatch(self)
    }
}

impl WithSimd for Backward<'_> {
    type Output = [Vec<f32>; 3];

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> [Vec<f32>; 3] {
        let Forward {
            input,
            gain,
            shift,
            is_rectified,
        } = self.forward;
        let width = gain.len();
        let row = Row::new(simd, gain, shift);
        let zeros = vec![simd.splat_f32s(0.0); row.gain.len()];
        let mut sums = Sums {
            floor: simd.splat_f32s(floor(is_rectified)),
            gain: zeros.clone(),
            shift: zeros.clone(),
            slopes: zeros,
            offset: simd.splat_f32s(0.0),
            projection: simd.splat_f32s(0.0),
        };
        let mut output = vec![0.0; input.len()];
        let rows = input
            .chunks_exact(width)
            .zip(self.gradient.chunks_exact(width));
        for (output, (input, gradient)) in output.chunks_exact_mut(width).zip(rows) {
            let (input, tail) = S::as_simd_f32s(input);
            let (gradient, tail_gradient) = S::as_simd_f32s(gradient);
            let (output, tail_output) = S::as_mut_simd_f32s(output);
            let moments = row.moments(input, tail);
            for (index, (x, dy)) in input.iter().zip(gradient).enumerate() {
                sums.collect(&row, index, row.normalised(moments, *x), *dy);
            }
            let last = row.normalised(moments, simd.partial_load_f32s(tail));
            sums.collect(
                &row,
                input.len(),
                last,
                simd.partial_load_f32s(tail_gradient),
            );
            let (offset, projection) = sums.take_means(&row);
            for ((x, dz), dx) in input.iter().zip(&sums.slopes).zip(output) {
                let x = row.normalised(moments, *x);
                let dz = simd.sub_f32s(simd.sub_f32s(*dz, offset), simd.mul_f32s(x, projection));
                *dx = simd.mul_f32s(dz, moments.scale);
            }
            let dz = simd.sub_f32s(sums.slopes[input.len()], offset);
            let dz = simd.sub_f32s(dz, simd.mul_f32s(last, projection));
            simd.partial_store_f32s(tail_output, simd.mul_f32s(dz, moments.scale));
        }
        let flat = |values: &[S::f32s]| cast_slice::<_, f32>(values)[..width].to_vec();
        [output, flat(&sums.gain), flat(&sums.shift)]
    }
}

/// What the backward pass adds up.
struct Sums<S: Simd> {
    floor: S::f32s,
    /// Gradients of gain and shift, over all rows.
    gain: Vec<S::f32s>,
    shift: Vec<S::f32s>,
    /// dz of the row.
    slopes: Vec<S::f32s>,
    /// Σ dz and Σ dz · x̂ of the row.
    offset: S::f32s,
    projection: S::f32s,
}

impl<S: Simd> Sums<S> {
    #[inline(always)]
    fn collect(&mut self, row: &Row<S>, index: usize, x: S::f32s, dy: S::f32s) {
        let simd = row.simd;
        let is_open = simd.greater_than_f32s(row.value(x, index), self.floor);
        let dy = simd.select_f32s(is_open, dy, simd.splat_f32s(0.0));
        let dz = simd.mul_f32s(dy, row.gain[index]);
        self.gain[index] = simd.mul_add_f32s(dy, x, self.gain[index]);
        self.shift[index] = simd.add_f32s(self.shift[index], dy);
        self.slopes[index] = dz;
        self.offset = simd.add_f32s(self.offset, dz);
        self.projection = simd.mul_add_f32s(dz, x, self.projection);
    }

    /// The row's means of dz and of dz · x̂; the next row begins with zeros.
    #[inline(always)]
    fn take_means(&mut self, row: &Row<S>) -> (S::f32s, S::f32s) {
        let (offset, projection) = (row.mean(self.offset), row.mean(self.projection));
        self.offset = row.simd.splat_f32s(0.0);
        self.projection = self.offset;
        (offset, projection)
    }
}

/// What all rows have in common. Vectors that a row does not fill end in zeros; there is always one
/// such vector at the end, perhaps of zeros alone.
struct Row<S: Simd> {
    simd: S,
    gain: Vec<S::f32s>,
    shift: Vec<S::f32s>,
    /// Ones for the values of the last vector.
    tail_mask: S::f32s,
    inverse_width: f32,
}

/// Mean and 1 / √(variance + ε) of a row.
#[derive(Clone, Copy)]
struct Moments<V> {
    mean: V,
    scale: V,
}

impl<S: Simd> Row<S> {
    #[inline(always)]
    fn new(simd: S, gain: &[f32], shift: &[f32]) -> Self {
        let vectors = |values: &[f32]| {
            let (head, tail) = S::as_simd_f32s(values);
            let tail = simd.partial_load_f32s(tail);
            head.iter().copied().chain([tail]).collect()
        };
        let tail = gain.len() % S::F32_LANES;
        Self {
            simd,
            gain: vectors(gain),
            shift: vectors(shift),
            tail_mask: simd.partial_load_f32s(&vec![1.0; tail]),
            inverse_width: 1.0 / gain.len() as f32,
        }
    }

    #[inline(always)]
    fn moments(&self, row: &[S::f32s], tail: &[f32]) -> Moments<S::f32s> {
        let simd = self.simd;
        let tail = simd.partial_load_f32s(tail);
        let mut sum = tail;
        for x in row {
            sum = simd.add_f32s(sum, *x);
        }
        let mean = self.mean(sum);
        let rest = simd.mul_f32s(simd.sub_f32s(tail, mean), self.tail_mask);
        let mut squares = simd.mul_f32s(rest, rest);
        for x in row {
            let centred = simd.sub_f32s(*x, mean);
            squares = simd.mul_add_f32s(centred, centred, squares);
        }
        let variance = simd.reduce_sum_f32s(squares) * self.inverse_width;
        let scale = simd.splat_f32s(1.0 / (variance + EPSILON).sqrt());
        Moments { mean, scale }
    }

    /// The sum of a row, divided by its width.
    #[inline(always)]
    fn mean(&self, sum: S::f32s) -> S::f32s {
        let mean = self.simd.reduce_sum_f32s(sum) * self.inverse_width;
        self.simd.splat_f32s(mean)
    }

    #[inline(always)]
    fn normalised(&self, moments: Moments<S::f32s>, x: S::f32s) -> S::f32s {
        let centred = self.simd.sub_f32s(x, moments.mean);
        self.simd.mul_f32s(centred, moments.scale)
    }

    /// The value before the rectifier.
    #[inline(always)]
    fn value(&self, normalised: S::f32s, index: usize) -> S::f32s {
        self.simd
            .mul_add_f32s(normalised, self.gain[index], self.shift[index])
    }
}

#[inline(always)]
fn floor(is_rectified: bool) -> f32 {
    if is_rectified { 0.0 } else { f32::NEG_INFINITY }
}
