//! What may be chosen of the hardware: the values that hardware genes take.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{dram::SystemChoice, reram::ReramPreset};

/// A chip for the matrices and a memory system for the embedding tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hardware {
    /// The ReRAM chip.
    pub chip: ChipDesign,
    /// The memory of the embedding tables.
    pub memory: MemoryDesign,
}

impl Hardware {
    /// The default hardware, to which networks are mapped without thought: ISAAC's sizes, and
    /// tables on one channel of DDR4-2400 read by the host.
    pub fn naive() -> Self {
        Self {
            chip: ReramPreset::isaac().sizes(),
            memory: MemoryDesign {
                standard: MemoryStandard::Ddr4_2400,
                pim_level: PimLevel::Host,
                channels: 1,
                cache_kb: 0,
                system: SystemChoice::NONE,
            },
        }
    }
}

/// A size of hardware that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("`hardware.{key}` is {value}, expected {expected}")]
pub struct HardwareError {
    key: &'static str,
    value: u16,
    expected: &'static str,
}

impl Hardware {
    /// Checks that all sizes are in their ranges.
    pub fn validate(&self) -> Result<(), HardwareError> {
        let (chip, memory) = (&self.chip, &self.memory);
        let count = |key, value: u16| (key, value, u16::MAX, "1 or more");
        let bits = |key, bits: u8| (key, bits.into(), 8, "1 to 8");
        for (key, value, most, expected) in [
            count("chip.crossbar_rows", chip.crossbar_rows),
            count("chip.crossbar_cols", chip.crossbar_cols),
            count("chip.crossbars_per_pe", chip.crossbars_per_pe),
            count("chip.pes_per_tile", chip.pes_per_tile),
            count("chip.replication", chip.replication),
            count("memory.channels", memory.channels),
            bits("chip.cell_bits", chip.cell_bits),
            bits("chip.dac_bits", chip.dac_bits),
            ("chip.adc_bits", chip.adc_bits.into(), 16, "1 to 16"),
        ] {
            if !(1..=most).contains(&value) {
                return Err(HardwareError {
                    key,
                    value,
                    expected,
                });
            }
        }
        Ok(())
    }
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
    /// Copies of every matrix that has more than one input vector per sample; with `copy_tiles`, the
    /// most of each.
    pub replication: u16,
    /// Tiles that the chip has for copies: as many of all matrices as let the slowest one work as fast as any
    /// copies on these tiles; 0: every matrix has as many copies as `replication` says.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub copy_tiles: u16,
    /// How columns are read.
    #[serde(default, skip_serializing_if = "Readout::is_in_row_groups")]
    pub readout: Readout,
    /// Whether small matrices share crossbars.
    #[serde(default, skip_serializing_if = "Packing::is_off")]
    pub packing: Packing,
    /// Where products of two run-time operands are computed.
    #[serde(default, skip_serializing_if = "Dynamic::is_digital")]
    pub dynamic: Dynamic,
    /// When an operator may begin.
    #[serde(default, skip_serializing_if = "Scheduling::is_by_operators")]
    pub scheduling: Scheduling,
}

/// When an operator may begin.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Scheduling {
    /// When all its inputs are complete.
    #[default]
    Operators,
    /// When the first vectors of its inputs are there, where inputs come in the vectors that it takes:
    /// cross-layer scheduling as CLSA-CIM's.
    Vectors,
}

impl ChipDesign {
    /// Crossbars of which each operator takes a multiple.
    pub(crate) fn crossbars_per_start(&self) -> u32 {
        match self.packing {
            Packing::Off => self.crossbars_per_pe.into(),
            Packing::Shelves => 1,
        }
    }
}

impl Scheduling {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    fn is_by_operators(&self) -> bool {
        *self == Self::Operators
    }
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(count: &u16) -> bool {
    *count == 0
}

/// Whether matrices share crossbars and processing elements.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Packing {
    /// Every matrix has processing elements of its own.
    #[default]
    Off,
    /// Matrices follow one another without gaps, and those that fit into one crossbar lie on shelves
    /// in shared ones, which work for one of them at a time.
    Shelves,
}

