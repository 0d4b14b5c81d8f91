//! Training repeats, resumes and learns.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::num::NonZero;

mod example;

use example::{
    SmallLog, capacity, clipped_network, compressed_network, random_network, table_choices,
};
use pimento_data::{ClickLog, Split};
use pimento_space::FieldEmbedding;
use pimento_supernet::{
    Capacity, CheckpointError, EmbeddingRows, FactorsHead, HeadFit, Identity, NewtonHead,
    Optimizer, Schedule, SgdHead, Supernet, TrainSettings, Trainer, Tuning,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn train(supernet: Supernet, log: &SmallLog, from: u64, to: u64) -> Supernet {
    train_by(Optimizer::Adagrad, supernet, log, from, to)
}

fn train_by(
    optimizer: Optimizer,
    supernet: Supernet,
    log: &SmallLog,
    from: u64,
    to: u64,
) -> Supernet {
    let settings = TrainSettings {
        epochs: 8.0,
        optimizer,
        ..TrainSettings::default()
    };
    let mut trainer = Trainer::new(supernet, log, settings, 1, from);
    while trainer.step_count() < to {
        let mut rng = trainer.path_rng(trainer.step_count());
        trainer.step(&random_network(true, &[8, 32], &mut rng));
    }
    trainer.into_supernet()
}

fn fresh(log: &SmallLog) -> Supernet {
    Supernet::shared(capacity(true), log.shape(), 1)
}

fn identity() -> Identity {
    Identity {
        space: "space".to_owned(),
        data: "data".to_owned(),
        seed: 1,
    }
}

fn saved(supernet: &Supernet, step: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    supernet.write(&identity(), step, &mut bytes).unwrap();
    bytes
}

#[test]
fn a_resumed_training_has_the_bits_of_a_straight_one() {
    let log = SmallLog::new(1200);
    for optimizer in [Optimizer::Adagrad, Optimizer::Adam] {
        let straight = train_by(optimizer, fresh(&log), &log, 0, 12);
        let half = saved(&train_by(optimizer, fresh(&log), &log, 0, 7), 7);
        let mut resumed = fresh(&log);
        let step = resumed.read(&identity(), &mut half.as_slice()).unwrap();
        assert_eq!(step, 7);
        assert!(train_by(optimizer, resumed, &log, 7, 12) == straight);
    }
}

#[test]
fn learned_ranges_come_back_from_a_checkpoint() {
    let log = SmallLog::new(1200);
    let capacity = Capacity {
        learned_ranges: true,
        ..capacity(true)
    };
    let fresh = || Supernet::shared(capacity.clone(), log.shape(), 1);
    let train = |optimizer, supernet, from, to| {
        let settings = TrainSettings {
            epochs: 8.0,
            batch_size: NonZero::new(64).unwrap(),
            optimizer,
            ..TrainSettings::default()
        };
        let mut trainer = Trainer::new(supernet, &log, settings, 1, from);
        while trainer.step_count() < to {
            let mut rng = trainer.path_rng(trainer.step_count() % 2);
            trainer.step(&clipped_network(true, &[3, 8, 32], &mut rng));
        }
        trainer.into_supernet()
    };
    // The first half ends within and after calibration.
    for half in [7, 60] {
        for optimizer in [Optimizer::Adagrad, Optimizer::Adam] {
            let straight = train(optimizer, fresh(), 0, 70);
            let saved = saved(&train(optimizer, fresh(), 0, half), half);
            let mut resumed = fresh();
            resumed.read(&identity(), &mut saved.as_slice()).unwrap();
            assert!(train(optimizer, resumed, half, 70) == straight);
            let mut plain = self::fresh(&log);
            let error = plain.read(&identity(), &mut saved.as_slice()).unwrap_err();
            assert!(matches!(error, CheckpointError::Size { .. }), "{error}");
        }
    }
}

#[test]
fn compressed_tables_come_back_from_a_checkpoint() {
    let log = SmallLog::new(1200);
    let fresh = || Supernet::shared_with_tables(capacity(true), &table_choices(), log.shape(), 1);
    let train = |optimizer, supernet, from, to| {
        let settings = TrainSettings {
            epochs: 8.0,
            optimizer,
            ..TrainSettings::default()
        };
        let mut trainer = Trainer::new(supernet, &log, settings, 1, from);
        while trainer.step_count() < to {
            let mut rng = trainer.path_rng(trainer.step_count());
            let network = compressed_network(&[8, 32], &mut rng);
            trainer.step(&trainer.supernet().subnet(&network));
        }
        trainer.into_supernet()
    };
    for optimizer in [Optimizer::Adagrad, Optimizer::Adam] {
        let straight = train(optimizer, fresh(), 0, 12);
        let half = saved(&train(optimizer, fresh(), 0, 7), 7);
        let mut resumed = fresh();
        resumed.read(&identity(), &mut half.as_slice()).unwrap();
        assert!(train(optimizer, resumed, 7, 12) == straight);
        let mut plain = self::fresh(&log);
        let error = plain.read(&identity(), &mut half.as_slice()).unwrap_err();
        assert!(matches!(error, CheckpointError::Size { .. }), "{error}");
    }
}

#[test]
fn every_kind_of_table_learns_what_is_planted() {
    let log = SmallLog::new(4000);
    let settings = TrainSettings {
        epochs: 8.0,
        batch_size: NonZero::new(128).unwrap(),
        ..TrainSettings::default()
    };
    let mut network = random_network(false, &[8], &mut ChaCha8Rng::seed_from_u64(11));
    network.embedding_bits = 32;
    for kind in ["full", "hash-2", "qr-2", "qr-3", "tt-1", "tt-3"] {
        for width in [8] {
            let table = kind.parse().unwrap();
            network.embeddings = vec![
                FieldEmbedding {
                    table,
                    width,
                    bits: 8
                };
                4
            ];
            let alone = Supernet::stand_alone(&network, log.shape(), 1);
            let score = |supernet: &Supernet| {
                let head = &HeadFit::None;
                supernet.evaluate(&network, &log, Split::Validation, 4000, head)
            };
            let before = score(&alone).log_loss;
            let mut trainer = Trainer::new(alone, &log, settings.clone(), 1, 0);
            while trainer.step_count() < trainer.steps() {
                trainer.step(&network);
            }
            let after = score(trainer.supernet()).log_loss;
            assert!(
                after < before - 0.01,
                "{kind}, {width} wide: {before} to {after}"
            );
        }
    }
}

#[test]
fn the_number_of_threads_does_not_matter() {
    let log = SmallLog::new(1200);
    let with_threads = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| train(fresh(&log), &log, 0, 6))
    };
    assert!(with_threads(1) == with_threads(4));
}

