//! How many designs a space has.

use num_bigint::BigUint;

use crate::{embedding_menus::EmbeddingMenus, space::SearchSpace};

/// Exact numbers of genotypes before dead and ignored genes are dropped, as spaces are counted in
/// the literature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpaceSize {
    /// Networks, precisions not counted.
    pub networks: BigUint,
    /// Weight precisions of a network: dense, sparse and merger bits of every block.
    pub weight_precisions: BigUint,
    /// Other precisions: activations of every block, head, embeddings that share one.
    pub other_precisions: BigUint,
    /// Tables, widths and precisions of all fields; 1 where fields have no choice or are not known.
    pub embeddings: BigUint,
    /// Hardware designs.
    pub hardware: BigUint,
}

impl SpaceSize {
    /// Co-designs.
    pub fn total(&self) -> BigUint {
        &self.networks
            * &self.weight_precisions
            * &self.other_precisions
            * &self.embeddings
            * &self.hardware
    }

    /// The total as a power of ten, for example `8.07·10^43`.
    pub fn total_log10_text(&self) -> String {
        power_of_ten(&self.total())
    }
}

impl SearchSpace {
    /// The number of designs.
    pub fn size(&self) -> SpaceSize {
        let network = &self.network;
        let choices = product([
            network.dense_operators.len(),
            network.sparse_operators.len(),
            network.dense_widths.len(),
            self.fc_reuse.len(),
            network.sparse_rows.len(),
            network.dense_sparse_merger.len(),
            network.fm_merger.len(),
        ]);
        let mut networks = BigUint::from(1_u8);
        for block in 1..=network.blocks {
            let lists = connection_lists(block, network.max_connections);
            networks *= &choices * &lists * &lists * block * block;
        }
        let precision = &self.precision;
        let weights = product([
            precision.dense_weight_bits.len(),
            precision.sparse_weight_bits.len(),
            precision.merger_weight_bits.len(),
        ]);
        let blocks = network.blocks as u32;
        let activations = BigUint::from(precision.activation_bits.len()).pow(blocks);
        let embedding = self.embedding.as_ref();
        let shared_bits = match embedding {
            Some(_) => 1,
            None => precision.embedding_bits.len(),
        };
        let globals = product([precision.head_weight_bits.len(), shared_bits]);
        SpaceSize {
            networks,
            weight_precisions: weights.pow(blocks),
            other_precisions: activations * globals,
            embeddings: embedding.map_or_else(|| BigUint::from(1_u8), EmbeddingMenus::size),
            hardware: self.hardware_size(),
        }
    }

    fn hardware_size(&self) -> BigUint {
        let menus = &self.hardware;
        product([
            menus.crossbar_rows.len(),
            menus.crossbar_cols.len(),
            menus.cell_bits.len(),
            menus.dac_bits.len(),
            menus.adc_bits.len(),
            menus.crossbars_per_pe.len(),
            menus.pes_per_tile.len(),
            menus.replication.len(),
            menus.copy_tiles.len(),
            menus.readout.len(),
            menus.packing.len(),
            menus.dynamic.len(),
            menus.scheduling.len(),
            self.memory_size(),
        ])
    }

    /// Memories put together, and published systems.
    fn memory_size(&self) -> usize {
        let menus = &self.hardware;
        let composed = [
            menus.memory_standard.len(),
            menus.pim_level.len(),
            menus.memory_channels.len(),
            menus.memory_cache_kb.len(),
        ];
        let systems = menus.memory_system.iter();
        let sizes = systems.map(|system| {
            if system.is_none() {
                composed.iter().product()
            } else {
                1
            }
        });
        sizes.sum()
    }
}

/// Non-empty lists of at most `limit` of `tensors` tensors.
fn connection_lists(tensors: usize, limit: usize) -> BigUint {
    let mut binomial = BigUint::from(1_u8);
    let mut sum = BigUint::ZERO;
    for count in 1..=tensors.min(limit) {
        binomial = binomial * (tensors + 1 - count) / count;
        sum += &binomial;
    }
    sum
}

fn product<const N: usize>(factors: [usize; N]) -> BigUint {
    factors.into_iter().map(BigUint::from).product()
}

/// A number as a power of ten with three digits.
pub(crate) fn power_of_ten(number: &BigUint) -> String {
    let mut exponent = number.to_string().len() as u32 - 1;
    let hundredth = |exponent: u32| BigUint::from(10_u8).pow(exponent);
    // Twice the number in hundredths of the power, plus one, halved: rounded to the nearest.
    let mut hundredths = (number * 200_u32 / hundredth(exponent) + 1_u32) / 2_u32;
    if hundredths == BigUint::from(1000_u32) {
        hundredths = BigUint::from(100_u32);
        exponent += 1;
    }
    let digits = hundredths.to_string();
    format!("{}.{}·10^{exponent}", &digits[..1], &digits[1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_by_hand() {
        let counts: Vec<String> = (1..=7)
            .map(|tensors| connection_lists(tensors, 4).to_string())
            .collect();
        assert_eq!(counts, ["1", "3", "7", "15", "30", "56", "98"]);
        assert_eq!(connection_lists(7, 7), BigUint::from(127_u8));
    }

    #[test]
    fn powers_of_ten() {
        assert_eq!(power_of_ten(&BigUint::from(8_070_u32)), "8.07·10^3");
        assert_eq!(power_of_ten(&BigUint::from(7_u8)), "7.00·10^0");
        assert_eq!(power_of_ten(&BigUint::from(99_960_u32)), "1.00·10^5");
        assert_eq!(power_of_ten(&BigUint::from(8_066_u32)), "8.07·10^3");
    }
}
