//! A subnet is the network alone with the sliced weights.

use std::num::NonZero;

mod example;

use example::{
    SmallLog, capacity, clipped_network, compressed_network, random_network, table_choices,
};
use pimento_data::ClickLog;
use pimento_space::FieldEmbedding;
use pimento_supernet::{Capacity, EmbeddingRows, Optimizer, Supernet, TrainSettings, Trainer};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A supernet whose weights are no longer the initial ones.
fn trained(layer_norm: bool, log: &SmallLog) -> Supernet {
    let supernet = Supernet::shared(capacity(layer_norm), log.shape(), 3);
    let mut trainer = Trainer::new(supernet, log, TrainSettings::default(), 3, 0);
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for _ in 0..20 {
        trainer.step(&random_network(layer_norm, &[32], &mut rng));
    }
    trainer.into_supernet()
}

#[test]
fn random_networks_answer_to_the_last_bit_as_they_do_alone() {
    let log = SmallLog::new(1200);
    for layer_norm in [false, true] {
        let supernet = trained(layer_norm, &log);
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for _ in 0..40 {
            let network = random_network(layer_norm, &[4, 8, 16, 32], &mut rng);
            let batch = log.batch(0..64);
            let alone = supernet.extract(&network);
            assert_eq!(
                supernet.logits(&network, &batch),
                alone.logits(&network, &batch)
            );
        }
    }
}

#[test]
fn a_step_of_a_subnet_is_the_step_of_the_network_alone() {
    const PEAK_STEP: u64 = 18;
    let log = SmallLog::new(600);
    let settings = TrainSettings {
        epochs: 20.0,
        batch_size: NonZero::new(64).expect("not zero"),
        ..TrainSettings::default()
    };
    for layer_norm in [false, true] {
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        for seed in 0..10 {
            let network = random_network(layer_norm, &[8, 32], &mut rng);
            let supernet = Supernet::shared(capacity(layer_norm), log.shape(), seed);
            let alone = supernet.extract(&network);
            let stepped = |supernet: &Supernet| {
                let mut trainer =
                    Trainer::new(supernet.clone(), &log, settings.clone(), 3, PEAK_STEP);
                let report = trainer.step(&network);
                (report, trainer.into_supernet())
            };
            let ((shared_report, shared), (alone_report, alone)) =
                (stepped(&supernet), stepped(&alone));
            assert_eq!(shared_report.loss, alone_report.loss);
            assert!(shared.extract(&network) == alone.extract(&network));
            assert!(
                shared.extract(&network) != supernet.extract(&network),
                "a step was made"
            );
        }
    }
}

/// A supernet whose fields are stored in every way, no longer the initial one.
fn trained_with_tables(log: &SmallLog) -> Supernet {
    let supernet = Supernet::shared_with_tables(capacity(false), &table_choices(), log.shape(), 3);
    let mut trainer = Trainer::new(supernet, log, TrainSettings::default(), 3, 0);
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for _ in 0..20 {
        trainer.step(&compressed_network(&[8, 32], &mut rng));
    }
    trainer.into_supernet()
}

#[test]
fn networks_with_compressed_tables_answer_to_the_last_bit_as_they_do_alone() {
    let log = SmallLog::new(1200);
    let supernet = trained_with_tables(&log);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for _ in 0..60 {
        let network = compressed_network(&[4, 8, 16, 32], &mut rng);
        let batch = log.batch(0..64);
        let alone = supernet.extract(&network);
        assert_eq!(
            supernet.logits(&network, &batch),
            alone.logits(&network, &batch)
        );
        let fresh = Supernet::stand_alone(&network, log.shape(), 1);
        assert_eq!(alone.embedding_count(), fresh.embedding_count());
        let stored: f64 = network
            .embeddings
            .iter()
            .zip(&log.shape().table_rows)
            .map(|(embedding, &rows)| {
                let embedding = FieldEmbedding {
                    bits: 8,
                    ..*embedding
                };
                embedding.stored(u64::from(rows), 16).bytes()
            })
            .sum();
        assert_eq!(
            fresh.embedding_count() as f64,
            stored,
            "a byte each, and no more"
        );
    }
}

#[test]
fn a_step_with_compressed_tables_is_the_step_of_the_network_alone() {
    const PEAK_STEP: u64 = 18;
    let log = SmallLog::new(600);
    let supernet = Supernet::shared_with_tables(capacity(false), &table_choices(), log.shape(), 7);
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    for optimizer in [Optimizer::Adagrad, Optimizer::Adam] {
        for embedding_rows in [EmbeddingRows::Touched, EmbeddingRows::All] {
            let settings = TrainSettings {
                epochs: 20.0,
                batch_size: NonZero::new(64).expect("not zero"),
                optimizer,
                embedding_rows,
                embedding_l2: 1e-3,
                ..TrainSettings::default()
            };
            for _ in 0..10 {
                let network = compressed_network(&[8, 32], &mut rng);
                let stepped = |supernet: Supernet| {
                    let mut trainer = Trainer::new(supernet, &log, settings.clone(), 3, PEAK_STEP);
                    let report = trainer.step(&network);
                    (report.loss, trainer.into_supernet().extract(&network))
                };
                let before = supernet.extract(&network);
                let (shared, alone) = (stepped(supernet.clone()), stepped(before.clone()));
                assert!(shared == alone);
                let rows = |supernet: &Supernet| supernet.embedding_rows(&network, &[1, 1, 1, 1]);
                assert_ne!(rows(&shared.1), rows(&before), "a step was made");
            }
        }
    }
}

