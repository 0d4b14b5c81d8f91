//! What the choices of mapping and schedule are worth: the same random designs priced with each.
//!
//! `cargo run --release -p pimento-space --example mapping_choices`
#![expect(clippy::print_stdout, reason = "an example prints its figures")]

use pimento_hardware::{
    ChipDesign, Cost, CostModel, Dynamic, Hardware, MemoryStandard, Packing, PimCostModel,
    Scheduling, Workload,
};
use pimento_space::{InputShape, SearchSpace, lower};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const DESIGNS: usize = 1000;

type Figure = fn(&Cost) -> f64;

const FIGURES: [(&str, Figure); 5] = [
    ("latency", |cost| cost.summary.latency_ns),
    ("energy", |cost| cost.summary.energy_pj),
    ("area", |cost| cost.summary.area_um2),
    ("throughput", |cost| cost.summary.throughput_per_s),
    ("crossbars busy", |cost| cost.figures.crossbar_utilisation),
];

fn main() {
    let space = SearchSpace::preset("autorac").expect("a built-in space");
    let input = InputShape {
        dense_dim: 13,
        fields: 26,
    };
    let (rows, model) = (vec![100_000; 26], PimCostModel::isaac());
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let workloads: Vec<Workload> = (0..DESIGNS)
        .map(|_| space.decode(&space.sample(&mut rng), input))
        .map(|design| lower(&design.network, &rows))
        .collect();
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
        ("tables in crossbars", in_cells),
    ];
    let price = |hardware: &Hardware| -> Vec<Cost> {
        let workloads = workloads.iter();
        workloads
            .map(|workload| model.cost(workload, hardware))
            .collect()
    };
    let before = price(&naive);
    println!(
        "{DESIGNS} random networks of autorac on ISAAC's chip: choice ÷ naive mapping, medians"
    );
    println!(
        "{:20} {}",
        "",
        FIGURES.map(|(name, _)| format!("{name:>15}")).concat()
    );
    for (name, hardware) in choices {
        let after = price(&hardware);
        let ratios = FIGURES.map(|(_, figure)| {
            let mut ratios: Vec<f64> = after
                .iter()
                .zip(&before)
                .map(|(after, before)| figure(after) / figure(before))
                .collect();
            ratios.sort_by(f64::total_cmp);
            format!("{:15.3}", ratios[DESIGNS / 2])
        });
        println!("{name:20} {}", ratios.concat());
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
}
