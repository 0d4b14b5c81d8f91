//! The order of training samples.

use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// Seed stream of the permutations, one per epoch.
const ORDER_STREAM: u64 = 1 << 40;

/// A new permutation for every epoch.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    samples: usize,
    seed: u64,
    epoch: u64,
    permutation: Vec<u32>,
}

impl Order {
    pub(crate) fn new(samples: usize, seed: u64) -> Self {
        let mut order = Self {
            samples,
            seed,
            epoch: 0,
            permutation: Vec::new(),
        };
        order.shuffle(0);
        order
    }

    /// Sample numbers of batch `step`. A batch never spans two epochs: the last one is left out
    /// where it would be smaller, unless it is the only one.
    pub(crate) fn batch(&mut self, step: u64, batch_size: usize) -> Vec<u32> {
        let size = batch_size.min(self.samples);
        let per_epoch = (self.samples / size) as u64;
        let (epoch, position) = (step / per_epoch, (step % per_epoch) as usize);
        if epoch != self.epoch {
            self.shuffle(epoch);
        }
        self.permutation[position * size..(position + 1) * size].to_vec()
    }

    fn shuffle(&mut self, epoch: u64) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(ORDER_STREAM + epoch);
        self.permutation = (0..self.samples as u32).collect();
        self.permutation.shuffle(&mut rng);
        self.epoch = epoch;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_visits_each_sample_once_in_another_order() {
        let mut order = Order::new(6, 3);
        let epoch = |order: &mut Order, first: u64| {
            [
                order.batch(first, 2),
                order.batch(first + 1, 2),
                order.batch(first + 2, 2),
            ]
            .concat()
        };
        let (first, second) = (epoch(&mut order, 0), epoch(&mut order, 3));
        for mut rows in [first.clone(), second.clone()] {
            rows.sort_unstable();
            assert_eq!(rows, [0, 1, 2, 3, 4, 5]);
        }
        assert_ne!(first, second);
        assert_eq!(
            epoch(&mut order, 0),
            first,
            "going back gives the same order"
        );
    }
}
