//! Other devices than the CPU train and answer as the CPU does. Tolerances: `docs/devices.md`.
#![cfg(any(feature = "cuda", feature = "wgpu"))]
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may panic, and says what it cannot test"
)]

use std::num::NonZero;

mod example;

use example::{SmallLog, capacity, random_network, with_only};
use pimento_data::{ClickLog, Split};
use pimento_space::{ActivationRange, Handcrafted, Hidden, Network, Tower};
use pimento_supernet::{
    Device, DeviceError, DeviceKind, HeadFit, Model, NewtonHead, Quality, StepReport, Supernet,
    TrainSettings, Trainer,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// How far a device may be from the CPU.
struct Tolerances {
    /// Answers of a network, as a share of the largest one.
    answers: f64,
    /// Share of samples of rounded networks whose answers may be further off.
    rounded_samples: f64,
    /// Loss and norm of the gradients of each step, relative.
    steps: f64,
    /// Answers after some steps of training, as a share of the largest one.
    trained_answers: f64,
    /// Log loss and area under the curve of a trained model.
    quality: f64,
}

impl Tolerances {
    fn of(device: &Device) -> Self {
        match device.kind() {
            // Tensor cores multiply numbers of ten bits behind the point.
            DeviceKind::Cuda => Self {
                answers: 2e-2,
                rounded_samples: 1.0,
                steps: 5e-2,
                trained_answers: 0.2,
                quality: 2e-2,
            },
            DeviceKind::Cpu | DeviceKind::Wgpu => Self {
                answers: 1e-4,
                rounded_samples: 0.1,
                steps: 1e-4,
                trained_answers: 1e-3,
                quality: 1e-4,
            },
        }
    }
}

const SAMPLES: u32 = 48;

/// The devices that the build has features for and the machine has.
fn devices() -> Vec<(Device, Tolerances)> {
    let kinds = [DeviceKind::Cuda, DeviceKind::Wgpu].into_iter();
    kinds
        .filter_map(|kind| match Device::find(kind) {
            Ok(device) => {
                eprintln!("testing on {device}");
                let tolerances = Tolerances::of(&device);
                Some((device, tolerances))
            }
            Err(DeviceError::NotBuilt { .. }) => None,
            Err(error) => {
                eprintln!("skipped: {error}");
                None
            }
        })
        .collect()
}

fn settings(dropout: f64) -> TrainSettings {
    TrainSettings {
        epochs: 40.0,
        batch_size: NonZero::new(100).unwrap(),
        dropout,
        weight_noise: dropout / 10.0,
        ..TrainSettings::default()
    }
}

fn train<'m>(
    supernet: Supernet,
    log: &SmallLog,
    dropout: f64,
    models: impl IntoIterator<Item = Model<'m>>,
) -> (Vec<StepReport>, Supernet) {
    let mut trainer = Trainer::new(supernet, log, settings(dropout), 3, 0);
    let reports = models.into_iter().map(|model| trainer.step(model));
    let reports = reports.collect();
    (reports, trainer.into_supernet())
}

/// A supernet whose biases and gains have moved.
fn trained(layer_norm: bool, log: &SmallLog) -> Supernet {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut networks = Vec::new();
    networks.resize_with(40, || random_network(layer_norm, &[32], &mut rng));
    let supernet = Supernet::shared(capacity(layer_norm), log.shape(), 3);
    let networks = networks.iter().map(Model::from);
    train(supernet, log, 0.0, networks).1
}

/// The differences of answers, as shares of the largest one.
fn differences(found: &[f32], expected: &[f32]) -> Vec<f64> {
    let wide = |value: &f32| f64::from(*value);
    let largest = expected.iter().map(wide).map(f64::abs);
    let largest = largest.fold(1.0, f64::max);
    let pairs = found.iter().map(wide).zip(expected.iter().map(wide));
    pairs
        .map(|(found, expected)| (found - expected).abs() / largest)
        .collect()
}

fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, f64::max)
}

/// The largest relative difference of loss and of norm.
fn step_differences(found: &[StepReport], expected: &[StepReport]) -> f64 {
    assert!(expected.iter().all(|report| report.is_applied));
    let pairs = found.iter().zip(expected);
    largest(pairs.flat_map(|(found, expected)| {
        [
            (found.loss - expected.loss).abs() / expected.loss,
            (found.gradient_norm - expected.gradient_norm).abs() / expected.gradient_norm,
        ]
    }))
}

fn assert_within(what: &str, found: f64, tolerance: f64) {
    eprintln!("{what}: {found:.1e}, may be {tolerance:.0e}");
    assert!(found <= tolerance, "{what}: {found}");
}

fn assert_alike(what: &str, found: Quality, expected: Quality, tolerance: f64) {
    let auc = (found.auc.unwrap() - expected.auc.unwrap()).abs();
    let log_loss = (found.log_loss - expected.log_loss).abs();
    assert_within(what, largest([log_loss, auc]), tolerance);
}

