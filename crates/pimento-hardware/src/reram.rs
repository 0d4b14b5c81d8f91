//! ReRAM crossbars: static matrices, and the digital units beside them.

mod adc;
mod chip;
mod mapping;
mod preset;

pub use adc::{AdcCost, adc_regression, lossless_adc_bits};
pub use mapping::{CrossbarMapping, map_matrix};
pub use preset::{ChipTotals, PresetError, ReramPreset};

pub(crate) use chip::{Chip, OpWork};
