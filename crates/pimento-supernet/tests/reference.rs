//! Answers and gradients against the same networks in plain 64-bit loops.

use std::num::NonZero;

mod example;
mod naive;

use example::{SmallLog, capacity, clipped_network, random_network, with_only};
use naive::Naive;
use pimento_data::ClickLog;
use pimento_space::{ActivationRange, Network};
use pimento_supernet::{Capacity, Supernet, TrainSettings, Trainer};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A supernet after some steps with large rates: every bias and gain has moved.
fn trained(layer_norm: bool, log: &SmallLog) -> Supernet {
    let supernet = Supernet::shared(capacity(layer_norm), log.shape(), 3);
    let settings = TrainSettings {
        epochs: 40.0,
        ..TrainSettings::default()
    };
    let mut trainer = Trainer::new(supernet, log, settings, 3, 0);
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    while trainer.step_count() < trainer.steps() {
        trainer.step(&random_network(layer_norm, &[32], &mut rng));
    }
    trainer.into_supernet()
}

/// Samples whose answers differ by more than `tolerance` of the largest answer.
fn differing(supernet: &Supernet, network: &Network, log: &SmallLog, tolerance: f64) -> usize {
    let batch = log.batch(0..48);
    let naive = Naive::new(supernet, network, &log.shape().table_rows).logits(&batch);
    let largest = naive
        .iter()
        .fold(1.0_f64, |largest, logit| largest.max(logit.abs()));
    let answers = supernet.logits(network, &batch);
    let pairs = answers.iter().zip(&naive);
    pairs
        .filter(|(answer, naive)| (f64::from(**answer) - *naive).abs() > tolerance * largest)
        .count()
}

#[test]
fn every_operator_answers_as_in_plain_loops() {
    let log = SmallLog::new(600);
    for layer_norm in [false, true] {
        let supernet = trained(layer_norm, &log);
        let mut rng = ChaCha8Rng::seed_from_u64(21);
        for operator in 0..=6 {
            for _ in 0..6 {
                let network = with_only(operator, random_network(layer_norm, &[32], &mut rng));
                assert_eq!(differing(&supernet, &network, &log, 1e-4), 0, "{network:?}");
            }
        }
    }
}

#[test]
fn random_networks_answer_as_in_plain_loops() {
    let log = SmallLog::new(600);
    for layer_norm in [false, true] {
        let supernet = trained(layer_norm, &log);
        let mut rng = ChaCha8Rng::seed_from_u64(22);
        for _ in 0..40 {
            let network = random_network(layer_norm, &[32], &mut rng);
            assert_eq!(differing(&supernet, &network, &log, 1e-4), 0, "{network:?}");
        }
    }
}

/// Holds that networks answer as in plain loops but for a tenth of the samples.
fn few_answers_differ(supernet: &Supernet, log: &SmallLog, mut network: impl FnMut() -> Network) {
    const NETWORKS: usize = 40;
    let counts: Vec<usize> = (0..NETWORKS)
        .map(|_| differing(supernet, &network(), log, 1e-4))
        .collect();
    assert!(counts.iter().all(|&count| count <= 30), "{counts:?}");
    assert!(
        counts.iter().sum::<usize>() < NETWORKS * 48 / 10,
        "{counts:?}"
    );
}

/// Products of rounded values lie on a lattice, where ties are common: single precision then falls
/// on the other side of a step, and the sample's answer is another one. A rounding that is missing
/// or misplaced changes the answers of nearly all samples.
#[test]
fn rounded_networks_answer_as_in_plain_loops() {
    let log = SmallLog::new(600);
    for layer_norm in [false, true] {
        let supernet = trained(layer_norm, &log);
        for range in [ActivationRange::Symmetric, ActivationRange::Asymmetric] {
            let mut rng = ChaCha8Rng::seed_from_u64(23);
            few_answers_differ(&supernet, &log, || {
                let mut network = random_network(layer_norm, &[3, 4, 5], &mut rng);
                network.activation_range = range;
                network
            });
        }
    }
}