#[test]
fn every_operator_answers_as_on_the_cpu() {
    let log = SmallLog::new(600);
    let batch = log.batch(0..SAMPLES);
    for (device, tolerances) in devices() {
        let mut differences_found = Vec::new();
        for layer_norm in [false, true] {
            let supernet = trained(layer_norm, &log);
            let there = supernet.clone().on(device.clone());
            let mut rng = ChaCha8Rng::seed_from_u64(21);
            for operator in 0..=6 {
                let network = with_only(operator, random_network(layer_norm, &[32], &mut rng));
                let (found, expected) = (
                    there.logits(&network, &batch),
                    supernet.logits(&network, &batch),
                );
                differences_found.extend(differences(&found, &expected));
            }
        }
        assert_within("answers", largest(differences_found), tolerances.answers);
    }
}

/// Where a sum lies half way between two steps, its last bit decides on which one a value falls.
#[test]
fn most_answers_of_rounded_networks_are_those_of_the_cpu() {
    let log = SmallLog::new(600);
    let batch = log.batch(0..SAMPLES);
    for (device, tolerances) in devices() {
        let supernet = trained(true, &log);
        let there = supernet.clone().on(device.clone());
        for range in [ActivationRange::Symmetric, ActivationRange::Asymmetric] {
            let mut rng = ChaCha8Rng::seed_from_u64(23);
            let mut all = Vec::new();
            for _ in 0..10 {
                let mut network = random_network(true, &[4, 8], &mut rng);
                network.activation_range = range;
                let (found, expected) = (
                    there.logits(&network, &batch),
                    supernet.logits(&network, &batch),
                );
                all.extend(differences(&found, &expected));
            }
            let differing = all
                .iter()
                .filter(|difference| **difference > tolerances.answers);
            let share = differing.count() as f64 / all.len() as f64;
            let what = format!("share of differing answers, {range:?}");
            assert_within(&what, share, tolerances.rounded_samples);
        }
    }
}

#[test]
fn training_and_scores_are_those_of_the_cpu() {
    let log = SmallLog::new(600);
    let batch = log.batch(0..SAMPLES);
    for (device, tolerances) in devices() {
        for layer_norm in [false, true] {
            let mut rng = ChaCha8Rng::seed_from_u64(31);
            let networks: Vec<Network> = (0..7)
                .map(|operator| with_only(operator, random_network(layer_norm, &[32], &mut rng)))
                .collect();
            let run = |device: Device| {
                let supernet = Supernet::shared(capacity(layer_norm), log.shape(), 3).on(device);
                train(supernet, &log, 0.1, networks.iter().map(Model::from))
            };
            let (expected_steps, expected) = run(Device::default());
            let (steps, found) = run(device.clone());
            assert!(run(device.clone()).1 == found, "a device repeats itself");
            let what = format!("steps, layer norm {layer_norm}");
            assert_within(
                &what,
                step_differences(&steps, &expected_steps),
                tolerances.steps,
            );
            // Both on the CPU: the weights are what is compared.
            let here = found.clone().on(Device::default());
            let answers = networks.iter().flat_map(|network| {
                let (found, expected) = (
                    here.logits(network, &batch),
                    expected.logits(network, &batch),
                );
                differences(&found, &expected)
            });
            assert_within(
                "answers after training",
                largest(answers),
                tolerances.trained_answers,
            );
            let head = HeadFit::Newton(NewtonHead::default());
            let quality = |supernet: &Supernet| {
                supernet.evaluate(&networks[1], &log, Split::Validation, 200, &head)
            };
            assert_alike(
                "scores",
                quality(&found),
                quality(&expected),
                tolerances.quality,
            );
        }
    }
}

#[test]
fn a_handcrafted_model_trains_as_on_the_cpu() {
    let log = SmallLog::new(600);
    let hidden = |batch_norm, dropout| Hidden {
        widths: vec![16, 8],
        batch_norm,
        dropout,
    };
    let model = Handcrafted {
        embedding_dim: 8,
        towers: vec![
            Tower::Linear {},
            Tower::FactorisationMachine {},
            Tower::Deep {
                layers: hidden(true, 0.1),
            },
            Tower::Cross { layers: 2 },
            Tower::Attention {
                layers: 2,
                width: 12,
                heads: 2,
            },
            Tower::CompressedInteraction { maps: vec![5, 4] },
            Tower::DotProducts {
                bottom: hidden(false, 0.0),
                top: hidden(true, 0.0),
                concatenates: false,
            },
            Tower::TwoStreams {
                left: hidden(false, 0.0),
                right: hidden(false, 0.0),
                groups: 2,
                gate_width: 4,
                gate_fields: vec![1],
            },
        ],
    };
    for (device, tolerances) in devices() {
        let run = |device: Device| {
            let supernet = Supernet::stand_alone(&model, log.shape(), 3).on(device);
            train(supernet, &log, 0.0, [Model::from(&model); 6])
        };
        let (expected_steps, expected) = run(Device::default());
        let (steps, found) = run(device);
        let what = "steps of a handcrafted model";
        assert_within(
            what,
            step_differences(&steps, &expected_steps),
            tolerances.steps,
        );
        let quality = |supernet: &Supernet| supernet.score(&model, &log, Split::Validation);
        assert_alike(
            "its scores",
            quality(&found),
            quality(&expected),
            tolerances.quality,
        );
    }
}
