//! ReRAM crossbars: static matrices, and the digital units beside them.

mod adc;
mod cell;
mod chip;
mod mapping;
mod preset;
mod wires;

pub use adc::{AdcCost, adc_regression, lossless_adc_bits};
pub use cell::CellPreset;
pub use mapping::{CrossbarMapping, map_matrix};
pub use preset::{ChipTotals, PresetError, ReramPreset};
pub use wires::Wires;

pub(crate) use chip::{Chip, OpWork};
