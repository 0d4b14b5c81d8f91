//! Where the figures of a design come from, charge by charge.

use serde::Serialize;

use crate::ledger::Charge;

/// All charges of a design; those of a component add up to its share in the breakdown.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Explanation {
    /// Energy of one inference, in pJ.
    pub energy_pj: Vec<Charge>,
    /// Area, in µm².
    pub area_um2: Vec<Charge>,
    /// Power of the chip's units at full activity, in mW; a share of it leaks.
    pub power_mw: Vec<Charge>,
}
