//! Latency, energy, power and area of a [`Workload`] on ReRAM crossbars and DRAM-PIM.
//!
//! [`PimCostModel`] prices a workload on [`Hardware`]; formulas and sources stand in
//! `docs/cost-model.md`.

mod arithmetic;
mod cluster;
mod component;
mod cost;
mod design;
mod dram;
mod explanation;
mod factor_rules;
mod floorplan;
mod host;
mod ledger;
mod model;
mod preset;
mod priced;
mod queue;
mod recommender;
mod reram;
mod schedule;
mod source;
mod workload;

pub use cluster::{ClusterPlacement, ClusterPreset, MatrixPlacement};
pub use cost::{Breakdown, ComponentCost, Cost, CostModel, CostSummary, Figures, OpCost};
pub use design::{
    ChipDesign, Dynamic, Hardware, HardwareError, MemoryDesign, MemoryStandard, Packing, PimLevel,
    Readout, Scheduling,
};
pub use dram::{
    AccessBins, AccessBinsError, AccessTrace, Accesses, BankGroup, BankLoad, BankMemory, Bound,
    Burst, CachePolicy, ChannelReads, ChannelTime, Concentration, Controller, DramEnergies,
    DramStandard, Gathers, Law, Locality, Lookup, Mapping, MappingError, MemorySystem, MergePlan,
    MergedTable, Pipeline, Placement, PlacementRule, Popularity, RankingModel, Scheduler,
    StreamReads, SystemChoice, SystemCost, SystemSummary, TableReads, TierCost, TierTime,
    TraceCheck, TraceEnergy, TraceError, TraceMode, TracePlacement, TraceReport, TraceTable,
    UnknownSystem, parse_trace,
};
pub use explanation::{Busiest, Explanation, OpInterval, Resource, Violation};
pub use floorplan::Floorplan;
pub use host::Host;
pub use ledger::{Charge, Factor, UnitCost};
pub use model::PimCostModel;
pub use preset::PresetError;
pub use queue::Load;
pub use recommender::{Dense, RecommenderCost};
pub use reram::{
    AdcCost, CellPreset, ChipTotals, CrossbarMapping, MacroFigures, ReramPreset, Stages, Wires,
    adc_regression, area_factor, energy_factor, lossless_adc_bits, map_matrix,
};
pub use workload::{
    ElementwiseFunction, EmbeddingTable, Op, OpKind, Operand, StoredTable, Stream, StreamAxis,
    TableStorage, Workload, WorkloadBuilder, cube_root,
};
