//! The tables of a chip's preset.

use serde::Deserialize;

use crate::{design::Readout, source::sourced_tables};

sourced_tables! {
    /// What a cell holds.
    CellTable { bits: u8 }
    /// A crossbar; where a design chooses other sides, power and area grow with the cells.
    CrossbarTable {
        rows: u16, cols: u16, read_ns: f64, power_mw: f64, area_um2: f64,
        /// Which rows are read at once.
        #[serde(default)] readout: Readout,
        /// Area of the driver of a word line.
        #[serde(default)] row_driver_um2: f64,
        /// What a read takes longer in larger crossbars: coefficients of powers of its size in units
        /// of 8192 cells, in ns.
        #[serde(default)] settling_ns: Vec<f64>,
        #[serde(default)] activity: Activity,
        /// How long cells conduct, where that is not the time of a read.
        #[serde(default)] pulse_ns: Option<f64>,
    }
    /// How weights are stored.
    EncodingTable {
        #[serde(default)] signs: Signs,
        #[serde(default)] slices: Slices,
        /// Whether columns are stored flipped where that halves their largest sum.
        #[serde(default)] saves_adc_bit: bool,
    }
    /// The converters of word lines: one-bit ones, growing with every further bit.
    DacTable {
        /// Bits of a drive; the figures are those of one bit.
        bits: u8,
        energy_pj: f64, power_mw: f64, area_um2: f64,
        /// How many share a crossbar's word lines; absent: one for each.
        #[serde(default)] per_crossbar: Option<u16>,
        #[serde(default)] drive_ns: f64,
        /// Whether lines are driven up and down, so that the sign of an input takes no bit.
        #[serde(default)] signed_inputs: bool,
    }
    /// The converters of bit lines.
    AdcTable {
        /// Resolution.
        bits: u8,
        rate_gs: f64,
        sharing: Sharing,
        /// Cycles of a conversion.
        #[serde(default)] cycles: Cycles,
        /// Whether columns are held, so that they are converted while the next ones are read.
        #[serde(default = "yes")] overlaps_read: bool,
        rule: AdcRule,
        /// Power at full activity over the energy of a conversion; absent: one conversion after the
        /// other.
        #[serde(default)] power_per_energy: Option<f64>,
        #[serde(default)] table: Vec<AdcPoint>,
        #[serde(default)] sar: Option<SarTable>,
    }
    /// Neurons that add up all bits of an input before they convert the sum.
    IntegratorTable {
        /// The most input bits of one conversion; more are split into two.
        bits_per_phase: u8,
        integrate_ns: f64, step_ns: f64, phase_ns: f64,
        /// Time in which a bit of the input is put on the rows.
        #[serde(default)] bit_ns: f64,
        sample_pj: f64, integrate_pj: f64, step_pj: f64, shift_add_pj: f64,
    }
    /// A unit that is only counted.
    UnitTable { power_mw: f64, area_um2: f64 }
    /// A shift-and-add unit for some crossbars.
    ShiftAddTable { crossbars: u16, energy_pj: f64, power_mw: f64, area_um2: f64 }
    /// A register for some crossbars.
    RegisterTable { crossbars: u16, power_mw: f64, area_um2: f64 }
    /// Crossbars that share registers.
    ProcessingElementTable { crossbars: u16 }
    /// Processing elements that share a buffer, a bus and digital lanes.
    TileTable { processing_elements: u16 }
    /// Tiles on a mesh of routers.
    ChipTable {
        tiles: u32,
        /// Bits of weights and inputs that its peak performance is told for.
        data_bits: u8,
    }
    /// The buffer of a tile.
    EdramTable {
        capacity_bytes: u32, access_bits: u32, access_ns: f64, energy_pj: f64, power_mw: f64,
        area_um2: f64,
    }
    /// The bus of a tile.
    BusTable { energy_pj_per_bit: f64, power_mw: f64, area_um2: f64 }
    /// A router for some tiles.
    RouterTable {
        tiles: u16, flit_bits: u32, energy_pj: f64, hop_ns: f64, power_mw: f64, area_um2: f64,
    }
    /// Digital lanes of a tile.
    DigitalTable {
        lanes_per_tile: u32, cycle_ns: f64, multiply_8bit_pj: f64, add_32bit_pj: f64,
        sigmoid_pj: f64, exponential_pj: f64, lane_area_um2: f64,
    }
    /// Writing of cells, one word line after the other.
    WriteTable {
        /// Time of a pulse on all cells of a word line.
        pulse_ns: f64,
        /// Pulses until a cell holds what it shall.
        pulses: f64,
        /// Energy of a pulse on one cell.
        cell_pj: f64,
        /// Writes that a cell survives.
        endurance: f64,
    }
    /// Leakage as a share of power.
    LeakageTable { fraction: f64 }
}