/// As above: what lies half way between two levels may fall on either side.
#[test]
fn networks_with_learned_ranges_answer_as_in_plain_loops() {
    let log = SmallLog::new(600);
    for layer_norm in [false, true] {
        let capacity = Capacity {
            learned_ranges: true,
            ..capacity(layer_norm)
        };
        let supernet = Supernet::shared(capacity, log.shape(), 3);
        let settings = TrainSettings {
            epochs: 200.0,
            ..TrainSettings::default()
        };
        let mut trainer = Trainer::new(supernet, &log, settings, 3, 0);
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        while trainer.step_count() < trainer.steps() {
            trainer.step(&clipped_network(layer_norm, &[3, 4, 5, 32], &mut rng));
        }
        let supernet = trainer.into_supernet();
        let mut rng = ChaCha8Rng::seed_from_u64(23);
        few_answers_differ(&supernet, &log, || {
            clipped_network(layer_norm, &[3, 4, 5, 32], &mut rng)
        });
    }
}

#[test]
fn gradients_are_the_differences_of_the_plain_loss() {
    const PEAK_STEP: u64 = 10;
    const NUDGE: f64 = 1e-5;
    let log = SmallLog::new(6);
    // With accumulators at zero, learning rate 1 and ε 1 a step moves a value by g / (|g| + 1).
    let settings = TrainSettings {
        epochs: 100.0,
        batch_size: NonZero::new(6).unwrap(),
        learning_rate: 1.0,
        epsilon: 1.0,
        clip_norm: f64::INFINITY,
        ..TrainSettings::default()
    };
    let gradient = |before: f32, after: f32| {
        let moved = f64::from(before) - f64::from(after);
        moved / (1.0 - moved.abs())
    };
    let mut rng = ChaCha8Rng::seed_from_u64(24);
    let batch = log.batch(0..6);
    let (mut checked, mut nonzero, mut kinks) = (0, 0, 0);
    for layer_norm in [false, true] {
        for seed in 0..4 {
            let network = random_network(layer_norm, &[32], &mut rng);
            let supernet = Supernet::shared(capacity(layer_norm), log.shape(), seed);
            let naive = Naive::new(&supernet, &network, &log.shape().table_rows);
            let mut trainer =
                Trainer::new(supernet.clone(), &log, settings.clone(), seed, PEAK_STEP);
            let report = trainer.step(&network);
            assert!((report.loss - naive.loss(&batch)).abs() < 1e-5);

            let mut check = |what: String, actual: f64, nudged: &dyn Fn(f64) -> Naive| {
                let loss = naive.loss(&batch);
                let right = (nudged(NUDGE).loss(&batch) - loss) / NUDGE;
                let left = (loss - nudged(-NUDGE).loss(&batch)) / NUDGE;
                let expected = f64::midpoint(left, right);
                let tolerance = 2e-4 * expected.abs() + 2e-5;
                if (left - right).abs() > tolerance {
                    kinks += 1; // of a ReLU: there is no derivative
                    return;
                }
                assert!(
                    (actual - expected).abs() < tolerance,
                    "{what}: {actual} is not {expected}: {network:?}"
                );
                checked += 1;
                nonzero += usize::from(expected.abs() > 1e-4);
            };
            let (before, after) = (
                supernet.layers(&network),
                trainer.supernet().layers(&network),
            );
            for ((layer, before), (_, after)) in before.iter().zip(&after) {
                let before = [&before.weight, &before.bias, &before.gain, &before.shift];
                let after = [&after.weight, &after.bias, &after.gain, &after.shift];
                for part in 0..4 {
                    let last = before[part].len().saturating_sub(1);
                    for index in [0, last / 2, last]
                        .into_iter()
                        .filter(|_| !before[part].is_empty())
                    {
                        check(
                            format!("{:?} part {part} at {index}", layer.key),
                            gradient(before[part][index], after[part][index]),
                            &|nudge| {
                                let mut naive = naive.clone();
                                naive.layers.get_mut(&layer.key).unwrap().parts[part][index] +=
                                    nudge;
                                naive
                            },
                        );
                    }
                }
            }
            for field in 0..4 {
                let (row, column) = (batch.indices[field], 5);
                let before = supernet.embedding_row(field, row)[column];
                let after = trainer.supernet().embedding_row(field, row)[column];
                check(
                    format!("field {field}"),
                    gradient(before, after),
                    &|nudge| {
                        let mut naive = naive.clone();
                        naive.tables[field][row as usize][column] += nudge;
                        naive
                    },
                );
            }
        }
    }
    assert!(nonzero > checked / 3, "{nonzero} of {checked}");
    assert!(kinks < checked / 10, "{kinks} beside {checked}");
}
