//! Random numbers of the generator: one ChaCha8 key per purpose, one stream per row.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Random numbers of one purpose.
pub(super) struct Stream(ChaCha8Rng);

impl Stream {
    /// Numbers that a row is made of.
    pub(super) fn row(seed: u64, row: u64) -> Self {
        Self::new(seed, 1, row)
    }

    /// Numbers that a row for calibration is made of.
    pub(super) fn calibration(seed: u64, row: u64) -> Self {
        Self::new(seed, 2, row)
    }

    /// Numbers that the truth is made of.
    pub(super) fn truth(seed: u64) -> Self {
        Self::new(seed, 3, 0)
    }

    fn new(seed: u64, purpose: u8, stream: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8] = purpose;
        let mut rng = ChaCha8Rng::from_seed(key);
        rng.set_stream(stream);
        Self(rng)
    }

    /// A number in [0, 1) with 53 random bits.
    pub(super) fn uniform(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number of the standard normal distribution (Box–Muller).
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Shuffles items (Fisher–Yates).
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        crate::split_rule::shuffle(items, &mut self.0);
    }
}