#[test]
fn a_checkpoint_of_something_else_or_damaged_is_refused() {
    let log = SmallLog::new(600);
    let bytes = saved(&fresh(&log), 0);
    let read = |bytes: &[u8], identity: &Identity| fresh(&log).read(identity, &mut &*bytes);
    for (part, other) in [
        (
            "space",
            Identity {
                space: "x".to_owned(),
                ..identity()
            },
        ),
        (
            "click log",
            Identity {
                data: "x".to_owned(),
                ..identity()
            },
        ),
        (
            "seed",
            Identity {
                seed: 2,
                ..identity()
            },
        ),
    ] {
        let error = read(&bytes, &other).unwrap_err();
        assert!(
            matches!(error, CheckpointError::Other { what, .. } if what == part),
            "{error}"
        );
    }
    let error = read(&bytes[..bytes.len() - 40], &identity()).unwrap_err();
    assert!(matches!(error, CheckpointError::Read(_)), "{error}");
    let mut damaged = bytes.clone();
    damaged[1000] ^= 1;
    let error = read(&damaged, &identity()).unwrap_err();
    assert!(matches!(error, CheckpointError::Damaged), "{error}");
    let error = read(b"something else entirely", &identity()).unwrap_err();
    assert!(matches!(error, CheckpointError::NotACheckpoint), "{error}");
}

#[test]
fn a_network_alone_learns_what_is_planted() {
    let log = SmallLog::new(4000);
    let network = random_network(false, &[8], &mut ChaCha8Rng::seed_from_u64(11));
    let adagrad = TrainSettings {
        epochs: 30.0,
        ..TrainSettings::default()
    };
    let adam = TrainSettings {
        epochs: 30.0,
        optimizer: Optimizer::Adam,
        schedule: Schedule::Constant,
        learning_rate: 3e-3,
        epsilon: 1e-8,
        embedding_rows: EmbeddingRows::All,
        embedding_l2: 1e-3,
        ..TrainSettings::default()
    };
    for settings in [adagrad, adam] {
        let alone = Supernet::stand_alone(&network, log.shape(), 1);
        let score = |supernet: &Supernet| {
            supernet.evaluate(&network, &log, Split::Validation, 4000, &HeadFit::None)
        };
        let before = score(&alone);
        let mut trainer = Trainer::new(alone, &log, settings, 1, 0);
        while trainer.step_count() < trainer.steps() {
            trainer.step(&network);
        }
        let after = score(trainer.supernet());
        assert!(before.auc.unwrap() < 0.6, "{before:?}");
        assert!(
            after.auc.unwrap() > 0.7 && after.log_loss < before.log_loss - 0.08,
            "{after:?}"
        );
    }
}

