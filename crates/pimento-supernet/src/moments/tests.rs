//! Networks of a space against handcrafted perceptrons, and moments against the data.

use std::num::NonZero;

use pimento_data::{MemoryLog, SyntheticSettings};
use pimento_space::{Block, DenseNode, DenseOperator, Handcrafted, Hidden, Network, Tower};

use super::*;
use crate::{
    BatchNorm, Identity, LayerKind, LayerValues, Layout, Optimizer, TrainSettings, Trainer,
    input_shape, optimizer::Parameter, quantise::to_vec,
};

const WIDTHS: [usize; 2] = [12, 9];
const DIM: usize = 4;

fn log(rows: u32) -> MemoryLog {
    let settings = SyntheticSettings {
        rows,
        dense: 3,
        cardinalities: vec![8, 20, 50],
        pairs: 1,
        triples: 0,
        crosses: 1,
        ..SyntheticSettings::default()
    };
    settings.generate().expect("the settings are sound").log
}

fn settings(dropout: f64) -> TrainSettings {
    TrainSettings {
        epochs: 4.0,
        batch_size: NonZero::new(64).expect("not zero"),
        optimizer: Optimizer::Adam,
        learning_rate: 3e-3,
        epsilon: 1e-4,
        dropout,
        batch_norm: true,
        ..TrainSettings::default()
    }
}

/// Flat and FC: the perceptron over all values that a deep tower is.
fn perceptron(log: &MemoryLog) -> Network {
    let flat = DenseOperator::Flattened {
        dense_inputs: vec![0],
        sparse_inputs: vec![0],
    };
    let connected = DenseOperator::FullyConnected { inputs: vec![1] };
    let blocks = [flat, connected].into_iter().zip(WIDTHS).zip(1..);
    let blocks = blocks.map(|((operator, width), position)| Block {
        position,
        dense: Some(DenseNode {
            operator,
            width,
            weight_bits: 32,
            reuse: 1,
        }),
        sparse: None,
        dense_sparse_merger: false,
        fm_merger: false,
        merger_weight_bits: 32,
        activation_bits: 32,
    });
    Network {
        blocks: blocks.collect(),
        ..Network::without_blocks(input_shape(log.shape()), DIM)
    }
}

fn tower(dropout: f64) -> Handcrafted {
    let layers = Hidden {
        widths: WIDTHS.to_vec(),
        batch_norm: true,
        dropout,
    };
    Handcrafted {
        embedding_dim: DIM,
        towers: vec![Tower::Deep { layers }],
    }
}

/// The tower with the weights of the network: it reads embedding values before dense ones, Flat
/// after them.
fn with_weights_of(
    alone: &Supernet,
    network: &Network,
    tower: &Handcrafted,
    log: &MemoryLog,
) -> Supernet {
    let mut supernet = Supernet::stand_alone(tower, log.shape(), 0);
    let (_, mut values): (Vec<_>, Vec<LayerValues>) = alone.layers(network).into_iter().unzip();
    values[0]
        .weight
        .rotate_left(log.shape().dense_dim * WIDTHS[0]);
    for (layer, values) in Model::from(tower)
        .layers(&supernet.layout)
        .iter()
        .zip(values)
    {
        let stored = supernet.weights.layers.get_mut(&layer.key);
        let stored = stored.expect("every layer is in store");
        for (part, values) in stored.parameters_mut().into_iter().zip(values.parts()) {
            *part = Parameter::new(values.to_vec());
        }
    }
    supernet.embeddings = alone.embeddings.clone();
    supernet
}

