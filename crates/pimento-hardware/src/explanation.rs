//! Where the figures of a design come from, charge by charge.

use serde::Serialize;

use crate::ledger::Charge;

/// All charges of a design; those of a component add up to its share in the breakdown, those of a stage of an
/// operator to its [`Stages`](crate::Stages).
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Explanation {
    /// Energy of one inference, in pJ.
    pub energy_pj: Vec<Charge>,
    /// Times of the stages of every operator, in ns, whether they decide the latency or not; where something
    /// runs side by side, the longest.
    pub latency_ns: Vec<Charge>,
    /// Area, in µm².
    pub area_um2: Vec<Charge>,
    /// Power of the chip's units at full activity, in mW; a share of it leaks.
    pub power_mw: Vec<Charge>,
    /// What sets the time between two inferences of a design; nothing for a memory system.
    pub busiest: Busiest,
    /// What makes a design infeasible; nothing for a memory system.
    pub violations: Vec<Violation>,
}

/// What works longest for an inference.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Busiest {
    /// What it is.
    pub resource: Resource,
    /// The operators that it works for.
    pub ops: Vec<OpInterval>,
}

/// What operators work on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// What one operator has for itself.
    #[default]
    Own,
    /// A crossbar of several small matrices.
    SharedCrossbar(u32),
    /// The digital lanes of a tile.
    Lanes(u32),
}

/// How long an operator keeps a resource.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OpInterval {
    /// Number of the operator.
    pub op: usize,
    /// Time until the next inference.
    pub interval_ns: f64,
}

/// A part of the violation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Violation {
    /// The operator, if it is one's.
    pub op: Option<usize>,
    /// What does not fit, and in which unit `amount` is told.
    pub what: &'static str,
    /// How much.
    pub amount: f64,
}

impl Busiest {
    /// Time between two inferences.
    pub fn interval_ns(&self) -> f64 {
        self.ops.iter().map(|op| op.interval_ns).sum()
    }
}
