//! ReRAM crossbars: static matrices, and the digital units beside them.

mod adc;
mod budget;
mod buffer;
mod cell;
mod chip;
mod converters;
mod digital;
mod lookup;
mod mapping;
mod matrix;
mod mesh;
mod node;
mod placement;
mod preset;
mod replication;
mod tables;
mod wires;

pub use adc::{AdcCost, adc_regression, lossless_adc_bits};
pub use budget::{ChipTotals, MacroFigures};
pub use cell::CellPreset;
pub use chip::Stages;
pub use mapping::{CrossbarMapping, map_matrix};
pub use node::{area_factor, energy_factor};
pub use preset::ReramPreset;
pub use wires::Wires;

pub(crate) use chip::{Chip, OpWork, Stage};
pub(crate) use mesh::Mesh;
pub(crate) use placement::{Placement, Site};
pub(crate) use replication::Copies;
