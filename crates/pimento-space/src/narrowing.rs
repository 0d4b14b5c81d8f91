//! Networks of the same operators and connections, but of smaller sizes.

use std::num::NonZero;

use serde::{Deserialize, Serialize};

use crate::network::{ATTENTION_HEADS, Network, SparseOperator};

/// What sizes of a network are divided by, rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Narrowing {
    /// Widths of dense operators; those of matrices that are used several times.
    pub widths: NonZero<usize>,
    /// Rows of sparse operators, merger rows not counted.
    pub rows: NonZero<usize>,
    /// Widths of embedding rows; where there is attention, they stay a multiple of its heads.
    pub embedding_dim: NonZero<usize>,
}

impl Default for Narrowing {
    fn default() -> Self {
        let [widths, rows, embedding_dim] = [8, 2, 2].map(|by| NonZero::new(by).expect("not zero"));
        Self {
            widths,
            rows,
            embedding_dim,
        }
    }
}

impl Network {
    /// The same network of smaller sizes.
    #[must_use]
    pub fn narrowed(&self, by: &Narrowing) -> Self {
        let mut network = self.clone();
        let mut nodes = self.blocks.iter().filter_map(|block| block.sparse.as_ref());
        let has_attention = nodes.any(|node| node.operator == SparseOperator::Attention);
        let heads = if has_attention { ATTENTION_HEADS } else { 1 };
        let narrow = |dim: usize| dim.div_ceil(by.embedding_dim.get());
        network.embedding_dim = narrow(self.embedding_dim).next_multiple_of(heads);
        for embedding in &mut network.embeddings {
            embedding.width = narrow(embedding.width);
        }
        for block in &mut network.blocks {
            if let Some(node) = &mut block.dense {
                node.width = node.reuse * node.matrix_cols().div_ceil(by.widths.get());
            }
            if let Some(node) = &mut block.sparse {
                node.rows = node.rows.div_ceil(by.rows.get());
            }
        }
        network
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::{InputShape, SearchSpace};

    const INPUT: InputShape = InputShape {
        dense_dim: 13,
        fields: 26,
    };

    fn network(space: &str, seed: u64) -> Network {
        let space = SearchSpace::preset(space).expect("built in");
        let genotype = space.sample(&mut ChaCha8Rng::seed_from_u64(seed));
        space.decode(&genotype, INPUT).network
    }

    proptest! {
        /// A narrowed network is a sound one with the same blocks; divided by one, it is the same.
        #[test]
        fn narrowed_networks_are_sound(
            space in prop::sample::select(vec!["nasrec-full", "compressed", "epitomes", "ctr"]),
            seed in any::<u64>(), by in (1..40_usize, 1..40_usize, 1..20_usize),
        ) {
            let network = network(space, seed);
            let [widths, rows, embedding_dim] =
                [by.0, by.1, by.2].map(|by| NonZero::new(by).expect("from 1 on"));
            let by = Narrowing { widths, rows, embedding_dim };
            let narrowed = network.narrowed(&by);
            prop_assert!(narrowed.validate().is_ok(), "{:?}", narrowed.validate());
            prop_assert_eq!(narrowed.depth(), network.depth());
            prop_assert!(narrowed.macs() <= network.macs());
            let one = NonZero::<usize>::MIN;
            let same = Narrowing { widths: one, rows: one, embedding_dim: one };
            prop_assert_eq!(network.narrowed(&same), network);
        }
    }

    #[test]
    fn sizes_are_rounded_up() {
        let mut network = network("nasrec-full", 1);
        let wide = network.blocks[0].dense.as_mut().map(|node| node.width = 17);
        let rows = network.blocks[0].sparse.as_mut().map(|node| node.rows = 33);
        let narrowed = network.narrowed(&Narrowing::default());
        let block = &narrowed.blocks[0];
        assert_eq!(
            block.dense.as_ref().map(|node| node.width),
            wide.map(|()| 3)
        );
        assert_eq!(
            block.sparse.as_ref().map(|node| node.rows),
            rows.map(|()| 17)
        );
        assert_eq!(narrowed.embedding_dim, 8);
    }
}