/// Full tables are allocated and drawn as if there were no other kinds, where there are none.
#[test]
fn a_space_without_compression_has_nothing_more() {
    let log = SmallLog::new(600);
    let plain = Supernet::shared(capacity(false), log.shape(), 3);
    let full = vec![vec![FieldEmbedding::full(16, 8)]; 4];
    assert!(plain == Supernet::shared_with_tables(capacity(false), &full, log.shape(), 3));
    assert_eq!(plain.embedding_count(), (7 + 11 + 3 + 5) * 16);
    let all = Supernet::shared_with_tables(capacity(false), &table_choices(), log.shape(), 3);
    for field in 0..4 {
        assert_eq!(all.embedding_row(field, 1), plain.embedding_row(field, 1));
    }
}

/// A supernet that learns ranges, no longer the initial one; after few steps some places are still
/// calibrated, and some are unknown.
fn trained_with_ranges(log: &SmallLog, steps: usize) -> Supernet {
    let capacity = Capacity {
        learned_ranges: true,
        ..capacity(false)
    };
    let supernet = Supernet::shared(capacity, log.shape(), 3);
    let settings = TrainSettings {
        epochs: 20.0,
        batch_size: NonZero::new(64).expect("not zero"),
        ..TrainSettings::default()
    };
    let mut trainer = Trainer::new(supernet, log, settings, 3, 0);
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for _ in 0..steps {
        trainer.step(&clipped_network(false, &[3, 4, 8], &mut rng));
    }
    trainer.into_supernet()
}

#[test]
fn networks_with_learned_ranges_answer_and_step_as_they_do_alone() {
    let log = SmallLog::new(600);
    for steps in [3, 60] {
        let supernet = trained_with_ranges(&log, steps);
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        for number in 0..8 {
            let network = clipped_network(false, &[2, 3, 4, 8, 32], &mut rng);
            let batch = log.batch(0..64);
            let alone = supernet.extract(&network);
            let answers = alone.logits(&network, &batch);
            assert_eq!(supernet.logits(&network, &batch), answers);
            let optimizer = [Optimizer::Adagrad, Optimizer::Adam][number % 2];
            let settings = TrainSettings {
                epochs: 20.0,
                batch_size: NonZero::new(64).expect("not zero"),
                optimizer,
                ..TrainSettings::default()
            };
            let step = |supernet: &Supernet| {
                let mut trainer = Trainer::new(supernet.clone(), &log, settings.clone(), 3, 18);
                let report = trainer.step(&network);
                (report.loss, trainer.into_supernet().extract(&network))
            };
            // The optimiser's state goes along.
            assert!(step(&supernet) == step(&alone));
        }
    }
}

#[test]
fn a_step_changes_only_the_ranges_of_its_places() {
    let log = SmallLog::new(600);
    let supernet = trained_with_ranges(&log, 150);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let network = clipped_network(false, &[4], &mut rng);
    let settings = TrainSettings {
        epochs: 20.0,
        batch_size: NonZero::new(64).expect("not zero"),
        ..TrainSettings::default()
    };
    let mut trainer = Trainer::new(supernet.clone(), &log, settings, 3, 18);
    trainer.step(&network);
    let own = supernet.learned_ranges(&network);
    let places: Vec<_> = own.iter().map(|(site, _)| *site).collect();
    assert_ne!(trainer.supernet().learned_ranges(&network), own);
    for _ in 0..20 {
        let other = clipped_network(false, &[4, 8], &mut rng);
        let before = supernet.learned_ranges(&other);
        for (before, after) in before.iter().zip(trainer.supernet().learned_ranges(&other)) {
            assert!(places.contains(&before.0) || *before == after);
        }
    }
}

#[test]
fn a_step_changes_nothing_outside_its_slices() {
    let log = SmallLog::new(600);
    let supernet = trained(true, &log);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let (network, other) = (
        random_network(true, &[32], &mut rng),
        random_network(true, &[32], &mut rng),
    );
    let mut trainer = Trainer::new(supernet.clone(), &log, TrainSettings::default(), 3, 0);
    trainer.step(&network);
    let used: Vec<_> = supernet
        .layers(&network)
        .into_iter()
        .map(|(layer, _)| layer)
        .collect();
    let after = trainer.supernet().layers(&other);
    for ((layer, before), (_, after)) in supernet.layers(&other).iter().zip(&after) {
        let Some(slice) = used.iter().find(|used| used.key == layer.key) else {
            assert_eq!(before, after, "{:?} is not part of the network", layer.key);
            continue;
        };
        let rows = layer.segments.iter().cloned().flatten();
        for (index, row) in rows.enumerate() {
            let touched = slice.segments.iter().any(|segment| segment.contains(&row));
            let outside = if touched {
                slice.cols.min(layer.cols)
            } else {
                0
            };
            let range = index * layer.cols + outside..(index + 1) * layer.cols;
            assert_eq!(
                before.weight[range.clone()],
                after.weight[range],
                "{:?}",
                layer.key
            );
        }
    }
}