#[test]
fn fitting_the_head_helps_and_changes_nothing() {
    let log = SmallLog::new(2000);
    let supernet = train(fresh(&log), &log, 0, 30);
    let before = supernet.clone();
    let network = random_network(true, &[32], &mut ChaCha8Rng::seed_from_u64(12));
    let score = |head: &HeadFit| {
        supernet
            .evaluate(&network, &log, Split::Train, 2000, head)
            .log_loss
    };
    let untouched = score(&HeadFit::None);
    let by_sgd = score(&HeadFit::Sgd(SgdHead {
        steps: 200.try_into().unwrap(),
        ..SgdHead::default()
    }));
    let by_newton = score(&HeadFit::Newton(NewtonHead {
        ridge: 1e-3,
        ..NewtonHead::default()
    }));
    let by_factors = score(&HeadFit::Factors(FactorsHead::default()));
    assert!(by_sgd < untouched, "{by_sgd} {untouched}");
    assert!(
        by_newton < by_factors && by_factors < untouched,
        "{by_newton} {by_factors} {untouched}"
    );
    assert!(by_newton < by_sgd, "{by_newton} {by_sgd}");
    assert!(supernet == before);
}

#[test]
fn a_tuned_subnet_is_the_network_alone_tuned_and_better() {
    let log = SmallLog::new(2000);
    let supernet = train(fresh(&log), &log, 0, 30);
    let before = supernet.clone();
    let mut rng = ChaCha8Rng::seed_from_u64(12);
    let tuning = Tuning {
        steps: 40.try_into().unwrap(),
        ..Tuning::default()
    };
    for _ in 0..4 {
        let network = random_network(true, &[8, 32], &mut rng);
        let tuned = supernet.tuned(&network, &log, &tuning);
        assert!(tuned == supernet.extract(&network).tuned(&network, &log, &tuning));
        let score = |supernet: &Supernet| {
            supernet
                .evaluate(&network, &log, Split::Train, 2000, &HeadFit::None)
                .log_loss
        };
        let (shared, tuned) = (score(&supernet), score(&tuned));
        assert!(tuned < shared, "{tuned} {shared}");
    }
    assert!(supernet == before);
}

#[test]
fn steps_that_overflow_are_left_out() {
    let log = SmallLog::new(2000);
    let settings = TrainSettings {
        epochs: 8.0,
        learning_rate: 1e25,
        ..TrainSettings::default()
    };
    let network = random_network(false, &[32], &mut ChaCha8Rng::seed_from_u64(12));
    let alone = Supernet::stand_alone(&network, log.shape(), 1);
    let mut trainer = Trainer::new(alone, &log, settings, 1, 0);
    let mut left_out = 0;
    while trainer.step_count() < trainer.steps() {
        let before = trainer.supernet().clone();
        let report = trainer.step(&network);
        if !report.is_applied {
            left_out += 1;
            assert!(*trainer.supernet() == before);
        }
    }
    assert!(left_out > 0);
    for (_, values) in trainer.supernet().layers(&network) {
        assert!(
            values
                .weight
                .iter()
                .chain(&values.bias)
                .all(|value| value.is_finite())
        );
    }
    let quality =
        trainer
            .supernet()
            .evaluate(&network, &log, Split::Validation, 4000, &HeadFit::None);
    assert_eq!((quality.log_loss, quality.auc), (f64::MAX, None));
}

#[test]
fn only_rows_that_a_sample_reads_change() {
    let log = SmallLog::new(600).without(0, 6);
    let supernet = fresh(&log);
    let trained = train(supernet.clone(), &log, 0, 8);
    for row in 0..7 {
        let is_same = supernet.embedding_row(0, row) == trained.embedding_row(0, row);
        assert_eq!(is_same, row == 6, "row {row}");
    }
}
