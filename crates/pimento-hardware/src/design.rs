//! What may be chosen of the hardware: the values that hardware genes take.

use serde::{Deserialize, Serialize};

/// A chip for the matrices and a memory system for the embedding tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hardware {
    /// The ReRAM chip.
    pub chip: ChipDesign,
    /// The memory of the embedding tables.
    pub memory: MemoryDesign,
}

/// The free sizes of a ReRAM chip; everything else comes from its preset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChipDesign {
    /// Word lines of a crossbar.
    pub crossbar_rows: u16,
    /// Bit lines of a crossbar.
    pub crossbar_cols: u16,
    /// Bits stored in one cell.
    pub cell_bits: u8,
    /// Bits that a DAC drives per read.
    pub dac_bits: u8,
    /// Resolution of an ADC.
    pub adc_bits: u8,
    /// Crossbars in a processing element; they share its ADCs and registers.
    pub crossbars_per_pe: u16,
    /// Processing elements in a tile; they share its buffer and bus.
    pub pes_per_tile: u16,
    /// Copies of every matrix that has more than one input vector per sample.
    pub replication: u16,
    /// How columns are read.
    #[serde(default, skip_serializing_if = "Readout::is_in_row_groups")]
    pub readout: Readout,
}

/// How the sum of a crossbar's column is read.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Readout {
    /// Rows are read in groups, as many at once as the converter resolves without loss.
    #[default]
    RowGroups,
    /// All rows are read at once; the converter rounds what it does not resolve, and clips.
    AllRows,
}

impl Readout {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    fn is_in_row_groups(&self) -> bool {
        *self == Self::RowGroups
    }
}

/// The memory system that holds and gathers embedding rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemoryDesign {
    /// The memory standard.
    pub standard: MemoryStandard,
    /// Where rows are gathered (and reduced).
    pub pim_level: PimLevel,
    /// Independent channels.
    pub channels: u16,
}

/// Memory standards with a table of timing and energy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MemoryStandard {
    /// DDR4-2400, 8 Gb ×8 devices, 64-bit ranks.
    #[serde(rename = "ddr4-2400")]
    Ddr4_2400,
    /// DDR4-3200, 8 Gb ×8 devices, 64-bit ranks.
    #[serde(rename = "ddr4-3200")]
    Ddr4_3200,
    /// HBM2, legacy 128-bit channels.
    #[serde(rename = "hbm2")]
    Hbm2,
}

/// The level of the memory hierarchy whose units gather embedding rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PimLevel {
    /// No units: every row crosses the channel to the host.
    Host,
    /// One unit per rank.
    Rank,
    /// One unit per bank group.
    BankGroup,
    /// One unit per bank.
    Bank,
}
