//! A training step on a random path by slicing, against the same path at full width.
//!
//! A masked supernet computes every operator of the path with all inputs and at full width and
//! multiplies by zeros afterwards. The baseline is that computation without the multiplications: the
//! same operators, every input, the largest sizes. Both run in turn; medians of CPU-bound wall time.
//!
//! `cargo bench -p pimento-supernet --bench sliced_step`
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::time::{Duration, Instant};

use pimento_data::{ClickLog, SyntheticSettings};
use pimento_space::{DenseOperator, Network, SearchSpace};
use pimento_supernet::{Capacity, Supernet, TrainSettings, Trainer, input_shape};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PATHS: usize = 9;

fn main() {
    let log = SyntheticSettings::default()
        .generate()
        .expect("the defaults are sound")
        .log;
    let space = SearchSpace::preset("nasrec-small").expect("a built-in space");
    let input = input_shape(log.shape());
    let capacity = Capacity {
        input,
        blocks: space.block_count(),
        max_width: space.max_width(),
        max_rows: space.max_rows(),
        embedding_dim: space.embedding_dim(),
        layer_norm: space.layer_norm(),
    };
    let supernet = Supernet::shared(capacity, log.shape(), 1);
    let mut trainer = Trainer::new(supernet, &log, TrainSettings::default(), 1, 0);
    let (mut sliced, mut full) = (Vec::new(), Vec::new());
    for path in 0..=PATHS {
        let genotype = space.sample_training_genotype(0.0, &mut trainer.path_rng());
        let network = space.decode(&genotype, input).network;
        let wide = widened(&network, &space);
        let times = (time(&mut trainer, &network), time(&mut trainer, &wide));
        if path > 0 {
            sliced.push(times.0);
            full.push(times.1);
        }
    }
    let sum = |times: &[Duration]| times.iter().sum::<Duration>().as_secs_f64();
    let mut ratios: Vec<f64> = full
        .iter()
        .zip(&sliced)
        .map(|(full, own)| full.as_secs_f64() / own.as_secs_f64())
        .collect();
    ratios.sort_by(f64::total_cmp);
    println!("{PATHS} random paths of NASRec-Small, batch 512");
    println!(
        "sliced      {:8.1} ms a step",
        1e3 * sum(&sliced) / PATHS as f64
    );
    println!(
        "full width  {:8.1} ms a step",
        1e3 * sum(&full) / PATHS as f64
    );
    println!(
        "ratio of the sums {:.1}, median {:.1}",
        sum(&full) / sum(&sliced),
        ratios[PATHS / 2]
    );
}

fn time<L: ClickLog>(trainer: &mut Trainer<'_, L>, network: &Network) -> Duration {
    let start = Instant::now();
    trainer.step(network);
    start.elapsed()
}

/// The same operators with every input, at the largest sizes.
fn widened(network: &Network, space: &SearchSpace) -> Network {
    let mut wide = network.clone();
    let dense: Vec<usize> = (0..=space.block_count())
        .filter(|&t| network.dense_width(t) > 0)
        .collect();
    let sparse: Vec<usize> = (0..=space.block_count())
        .filter(|&t| network.sparse_rows(t) > 0)
        .collect();
    for block in &mut wide.blocks {
        let below = |tensors: &[usize]| -> Vec<usize> {
            tensors
                .iter()
                .copied()
                .filter(|&tensor| tensor < block.position)
                .collect()
        };
        if let Some(node) = &mut block.dense {
            node.width = space.max_width();
            match &mut node.operator {
                DenseOperator::FullyConnected { inputs } => *inputs = below(&dense),
                DenseOperator::DotProduct {
                    dense_inputs,
                    sparse_inputs,
                } => {
                    (*dense_inputs, *sparse_inputs) = (below(&dense), below(&sparse));
                }
                DenseOperator::SigmoidGating { .. } | DenseOperator::Sum { .. } => {}
            }
        }
        if let Some(node) = &mut block.sparse {
            node.rows = space.max_rows();
            node.inputs = below(&sparse);
        }
        block.dense_sparse_merger = block.dense.is_some() && block.sparse.is_some();
    }
    wide
}
