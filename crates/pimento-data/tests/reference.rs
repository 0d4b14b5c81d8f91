//! Do metrics agree with scikit-learn, and table sizes with NASRec?

use pimento_data::{DataSchema, auc, log_loss, log_loss_of_probabilities};

/// A thousand scores in steps of 1/8 and labels that follow them, from the linear congruential
/// generator of ANSI C.
fn made_up_scores() -> (Vec<f32>, Vec<f32>) {
    let mut state = 12345_u64;
    let mut next = |modulus| {
        state = (state * 1_103_515_245 + 12_345) % (1 << 31);
        (state >> 8) % modulus
    };
    let rows = (0..1000).map(|_| {
        let score = (next(41) as f64 - 20.0) / 8.0;
        let uniform = next(1000) as f64 / 1000.0;
        let is_click = uniform < 1.0 / (1.0 + (1.0 - score).exp());
        (score as f32, f32::from(u8::from(is_click)))
    });
    rows.unzip()
}

/// scikit-learn 1.9.1, `roc_auc_score(y, z)` and `log_loss(y, 1 / (1 + exp(-z)))`.
#[test]
fn scores_with_many_ties() {
    let (scores, labels) = made_up_scores();
    assert_eq!(labels.iter().sum::<f32>(), 335.0);
    assert!((auc(&scores, &labels).unwrap() - 0.828_407_586_129_502_8).abs() < 1e-12);
    assert!((log_loss(&scores, &labels) - 0.554_774_008_387_318_8).abs() < 1e-9);
}

/// scikit-learn 1.9.1, `roc_auc_score(y, p)` and `log_loss(y, p)`.
#[test]
fn eight_probabilities() {
    let labels = [0.0, 0.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0];
    let probabilities = [0.1, 0.4, 0.35, 0.8, 0.4, 0.4, 0.9, 0.8];
    let single = probabilities.map(|p| p as f32);
    assert_eq!(auc(&single, &labels), Some(0.65625));
    let loss = log_loss_of_probabilities(&probabilities, &labels);
    assert!((loss - 0.628_883_324_871_097_1).abs() < 1e-12);
}

/// Rows of all embedding tables of Criteo, 33,762,601 in full and 49.1 M / 16 when capped at
/// 500,000 rows (facebookresearch/NasRec, `utils/config.py` and the search scripts).
#[test]
fn nasrec_table_sizes() {
    let schema = DataSchema::preset("criteo-nasrec-hash").unwrap();
    let pimento_data::CategoricalEncoding::Hash { rows, rows_cap, .. } =
        schema.categorical_encoding()
    else {
        panic!("NASRec hashes")
    };
    let pimento_data::TableRows::PerColumn(rows) = rows else {
        panic!("one size per table")
    };
    let cap = rows_cap.unwrap();
    assert_eq!(
        rows.iter().map(|&rows| u64::from(rows)).sum::<u64>(),
        33_762_601
    );
    let capped: u64 = rows.iter().map(|&rows| u64::from(rows.min(cap))).sum();
    assert_eq!((capped as f64 * 16.0 / 1e5).round(), 491.0);
}
