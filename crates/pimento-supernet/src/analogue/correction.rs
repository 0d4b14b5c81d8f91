//! Digital corrections of columns, measured once on each chip.

/// Brings what was read of a column nearer to what was meant: `gain · read + share · Σ inputs`. Wires
/// scale what was written into cells; the share makes up for what they took of the offset that makes
/// weights positive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Correction {
    gain: f32,
    share: f32,
}

impl Default for Correction {
    /// Nothing is changed.
    fn default() -> Self {
        Self {
            gain: 1.0,
            share: 0.0,
        }
    }
}

impl Correction {
    #[expect(clippy::inline_always, reason = "part of an inner loop")]
    #[inline(always)]
    pub(super) fn apply(self, read: f32, input_sum: f32) -> f32 {
        self.gain * read + self.share * input_sum
    }
}

/// Sums over calibration vectors, for the least squares of one column.
#[derive(Debug, Clone, Copy, Default)]
struct Moments {
    read_read: f64,
    read_sum: f64,
    sum_sum: f64,
    read_meant: f64,
    sum_meant: f64,
}

/// The corrections that leave the least squares between what was `read` and what was `meant`, both
/// of shape \[vectors, cols\], for vectors of shape \[vectors, rows\].
pub(super) fn measure(
    vectors: &[f32],
    meant: &[f32],
    read: &[f32],
    cols: usize,
) -> Vec<Correction> {
    let rows = vectors.len() / (read.len() / cols).max(1);
    let mut moments = vec![Moments::default(); cols];
    let answers = meant.chunks_exact(cols).zip(read.chunks_exact(cols));
    for (vector, (meant, read)) in vectors.chunks_exact(rows.max(1)).zip(answers) {
        let sum = f64::from(vector.iter().sum::<f32>());
        for (moments, (meant, read)) in moments.iter_mut().zip(meant.iter().zip(read)) {
            let (meant, read) = (f64::from(*meant), f64::from(*read));
            moments.read_read += read * read;
            moments.read_sum += read * sum;
            moments.sum_sum += sum * sum;
            moments.read_meant += read * meant;
            moments.sum_meant += sum * meant;
        }
    }
    moments.into_iter().map(Moments::solve).collect()
}

impl Moments {
    fn solve(self) -> Correction {
        let determinant = self.read_read * self.sum_sum - self.read_sum * self.read_sum;
        // What was read is a multiple of the sum, or nothing was read: there is nothing to tell.
        if determinant <= 1e-9 * self.read_read * self.sum_sum || determinant <= 0.0 {
            return Correction::default();
        }
        let gain = self.read_meant * self.sum_sum - self.sum_meant * self.read_sum;
        let share = self.sum_meant * self.read_read - self.read_meant * self.read_sum;
        Correction {
            gain: (gain / determinant) as f32,
            share: (share / determinant) as f32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_scaled_and_shifted_comes_back() {
        let vectors: [f32; 6] = [1.0, 2.0, 3.0, -1.0, 0.0, 4.0];
        let sums = [3.0, 2.0, 4.0];
        let meant = [5.0, -1.0, 2.0];
        let read: Vec<f32> = meant
            .iter()
            .zip(sums)
            .map(|(m, s)| (m + 3.0 * s) * 0.8)
            .collect();
        let correction = measure(&vectors, &meant, &read, 1)[0];
        for ((read, meant), sum) in read.iter().zip(meant).zip(sums) {
            assert!((correction.apply(*read, sum) - meant).abs() < 1e-4);
        }
    }

    #[test]
    fn where_nothing_can_be_told_nothing_changes() {
        assert_eq!(
            measure(&[1.0, 2.0], &[3.0, 6.0], &[0.0, 0.0], 1),
            [Correction::default()]
        );
        assert_eq!(
            measure(&[1.0, 2.0], &[3.0, 6.0], &[2.0, 4.0], 1),
            [Correction::default()]
        );
        assert_eq!(measure(&[], &[], &[], 2), [Correction::default(); 2]);
    }
}
