//! What a design costs, and where each part of it comes from.

use serde::{Deserialize, Serialize};

use crate::{design::Hardware, workload::Workload};

/// Prices workloads.
///
/// An implementation is pure: the same workload and hardware give the same cost, it does no I/O
/// and it cannot fail. Hardware that cannot run the workload has a [`Cost`] with a positive
/// `violation` whose size tells how far it is from feasible.
pub trait CostModel: Send + Sync {
    /// The cost of one inference with batch size one, without its breakdown.
    fn summary(&self, workload: &Workload, hardware: &Hardware) -> CostSummary;

    /// The cost with its breakdown by component and by operator; its summary is that of
    /// [`CostModel::summary`].
    fn cost(&self, workload: &Workload, hardware: &Hardware) -> Cost;
}

/// The figures of merit of one design.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CostSummary {
    /// Time from request to answer of one inference.
    pub latency_ns: f64,
    /// Energy of one inference, leakage included.
    pub energy_pj: f64,
    /// Silicon area of the ReRAM chip and of the memory's processing units.
    pub area_um2: f64,
    /// Average power while one inference follows another: `energy_pj / latency_ns`.
    pub power_mw: f64,
    /// Inferences per second when inferences are pipelined.
    pub throughput_per_s: f64,
    /// Zero if feasible, otherwise how far from it.
    pub violation: f64,
}

/// A summary and its breakdown.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Cost {
    /// The figures of merit.
    pub summary: CostSummary,
    /// Where they come from.
    pub breakdown: Breakdown,
}

/// Energy and area by component, and latency and energy by operator.
///
/// Energies of the components and energies of the operators each sum to the total energy, areas
/// of the components to the total area.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Breakdown {
    /// One entry per component that the design has.
    pub components: Vec<ComponentCost>,
    /// One entry per operator of the workload, in its order.
    pub ops: Vec<OpCost>,
}

/// The share of one kind of component.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ComponentCost {
    /// For example `adc`, `crossbar`, `edram`, `dram_activate`.
    pub component: &'static str,
    /// Energy of one inference in all instances.
    pub energy_pj: f64,
    /// Area of all instances.
    pub area_um2: f64,
}

/// The share of one operator.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OpCost {
    /// Position of its block.
    pub block: u16,
    /// Name of its layer.
    pub layer: &'static str,
    /// When its inputs are ready.
    pub start_ns: f64,
    /// How long it takes.
    pub latency_ns: f64,
    /// Energy of one inference, leakage included.
    pub energy_pj: f64,
    /// Crossbars that hold its weights, copies included.
    pub crossbars: u32,
    /// Share of the cells of its crossbars that hold weights; 0 where there are none.
    pub utilisation: f64,
}
