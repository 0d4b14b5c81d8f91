//! What holds for all genotypes.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use pimento_space::{Genotype, InputShape, SearchSpace, lower};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const INPUT: InputShape = InputShape {
    dense_dim: 13,
    fields: 26,
};

fn spaces() -> Vec<SearchSpace> {
    let names = SearchSpace::preset_names();
    names
        .into_iter()
        .map(|name| SearchSpace::preset(name).unwrap())
        .collect()
}

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

fn check(space: &SearchSpace, genotype: &Genotype) {
    let design = space.decode(genotype, INPUT);
    design.network.validate().unwrap();
    assert_eq!(
        design.network.last_tensor(),
        space.block_count(),
        "the last block is live"
    );
    let text = serde_json::to_string(genotype).unwrap();
    assert_eq!(&serde_json::from_str::<Genotype>(&text).unwrap(), genotype);
    let live = design.network.blocks.len();
    let genes = genotype
        .blocks
        .iter()
        .filter(|b| b.dense.is_some() || b.sparse.is_some());
    assert_eq!(live, genes.count());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn drawn_changed_and_crossed_genotypes_are_sound(seed in any::<u64>(), strength in 1..7_usize) {
        for space in spaces() {
            let rng = &mut rng(seed);
            let (a, b) = (space.sample(rng), space.sample(rng));
            let mutant = space.mutate(&a, strength, rng);
            prop_assert_ne!(&mutant, &a);
            let child = space.crossover(&a, &b, rng);
            let trained = space.sample_training_genotype(0.5, rng);
            for genotype in [&a, &mutant, &child, &trained] {
                check(&space, genotype);
            }
        }
    }

    #[test]
    fn crossing_with_itself_changes_nothing(seed in any::<u64>()) {
        for space in spaces() {
            let rng = &mut rng(seed);
            let genotype = space.sample(rng);
            prop_assert_eq!(space.crossover(&genotype, &genotype, rng), genotype);
        }
    }

    #[test]
    fn every_draw_depends_on_the_generator_only(seed in any::<u64>()) {
        for space in spaces() {
            prop_assert_eq!(space.sample(&mut rng(seed)), space.sample(&mut rng(seed)));
        }
    }

    #[test]
    fn workloads_do_the_macs_of_the_network_but_for_padding_and_the_square(seed in any::<u64>()) {
        for space in spaces() {
            let network = space.decode(&space.sample(&mut rng(seed)), INPUT).network;
            let workload = lower(&network, &[1000; 26]);
            let macs: u64 = workload.ops().iter().map(pimento_hardware::Op::macs).sum();
            prop_assert!(macs <= network.macs());
            let layers = network.layers();
            let removable: u64 = layers
                .iter()
                .filter(|layer| ["sg.self", "sg.proj", "sum.proj", "dp.bmm"].contains(&layer.name))
                .map(pimento_space::Layer::macs)
                .sum();
            prop_assert!(macs + removable >= network.macs());
        }
    }
}

#[test]
fn a_full_path_reads_everything_at_full_size() {
    let space = SearchSpace::preset("nasrec-full").unwrap();
    let network = space
        .decode(&space.sample_training_genotype(1.0, &mut rng(1)), INPUT)
        .network;
    for block in &network.blocks {
        assert_eq!(block.dense.as_ref().map(|node| node.width), Some(1024));
        let sparse = block.sparse.as_ref().unwrap();
        assert_eq!((sparse.rows, sparse.inputs.len()), (64, block.position));
        assert!(block.dense_sparse_merger || block.position == 7 || block.sparse.is_some());
    }
}

#[test]
fn live_blocks_are_as_many_as_measured_on_the_original() {
    // Mean live blocks of random genotypes of NASRec-Small and -Full: 6.1 and 6.0 of 7.
    for (name, expected) in [("nasrec-small", 6.1), ("nasrec-full", 6.0)] {
        let space = SearchSpace::preset(name).unwrap();
        let rng = &mut rng(2);
        let draws = 4000;
        let live: usize = (0..draws)
            .map(|_| space.decode(&space.sample(rng), INPUT).network.blocks.len())
            .sum();
        let mean = live as f64 / f64::from(draws);
        assert!((mean - expected).abs() < 0.1, "{name}: {mean}");
    }
}
