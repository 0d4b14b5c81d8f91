//! How far a training step is from what the machine can do, and what fitting a head costs.
//!
//! `cargo bench -p pimento-supernet --bench limits`
//!
//! - The machine: floating-point operations per second of a product of two 1024 × 1024 matrices on
//!   each thread, bytes per second of copies that no cache holds.
//! - A step of NASRec's published network for Criteo of the small space, batch 512: its operations,
//!   three products for each of the forward pass, and the bytes of weights, their accumulators and
//!   embedding rows that have to move.
//! - A head of the median width of random networks of that space: all of it fitted by Newton's method
//!   to 10,000 training samples, or its factors to 4096, and scored on 10,000 validation samples. The
//!   network has no blocks, so that its head reads embeddings and dense values of this width as they
//!   are.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::{
    hint::black_box,
    num::NonZero,
    time::{Duration, Instant},
};

use burn::tensor::{Device, Tensor};
use pimento_data::{ClickLog, MemoryLog, Split, SyntheticSettings};
use pimento_space::{Network, SearchSpace, nasrec};
use pimento_supernet::{
    FactorsHead, HeadFit, NewtonHead, Supernet, TrainSettings, Trainer, input_shape,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: f64 = 512.0;
const ROUNDS: usize = 15;
/// Samples that a head is fitted to, and as many that it is scored on.
const HEAD_SAMPLES: usize = 10_000;

fn main() {
    let log = SyntheticSettings::default().generate();
    let log = log.expect("the defaults are sound").log;
    let operations_per_s = matrix_peak();
    let bytes_per_s = copy_peak();
    println!(
        "{} threads: {:.0} GFLOP/s in matrix products, {:.1} GB/s in copies (read and written)",
        rayon::current_num_threads(),
        operations_per_s / 1e9,
        bytes_per_s / 1e9
    );
    step(&log, operations_per_s, bytes_per_s);
    head(&log);
}

fn step(log: &MemoryLog, operations_per_s: f64, bytes_per_s: f64) {
    let network = nasrec::published(nasrec::Dataset::Criteo, nasrec::Config::Small);
    let network = network.to_network(input_shape(log.shape()), 32);
    let supernet = Supernet::stand_alone(&network, log.shape(), 1);
    let weights = supernet.weight_count() as f64;
    let mut trainer = Trainer::new(supernet, log, TrainSettings::default(), 1, 0);
    let seconds = median(ROUNDS, || {
        trainer.step(&network);
    });
    // Forward, and a gradient of inputs and of weights.
    let operations = 3.0 * 2.0 * network.macs() as f64 * BATCH;
    let row = 4.0 * (network.embedding_dim * network.input.fields) as f64;
    // A weight is read twice and its gradient is written; the optimiser reads both and the
    // accumulator and writes weight and accumulator. A row likewise.
    let bytes = 8.0 * 4.0 * weights + 8.0 * row * BATCH;
    let (by_operations, by_bytes) = (operations / operations_per_s, bytes / bytes_per_s);
    println!(
        "step of the published network: {:.1} ms; {:.2} GFLOP take {:.1} ms at least, {:.1} MB take \
         {:.1} ms: {:.0} % of the limit",
        1e3 * seconds,
        operations / 1e9,
        1e3 * by_operations,
        bytes / 1e6,
        1e3 * by_bytes,
        100.0 * (by_operations + by_bytes) / seconds
    );
}

fn head(log: &MemoryLog) {
    let input = input_shape(log.shape());
    let space = SearchSpace::preset("nasrec-small").expect("a built-in space");
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut widths: Vec<usize> = (0..201)
        .map(|_| space.decode(&space.sample(&mut rng), input).network)
        .map(|network| network.head_width())
        .collect();
    widths.sort_unstable();
    let width = widths[widths.len() / 2];
    let dim = (width - input.dense_dim).div_ceil(input.fields);
    let network = Network::without_blocks(input, dim);
    let supernet = Supernet::stand_alone(&network, log.shape(), 1);
    let newton = HeadFit::Newton(NewtonHead {
        samples: NonZero::new(HEAD_SAMPLES).expect("not zero"),
        ..NewtonHead::default()
    });
    let factors = HeadFit::Factors(FactorsHead::default());
    // A search scores as many networks at once as there are threads.
    let at_once = rayon::current_num_threads();
    let time = |fit: &HeadFit| {
        let seconds = median(ROUNDS, || {
            (0..at_once).into_par_iter().for_each(|_| {
                let split = Split::Validation;
                black_box(supernet.evaluate(&network, log, split, HEAD_SAMPLES, fit));
            });
        });
        1e3 * seconds / at_once as f64
    };
    println!(
        "head of width {} (median {width}): {:.1} ms a network to gather and score {HEAD_SAMPLES} \
         samples, {:.1} ms with a fit of all weights by Newton's method before it, {:.1} ms with one of \
         factors",
        network.head_width(),
        time(&HeadFit::None),
        time(&newton),
        time(&factors)
    );
}

/// Floating-point operations per second, all threads together.
fn matrix_peak() -> f64 {
    const SIZE: usize = 1024;
    let threads = rayon::current_num_threads();
    let matrix = || Tensor::<2>::ones([SIZE, SIZE], &Device::flex());
    let tasks: Vec<_> = (0..threads).map(|_| (matrix(), matrix())).collect();
    let seconds = median(ROUNDS, || {
        tasks.par_iter().for_each(|(a, b)| {
            black_box(a.clone().matmul(b.clone()));
        });
    });
    2.0 * (SIZE as f64).powi(3) * threads as f64 / seconds
}

/// Bytes per second, read and written, all threads together.
fn copy_peak() -> f64 {
    const FLOATS: usize = 1 << 24;
    let threads = rayon::current_num_threads();
    let mut tasks = vec![(vec![1.0_f32; FLOATS], vec![0.0_f32; FLOATS]); threads];
    let seconds = median(ROUNDS, || {
        tasks
            .par_iter_mut()
            .for_each(|(from, to)| black_box(to).copy_from_slice(from));
    });
    8.0 * (FLOATS * threads) as f64 / seconds
}

/// Median seconds of some runs after one that does not count.
fn median(rounds: usize, mut work: impl FnMut()) -> f64 {
    work();
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[rounds / 2].as_secs_f64()
}
