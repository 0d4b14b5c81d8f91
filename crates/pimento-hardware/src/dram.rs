//! Embedding gather on DRAM, with and without processing units near the banks.

mod demand;
mod gather;
mod standard;

pub use standard::{DramEnergies, DramStandard};

pub(crate) use gather::{Gather, active_surplus_mw, pim_area_um2, standby_mw};
