//! A training step on a random path of NASRec-Small: sliced, and masked as the published supernet
//! does it.
//!
//! `cargo bench -p pimento-supernet --bench sliced_step`
//!
//! Three steps on the same paths in turn, batch 512, full precision, two shards each:
//! - sliced: [`Trainer::step`];
//! - masked: every block at full width with all inputs, products with 0/1 masks, a dense optimiser
//!   step over all weights that the step has touched; written with burn's own operators;
//! - full width: [`Trainer::step`] on what a masked step computes, without masks: this tells the
//!   gain of slicing from that of the fused operators.
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

mod masked;

use std::time::{Duration, Instant};

use masked::MaskedSupernet;
use pimento_data::{Batch, ClickLog, Split, SyntheticSettings};
use pimento_space::{
    Block, DenseNode, DenseOperator, Network, PathSampler, SearchSpace, SparseNode, SparseOperator,
};
use pimento_supernet::{Capacity, Supernet, TrainSettings, Trainer, input_shape};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PATHS: usize = 49;

fn main() {
    let log = SyntheticSettings::default()
        .generate()
        .expect("the defaults are sound")
        .log;
    let space = SearchSpace::preset("nasrec-small").expect("a built-in space");
    let input = input_shape(log.shape());
    let capacity = Capacity::of(&space, input, true);
    let supernet = Supernet::shared(capacity.clone(), log.shape(), 1);
    let mut trainer = Trainer::new(supernet, &log, TrainSettings::default(), 1, 0);
    let mut masked = MaskedSupernet::new(&capacity, &log.shape().table_rows);
    let mut batch = Batch::default();
    log.fill(Split::Train, &(0..512).collect::<Vec<_>>(), &mut batch);

    let mut times = [const { Vec::new() }; 3];
    let mut macs = [0; 3];
    for path in 0..=PATHS {
        let genotype = space.sample_path(
            PathSampler::AnyConnection,
            0.0,
            trainer.step_count(),
            |step| trainer.path_rng(step),
        );
        let network = space.decode(&genotype, input).network;
        let network = trainer.supernet().subnet(&network).at_precision(32);
        let wide = widened(&network, &space);
        let now = [
            timed(|| {
                trainer.step(&network);
            }),
            timed(|| masked.step(&network, &batch)),
            timed(|| {
                trainer.step(&wide);
            }),
        ];
        if path > 0 {
            for step in 0..3 {
                times[step].push(now[step]);
            }
            macs[0] += network.macs();
            macs[1] += wide.macs();
            macs[2] += wide.macs();
        }
    }
    println!("{PATHS} random paths of NASRec-Small, batch 512");
    for (step, name) in ["sliced", "masked", "full width"].into_iter().enumerate() {
        let sum = times[step].iter().sum::<Duration>().as_secs_f64();
        let own = times[0].iter().sum::<Duration>().as_secs_f64();
        println!(
            "{name:10} {:7.1} ms a step, {:5.2} million MACs a sample: {:.1} times sliced (median {:.1})",
            1e3 * sum / PATHS as f64,
            macs[step] as f64 / 1e6 / PATHS as f64,
            sum / own,
            median_ratio(&times[step], &times[0]),
        );
    }
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn median_ratio(times: &[Duration], baseline: &[Duration]) -> f64 {
    let pairs = times.iter().zip(baseline);
    let mut ratios: Vec<f64> = pairs
        .map(|(time, baseline)| time.as_secs_f64() / baseline.as_secs_f64())
        .collect();
    ratios.sort_by(f64::total_cmp);
    ratios[ratios.len() / 2]
}

/// The path as a masked supernet computes it: all blocks, the path's operators (FC or DP and EFC in
/// turn where the path has none alive), every input, the largest sizes, merger rows everywhere.
fn widened(path: &Network, space: &SearchSpace) -> Network {
    let blocks = (1..=space.block_count()).map(|position| {
        let inputs: Vec<usize> = (0..position).collect();
        let block = path.block(position);
        let dense = block.and_then(|block| block.dense.as_ref());
        let is_product = dense.map_or(position % 2 == 0, |node| {
            matches!(node.operator, DenseOperator::DotProduct { .. })
        });
        let operator = if is_product {
            DenseOperator::DotProduct {
                dense_inputs: inputs.clone(),
                sparse_inputs: inputs.clone(),
            }
        } else {
            DenseOperator::FullyConnected {
                inputs: inputs.clone(),
            }
        };
        Block {
            position,
            dense: Some(DenseNode {
                operator,
                width: space.max_width(),
                weight_bits: 32,
                reuse: 1,
            }),
            sparse: Some(SparseNode {
                operator: SparseOperator::Linear,
                inputs,
                rows: space.max_rows(),
                weight_bits: 32,
            }),
            dense_sparse_merger: true,
            fm_merger: block.is_some_and(|block| block.fm_merger),
            merger_weight_bits: 32,
            activation_bits: 32,
        }
    });
    Network {
        blocks: blocks.collect(),
        ..path.clone()
    }
}