#[test]
fn estimation_takes_whole_batches_from_everywhere() {
    assert_eq!(rows(3), [0, 1, 2]);
    assert_eq!(rows(BATCH + 5).len(), BATCH);
    let rows = rows(200_000);
    assert_eq!(rows.len(), SAMPLES);
    assert!(rows.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(rows[rows.len() - 1] > 199_900);
}

#[test]
fn a_network_of_the_space_trains_and_answers_as_the_tower_that_it_is() {
    let log = log(6000);
    let network = perceptron(&log);
    for dropout in [0.0, 0.3] {
        let (settings, tower) = (settings(dropout), tower(dropout));
        let alone = Supernet::stand_alone_for(&network, &settings, log.shape(), 5);
        let twin = with_weights_of(&alone, &network, &tower, &log);
        let mut alone = Trainer::new(alone, &log, settings.clone(), 5, 0);
        let mut twin = Trainer::new(twin, &log, settings, 5, 0);
        let mut losses = Vec::new();
        for _ in 0..alone.steps() {
            let (found, expected) = (alone.step(&network), twin.step(&tower));
            assert!(
                (found.loss - expected.loss).abs() < 1e-5,
                "{found:?} {expected:?}"
            );
            let error = (found.gradient_norm - expected.gradient_norm).abs();
            assert!(
                error < 1e-4 * expected.gradient_norm,
                "{found:?} {expected:?}"
            );
            losses.push(found.loss);
        }
        assert!(losses[losses.len() - 1] < losses[0] - 0.05, "it learns");
        for split in [Split::Train, Split::Validation] {
            let found = alone.supernet().score(&network, &log, split);
            let expected = twin.supernet().score(&tower, &log, split);
            assert!((found.log_loss - expected.log_loss).abs() < 1e-5);
            let aucs = found.auc.zip(expected.auc).expect("there are clicks");
            assert!((aucs.0 - aucs.1).abs() < 1e-5);
        }
    }
}

/// A perceptron after some steps.
fn trained(network: &Network, log: &MemoryLog, dropout: f64) -> Supernet {
    let settings = settings(dropout);
    let supernet = Supernet::stand_alone_for(network, &settings, log.shape(), 5);
    let mut trainer = Trainer::new(supernet, log, settings, 5, 0);
    for _ in 0..trainer.steps().min(60) {
        trainer.step(network);
    }
    trainer.into_supernet()
}

/// Columns of the product of the perceptron's first matrix, by plain loops: those of each sample in
/// turn.
fn first_products(
    supernet: &Supernet,
    network: &Network,
    log: &MemoryLog,
    rows: &[u32],
) -> Vec<f64> {
    let mut batch = Batch::default();
    log.fill(Split::Train, rows, &mut batch);
    let inputs = supernet.inputs(network, &batch, &supernet.device);
    let (dense, sparse) = (to_vec(inputs.dense), to_vec(inputs.sparse));
    let (_, values) = &supernet.layers(network)[0];
    let (dense_dim, values_dim) = (dense.len() / rows.len(), sparse.len() / rows.len());
    let mut products = Vec::new();
    for sample in 0..rows.len() {
        let dense = &dense[sample * dense_dim..][..dense_dim];
        let read: Vec<f32> = [dense, &sparse[sample * values_dim..][..values_dim]].concat();
        products.extend((0..WIDTHS[0]).map(|column| {
            let weights = values.weight[column..].iter().step_by(WIDTHS[0]);
            let terms = read.iter().zip(weights);
            terms
                .map(|(x, w)| f64::from(*x) * f64::from(*w))
                .sum::<f64>()
        }));
    }
    products
}

fn assert_close(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        let error = (f64::from(*found) - expected).abs();
        assert!(error < 1e-5 * (1.0 + expected.abs()), "{found} {expected}");
    }
}

#[test]
fn moments_are_those_of_the_data() {
    for count in [1000, 5 * BATCH as u32] {
        let log = log(count);
        let network = perceptron(&log);
        let supernet = trained(&network, &log, 0.0);
        let found = &supernet.moments(&network, &log)[&(1, LayerKind::Flattened)];
        let (mut means, mut variances) = (vec![0.0; WIDTHS[0]], vec![0.0; WIDTHS[0]]);
        let rows = rows(log.len(Split::Train));
        let batches = rows.chunks(BATCH);
        let share = 1.0 / batches.len() as f64;
        for rows in batches {
            let products = first_products(&supernet, &network, &log, rows);
            for column in 0..WIDTHS[0] {
                let column_values = || products[column..].iter().step_by(WIDTHS[0]);
                let mean = column_values().sum::<f64>() / rows.len() as f64;
                let squares = column_values().map(|value| (value - mean).powi(2));
                means[column] += share * mean;
                variances[column] += share * squares.sum::<f64>() / rows.len() as f64;
            }
        }
        assert_close(&found.mean, &means);
        assert_close(&found.variance, &variances);
    }
}

