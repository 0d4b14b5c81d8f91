//! What holds for all genotypes.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeSet;

use pimento_hardware::{
    Cost, CostModel, EmbeddingTable, Hardware, MemoryStandard, OpCost, OpKind, PimCostModel,
    PimLevel,
};
use pimento_space::{
    Block, DenseOperator, Design, FieldEmbedding, Genotype, InputShape, LayerShape, Network,
    PathSampler, SearchSpace, TableKind, lower,
};
use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const INPUT: InputShape = InputShape {
    dense_dim: 13,
    fields: 26,
};

/// Tables too small for any compression, and large ones.
const TABLE_ROWS: [u64; 26] = [
    1, 2, 3, 4, 5, 7, 10, 15, 16, 17, 20, 30, 50, 64, 99, 100, 150, 200, 300, 500, 700, 1000, 1500,
    2000, 5000, 1_000_000,
];

fn spaces() -> Vec<SearchSpace> {
    let names = SearchSpace::preset_names();
    names
        .into_iter()
        .map(|name| SearchSpace::preset(name).unwrap().for_tables(&TABLE_ROWS))
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
    check_tables(space, &design.network);
    assert_eq!(
        design.network.depth(),
        depth_of(&design.network, design.network.last_tensor())
    );
    let live = design.network.blocks.len();
    let genes = genotype
        .blocks
        .iter()
        .filter(|b| b.dense.is_some() || b.sparse.is_some());
    assert_eq!(live, genes.count());
}

/// Blocks on the longest way to a tensor, by following each way.
fn depth_of(network: &Network, tensor: usize) -> usize {
    let inputs = network.block(tensor).map(Block::inputs);
    let longest = inputs.map(|inputs| {
        let ways = inputs.into_iter().collect::<BTreeSet<_>>().into_iter();
        ways.map(|input| 1 + depth_of(network, input)).max()
    });
    longest.flatten().unwrap_or(0)
}