/// Where the sign of a weight is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Signs {
    /// Weights are stored with an offset that is subtracted afterwards.
    #[default]
    Offset,
    /// Two cells side by side, the converter reads the difference of two columns.
    PairOfColumns,
    /// Two cells one below the other, driven with opposite signs.
    PairOfRows,
    /// Two crossbars, one for positive and one for negative weights.
    PairOfCrossbars,
}

/// Where the slices of a weight are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Slices {
    /// Side by side in a crossbar.
    #[default]
    Adjacent,
    /// In crossbars of their own.
    OwnCrossbar,
}

/// What a crossbar does that a matrix fills in part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Activity {
    /// It drives the rows and converts the columns that hold weights.
    #[default]
    UsedLines,
    /// MNSIM's count: lines are spread evenly over multiplexers, one step of which is counted for as
    /// many steps as the used lines need if they lay side by side; the blocks of a matrix work as the
    /// fullest one does.
    Multiplexers,
}

/// Which columns share a converter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) enum Sharing {
    /// That many neighbours; their multiplexer runs through all of them, used or not.
    Columns(u16),
    /// All of a crossbar share that many, evenly.
    PerCrossbar(u16),
}

impl Sharing {
    /// How many share it, or how many are shared.
    pub(crate) fn count(self) -> u16 {
        match self {
            Self::Columns(count) | Self::PerCrossbar(count) => count,
        }
    }
}

/// Cycles of a conversion.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Cycles {
    pub(crate) fixed: f64,
    pub(crate) per_bit: f64,
}

impl Default for Cycles {
    fn default() -> Self {
        Self {
            fixed: 1.0,
            per_bit: 0.0,
        }
    }
}

/// Where the cost of a converter comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AdcRule {
    /// The table of the preset.
    Table,
    /// The regression over published converters.
    Regression,
    /// Power of a successive approximation by its bits; area of the regression.
    Sar,
}

impl AdcRule {
    /// What the energy of a conversion and the area of a converter are called in explanations.
    pub(crate) fn keys(self) -> [&'static str; 2] {
        let area = "adc: area of the regression of arXiv 2404.06553";
        match self {
            Self::Table => ["adc.energy-pj", "adc.area-um2"],
            Self::Regression => [
                "adc: regression of arXiv 2404.06553 by bits, node-nm, rate-gs",
                area,
            ],
            Self::Sar => [
                "adc.sar: (per-bit-uw · bits + fixed-uw + column) · (bits + 1) ns",
                area,
            ],
        }
    }
}

/// A converter of the table.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct AdcPoint {
    pub(crate) bits: u8,
    pub(crate) energy_pj: f64,
    pub(crate) area_um2: f64,
    /// Its own rate, where it is not that of the others.
    #[serde(default)]
    pub(crate) rate_gs: Option<f64>,
}

/// Power of a converter by successive approximation, in µW: linear in its bits, and a share of the
/// column's resistance.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct SarTable {
    pub(crate) per_bit_uw: f64,
    pub(crate) fixed_uw: f64,
    pub(crate) column_w: f64,
    pub(crate) exponent: f64,
    pub(crate) column_ohm: f64,
    pub(crate) read_v: f64,
}

fn yes() -> bool {
    true
}
