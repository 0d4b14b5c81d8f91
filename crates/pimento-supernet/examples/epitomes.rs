//! What an epitome saves and what it costs: a perceptron over all inputs whose matrices are used
//! several times, beside narrower plain ones, priced on ISAAC's chip, trained alone on the built-in log
//! and as part of the supernet of `epitomes`.
//!
//! `cargo run --release -p pimento-supernet --example epitomes`
#![expect(clippy::print_stdout, reason = "an example prints its figures")]

use pimento_data::{ClickLog, Labels, MemoryLog, Split, SyntheticSettings};
use pimento_hardware::{CostModel, Hardware, PimCostModel};
use pimento_space::{
    Block, DenseNode, DenseOperator, InputShape, Network, PathSampler, SearchSpace, lower,
};
use pimento_supernet::{
    Capacity, HeadFit, NewtonHead, Supernet, TrainSettings, Trainer, input_shape,
};
use rayon::prelude::*;

const EMBEDDING_DIM: usize = 16;
const BITS: u8 = 8;
const SEEDS: u64 = 5;

/// Widths of both layers, and uses of their matrices.
const NETWORKS: [(usize, usize); 7] = [
    (256, 1),
    (256, 2),
    (256, 4),
    (256, 8),
    (128, 1),
    (64, 1),
    (32, 1),
];

fn main() {
    // Held-out labels are probabilities: log losses without the noise of drawn ones.
    let settings = SyntheticSettings {
        labels: Labels::Expected,
        ..SyntheticSettings::default()
    };
    let log = settings.generate().expect("the defaults are sound");
    let supernet = supernet(&log.log);
    println!(
        "layers width·uses   weights  crossbars  latency µs  energy nJ   test log loss over \
         the best possible: alone, supernet"
    );
    let best = log.best[Split::Test].log_loss;
    for (width, reuse) in NETWORKS {
        let network = perceptron(input_shape(log.log.shape()), width, reuse);
        let rows: Vec<u64> = log
            .log
            .shape()
            .table_rows
            .iter()
            .map(|&n| n.into())
            .collect();
        let workload = lower(&network, &rows);
        let cost = PimCostModel::isaac().cost(&workload, &Hardware::naive());
        let crossbars: u32 = cost.breakdown.ops.iter().map(|op| op.crossbars).sum();
        let (mean, error) = excess_loss(&network, &log.log, best);
        let subnet = supernet.subnet(&network);
        let head = HeadFit::Newton(NewtonHead::default());
        let shared = supernet.evaluate(&subnet, &log.log, Split::Test, usize::MAX, &head);
        println!(
            "{width:>16}·{reuse} {:>9} {crossbars:>10} {:>11.2} {:>10.1}   {mean:.4} ± {error:.4}, {:.4}",
            network.dense_parameters(),
            cost.summary.latency_ns / 1e3,
            cost.summary.energy_pj / 1e3,
            shared.log_loss - best,
        );
    }
}

/// The supernet of space `epitomes`, normalised, after twelve epochs of fair paths.
fn supernet(log: &MemoryLog) -> Supernet {
    let space = SearchSpace::preset("epitomes").expect("a built-in space");
    let input = input_shape(log.shape());
    let settings = TrainSettings {
        epochs: 12.0,
        batch_size: 64.try_into().expect("not zero"),
        epsilon: 1e-3,
        ..TrainSettings::default()
    };
    let capacity = Capacity::of(&space, input, true);
    let supernet = Supernet::shared(capacity, log.shape(), 1);
    let mut trainer = Trainer::new(supernet, log, settings, 1, 0);
    while trainer.step_count() < trainer.steps() {
        let step = trainer.step_count();
        let path = space.sample_path(PathSampler::Fair, 0.0, step, |step| trainer.path_rng(step));
        let network = space.decode(&path, input).network;
        trainer.step(&trainer.supernet().subnet(&network));
    }
    trainer.into_supernet()
}

/// Two layers over all inputs side by side, and the head.
fn perceptron(input: InputShape, width: usize, reuse: usize) -> Network {
    let flat = DenseOperator::Flattened {
        dense_inputs: vec![0],
        sparse_inputs: vec![0],
    };
    let connected = DenseOperator::FullyConnected { inputs: vec![1] };
    let blocks = [flat, connected].into_iter().zip(1..);
    let blocks = blocks.map(|(operator, position)| Block {
        position,
        dense: Some(DenseNode {
            operator,
            width,
            weight_bits: BITS,
            reuse,
        }),
        sparse: None,
        dense_sparse_merger: false,
        fm_merger: false,
        merger_weight_bits: BITS,
        activation_bits: BITS,
    });
    Network {
        blocks: blocks.collect(),
        head_weight_bits: BITS,
        embedding_bits: BITS,
        ..Network::without_blocks(input, EMBEDDING_DIM)
    }
}

/// Test log loss above `best` after training alone: mean over seeds and its standard error.
fn excess_loss(network: &Network, log: &MemoryLog, best: f64) -> (f64, f64) {
    let settings = TrainSettings {
        batch_size: 64.try_into().expect("not zero"),
        epsilon: 3e-3,
        ..TrainSettings::default()
    };
    let losses: Vec<f64> = (0..SEEDS)
        .into_par_iter()
        .map(|seed| {
            let supernet = Supernet::stand_alone(network, log.shape(), seed);
            let mut trainer = Trainer::new(supernet, log, settings.clone(), seed, 0);
            while trainer.step_count() < trainer.steps() {
                trainer.step(network);
            }
            let quality = trainer.supernet().score(network, log, Split::Test);
            quality.log_loss - best
        })
        .collect();
    let count = SEEDS as f64;
    let mean = losses.iter().sum::<f64>() / count;
    let squares = losses.iter().map(|loss| (loss - mean).powi(2));
    let error = (squares.sum::<f64>() / (count - 1.0) / count).sqrt();
    (mean, error)
}
