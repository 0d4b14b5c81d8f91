//! How inputs are distributed.

use super::{SyntheticSettings, random::Stream};

/// Exponent and shift of the popularity of values, p(k) ∝ (k + shift)^−exponent for k = 1, …: in
/// the middle of what fits the fields of Criteo.
const POPULARITY_EXPONENT: f64 = 1.5;
const POPULARITY_SHIFT: f64 = 1.0;

/// The joint distribution of the inputs; columns are independent.
pub(super) struct InputLaw {
    dense: Vec<DenseLaw>,
    fields: Vec<FieldLaw>,
}

/// A count, the rounded-down exponential of a normal number, that may be missing; the value is
/// ln(count + 1), 0 if missing.
struct DenseLaw {
    mean: f64,
    sd: f64,
    missing: f64,
}

/// Probabilities of the rows of a table, summed up.
struct FieldLaw {
    cumulative: Vec<f64>,
}

impl InputLaw {
    pub(super) fn new(settings: &SyntheticSettings) -> Self {
        let missing = |column: usize| settings.missing_share * (column % 3) as f64;
        let dense = |column: usize| DenseLaw {
            mean: 0.5 + 0.75 * (column % 6) as f64,
            sd: 1.0 + 0.25 * (column % 4) as f64,
            missing: missing(column),
        };
        let field = |(field, &values): (usize, &u32)| FieldLaw::new(values, missing(field));
        Self {
            dense: (0..settings.dense).map(dense).collect(),
            fields: settings
                .cardinalities
                .iter()
                .enumerate()
                .map(field)
                .collect(),
        }
    }

    /// Rows of each table: the missing value and the others.
    pub(super) fn table_rows(&self) -> Vec<u32> {
        self.fields
            .iter()
            .map(|field| field.cumulative.len() as u32)
            .collect()
    }

    /// Dense columns; may be 0.
    pub(super) fn dense_columns(&self) -> usize {
        self.dense.len()
    }

    /// Probabilities of the rows of a table.
    pub(super) fn probabilities(&self, field: usize) -> Vec<f64> {
        let mut below = 0.0;
        let step = |&cumulative: &f64| {
            let probability = cumulative - below;
            below = cumulative;
            probability
        };
        self.fields[field].cumulative.iter().map(step).collect()
    }

    /// Appends the dense values and the embedding rows of a sample.
    pub(super) fn draw(&self, stream: &mut Stream, dense: &mut Vec<f32>, indices: &mut Vec<u32>) {
        dense.extend(self.dense.iter().map(|law| law.draw(stream)));
        if self.dense.is_empty() {
            dense.push(0.0);
        }
        indices.extend(self.fields.iter().map(|law| law.draw(stream)));
    }
}

impl DenseLaw {
    fn draw(&self, stream: &mut Stream) -> f32 {
        let is_missing = stream.uniform() < self.missing;
        let count = (self.mean + self.sd * stream.normal()).exp().floor();
        if is_missing {
            0.0
        } else {
            count.ln_1p() as f32
        }
    }
}

impl FieldLaw {
    fn new(values: u32, missing: f64) -> Self {
        let weight = |k: u32| (f64::from(k) + POPULARITY_SHIFT).powf(-POPULARITY_EXPONENT);
        let total: f64 = (1..=values).map(weight).sum();
        let mut sum = missing;
        let mut cumulative = vec![missing];
        cumulative.extend((1..=values).map(|k| {
            sum += (1.0 - missing) * weight(k) / total;
            sum
        }));
        *cumulative.last_mut().expect("missing is a row") = 1.0;
        Self { cumulative }
    }

    fn draw(&self, stream: &mut Stream) -> u32 {
        let uniform = stream.uniform();
        self.cumulative
            .partition_point(|&cumulative| cumulative <= uniform) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_as_often_as_they_should() {
        let settings = SyntheticSettings {
            cardinalities: vec![5, 7],
            dense: 2,
            missing_share: 0.2,
            ..SyntheticSettings::default()
        };
        let law = InputLaw::new(&settings);
        let (mut dense, mut indices) = (Vec::new(), Vec::new());
        for row in 0..20_000 {
            law.draw(&mut Stream::row(3, row), &mut dense, &mut indices);
        }
        for (field, rows) in [6, 8].into_iter().enumerate() {
            let probabilities = law.probabilities(field);
            assert_eq!(probabilities.len(), rows);
            for (row, probability) in probabilities.into_iter().enumerate() {
                let drawn = indices.iter().skip(field).step_by(2);
                let share = drawn.filter(|&&index| index as usize == row).count() as f64 / 20_000.0;
                assert!(
                    (share - probability).abs() < 0.015,
                    "{field} {row}: {share}"
                );
            }
        }
        assert_eq!(law.probabilities(0)[0], 0.0);
        assert_eq!(law.probabilities(1)[0], 0.2);
    }

    #[test]
    fn dense_values_are_logarithms_of_counts() {
        let law = InputLaw::new(&SyntheticSettings::default());
        let (mut dense, mut indices) = (Vec::new(), Vec::new());
        law.draw(&mut Stream::row(1, 0), &mut dense, &mut indices);
        assert_eq!((dense.len(), indices.len()), (13, 26));
        for value in dense {
            let count = f64::from(value).exp_m1();
            assert!(
                (count - count.round()).abs() < 1e-3 * (1.0 + count),
                "{value}"
            );
        }
    }
}