/// Fields have embeddings that the space offers, and none that saves nothing.
fn check_tables(space: &SearchSpace, network: &Network) {
    let choices = space.embedding_choices();
    assert_eq!(network.embeddings.len(), choices.len());
    let dim = network.embedding_dim;
    for ((embedding, choices), &rows) in network.embeddings.iter().zip(choices).zip(&TABLE_ROWS) {
        let choice = FieldEmbedding {
            bits: 4,
            ..*embedding
        };
        assert!(choices.contains(&choice), "{choice:?}");
        assert_eq!(embedding.canonical(rows, dim), *embedding);
        let full = FieldEmbedding::full(embedding.width, embedding.bits).stored(rows, dim);
        let stored = embedding.stored(rows, dim);
        let is_full = embedding.table == TableKind::Full;
        assert!(
            is_full || stored.bytes() < full.bytes(),
            "{embedding:?} of {rows} rows"
        );
    }
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
            let on = |hardware| Genotype { hardware, ..a.clone() };
            let elsewhere = on(space.sample_hardware(rng));
            let beside = on(space.mutate_hardware(&a.hardware, strength, rng));
            // Some spaces have one hardware only.
            prop_assert!(beside != a || elsewhere == a);
            for genotype in [&a, &mutant, &child, &elsewhere, &beside] {
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

    /// Epitomes do the same multiply–accumulates with fewer weights. On crossbars that is less area for
    /// more rounds; conversions are as many.
    #[test]
    fn epitomes_take_time_for_crossbars(
        seed in any::<u64>(), reuse in prop::sample::select(vec![2, 4, 8]),
    ) {
        let space = SearchSpace::preset("ctr").unwrap();
        let mut design = space.decode(&space.sample(&mut rng(seed)), INPUT);
        (design.hardware.chip.replication, design.hardware.chip.adc_bits) = (1, 9);
        let plain = design.clone();
        let saved = reuse_matrices(&mut design.network, reuse);
        design.network.validate().unwrap();
        prop_assert_eq!(design.network.macs(), plain.network.macs());
        let weights = design.network.dense_parameters() + saved;
        prop_assert_eq!(weights, plain.network.dense_parameters());

        let ((epitomes, plain), hardware) = ((price(&design), price(&plain)), &design.hardware);
        prop_assert!(epitomes.summary.area_um2 <= plain.summary.area_um2);
        for component in ["adc", "shift_add", "sample_hold", "digital"] {
            let (energy, expected) = (energy(&epitomes, component), energy(&plain, component));
            prop_assert!((energy - expected).abs() <= 1e-9 * expected, "{}", component);
        }
        for (op, plain) in epitomes.breakdown.ops.iter().zip(&plain.breakdown.ops) {
            prop_assert_eq!((op.block, op.layer), (plain.block, plain.layer));
            prop_assert!(op.crossbars <= plain.crossbars);
            let rounds = op.stages.working_ns / plain.stages.working_ns;
            if is_connected(op) {
                // As many rounds, of fewer columns for a converter to read.
                prop_assert!((0.999_999..=reuse as f64 * 1.000_001).contains(&rounds), "{}", rounds);
                prop_assert!(op.crossbars >= plain.crossbars.div_ceil(reuse as u32));
            } else {
                prop_assert!(rounds.is_nan() || rounds == 1.0);
            }
        }
        let sum: f64 = epitomes.breakdown.ops.iter().map(|op| op.energy_pj).sum();
        let total = epitomes.summary.energy_pj;
        prop_assert!((sum - total).abs() <= 1e-9 * total, "{:?}", hardware);
    }
}

/// Uses the matrices of all fully connected operators `reuse` times; returns the weights saved.
fn reuse_matrices(network: &mut Network, reuse: usize) -> u64 {
    let layers = network.layers();
    let connected = layers
        .iter()
        .filter(|layer| ["fc", "flat"].contains(&layer.name));
    let weights = connected.map(|layer| match layer.shape {
        LayerShape::Linear {
            inputs, outputs, ..
        } => inputs * (outputs - outputs / reuse),
        LayerShape::Product { .. } => 0,
    });
    let saved = weights.sum::<usize>() as u64;
    let nodes = network
        .blocks
        .iter_mut()
        .filter_map(|block| block.dense.as_mut());
    for node in nodes {
        if let DenseOperator::FullyConnected { .. } | DenseOperator::Flattened { .. } =
            node.operator
        {
            node.reuse = reuse;
        }
    }
    saved
}

fn price(design: &Design) -> Cost {
    let workload = lower(&design.network, &TABLE_ROWS);
    PimCostModel::isaac().cost(&workload, &design.hardware)
}

fn energy(cost: &Cost, component: &str) -> f64 {
    let parts = cost.breakdown.components.iter();
    let parts = parts.filter(|part| part.component == component);
    parts.map(|part| part.energy_pj).sum()
}

fn is_connected(op: &OpCost) -> bool {
    ["fc", "flat"].contains(&op.layer)
}

/// A matrix that fills crossbars exactly: an r-th of them, r rounds of the same time, the same energy of
/// everything that works by rounds and columns.
#[test]
fn an_epitome_that_fills_its_crossbars_saves_all_but_its_share() {
    let space = SearchSpace::preset("epitomes").unwrap();
    let wide = |network: &Network| {
        let node = network.blocks[0].dense.as_ref();
        network.blocks.len() == 1 && node.is_some_and(|node| node.width == 256)
    };
    let mut draws = (0..).map(|seed| space.decode(&space.sample(&mut rng(seed)), INPUT));
    let mut design = draws.find(|design| wide(&design.network)).unwrap();
    design.hardware = Hardware::naive();
    let dense = design.network.blocks[0].dense.as_mut().unwrap();
    dense.weight_bits = 8;
    dense.operator = DenseOperator::Flattened {
        dense_inputs: vec![0],
        sparse_inputs: vec![0],
    };
    let connected = |reuse| {
        let mut design = design.clone();
        reuse_matrices(&mut design.network, reuse);
        let cost = price(&design);
        let op = cost.breakdown.ops.iter().find(|op| is_connected(op));
        (op.unwrap().crossbars, op.unwrap().stages.working_ns)
    };
    // 13 + 26 · 16 inputs are 4 blocks of 128 rows, 256 · 4 slices 8 blocks of 128 columns.
    let (crossbars, working_ns) = connected(1);
    assert_eq!(crossbars, 32);
    for reuse in [2, 4, 8] {
        let (fewer, longer_ns) = connected(reuse);
        assert_eq!(fewer, 32 / reuse as u32);
        assert!((longer_ns / working_ns - reuse as f64).abs() < 1e-9);
    }
}

#[test]
fn reuse_is_drawn_changed_and_crossed_where_it_is_a_choice() {
    let (plain, space) = (
        SearchSpace::preset("ctr").unwrap(),
        SearchSpace::preset("epitomes").unwrap(),
    );
    let reuses = |genotype: &Genotype| -> Vec<usize> {
        let nodes = genotype
            .blocks
            .iter()
            .filter_map(|block| block.dense.as_ref());
        nodes.map(|node| node.reuse).collect()
    };
    let rng = &mut rng(5);
    let mut counts = std::collections::BTreeMap::new();
    let mut mutants = 0;
    for _ in 0..400 {
        assert!(reuses(&plain.sample(rng)).iter().all(|&reuse| reuse == 1));
        let genotype = space.sample(rng);
        for node in genotype
            .blocks
            .iter()
            .filter_map(|block| block.dense.as_ref())
        {
            if let DenseOperator::FullyConnected { .. } | DenseOperator::Flattened { .. } =
                node.operator
            {
                *counts.entry(node.reuse).or_insert(0) += 1;
            } else {
                assert_eq!(node.reuse, 1);
            }
        }
        let mutant = space.mutate(&genotype, 1, rng);
        let is_else_equal = mutant
            .blocks
            .iter()
            .zip(&genotype.blocks)
            .all(|(new, old)| {
                let operator = |genes: &pimento_space::BlockGenes| {
                    genes.dense.clone().map(|node| (node.operator, node.width))
                };
                operator(new) == operator(old)
            });
        mutants += usize::from(is_else_equal && reuses(&mutant) != reuses(&genotype));
    }
    assert_eq!(counts.keys().copied().collect::<Vec<_>>(), [1, 2, 4, 8]);
    let (least, most) = (counts.values().min(), counts.values().max());
    assert!(
        *least.unwrap() as f64 > 0.7 * f64::from(*most.unwrap()),
        "{counts:?}"
    );
    assert!(
        mutants > 5,
        "{mutants} of 400 mutations changed a reuse alone"
    );
}

#[test]
fn caches_are_drawn_changed_and_crossed_where_they_are_a_choice() {
    let text = include_str!("../../../search_spaces/row-cache.toml");
    let text = text.replace("\"hbm2\"]", "\"hbm2\", \"reram\"]");
    let space = SearchSpace::parse(&text).unwrap();
    let rng = &mut rng(7);
    let (mut sizes, mut changes, mut of_parents) = (BTreeSet::new(), 0, 0);
    for _ in 0..200 {
        let (a, b) = (space.sample(rng), space.sample(rng));
        let size = |genotype: &Genotype| genotype.hardware.memory.cache_kb;
        let (mutant, child) = (space.mutate(&a, 3, rng), space.crossover(&a, &b, rng));
        for genotype in [&a, &b, &mutant, &child] {
            let memory = genotype.hardware.memory;
            assert!(memory.standard != MemoryStandard::Reram || memory.cache_kb == 0);
            sizes.insert(memory.cache_kb);
        }
        changes += u32::from(size(&mutant) != size(&a));
        of_parents += u32::from([size(&a), size(&b)].contains(&size(&child)));
    }
    assert_eq!(sizes, BTreeSet::from([0, 16, 64, 256, 1024, 4096]));
    assert!(changes > 5 && changes < 100, "{changes}");
    assert!(of_parents > 190, "{of_parents}");
}

#[test]
fn memory_systems_are_drawn_changed_and_crossed_where_they_are_a_choice() {
    let space = include_str!("../../../search_spaces/memory-systems.toml");
    // A design without a system has what the menus offer.
    let space = space.replace("pim-level = [\"host\", ", "pim-level = [");
    let space = SearchSpace::parse(&space.replace("[1, 2, 4, 8]\n#", "[2, 4]\n#")).unwrap();
    let rng = &mut rng(8);
    let (mut systems, mut changes, mut of_parents) = (BTreeSet::new(), 0, 0);
    for _ in 0..400 {
        let (a, b) = (space.sample(rng), space.sample(rng));
        let system = |genotype: &Genotype| genotype.hardware.memory.system;
        let (mutant, child) = (space.mutate(&a, 3, rng), space.crossover(&a, &b, rng));
        for genotype in [&a, &b, &mutant, &child] {
            let memory = genotype.hardware.memory;
            assert_eq!(memory, memory.canonical());
            if memory.system.is_none() {
                assert!([2, 4].contains(&memory.channels), "{memory:?}");
                assert_ne!(memory.pim_level, PimLevel::Host);
            }
            systems.insert(memory.system);
        }
        changes += u32::from(system(&mutant) != system(&a));
        of_parents += u32::from([system(&a), system(&b)].contains(&system(&child)));
    }
    assert_eq!(systems.len(), 11);
    assert!(changes > 10 && changes < 200, "{changes}");
    assert_eq!(of_parents, 400);
}

fn path(space: &SearchSpace, sampler: PathSampler, full: f64, seed: u64, step: u64) -> Genotype {
    space.sample_path(sampler, full, step, |step| {
        let mut rng = rng(seed);
        rng.set_stream(step);
        rng
    })
}

#[test]
fn fields_are_crossed_and_changed_one_by_one() {
    let space = SearchSpace::preset("compressed")
        .unwrap()
        .for_tables(&[5000; 26]);
    let rng = &mut rng(3);
    let (a, b) = (space.sample(rng), space.sample(rng));
    let child = space.crossover(&a, &b, rng);
    let parents = a.embeddings.iter().zip(&b.embeddings);
    let mut from = [0, 0];
    for (child, (a, b)) in child.embeddings.iter().zip(parents) {
        assert!(child == a || child == b);
        from[usize::from(child == b)] += 1;
    }
    assert!(from[0] > 0 && from[1] > 0, "{from:?}");
    let changed = (0..200).filter(|_| {
        let mutant = space.mutate(&a, 1, rng);
        let pairs = mutant.embeddings.iter().zip(&a.embeddings);
        let different = pairs.filter(|(new, old)| new != old).count();
        assert!(different <= 1);
        different == 1
    });
    let count = changed.count();
    assert!(
        (60..140).contains(&count),
        "{count} of 200 mutations changed a field"
    );
}

#[test]
fn without_tables_a_space_draws_full_ones() {
    let space = SearchSpace::preset("compressed").unwrap();
    let genotype = space.sample(&mut rng(1));
    assert!(genotype.embeddings.is_empty() && space.embedding_choices().is_empty());
    assert!([4, 8, 16, 32].contains(&genotype.embedding_bits));
}

#[test]
fn a_workload_holds_what_fields_store() {
    let space = SearchSpace::preset("compressed")
        .unwrap()
        .for_tables(&[1000; 3]);
    let input = InputShape {
        dense_dim: 13,
        fields: 3,
    };
    let mut network = space.decode(&space.sample(&mut rng(1)), input).network;
    let embedding = |text: &str, width, bits| FieldEmbedding {
        table: text.parse().unwrap(),
        width,
        bits,
    };
    network.embeddings = vec![
        embedding("hash-16", 8, 4),
        embedding("qr-4", 16, 32),
        embedding("tt-8", 16, 8),
    ];
    network.validate().unwrap();
    let workload = lower(&network, &[1000; 3]);
    let OpKind::EmbeddingGather { tables } = &workload.ops()[0].kind else {
        panic!("a workload begins with its gather");
    };
    let bytes: Vec<f64> = tables.iter().map(EmbeddingTable::bytes).collect();
    assert_eq!(bytes, [63.0 * 8.0 / 2.0, 254.0 * 64.0, 1760.0]);
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
