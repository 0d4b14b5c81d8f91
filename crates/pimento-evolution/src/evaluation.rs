//! What is known of a solution.

use serde::{Deserialize, Serialize};

/// A figure that a search makes as small as it can; the name carries the unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Objective {
    /// For example `latency_ns`.
    pub name: &'static str,
}

/// The figures of a solution.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// One value per objective, smaller is better; not a number counts as infinite.
    pub objectives: Vec<f64>,
    /// 0 for a feasible solution, otherwise how far it is from one.
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
    /// Whether all constraints hold.
    pub fn is_feasible(&self) -> bool {
        self.violation <= 0.0
    }
}
