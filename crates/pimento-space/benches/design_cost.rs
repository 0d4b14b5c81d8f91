//! The cost of one random NASRec-Full design, decode included, on one core.
//!
//! `cargo bench -p pimento-space --bench design_cost`
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::{hint::black_box, time::Instant};

use pimento_hardware::{CostModel, Hardware, PimCostModel, Popularity, SystemChoice, Workload};
use pimento_space::{InputShape, SearchSpace, lower};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// As the application has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const DESIGNS: usize = 2000;
const ROUNDS: usize = 11;
/// Designs that are lowered before the clock starts: they fit into the first cache.
const FRESH: usize = 4;

fn main() {
    let space = SearchSpace::preset("autorac").expect("a built-in space");
    let input = InputShape {
        dense_dim: 13,
        fields: 26,
    };
    let (rows, model) = (vec![100_000; 26], PimCostModel::isaac());
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let genotypes: Vec<_> = (0..DESIGNS).map(|_| space.sample(&mut rng)).collect();
    let decode = median(&|index| {
        black_box(space.decode(&genotypes[index], input));
    });
    let lowered = median(&|index| {
        black_box(lower(
            &space.decode(&genotypes[index], input).network,
            &rows,
        ));
    });
    let summary = median(&|index| {
        let design = space.decode(&genotypes[index], input);
        black_box(model.summary(&lower(&design.network, &rows), &design.hardware));
    });
    let cost = median(&|index| {
        let design = space.decode(&genotypes[index], input);
        black_box(model.cost(&lower(&design.network, &rows), &design.hardware));
    });
    let designs: Vec<_> = genotypes
        .iter()
        .map(|genotype| space.decode(genotype, input))
        .map(|design| (lower(&design.network, &rows), design.hardware))
        .collect();
    let operators: usize = designs
        .iter()
        .map(|(workload, _)| workload.ops().len())
        .sum();
    let summary_alone = median(&|index| {
        let (workload, hardware) = &designs[index];
        black_box(model.summary(workload, hardware));
    });
    let fresh = median_of(&|| {
        let chunks = genotypes.chunks(FRESH).map(|genotypes| {
            let designs: Vec<_> = genotypes
                .iter()
                .map(|genotype| space.decode(genotype, input))
                .map(|design| (lower(&design.network, &rows), design.hardware))
                .collect();
            let start = Instant::now();
            for (workload, hardware) in &designs {
                black_box(model.summary(workload, hardware));
            }
            start.elapsed().as_secs_f64()
        });
        chunks.sum()
    });
    let cost_alone = median(&|index| {
        let (workload, hardware) = &designs[index];
        black_box(model.cost(workload, hardware));
    });
    let [row_cache, system] = memories(&model, &rows, &designs);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let generation = |threads: usize| {
        let share = designs.len().div_ceil(threads);
        let start = Instant::now();
        std::thread::scope(|scope| {
            for designs in designs.chunks(share) {
                scope.spawn(|| {
                    for (workload, hardware) in designs.iter().cycle().take(20 * share) {
                        black_box(model.summary(workload, hardware));
                    }
                });
            }
        });
        start.elapsed().as_secs_f64()
    };
    let mut gains: Vec<f64> = (0..ROUNDS)
        .map(|_| generation(1) / generation(cores))
        .collect();
    gains.sort_by(f64::total_cmp);
    println!("random designs of autorac (NASRec-Full), medians of {ROUNDS} rounds over {DESIGNS}");
    println!("decode                      {decode:7.2} µs");
    println!("decode, lower               {lowered:7.2} µs");
    println!("decode, lower, summary      {summary:7.2} µs");
    println!("decode, lower, full cost    {cost:7.2} µs");
    println!("summary, just lowered       {fresh:7.2} µs");
    println!("summary of {DESIGNS} in turns   {summary_alone:7.2} µs");
    println!("full cost alone             {cost_alone:7.2} µs");
    println!("a cache of rows adds        {row_cache:7.2} µs");
    println!("a published memory adds     {system:7.2} µs");
    println!(
        "{cores} threads ÷ 1 thread        {:6.2}",
        gains[ROUNDS / 2]
    );
    println!(
        "operators of a design       {:7.1}",
        operators as f64 / DESIGNS as f64
    );
}

/// What a cache of rows and what TRiM-G add to a summary, where popularities are known.
fn memories(model: &PimCostModel, rows: &[u64], designs: &[(Workload, Hardware)]) -> [f64; 2] {
    let laws = rows.iter();
    let laws = laws.map(|&rows| Popularity::zipf_mandelbrot(rows, 1.1, 5.0));
    let model = model.clone().with_popularities(laws.collect());
    let summary = |cache_kb, system| {
        median(&|index| {
            let (workload, mut hardware) = (&designs[index].0, designs[index].1);
            (hardware.memory.cache_kb, hardware.memory.system) = (cache_kb, system);
            black_box(model.summary(workload, &hardware));
        })
    };
    let trim = SystemChoice::named("trim-g").expect("built in");
    let without = summary(0, SystemChoice::NONE);
    [(256, SystemChoice::NONE), (0, trim)]
        .map(|(cache_kb, system)| summary(cache_kb, system) - without)
}

/// Time of one of `DESIGNS` designs in µs, the median of `ROUNDS`.
fn median(work: &dyn Fn(usize)) -> f64 {
    median_of(&|| {
        let start = Instant::now();
        (0..DESIGNS).for_each(work);
        start.elapsed().as_secs_f64()
    })
}

/// The same of what takes so many seconds for all of them.
fn median_of(round: &dyn Fn() -> f64) -> f64 {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| round() * 1e6 / DESIGNS as f64)
        .collect();
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}
