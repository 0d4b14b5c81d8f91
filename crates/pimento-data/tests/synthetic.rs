//! Can a model learn from a synthetic log what is in it?
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its functions as well"
)]

use pimento_data::{
    Batch, ClickLog, Interactions, Labels, MemoryLog, Split, SyntheticLog, SyntheticSettings, auc,
    log_loss,
};

fn default_log() -> SyntheticLog {
    SyntheticSettings::default().generate().unwrap()
}

#[test]
fn the_default_log_is_as_hard_as_criteo() {
    let synthetic = default_log();
    let train = synthetic.log.samples(Split::Train);
    assert_eq!(train.len(), 96_000);
    let rate = f64::from(train.labels.iter().sum::<f32>()) / 96_000.0;
    assert!((rate - 0.25).abs() < 0.006, "{rate}");
    for split in Split::ALL {
        let best = &synthetic.best[split];
        let auc = best.auc.unwrap();
        assert!((0.79..0.85).contains(&auc), "{split}: {best:?}");
        // Four standard errors of a mean of losses whose standard deviation is about a half.
        let error = 2.0 / (synthetic.log.len(split) as f64).sqrt();
        assert!(
            (best.log_loss - best.expected.log_loss).abs() < error,
            "{split}: {best:?}"
        );
        assert!(
            (auc - best.expected.auc.unwrap()).abs() < error,
            "{split}: {best:?}"
        );
        assert!(
            best.first_order.log_loss - best.expected.log_loss > 0.03,
            "{split}: {best:?}"
        );
    }
}

#[test]
fn expected_labels_are_what_drawn_ones_are_drawn_from() {
    let drawn = default_log();
    let expected = SyntheticSettings {
        labels: Labels::Expected,
        ..SyntheticSettings::default()
    };
    let expected = expected.generate().unwrap();
    let [train, test] = [Split::Train, Split::Test];
    assert_eq!(drawn.log.samples(train), expected.log.samples(train));
    assert_eq!(
        drawn.log.samples(test).indices,
        expected.log.samples(test).indices
    );
    let best = &expected.best[test];
    assert!((best.log_loss - best.expected.log_loss).abs() < 1e-7);
    assert!((best.auc.unwrap() - best.expected.auc.unwrap()).abs() < 1e-6);
    assert_eq!(best.expected, drawn.best[test].expected);
    let clicks = |log: &SyntheticLog| log.log.describe().splits[test].clicks as f64;
    assert!((clicks(&drawn) - clicks(&expected)).abs() < 4.0 * (0.25 * 12_000.0_f64).sqrt());
}

#[test]
fn a_log_is_a_function_of_its_settings() {
    let settings = SyntheticSettings {
        rows: 9_000,
        ..SyntheticSettings::default()
    };
    let generate = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| settings.generate().unwrap())
    };
    assert_eq!(generate(1), generate(3));
    let other = SyntheticSettings {
        seed: 2,
        ..settings.clone()
    }
    .generate()
    .unwrap();
    assert_ne!(generate(1).log.fingerprint(), other.log.fingerprint());
}

#[test]
fn a_log_without_interactions_is_first_order() {
    let settings = SyntheticSettings {
        rows: 5_000,
        pairs: 0,
        triples: 0,
        crosses: 0,
        ..SyntheticSettings::default()
    };
    let best = settings.generate().unwrap().best.train;
    assert!(
        (best.expected.log_loss - best.first_order.log_loss).abs() < 1e-9,
        "{best:?}"
    );
}

/// Logistic regression on one-hot fields and standardised dense values, fitted with Adagrad; with
/// interactions, on the square of each dense value and on the crosses of the fields that interact
/// as well.
struct LogisticRegression<'a> {
    log: &'a MemoryLog,
    interactions: Option<&'a Interactions>,
    /// First weight of each one-hot group; dense values come first.
    starts: Vec<usize>,
    weights: Vec<f32>,
    accumulators: Vec<f32>,
    /// Mean and standard deviation of each dense column.
    scale: Vec<(f32, f32)>,
}

impl<'a> LogisticRegression<'a> {
    fn new(log: &'a MemoryLog, interactions: Option<&'a Interactions>) -> Self {
        let shape = log.shape();
        let rows = |field: usize| shape.table_rows[field] as usize;
        let mut sizes: Vec<usize> = (0..shape.table_rows.len()).map(rows).collect();
        if let Some(planted) = interactions {
            sizes.extend(
                planted
                    .pairs
                    .iter()
                    .map(|fields| fields.map(rows).iter().product::<usize>()),
            );
            sizes.extend(
                planted
                    .triples
                    .iter()
                    .map(|fields| fields.map(rows).iter().product::<usize>()),
            );
            sizes.extend(planted.crosses.iter().map(|&[field, _]| rows(field)));
        }
        let mut starts = vec![1 + 2 * shape.dense_dim];
        for size in sizes {
            starts.push(starts.last().unwrap() + size);
        }
        let weights = vec![0.0; *starts.last().unwrap()];
        let scale = (0..shape.dense_dim)
            .map(|column| scale(log, column))
            .collect();
        Self {
            log,
            interactions,
            starts,
            accumulators: vec![1e-2; weights.len()],
            weights,
            scale,
        }
    }

