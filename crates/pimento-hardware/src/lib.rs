//! Latency, energy, power and area of a [`Workload`] on ReRAM crossbars and DRAM-PIM.
//!
//! [`PimCostModel`] prices a workload on [`Hardware`]; formulas and sources stand in
//! `docs/cost-model.md`.

mod component;
mod cost;
mod design;
mod dram;
mod model;
mod reram;
mod workload;

pub use cost::{Breakdown, ComponentCost, Cost, CostModel, CostSummary, OpCost};
pub use design::{ChipDesign, Hardware, MemoryDesign, MemoryStandard, PimLevel, Readout};
pub use dram::{DramEnergies, DramStandard};
pub use model::PimCostModel;
pub use reram::{
    AdcCost, CellPreset, ChipTotals, CrossbarMapping, PresetError, ReramPreset, Wires,
    adc_regression, lossless_adc_bits, map_matrix,
};
pub use workload::{
    ElementwiseFunction, EmbeddingTable, Op, OpKind, StoredTable, TableStorage, Workload, cube_root,
};
