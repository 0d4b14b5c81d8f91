//! What is known of a solution.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A figure that a search makes as small as it can; the name carries the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Objective {
    /// For example `latency_ns`.
    pub name: &'static str,
}

/// The figures of a solution.
///
/// A value that is not finite stands for a failed measurement: the solution counts as infeasible
/// and as worse than every other. The value is stored as nothing (`null` in JSON) and read back as
/// infinity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// One value per objective, smaller is better.
    #[serde(serialize_with = "store_all", deserialize_with = "read_all")]
    pub objectives: Vec<f64>,
    /// 0 for a feasible solution, otherwise how far it is from one.
    #[serde(serialize_with = "store", deserialize_with = "read")]
    pub violation: f64,
}

/// A solution with its figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Individual<G> {
    /// The solution.
    pub genotype: G,
    /// Its figures.
    pub evaluation: Evaluation,
}

impl Evaluation {
    /// Whether all constraints hold and no measurement failed.
    pub fn is_feasible(&self) -> bool {
        self.distance() <= 0.0
    }

    /// How far the solution is from a feasible one, infinite if a measurement failed.
    pub(crate) fn distance(&self) -> f64 {
        let mut values = self.objectives.iter().chain([&self.violation]);
        if values.all(|value| value.is_finite()) {
            self.violation
        } else {
            f64::INFINITY
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn store<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
    finite(*value).serialize(serializer)
}

fn store_all<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(|value| finite(*value)))
}

fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Option::deserialize(deserializer).map(|value| value.unwrap_or(f64::INFINITY))
}

fn read_all<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
    let values = Vec::<Option<f64>>::deserialize(deserializer)?;
    let values = values.into_iter();
    Ok(values.map(|value| value.unwrap_or(f64::INFINITY)).collect())
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_measurements_can_be_stored() {
        let evaluation = Evaluation {
            objectives: vec![0.1, f64::NAN, f64::INFINITY],
            violation: f64::NAN,
        };
        let text = serde_json::to_string(&evaluation).unwrap();
        assert_eq!(text, r#"{"objectives":[0.1,null,null],"violation":null}"#);
        let read: Evaluation = serde_json::from_str(&text).unwrap();
        assert_eq!(read.objectives, [0.1, f64::INFINITY, f64::INFINITY]);
        assert_eq!(read.violation, f64::INFINITY);
        assert!(!read.is_feasible());
    }
}
