//! Sums in a fixed order of additions that vectorises.

#![expect(clippy::inline_always, reason = "compiled into vectorised callers")]

/// Values that are worked on side by side.
const LANES: usize = 16;

/// Σ left · right.
#[inline(always)]
pub(crate) fn dot(left: &[f32], right: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (left_chunks, right_chunks) = (left.chunks_exact(LANES), right.chunks_exact(LANES));
    let rest = left_chunks.remainder().iter().zip(right_chunks.remainder());
    let rest: f32 = rest.map(|(left, right)| left * right).sum();
    for (left, right) in left_chunks.zip(right_chunks) {
        for ((lane, left), right) in lanes.iter_mut().zip(left).zip(right) {
            *lane += left * right;
        }
    }
    total(lanes) + rest
}

/// The sum of all lanes, halves first.
#[inline(always)]
fn total(lanes: [f32; LANES]) -> f32 {
    let eight: [f32; 8] = std::array::from_fn(|lane| lanes[lane] + lanes[lane + 8]);
    let four: [f32; 4] = std::array::from_fn(|lane| eight[lane] + eight[lane + 4]);
    (four[0] + four[2]) + (four[1] + four[3])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_any_length() {
        for count in [0, 1, 15, 16, 17, 50] {
            let values: Vec<f32> = (1..=count).map(|value| value as f32).collect();
            let count = count as f32;
            let squares = count * (count + 1.0) * (2.0 * count + 1.0) / 6.0;
            assert_eq!(dot(&values, &values), squares);
        }
    }
}
