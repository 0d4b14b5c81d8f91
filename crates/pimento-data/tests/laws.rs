//! What holds for all inputs.

use std::fmt::Write;

use pimento_data::{
    Batch, ClickLog, DataSchema, LogInputs, Split, SplitRule, SyntheticSettings, auc, log_loss,
    open_or_build,
};
use proptest::prelude::*;

/// Scores, with ties, and labels of both kinds.
fn scored() -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
    let rows = prop::collection::vec((-20_i8..20, any::<bool>()), 0..60);
    rows.prop_map(|rows| {
        let rows = rows.into_iter().chain([(3, true), (-2, false)]);
        rows.map(|(score, label)| (f32::from(score), f32::from(u8::from(label))))
            .unzip()
    })
}

fn auc_by_pairs(scores: &[f32], labels: &[f32]) -> f64 {
    let (mut wins, mut pairs) = (0.0, 0.0);
    for (a, _) in scores
        .iter()
        .zip(labels)
        .filter(|(_, label)| **label == 1.0)
    {
        for (b, _) in scores
            .iter()
            .zip(labels)
            .filter(|(_, label)| **label == 0.0)
        {
            pairs += 1.0;
            wins += if a > b {
                1.0
            } else if a == b {
                0.5
            } else {
                0.0
            };
        }
    }
    wins / pairs
}

/// Rows of a small log: label, dense value if present, category if present.
fn rows() -> impl Strategy<Value = Vec<(bool, Option<i16>, Option<u8>)>> {
    let row = (
        any::<bool>(),
        any::<Option<i16>>(),
        prop::option::of(0_u8..6),
    );
    prop::collection::vec(row, 30..80)
}

fn text_of(rows: &[(bool, Option<i16>, Option<u8>)]) -> String {
    let mut text = String::new();
    for (label, dense, category) in rows {
        let dense = dense.map(|dense| dense.to_string()).unwrap_or_default();
        let category = category
            .map(|category| format!("c{category}"))
            .unwrap_or_default();
        writeln!(text, "{},{dense},{category}", u8::from(*label)).expect("text grows");
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn auc_is_the_share_of_ordered_pairs((scores, labels) in scored()) {
        let found = auc(&scores, &labels).unwrap();
        prop_assert!((found - auc_by_pairs(&scores, &labels)).abs() < 1e-12);
    }

    #[test]
    fn auc_depends_on_the_order_alone((scores, labels) in scored()) {
        let stretched: Vec<f32> = scores.iter().map(|score| score.powi(3) + score - 7.0).collect();
        prop_assert_eq!(auc(&scores, &labels), auc(&stretched, &labels));
    }

    #[test]
    fn negated_scores_have_the_opposite_auc((scores, labels) in scored()) {
        let negated: Vec<f32> = scores.iter().map(|score| -score).collect();
        let sum = auc(&scores, &labels).unwrap() + auc(&negated, &labels).unwrap();
        prop_assert!((sum - 1.0).abs() < 1e-12);
    }

    #[test]
    fn log_loss_is_the_same_for_opposite_logits_and_labels((scores, labels) in scored()) {
        let negated: Vec<f32> = scores.iter().map(|score| -score).collect();
        let opposite: Vec<f32> = labels.iter().map(|label| 1.0 - label).collect();
        let difference = log_loss(&scores, &labels) - log_loss(&negated, &opposite);
        prop_assert!(difference.abs() < 1e-12);
    }

    #[test]
    fn a_split_has_a_tenth_of_each_class(
        clicks in prop::collection::vec(any::<bool>(), 0..200),
        seed in any::<u64>(),
    ) {
        let splits = SplitRule::Stratified { seed }.assign(&clicks);
        prop_assert_eq!(splits.len(), clicks.len());
        for class in [false, true] {
            let rows = clicks.iter().filter(|&&click| click == class).count();
            for split in [Split::Validation, Split::Test] {
                let held_out = splits.iter().zip(&clicks);
                let held_out = held_out.filter(|&(&s, &c)| s == split && c == class).count();
                prop_assert_eq!(held_out, (rows + 5) / 10);
            }
        }
    }

    #[test]
    fn packing_keeps_every_row(rows in rows()) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log");
        std::fs::write(&file, text_of(&rows)).unwrap();
        let schema = DataSchema::parse(
            "header = false\nlabel = 0\ndense = [1]\ncategorical = [2]\n\
             dense-transform = { kind = \"none\" }\nsplit = { kind = \"ordered\" }\n\
             categorical-encoding = { kind = \"vocabulary\", minimum-count = 1 }\n",
        )
        .unwrap();
        let inputs = LogInputs::Single(vec![file]);
        let log = open_or_build(&inputs, &schema, folder.path(), &mut |_| ()).unwrap();
        let held_out = (rows.len() + 5) / 10;
        let (train, rest) = rows.split_at(rows.len() - 2 * held_out);
        let (validation, test) = rest.split_at(held_out);
        let mut row_of = std::collections::BTreeMap::new();
        for (split, rows) in Split::ALL.into_iter().zip([train, validation, test]) {
            let mut batch = Batch::default();
            log.fill(split, &(0..rows.len() as u32).collect::<Vec<_>>(), &mut batch);
            prop_assert_eq!(batch.len(), rows.len());
            for (row, (label, dense, category)) in rows.iter().enumerate() {
                prop_assert_eq!(batch.labels[row] == 1.0, *label);
                prop_assert_eq!(batch.dense[row], f32::from(dense.unwrap_or(0)));
                let index = batch.indices[row];
                prop_assert!(index < log.shape().table_rows[0]);
                let is_seen = train.iter().any(|(_, _, other)| other == category);
                match category {
                    None => prop_assert_eq!(index, 0),
                    Some(_) if !is_seen => prop_assert_eq!(index, 1),
                    Some(value) => prop_assert_eq!(*row_of.entry(value).or_insert(index), index),
                }
            }
        }
        let distinct: std::collections::BTreeSet<u32> = row_of.values().copied().collect();
        prop_assert_eq!(distinct.len(), row_of.len(), "two values share a row");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn a_synthetic_log_follows_its_settings(
        seed in any::<u64>(),
        cardinalities in prop::collection::vec(2_u32..40, 3..6),
        dense in 0_usize..4,
    ) {
        let settings = SyntheticSettings {
            rows: 500,
            seed,
            crosses: dense.min(2),
            dense,
            cardinalities: cardinalities.clone(),
            pairs: 2,
            triples: 1,
            ..SyntheticSettings::default()
        };
        let synthetic = settings.generate().unwrap();
        prop_assert_eq!(Split::ALL.map(|split| synthetic.log.len(split)), [400, 50, 50]);
        prop_assert_eq!(synthetic.log.shape().dense_dim, dense.max(1));
        let rows: Vec<u32> = cardinalities.iter().map(|values| values + 1).collect();
        prop_assert_eq!(&synthetic.log.shape().table_rows, &rows);
        let best = &synthetic.best.train;
        prop_assert!(best.expected.log_loss < best.first_order.log_loss);
        prop_assert!(best.first_order.log_loss < best.constant_log_loss);
        prop_assert!(best.expected.auc > best.first_order.auc);
    }
}
