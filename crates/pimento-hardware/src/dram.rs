//! Embedding gather on DRAM, with and without processing units near the banks.

mod access_bins;
mod cache;
mod channel;
mod counts;
mod curves;
mod demand;
mod field_laws;
mod gather;
mod locality;
mod merging;
mod popularity;
mod row_cache;
mod standard;
mod stored_law;
mod system;
mod trace;
mod workload;

pub use access_bins::{AccessBins, AccessBinsError};
pub use cache::CachePolicy;
pub use channel::{Bound, ChannelReads, ChannelTime};
pub use counts::{Accesses, Controller, StreamReads, TableReads};
pub use locality::{Concentration, Locality};
pub use merging::{
    BankGroup, BankLoad, BankMemory, MergePlan, MergedTable, Pipeline, Placement, PlacementRule,
};
pub use popularity::Popularity;
pub use standard::{DramEnergies, DramStandard};
pub use system::{
    AccessTrace, MemorySystem, SystemChoice, SystemCost, SystemSummary, TierCost, TierTime,
    TraceCheck, UnknownSystem,
};
pub use trace::{
    Burst, Lookup, Mapping, MappingError, Scheduler, TraceEnergy, TraceError, TraceMode,
    TracePlacement, TraceReport, TraceTable, parse_trace,
};
pub use workload::{Gathers, Law, RankingModel};

pub(crate) use demand::Combining;
pub(crate) use field_laws::FieldLaws;
pub(crate) use gather::{Gather, active_surplus_mw, pim_area_um2, standby_mw};
pub(crate) use row_cache::RowCache;
