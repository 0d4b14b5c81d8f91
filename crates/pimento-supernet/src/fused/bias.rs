//! A bias, and the rectifier after it.

/// Values that a loop should at least have, so that vector instructions pay: narrow rows are taken
/// several at once.
const LONG: usize = 128;

/// x + bias in place, over rows as long as `bias`; if `is_rectified`, max(0, x + bias).
#[inline(always)]
pub(super) fn add(values: &mut [f32], bias: &[f32], is_rectified: bool) {
    let floor = if is_rectified { 0.0 } else { f32::NEG_INFINITY };
    let bias = bias.repeat(LONG.div_ceil(bias.len()));
    for values in values.chunks_mut(bias.len()) {
        for (value, bias) in values.iter_mut().zip(&bias) {
            let sum = *value + bias;
            // What is no number stays none.
            *value = if sum <= floor { floor } else { sum };
        }
    }
}

/// The gradient where rectified values are positive, and its sums over rows of `width` values.
#[inline(always)]
pub(super) fn masked(values: &[f32], gradient: &[f32], width: usize) -> [Vec<f32>; 2] {
    let mut sums = Sums::new(width);
    let length = sums.lanes.len();
    let mut output = gradient.to_vec();
    for (output, values) in output.chunks_mut(length).zip(values.chunks(length)) {
        for ((dx, y), sum) in output.iter_mut().zip(values).zip(&mut sums.lanes) {
            *dx = if *y <= 0.0 { 0.0 } else { *dx };
            *sum += *dx;
        }
    }
    [output, sums.total()]
}

/// Sums over rows of `width` values.
#[inline(always)]
pub(super) fn sums(values: &[f32], width: usize) -> Vec<f32> {
    let mut sums = Sums::new(width);
    for values in values.chunks(sums.lanes.len()) {
        for (sum, value) in sums.lanes.iter_mut().zip(values) {
            *sum += value;
        }
    }
    sums.total()
}

/// Sums of columns, of several rows side by side where rows are short.
struct Sums {
    lanes: Vec<f32>,
    width: usize,
}

impl Sums {
    #[inline(always)]
    fn new(width: usize) -> Self {
        let lanes = vec![0.0; width * LONG.div_ceil(width)];
        Self { lanes, width }
    }

    #[inline(always)]
    fn total(self) -> Vec<f32> {
        let mut rows = self.lanes.chunks_exact(self.width);
        let mut total = rows.next().expect("there is a row").to_vec();
        for row in rows {
            for (total, sum) in total.iter_mut().zip(row) {
                *total += sum;
            }
        }
        total
    }
}
