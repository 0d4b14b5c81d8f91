//! What the choices of mapping and schedule are worth, and epitomes: the same random designs priced with
//! each.
//!
//! `cargo run --release -p pimento-space --example mapping_choices`
#![expect(clippy::print_stdout, reason = "an example prints its figures")]

use pimento_hardware::{
    ChipDesign, Cost, CostModel, Dynamic, Hardware, MemoryStandard, Packing, PimCostModel,
    Scheduling, Workload,
};
use pimento_space::{DenseOperator, InputShape, Network, SearchSpace, dlrm_shaped, lower};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const DESIGNS: usize = 1000;
const INPUT: InputShape = InputShape {
    dense_dim: 13,
    fields: 26,
};
const TABLE_ROWS: [u64; 26] = [100_000; 26];

type Figure = fn(&Cost) -> f64;

const FIGURES: [(&str, Figure); 6] = [
    ("latency", |cost| cost.summary.latency_ns),
    ("energy", |cost| cost.summary.energy_pj),
    ("area", |cost| cost.summary.area_um2),
    ("crossbars", |cost| {
        let ops = cost.breakdown.ops.iter();
        ops.map(|op| f64::from(op.crossbars)).sum()
    }),
    ("throughput", |cost| cost.summary.throughput_per_s),
    ("crossbars busy", |cost| cost.figures.crossbar_utilisation),
];

fn main() {
    let model = PimCostModel::isaac();
    let workloads = lowered(&networks("autorac"));
    let naive = Hardware::naive();
    let with = |change: fn(&mut ChipDesign)| {
        let mut hardware = naive;
        change(&mut hardware.chip);
        hardware
    };
    let mut in_cells = naive;
    in_cells.memory.standard = MemoryStandard::Reram;
    let choices = [
        ("16 copies of each", with(|chip| chip.replication = 16)),
        (
            "copies on two tiles",
            with(|chip| (chip.replication, chip.copy_tiles) = (16, 2)),
        ),
        (
            "by vectors",
            with(|chip| chip.scheduling = Scheduling::Vectors),
        ),
        (
            "shared crossbars",
            with(|chip| chip.packing = Packing::Shelves),
        ),
        (
            "operands written",
            with(|chip| chip.dynamic = Dynamic::Crossbar),
        ),
        (
            "gates and FM, too",
            with(|chip| chip.dynamic = Dynamic::CrossbarAll),
        ),
        ("tables in crossbars", in_cells),
    ];
    let price = |workloads: &[Workload], hardware: &Hardware| -> Vec<Cost> {
        let workloads = workloads.iter();
        workloads
            .map(|workload| model.cost(workload, hardware))
            .collect()
    };
    let before = price(&workloads, &naive);
    println!(
        "{DESIGNS} random networks of autorac on ISAAC's chip: choice ÷ naive mapping, medians"
    );
    print_head();
    for (name, hardware) in choices {
        print_ratios(name, &price(&workloads, &hardware), &before);
    }
    let mut overlap: Vec<f64> = before
        .iter()
        .map(|cost| cost.figures.one_by_one_ns / cost.summary.latency_ns)
        .collect();
    overlap.sort_by(f64::total_cmp);
    println!(
        "operators one by one ÷ as soon as inputs are there: {:.3}",
        overlap[DESIGNS / 2]
    );

    for (name, networks) in [
        ("the DLRM-shaped network", vec![dlrm_shaped(INPUT)]),
        ("random networks of ctr", networks("ctr")),
    ] {
        println!("\n{name}: fc and flat with epitomes ÷ without, medians");
        print_head();
        let before = price(&lowered(&networks), &naive);
        for reuse in [2, 4, 8] {
            let epitomes: Vec<Network> = networks
                .iter()
                .map(|network| with_reuse(network.clone(), reuse))
                .collect();
            let after = price(&lowered(&epitomes), &naive);
            print_ratios(&format!("{reuse} uses of a matrix"), &after, &before);
        }
    }
}

fn networks(space: &str) -> Vec<Network> {
    let space = SearchSpace::preset(space).expect("a built-in space");
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    (0..DESIGNS)
        .map(|_| space.decode(&space.sample(&mut rng), INPUT).network)
        .collect()
}

fn lowered(networks: &[Network]) -> Vec<Workload> {
    let networks = networks.iter();
    networks
        .map(|network| lower(network, &TABLE_ROWS))
        .collect()
}

/// The network with the matrix of every fully connected layer used `reuse` times.
fn with_reuse(mut network: Network, reuse: usize) -> Network {
    let blocks = network.blocks.iter_mut();
    for node in blocks.filter_map(|block| block.dense.as_mut()) {
        if let DenseOperator::FullyConnected { .. } | DenseOperator::Flattened { .. } =
            node.operator
        {
            node.reuse = reuse;
        }
    }
    network
}

fn print_head() {
    let names = FIGURES.map(|(name, _)| format!("{name:>15}"));
    println!("{:20} {}", "", names.concat());
}

fn print_ratios(name: &str, after: &[Cost], before: &[Cost]) {
    let ratios = FIGURES.map(|(_, figure)| {
        let mut ratios: Vec<f64> = after
            .iter()
            .zip(before)
            .map(|(after, before)| figure(after) / figure(before))
            .collect();
        ratios.sort_by(f64::total_cmp);
        format!("{:15.3}", ratios[ratios.len() / 2])
    });
    println!("{name:20} {}", ratios.concat());
}