    /// Features of a sample with their values.
    fn features(&self, batch: &Batch, row: usize) -> Vec<(usize, f32)> {
        let (dense_dim, table_rows) = (self.log.shape().dense_dim, &self.log.shape().table_rows);
        let index = |field: usize| batch.indices[row * table_rows.len() + field] as usize;
        let dense = |column: usize| {
            let (mean, sd) = self.scale[column];
            ((batch.dense[row * dense_dim + column] - mean) / sd).clamp(-2.5, 2.5)
        };
        let mut features = vec![(0, 1.0)];
        features.extend((0..dense_dim).map(|column| (1 + column, dense(column))));
        let mut one_hot: Vec<(usize, f32)> = (0..table_rows.len())
            .map(|field| (index(field), 1.0))
            .collect();
        if let Some(planted) = self.interactions {
            let crossed = |fields: &[usize]| {
                fields.iter().fold(0, |at, &field| {
                    at * table_rows[field] as usize + index(field)
                })
            };
            let squares =
                (0..dense_dim).map(|column| (1 + dense_dim + column, dense(column).powi(2)));
            features.extend(squares);
            one_hot.extend(planted.pairs.iter().map(|fields| (crossed(fields), 1.0)));
            one_hot.extend(planted.triples.iter().map(|fields| (crossed(fields), 1.0)));
            one_hot.extend(
                planted
                    .crosses
                    .iter()
                    .map(|&[f, column]| (index(f), dense(column))),
            );
        }
        features.extend(
            one_hot
                .iter()
                .zip(&self.starts)
                .map(|(&(at, x), start)| (start + at, x)),
        );
        features
    }

    fn logit(&self, features: &[(usize, f32)]) -> f32 {
        features
            .iter()
            .map(|&(feature, x)| self.weights[feature] * x)
            .sum()
    }

    /// Fits the weights in some passes over the training rows; returns log loss and AUC on the
    /// test rows.
    fn fit_and_score(mut self, passes: usize, rate: f32) -> (f64, f64) {
        let train = self.log.samples(Split::Train);
        for row in (0..passes).flat_map(|_| 0..train.len()) {
            let features = self.features(train, row);
            let slope = 1.0 / (1.0 + (-self.logit(&features)).exp()) - train.labels[row];
            for (feature, x) in features {
                let gradient = slope * x;
                self.accumulators[feature] += gradient * gradient;
                self.weights[feature] -= rate * gradient / self.accumulators[feature].sqrt();
            }
        }
        let test = self.log.samples(Split::Test);
        let logits: Vec<f32> = (0..test.len())
            .map(|row| self.logit(&self.features(test, row)))
            .collect();
        (
            log_loss(&logits, &test.labels),
            auc(&logits, &test.labels).unwrap(),
        )
    }
}

fn scale(log: &MemoryLog, column: usize) -> (f32, f32) {
    let train = log.samples(Split::Train);
    let values = train
        .dense
        .iter()
        .skip(column)
        .step_by(log.shape().dense_dim);
    let count = train.len() as f32;
    let mean = values.clone().sum::<f32>() / count;
    let variance = values.map(|value| (value - mean).powi(2)).sum::<f32>() / count;
    (mean, variance.sqrt())
}

/// Logistic regression stays above the truth by what interactions are worth, and a model of the
/// right form comes close to the truth.
#[test]
fn interactions_are_worth_learning() {
    let synthetic = default_log();
    let best = synthetic.best.test;
    let (linear, linear_auc) = LogisticRegression::new(&synthetic.log, None).fit_and_score(2, 0.04);
    let (crossed, crossed_auc) =
        LogisticRegression::new(&synthetic.log, Some(&synthetic.interactions))
            .fit_and_score(3, 0.04);
    let scores = format!("linear {linear} {linear_auc}, crossed {crossed} {crossed_auc}, {best:?}");
    assert!(linear < best.constant_log_loss - 0.05, "{scores}");
    assert!(linear > best.log_loss + 0.03, "{scores}");
    assert!(crossed < linear - 0.02, "{scores}");
    assert!(crossed < best.log_loss + 0.015, "{scores}");
    assert!(crossed > best.log_loss, "{scores}");
    assert!(
        linear_auc < crossed_auc && crossed_auc < best.auc.unwrap(),
        "{scores}"
    );
}
