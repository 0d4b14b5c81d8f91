//! What holds for all genotypes.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use pimento_space::{Genotype, InputShape, PathSampler, SearchSpace, lower};
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
            for genotype in [&a, &mutant, &child] {
                check(&space, genotype);
            }
            for sampler in PathSampler::ALL {
                for step in 0..3 {
                    check(&space, &path(&space, sampler, 0.5, seed, step));
                }
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

fn path(space: &SearchSpace, sampler: PathSampler, full: f64, seed: u64, step: u64) -> Genotype {
    space.sample_path(sampler, full, step, |step| {
        let mut rng = rng(seed);
        rng.set_stream(step);
        rng
    })
}

#[test]
fn a_sandwich_holds_the_largest_and_the_smallest_path() {
    let space = SearchSpace::preset("nasrec-full").unwrap();
    let block = |step: u64| {
        let path = path(&space, PathSampler::Sandwich, 0.0, 1, step);
        let network = space.decode(&path, INPUT).network;
        let first = network.blocks.iter().find_map(|block| block.sparse.clone());
        let last = network.blocks.last().unwrap().clone();
        (
            first.unwrap().rows,
            last.dense.unwrap().width,
            last.sparse.unwrap().inputs.len(),
        )
    };
    assert_eq!(block(0), (64, 1024, 7));
    assert_eq!(block(1), (16, 16, 1));
    assert_eq!(block(3), (64, 1024, 7));
}

#[test]
fn fair_paths_give_every_operator_the_same_number_of_turns() {
    let space = SearchSpace::preset("nasrec-full").unwrap();
    let mut turns: Vec<Vec<(usize, String)>> = vec![Vec::new(); 8];
    for step in 0..40 {
        let path = path(&space, PathSampler::Fair, 0.0, 5, step);
        let network = space.decode(&path, INPUT).network;
        for block in network.blocks {
            let operator = block.dense.map(|node| format!("{:?}", node.operator));
            let name = operator.map(|text| text.split(' ').next().unwrap().to_owned());
            turns[block.position].extend(name.map(|name| (step as usize, name)));
        }
    }
    // The last block is always live: its four dense operators share 40 steps evenly, and each
    // round of four steps has them all.
    let last = &turns[7];
    assert_eq!(last.len(), 40);
    for round in last.chunks(4) {
        let names: std::collections::BTreeSet<_> = round.iter().map(|(_, name)| name).collect();
        assert_eq!(names.len(), 4, "{round:?}");
    }
    let order = |round: usize| {
        last[4 * round..][..4]
            .iter()
            .map(|(_, n)| n)
            .collect::<Vec<_>>()
    };
    assert!(
        (1..10).any(|round| order(round) != order(0)),
        "the order is drawn anew"
    );
}

#[test]
fn a_full_path_reads_everything_at_full_size() {
    let space = SearchSpace::preset("nasrec-full").unwrap();
    let network = space
        .decode(&path(&space, PathSampler::FullPath, 1.0, 1, 0), INPUT)
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