impl Packing {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    fn is_off(&self) -> bool {
        *self == Self::Off
    }
}

/// Where a product of two operands is computed that both change with every inference.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Dynamic {
    /// On digital units.
    #[default]
    Digital,
    /// Products of matrices on crossbars, into which one operand is written before; others on digital
    /// units.
    Crossbar,
    /// All on crossbars, products value by value, too: one operand on the diagonals of crossbars.
    CrossbarAll,
}

impl Dynamic {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde passes a reference"
    )]
    fn is_digital(&self) -> bool {
        *self == Self::Digital
    }
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
    /// KB of 1024 bytes of a cache of rows beside the memory controller; 0: none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_kb: u16,
    /// A published memory system that serves instead; all else is ignored then.
    #[serde(default, skip_serializing_if = "SystemChoice::is_none")]
    pub system: SystemChoice,
}

/// Memories of embedding tables: standards with a table of timing and energy, or the chip's crossbars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum MemoryStandard {
    /// DDR4-2400, 8 Gb ×8 devices, 64-bit ranks.
    #[serde(rename = "ddr4-2400")]
    Ddr4_2400,
    /// DDR4-3200, 8 Gb ×8 devices, 64-bit ranks.
    #[serde(rename = "ddr4-3200")]
    Ddr4_3200,
    /// DDR5-4800, 16 Gb ×8 devices, 32-bit sub-channels.
    #[serde(rename = "ddr5-4800")]
    Ddr5_4800,
    /// LPDDR5-6400, 16-bit channels.
    #[serde(rename = "lpddr5-6400")]
    Lpddr5_6400,
    /// GDDR6-14000, 16-bit channels.
    #[serde(rename = "gddr6-14000")]
    Gddr6_14000,
    /// HBM2, legacy 128-bit channels.
    #[serde(rename = "hbm2")]
    Hbm2,
    /// HBM2E, two pseudo channels.
    #[serde(rename = "hbm2e")]
    Hbm2e,
    /// HBM3-6400, two pseudo channels.
    #[serde(rename = "hbm3-6400")]
    Hbm3_6400,
    /// Crossbars of the chip itself; level, channels and cache are ignored.
    #[serde(rename = "reram")]
    Reram,
}

impl MemoryStandard {
    /// All of them; those with a table first.
    pub(crate) const ALL: [Self; 9] = [
        Self::Ddr4_2400,
        Self::Ddr4_3200,
        Self::Ddr5_4800,
        Self::Lpddr5_6400,
        Self::Gddr6_14000,
        Self::Hbm2,
        Self::Hbm2e,
        Self::Hbm3_6400,
        Self::Reram,
    ];

    /// The name of its table; crossbars have none.
    pub(crate) fn table(self) -> Option<&'static str> {
        match self {
            Self::Ddr4_2400 => Some("ddr4-2400"),
            Self::Ddr4_3200 => Some("ddr4-3200"),
            Self::Ddr5_4800 => Some("ddr5-4800"),
            Self::Lpddr5_6400 => Some("lpddr5-6400"),
            Self::Gddr6_14000 => Some("gddr6-14000"),
            Self::Hbm2 => Some("hbm2"),
            Self::Hbm2e => Some("hbm2e"),
            Self::Hbm3_6400 => Some("hbm3-6400"),
            Self::Reram => None,
        }
    }
}

impl MemoryDesign {
    /// The same with everything at its first choice that is ignored.
    #[must_use]
    pub fn canonical(self) -> Self {
        let has_system = !self.system.is_none();
        if !has_system && self.standard != MemoryStandard::Reram {
            return self;
        }
        Self {
            standard: if has_system {
                MemoryStandard::ALL[0]
            } else {
                self.standard
            },
            pim_level: PimLevel::Host,
            channels: 1,
            cache_kb: 0,
            system: self.system,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standards_are_listed_in_the_order_of_their_numbers() {
        for (index, standard) in MemoryStandard::ALL.into_iter().enumerate() {
            assert_eq!(standard as usize, index);
            let has_table = index + 1 < MemoryStandard::ALL.len();
            assert_eq!(standard.table().is_some(), has_table);
        }
    }
}
