//! Training steps and scorings, taken in turns with PyTorch on the same data.
//!
//! `python3 crates/pimento-supernet/benches/beside_pytorch/compare.py` builds and asks this bench;
//! Python needs `torch` and `numpy`. Criteo's schema, 26 tables of 100,000 rows, 16 values a row:
//! - a training step of NASRec's published network for Criteo of the small space, batch 512;
//! - a training step of random paths of that space;
//! - scoring of the published network on validation samples.
//!
//! It writes networks and samples into the folder that is its argument, then reads turns from
//! standard input, `train published`, `train PATH` or `score published` with a number of times, and
//! answers each with the milliseconds of one.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::{
    fs,
    hint::black_box,
    io::{BufRead, stdin},
    path::Path,
    time::Instant,
};

use pimento_data::{Batch, ClickLog, MemoryLog, Split, SyntheticSettings};
use pimento_space::{Network, PathSampler, SearchSpace, nasrec};
use pimento_supernet::{Capacity, HeadFit, Supernet, TrainSettings, Trainer, input_shape};
use rayon::prelude::*;
use serde_json::json;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Rows of each embedding table, the missing value's included.
const TABLE_ROWS: u32 = 100_000;
const FIELDS: usize = 26;
const PATHS: usize = 32;
/// Samples of the log; a tenth of them are scored.
const SAMPLES: u32 = 120_000;

fn main() {
    let folder = std::env::args().nth(1).filter(|arg| !arg.starts_with("--"));
    let Some(folder) = folder else {
        println!(
            "run crates/pimento-supernet/benches/beside_pytorch/compare.py, which asks this bench"
        );
        return;
    };
    let log = log();
    let input = input_shape(log.shape());
    let published = nasrec::published(nasrec::Dataset::Criteo, nasrec::Config::Small);
    let published = published.to_network(input, 32);
    let space = SearchSpace::preset("nasrec-small").expect("a built-in space");
    let capacity = Capacity::of(&space, input, true);
    let train = |supernet| Trainer::new(supernet, &log, TrainSettings::default(), 1, 0);
    let mut shared = train(Supernet::shared(capacity.clone(), log.shape(), 1));
    let mut alone = train(Supernet::stand_alone(&published, log.shape(), 1));
    let paths: Vec<Network> = (0..PATHS as u64)
        .map(|path| {
            let genotype = space.sample_path(PathSampler::SinglePath, 0.0, path, |step| {
                shared.path_rng(step)
            });
            let network = space.decode(&genotype, input).network;
            shared.supernet().subnet(&network).at_precision(32)
        })
        .collect();
    let folder = Path::new(&folder);
    write_samples(folder, &log);
    let description = json!({
        "capacity": capacity,
        "table_rows": log.shape().table_rows,
        "published": published,
        "published_weights": alone.supernet().weight_count(),
        "paths": paths,
        "path_macs": paths.iter().map(Network::macs).collect::<Vec<_>>(),
        "train_samples": log.len(Split::Train),
        "validation_samples": log.len(Split::Validation),
    });
    fs::write(folder.join("bench.json"), description.to_string()).expect("the folder is there");
    println!("ready");

    for line in stdin().lock().lines().map_while(Result::ok) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [what, which, times] = words[..] else {
            panic!("expected `train|score NAME TIMES`, found `{line}`");
        };
        let times: u32 = times.parse().expect("a number of times");
        let start = Instant::now();
        match (what, which) {
            ("train", "published") => (0..times).for_each(|_| {
                black_box(alone.step(&published));
            }),
            ("train", path) => {
                let path = &paths[path.parse::<usize>().expect("the number of a path")];
                (0..times).for_each(|_| {
                    black_box(shared.step(path));
                });
            }
            // A search scores several networks side by side, one on each thread.
            _ => (0..times).into_par_iter().for_each(|_| {
                let samples = log.len(Split::Validation);
                let quality = alone.supernet().evaluate(
                    &published,
                    &log,
                    Split::Validation,
                    samples,
                    &HeadFit::None,
                );
                black_box(quality);
            }),
        }
        println!("{}", 1e3 * start.elapsed().as_secs_f64() / f64::from(times));
    }
}

fn log() -> MemoryLog {
    let settings = SyntheticSettings {
        rows: SAMPLES,
        cardinalities: vec![TABLE_ROWS - 1; FIELDS],
        ..SyntheticSettings::default()
    };
    settings.generate().expect("the settings are sound").log
}

/// Dense values, indices and labels of each split as little-endian numbers of four bytes.
fn write_samples(folder: &Path, log: &MemoryLog) {
    for (split, name) in [(Split::Train, "train"), (Split::Validation, "validation")] {
        let rows: Vec<u32> = (0..log.len(split) as u32).collect();
        let mut batch = Batch::default();
        log.fill(split, &rows, &mut batch);
        let floats = |values: &[f32]| -> Vec<u8> {
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        };
        let indices = batch.indices.iter().flat_map(|index| index.to_le_bytes());
        for (part, bytes) in [
            ("dense", floats(&batch.dense)),
            ("indices", indices.collect()),
            ("labels", floats(&batch.labels)),
        ] {
            fs::write(folder.join(format!("{name}.{part}")), bytes).expect("the folder is there");
        }
    }
}
