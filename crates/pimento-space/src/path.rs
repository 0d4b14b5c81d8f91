//! Paths: the genotypes whose networks train a supernet.

use rand::{Rng, RngExt, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{
    genotype::{Genotype, RawBlock},
    sampling::connections,
    space::SearchSpace,
};

/// How paths are drawn. A block of a path has one dense and one sparse operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathSampler {
    /// Every block reads one dense and one sparse tensor; all else uniform.
    SinglePath,
    /// The number of tensors that a block reads is 1 plus a binomial of the others with probability
    /// ½; all else uniform.
    AnyConnection,
    /// As `AnyConnection`, but with a probability that falls to 0, all blocks read all earlier
    /// tensors, and with the same probability, independently for each block, the block is as large
    /// as can be: the widest, with most rows, both mergers and the least reuse. (NASRec's full path
    /// sums all operators; here a block has one, drawn uniformly.)
    FullPath,
    /// The largest path, the smallest path and one of `AnyConnection` in turn, operators uniform.
    /// (The published rule adds up the gradients of its paths in one step; here each has its own.)
    Sandwich,
    /// As `AnyConnection`, but every choice of operator, width and rows has its turn before any
    /// comes again, in an order drawn anew for every round and every block.
    Fair,
}

impl PathSampler {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::SinglePath,
        Self::AnyConnection,
        Self::FullPath,
        Self::Sandwich,
        Self::Fair,
    ];
}

impl SearchSpace {
    /// The path of a training step. `full_path` is the probability of `FullPath`, in [0, 1];
    /// `rng_of` gives the generator of any step.
    pub fn sample_path(
        &self,
        sampler: PathSampler,
        full_path: f64,
        step: u64,
        rng_of: impl Fn(u64) -> ChaCha8Rng,
    ) -> Genotype {
        let rng = &mut rng_of(step);
        let full_path = full_path.clamp(0.0, 1.0);
        let reads_all = match sampler {
            PathSampler::FullPath => rng.random_bool(full_path),
            PathSampler::Sandwich => step.is_multiple_of(3),
            _ => false,
        };
        let mut blocks = Vec::with_capacity(self.network.blocks);
        for position in 1..=self.network.blocks {
            let mut block = self.random_block(position, rng);
            let connections = |rng: &mut ChaCha8Rng| match sampler {
                _ if reads_all => (0..position).collect(),
                PathSampler::SinglePath => connections(position, 1, rng),
                PathSampler::Sandwich if step % 3 == 1 => connections(position, 1, rng),
                _ => self.binomial_connections(position, rng),
            };
            block.dense_inputs = connections(rng);
            block.sparse_inputs = connections(rng);
            match sampler {
                PathSampler::FullPath if rng.random_bool(full_path) => self.enlarge(&mut block),
                PathSampler::Sandwich if step.is_multiple_of(3) => self.enlarge(&mut block),
                PathSampler::Sandwich if step % 3 == 1 => self.shrink(&mut block),
                PathSampler::Fair => self.take_turns(&mut block, position, step, &rng_of),
                _ => {}
            }
            blocks.push(block);
        }
        self.genotype(&blocks, self.random_globals(rng))
    }

    fn enlarge(&self, block: &mut RawBlock) {
        block.width = self.max_width();
        block.reuse = *self.fc_reuse.iter().min().expect("menus have choices");
        block.rows = self.max_rows();
        block.dense_sparse_merger = self.network.dense_sparse_merger.contains(&true);
        block.fm_merger = self.network.fm_merger.contains(&true);
    }

    fn shrink(&self, block: &mut RawBlock) {
        let smallest = |menu: &[usize]| menu.iter().copied().min().expect("menus have choices");
        block.width = smallest(&self.network.dense_widths);
        block.reuse = *self.fc_reuse.iter().max().expect("menus have choices");
        block.rows = smallest(&self.network.sparse_rows);
        block.dense_sparse_merger = !self.network.dense_sparse_merger.contains(&false);
        block.fm_merger = !self.network.fm_merger.contains(&false);
    }

    fn take_turns(
        &self,
        block: &mut RawBlock,
        position: usize,
        step: u64,
        rng_of: &impl Fn(u64) -> ChaCha8Rng,
    ) {
        let gene = |number| Turn {
            gene: (4 * position + number) as u64,
            step,
        };
        block.dense_operator = gene(0).pick(&self.network.dense_operators, rng_of);
        block.sparse_operator = gene(1).pick(&self.network.sparse_operators, rng_of);
        block.width = gene(2).pick(&self.network.dense_widths, rng_of);
        block.rows = gene(3).pick(&self.network.sparse_rows, rng_of);
    }
}

/// Whose turn it is at a step, for one gene.
struct Turn {
    gene: u64,
    step: u64,
}

impl Turn {
    /// Random numbers that one gene may use.
    const WORDS: u64 = 1 << 12;

    /// A round of as many steps as there are choices goes through all of them in random order; the
    /// order is drawn from the generator of the round's first step.
    fn pick<T: Copy>(&self, menu: &[T], rng_of: &impl Fn(u64) -> ChaCha8Rng) -> T {
        let turn = self.step % menu.len() as u64;
        let mut rng = rng_of(self.step - turn);
        rng.set_word_pos(u128::from(self.gene * Self::WORDS));
        let mut order = menu.to_vec();
        order.shuffle(&mut rng as &mut dyn Rng);
        order[turn as usize]
    }
}
