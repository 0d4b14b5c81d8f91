//! Ranges by hand, and in training.

use std::num::NonZero;

use pimento_data::{ClickLog, Split, SyntheticSettings};
use pimento_space::{DenseNode, SparseNode, WeightScales};

use super::*;
use crate::{Supernet, TrainSettings, Trainer, input_shape};

const SITE: Site = ((1, LayerKind::FullyConnected), Operand::Matrix);

fn ranges() -> Ranges {
    let sites = BTreeMap::from([(SITE, Parameter::new(vec![0.0; STORED]))]);
    Ranges { sites }
}

/// What is left of a normal distribution by a rectifier, about.
fn rectified() -> Vec<f32> {
    (0..4000_u16)
        .map(|n| {
            let uniform = (f32::from(n) + 0.5) / 4000.0;
            ((uniform / (1.0 - uniform)).ln() * 0.6).max(0.0)
        })
        .collect()
}

#[test]
fn nothing_is_known_before_the_first_use() {
    let mut ranges = ranges();
    assert_eq!(ranges.range(SITE, 4), None);
    ranges.calibrate(SITE, &[0.0; 9]);
    ranges.calibrate(SITE, &[1.0, f32::NAN]);
    assert_eq!(ranges.range(SITE, 4), None);
    ranges.calibrate(SITE, &[-1.0, 3.0]);
    let [log_span, below] = ranges.range(SITE, 16).expect("known now");
    assert!((log_span.exp() - 4.0).abs() < 1e-5 && below == 0.25);
}

#[test]
fn fewer_bits_clip_more_and_rectified_values_have_one_side() {
    let mut ranges = ranges();
    ranges.calibrate(SITE, &rectified());
    let grids = [2, 4, 8].map(|bits| ranges.grid(SITE, bits).expect("known"));
    let ends = grids.map(|grid| grid.step * grid.highest);
    assert!(ends[0] < ends[1] && ends[1] < ends[2], "{ends:?}");
    assert!(grids.iter().all(|grid| grid.lowest == 0.0));
}

#[test]
fn calibration_ends() {
    let mut ranges = ranges();
    for _ in 0..CALIBRATION_USES as usize {
        assert!(!ranges.is_calibrated(SITE));
        ranges.calibrate(SITE, &[1.0]);
    }
    let before = ranges.clone();
    ranges.calibrate(SITE, &[5.0]);
    assert_eq!(ranges, before);
}

/// Steps down the gradient of the squared error find a range that loses less.
#[test]
fn ranges_learn() {
    let values = rectified();
    let mut ranges = ranges();
    ranges.calibrate(SITE, &values);
    let stored = &mut ranges.sites.get_mut(&SITE).expect("in store").values;
    stored[LOG_SPAN] += 1.5;
    let error = |ranges: &Ranges| -> f32 {
        let grid = ranges.grid(SITE, 3).expect("known");
        values
            .iter()
            .map(|&v| (grid.round(v) - v).powi(2))
            .sum::<f32>()
            / 4000.0
    };
    let before = error(&ranges);
    let other = ranges.range(SITE, 4).expect("known");
    for step in 0..100 {
        let range = ranges.range(SITE, 3).expect("known");
        let grid = Grid::new(range, 3);
        let slopes = values
            .iter()
            .map(|&v| (grid.round(v) - v) / 2000.0)
            .collect::<Vec<_>>();
        let (_, gradient) = crate::fused::clip_backward(&values, range, &slopes, 3);
        let gradient = RangeGradient {
            site: SITE,
            bits: 3,
            values: gradient,
        };
        let update = Optimizer::Adagrad.update(step, 0.05, 1e-3, 1.0);
        ranges.update(&[gradient], &update);
    }
    assert!(error(&ranges) < 0.5 * before, "{} {before}", error(&ranges));
    let moved = ranges.range(SITE, 4).expect("known");
    assert!(
        moved[0] < other[0],
        "other precisions follow: {moved:?} {other:?}"
    );
}

/// One block with a fully connected and a linear operator, activations of so many bits.
fn network(log: &dyn ClickLog, activation_bits: u8) -> Network {
    let dense = DenseNode {
        operator: DenseOperator::FullyConnected { inputs: vec![0] },
        width: 32,
        weight_bits: 32,
        reuse: 1,
    };
    let sparse = SparseNode {
        operator: SparseOperator::Linear,
        inputs: vec![0],
        rows: 8,
        weight_bits: 32,
    };
    let block = Block {
        position: 1,
        dense: Some(dense),
        sparse: Some(sparse),
        dense_sparse_merger: false,
        fm_merger: true,
        merger_weight_bits: 32,
        activation_bits,
    };
    Network {
        input: input_shape(log.shape()),
        embedding_dim: 16,
        layer_norm: false,
        blocks: vec![block],
        head_weight_bits: 32,
        embedding_bits: 32,
        embeddings: Vec::new(),
        weight_scales: WeightScales::Matrix,
        activation_range: ActivationRange::Learned,
    }
}

/// Trained with its weights, the ranges move away from where calibration left them, and to somewhere
/// better.
#[test]
fn learned_ranges_are_better_than_the_initial_ones() {
    let settings = SyntheticSettings {
        rows: 12_000,
        cardinalities: vec![8, 20, 50],
        pairs: 1,
        triples: 0,
        crosses: 1,
        ..SyntheticSettings::default()
    };
    let log = settings.generate().expect("the settings are sound").log;
    let network = network(&log, 3);
    let train = TrainSettings {
        epochs: 6.0,
        batch_size: NonZero::new(64).expect("not zero"),
        ..TrainSettings::default()
    };
    let supernet = Supernet::stand_alone(&network, log.shape(), 1);
    let mut trainer = Trainer::new(supernet, &log, train, 1, 0);
    while trainer.step_count() < CALIBRATION_USES as u64 {
        trainer.step(&network);
    }
    let initial = trainer.supernet().ranges.clone();
    while trainer.step_count() < trainer.steps() {
        trainer.step(&network);
    }
    let learned = trainer.into_supernet();
    let moved = sites(&network).into_iter().map(|(site, bits)| {
        let [before, after] = [&initial, &learned.ranges].map(|ranges| {
            let range = ranges.range(site, bits).expect("calibrated");
            range[0]
        });
        (after - before).abs()
    });
    assert!(moved.clone().all(|moved| moved > 0.01), "{moved:?}");
    let loss = |supernet: &Supernet| {
        let quality = supernet.score(&network, &log, Split::Validation);
        quality.log_loss
    };
    let before = loss(&Supernet {
        ranges: initial,
        ..learned.clone()
    });
    let after = loss(&learned);
    assert!(after < before - 3e-4, "{before} to {after}");
}
