//! What a design costs, and where each part of it comes from.

use serde::{Deserialize, Serialize};

use crate::{design::Hardware, reram::Stages, workload::Workload};

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
    /// Further figures that papers compare.
    pub figures: Figures,
    /// Where they come from.
    pub breakdown: Breakdown,
}

/// Figures of a design beside those of its summary.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Figures {
    /// Multiply–accumulates of matrix products of one inference.
    pub macs: u64,
    /// Energy times latency of one inference.
    pub energy_delay_pj_ns: f64,
    /// Operations per second at full throughput, a multiply–accumulate counting as two, in 10¹².
    pub tops: f64,
    /// Operations per joule, in 10¹².
    pub tops_per_w: f64,
    /// Operations per second at full throughput and area, in 10¹² per mm².
    pub tops_per_mm2: f64,
    /// Tiles of the chip.
    pub tiles: u32,
    /// Latency if operators ran one by one.
    pub one_by_one_ns: f64,
    /// Share of the crossbars with weights that are read, in the mean over one inference.
    pub crossbar_utilisation: f64,
    /// Leakage of the chip and standby of the memory.
    pub static_mw: f64,
    /// Power of the chip with all its units busy.
    pub peak_power_mw: f64,
    /// Inferences until cells that every inference writes are worn out; absent where none are.
    pub lifetime_inferences: Option<f64>,
}

impl Cost {
    /// Average power at so many inferences per second, each of which takes its dynamic energy; beyond
    /// the throughput it rises no more.
    pub fn power_at_mw(&self, inferences_per_s: f64) -> f64 {
        let summary = &self.summary;
        let dynamic_pj = summary.energy_pj - self.figures.static_mw * summary.latency_ns;
        let rate_per_ns = inferences_per_s.min(summary.throughput_per_s) * 1e-9;
        self.figures.static_mw + dynamic_pj * rate_per_ns
    }

    /// Years until cells that every inference writes are worn out at so many inferences per second.
    pub fn lifetime_years(&self, inferences_per_s: f64) -> Option<f64> {
        const SECONDS_PER_YEAR: f64 = 365.25 * 24.0 * 3600.0;
        let inferences = self.figures.lifetime_inferences?;
        Some(inferences / inferences_per_s / SECONDS_PER_YEAR)
    }
}

/// Energy, power and area by component and by operator, and latency by operator.
///
/// Energies, average powers and areas of the components sum to the totals, those of the operators too.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Breakdown {
    /// One entry per component that the design has.
    pub components: Vec<ComponentCost>,
    /// Operators that decide the latency, from first to last.
    pub critical_path: Vec<usize>,
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
    /// Average power while one inference follows another.
    pub power_mw: f64,
    /// Power of all instances that are busy at once; of the chip's, the others tell energies only.
    pub peak_power_mw: f64,
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
    /// Where that time goes.
    pub stages: Stages,
    /// Time until it can take the next inference.
    pub interval_ns: f64,
    /// Energy of one inference, leakage included.
    pub energy_pj: f64,
    /// Average power while one inference follows another.
    pub power_mw: f64,
    /// Its share of the area: the chip's goes by crossbars, that of the memory's units to gathers.
    pub area_um2: f64,
    /// Crossbars that hold its weights, copies included.
    pub crossbars: u32,
    /// Number of the first of them.
    pub first_crossbar: u32,
    /// Tile where it is, or begins.
    pub tile: u32,
    /// Share of the cells of its crossbars that hold weights; 0 where there are none.
    pub utilisation: f64,
}