/// Where all training samples are one batch of the estimation, they are answered as that batch is,
/// however few are asked at once.
#[test]
fn a_split_of_one_batch_is_answered_as_the_batch() {
    let log = log(1000);
    let network = perceptron(&log);
    let supernet = trained(&network, &log, 0.0);
    let mut batch = Batch::default();
    let rows: Vec<u32> = (0..log.len(Split::Train) as u32).collect();
    log.fill(Split::Train, &rows, &mut batch);
    let expected = supernet.logits(&network, &batch);
    let parameters = supernet.settled_parameters(&network, &log);
    for sample in [0, 1, rows.len() - 1] {
        log.fill(Split::Train, &rows[sample..=sample], &mut batch);
        let inputs = supernet.inputs(&network, &batch, &supernet.device);
        let features = crate::forward::features(&network, &parameters, inputs);
        let head = parameters.layer((3, LayerKind::Head)).expect("a head");
        let found = to_vec(crate::forward::logits(head, features));
        assert!((found[0] - expected[sample]).abs() < 1e-5);
    }
    let expected = pimento_data::log_loss(&expected, {
        log.fill(Split::Train, &rows, &mut batch);
        &batch.labels
    });
    let found = supernet.score(&network, &log, Split::Train).log_loss;
    assert!((found - expected).abs() < 1e-5, "{found} {expected}");
}

/// Without dropout in the estimation, the second layer's inputs would vary less.
#[test]
fn units_are_dropped_while_moments_are_estimated() {
    let log = log(6000);
    let network = perceptron(&log);
    let with = trained(&network, &log, 0.5);
    let mut without = with.clone();
    without.layout =
        Layout::StandAlone(Box::new(network.clone()), Some(BatchNorm { dropout: 0.0 }));
    let moments = |supernet: &Supernet| supernet.moments(&network, &log);
    let (with_units, without_units) = (moments(&with), moments(&without));
    let (first, second) = ((1, LayerKind::Flattened), (2, LayerKind::FullyConnected));
    assert_eq!(with_units[&first], without_units[&first]);
    let sum = |moments: &LayerMoments| moments[&second].variance.iter().sum::<f32>();
    assert!(sum(&with_units) > 1.2 * sum(&without_units));
    assert_eq!(moments(&with), with_units, "the same units every time");
}

#[test]
fn batch_norm_stands_in_place_of_biases_and_layer_norms() {
    let log = log(100);
    for layer_norm in [false, true] {
        let network = Network {
            layer_norm,
            ..perceptron(&log)
        };
        let layers = |train: &TrainSettings| {
            let supernet = Supernet::stand_alone_for(&network, train, log.shape(), 1);
            let layers = supernet.layers(&network).into_iter();
            let vectors = layers.map(|(layer, values)| {
                let parts = [values.bias, values.gain, values.shift];
                (layer.has_batch_norm, parts.map(|part| !part.is_empty()))
            });
            vectors.collect::<Vec<_>>()
        };
        let (normed, head) = ((true, [false, true, true]), (false, [true, false, false]));
        assert_eq!(layers(&settings(0.0)), [normed, normed, head]);
        let plain = (false, [!layer_norm, layer_norm, layer_norm]);
        assert_eq!(layers(&TrainSettings::default()), [plain, plain, head]);
    }
}

#[test]
fn a_training_that_is_taken_up_again_gives_the_same_bits() {
    let log = log(6000);
    let network = perceptron(&log);
    let (settings, identity) = (
        settings(0.2),
        Identity {
            space: "space".to_owned(),
            data: "data".to_owned(),
            seed: 5,
        },
    );
    let fresh = || Supernet::stand_alone_for(&network, &settings, log.shape(), 5);
    let mut whole = Trainer::new(fresh(), &log, settings.clone(), 5, 0);
    let mut file = Vec::new();
    for step in 0..12 {
        if step == 6 {
            let written = whole.supernet().write(&identity, step, &mut file);
            written.expect("memory takes it");
        }
        whole.step(&network);
    }
    let mut supernet = fresh();
    let step = supernet
        .read(&identity, &mut &file[..])
        .expect("just written");
    let mut rest = Trainer::new(supernet, &log, settings.clone(), 5, step);
    while rest.step_count() < whole.step_count() {
        rest.step(&network);
    }
    assert!(rest.supernet() == whole.supernet());
    let quality = |trainer: &Trainer<'_, MemoryLog>| {
        let supernet = trainer.supernet();
        supernet.score(&network, &log, Split::Validation)
    };
    assert_eq!(quality(&rest), quality(&whole));
}
