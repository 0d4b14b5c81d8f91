//! A chip's component table.

use std::ops::Range;

use serde::Deserialize;
use thiserror::Error;

use crate::reram::adc::{AdcCost, adc_regression};

/// The component table of a ReRAM chip: every number with its source, read from TOML.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ReramPreset {
    pub(crate) name: String,
    pub(crate) node_nm: f64,
    pub(crate) crossbar: CrossbarTable,
    pub(crate) dac: DacTable,
    pub(crate) adc: AdcTable,
    pub(crate) encoding: EncodingTable,
    pub(crate) sample_hold: UnitTable,
    pub(crate) shift_add: ShiftAddTable,
    pub(crate) input_register: RegisterTable,
    pub(crate) output_register: RegisterTable,
    pub(crate) edram: EdramTable,
    pub(crate) bus: BusTable,
    pub(crate) router: RouterTable,
    pub(crate) tile_units: UnitTable,
    pub(crate) link: UnitTable,
    pub(crate) digital: DigitalTable,
    pub(crate) leakage: LeakageTable,
    pub(crate) chip: ChipTable,
}

macro_rules! tables {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Deserialize)]
            #[serde(rename_all = "kebab-case", deny_unknown_fields)]
            pub(crate) struct $name {
                $(pub(crate) $field: $type,)*
                pub(crate) source: String,
            }
        )*
    };
}

tables! {
    /// A crossbar of the given sides.
    CrossbarTable {
        rows: u16, cols: u16, read_ns: f64, read_energy_pj: f64, power_mw: f64, area_um2: f64,
    }
    /// A one-bit converter of a word line.
    DacTable { energy_pj: f64, power_mw: f64, area_um2: f64 }
    /// The converters of bit lines.
    AdcTable { rate_gs: f64, rule: AdcRule, power_per_energy: f64, table: Vec<AdcPoint> }
    /// How weights are stored.
    EncodingTable { saves_adc_bit: bool }
    /// A unit that is only counted.
    UnitTable { power_mw: f64, area_um2: f64 }
    /// A shift-and-add unit for some crossbars.
    ShiftAddTable { crossbars: u16, energy_pj: f64, power_mw: f64, area_um2: f64 }
    /// A register for some crossbars.
    RegisterTable { crossbars: u16, power_mw: f64, area_um2: f64 }
    /// The buffer of a tile.
    EdramTable {
        access_bits: u32, access_ns: f64, energy_pj: f64, power_mw: f64, area_um2: f64,
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
    /// Leakage as a share of power.
    LeakageTable { fraction: f64 }
    /// The published chip.
    ChipTable { crossbars_per_pe: u16, pes_per_tile: u16, tiles: u32, data_bits: u8 }
}

/// Where the cost of a converter comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AdcRule {
    /// The table of the preset.
    Table,
    /// The regression over published converters.
    Regression,
}

/// A converter of the table.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct AdcPoint {
    bits: u8,
    energy_pj: f64,
    area_um2: f64,
}

/// Why a text is not a preset.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PresetError {
    /// Not TOML, an unknown or missing key, a value of another type.
    #[error("{message}")]
    Toml {
        /// What the parser says.
        message: String,
        /// Where.
        span: Option<Range<usize>>,
    },
    /// A table without a source.
    #[error("`{table}.source` is empty: every number needs a source")]
    NoSource {
        /// The table.
        table: &'static str,
    },
    /// A number that cannot be.
    #[error("`{key}` is {value}, expected {expected}")]
    OutOfRange {
        /// The key.
        key: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        expected: &'static str,
    },
    /// A number that must be positive is not.
    #[error("`{key}` is {value}, expected a positive number")]
    NotPositive {
        /// The key.
        key: &'static str,
        /// Its value.
        value: f64,
    },
}

/// Totals of a published chip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChipTotals {
    /// Power at full activity.
    pub power_w: f64,
    /// Area.
    pub area_mm2: f64,
    /// Operations per second, a multiply–accumulate counting as two, in 10¹².
    pub peak_tops: f64,
    /// Peak operations per joule, in 10¹².
    pub tops_per_w: f64,
}

impl PresetError {
    /// The table and the key that the error is about, where the parser does not know the place.
    pub fn key(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Toml { .. } => None,
            Self::NoSource { table } => Some((table, "source")),
            Self::OutOfRange { key, .. } | Self::NotPositive { key, .. } => {
                Some(key.split_once('.').unwrap_or((key, "")))
            }
        }
    }

    /// Bytes of the text that the error is about.
    pub fn span(&self) -> Option<Range<usize>> {
        match self {
            Self::Toml { span, .. } => span.clone(),
            Self::NoSource { .. } | Self::OutOfRange { .. } | Self::NotPositive { .. } => None,
        }
    }
}

impl ReramPreset {
    /// Reads a preset from TOML.
    pub fn parse(text: &str) -> Result<Self, PresetError> {
        let preset: Self = toml::from_str(text).map_err(|error| PresetError::Toml {
            message: error.message().to_owned(),
            span: error.span(),
        })?;
        preset.check_sources()?;
        preset.check_numbers()?;
        Ok(preset)
    }

    /// ISAAC (ISCA 2016).
    pub fn isaac() -> Self {
        Self::parse(include_str!("../../presets/isaac.toml")).expect("a test checks the preset")
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether columns are stored flipped where that halves their largest sum, which saves
    /// converters a bit.
    pub fn saves_adc_bit(&self) -> bool {
        self.encoding.saves_adc_bit
    }

    /// Energy and area of one converter; absent if the table does not have these bits.
    pub(crate) fn adc(&self, bits: u8) -> Option<AdcCost> {
        match self.adc.rule {
            AdcRule::Table => {
                let point = self.adc.table.iter().find(|point| point.bits == bits)?;
                Some(AdcCost {
                    energy_pj: point.energy_pj,
                    area_um2: point.area_um2,
                })
            }
            AdcRule::Regression => (bits >= 4).then(|| {
                adc_regression(f64::from(bits), self.node_nm, self.adc.rate_gs * 1e9, 1.0)
            }),
        }
    }

    /// The nearest resolution that has a converter.
    pub(crate) fn nearest_adc(&self, bits: u8) -> AdcCost {
        self.adc(bits).unwrap_or_else(|| {
            let points = self.adc.table.iter();
            let nearest = points.min_by_key(|point| point.bits.abs_diff(bits));
            let bits = nearest.map_or(4, |point| point.bits);
            self.adc(bits).expect("the nearest point is in the table")
        })
    }

    /// Totals of the published chip at its own sizes, with 8-bit converters.
    pub fn totals(&self) -> ChipTotals {
        let chip = &self.chip;
        let (pes, crossbars) = (
            f64::from(chip.pes_per_tile),
            f64::from(chip.crossbars_per_pe),
        );
        let (rows, cols) = (f64::from(self.crossbar.rows), f64::from(self.crossbar.cols));
        let adc = self.nearest_adc(8);
        let shift_adds = crossbars / f64::from(self.shift_add.crossbars);
        let adc_power_mw = adc.energy_pj * self.adc.power_per_energy;
        let pe_mw = crossbars
            * (adc_power_mw
                + self.crossbar.power_mw
                + rows * self.dac.power_mw
                + cols * self.sample_hold.power_mw)
            + shift_adds * self.shift_add.power_mw
            + self.input_register.power_mw
            + self.output_register.power_mw;
        let pe_um2 = crossbars
            * (adc.area_um2
                + self.crossbar.area_um2
                + rows * self.dac.area_um2
                + cols * self.sample_hold.area_um2)
            + shift_adds * self.shift_add.area_um2
            + self.input_register.area_um2
            + self.output_register.area_um2;
        let share = 1.0 / f64::from(self.router.tiles);
        let tile_mw = pes * pe_mw
            + self.edram.power_mw
            + self.bus.power_mw
            + share * self.router.power_mw
            + self.tile_units.power_mw;
        let tile_um2 = pes * pe_um2
            + self.edram.area_um2
            + self.bus.area_um2
            + share * self.router.area_um2
            + self.tile_units.area_um2;
        let tiles = f64::from(chip.tiles);
        let power_w = (tiles * tile_mw + self.link.power_mw) / 1e3;
        // One read per input bit; 8 cells of 2 bits make a weight of 16 bits.
        let weights = rows * cols / f64::from(chip.data_bits / 2);
        let time_ns = f64::from(chip.data_bits) * self.crossbar.read_ns;
        let peak_tops = tiles * pes * crossbars * 2.0 * weights / time_ns / 1e3;
        ChipTotals {
            power_w,
            area_mm2: (tiles * tile_um2 + self.link.area_um2) / 1e6,
            peak_tops,
            tops_per_w: peak_tops / power_w,
        }
    }

    fn check_sources(&self) -> Result<(), PresetError> {
        let sources = [
            ("crossbar", &self.crossbar.source),
            ("dac", &self.dac.source),
            ("adc", &self.adc.source),
            ("encoding", &self.encoding.source),
            ("sample-hold", &self.sample_hold.source),
            ("shift-add", &self.shift_add.source),
            ("input-register", &self.input_register.source),
            ("output-register", &self.output_register.source),
            ("edram", &self.edram.source),
            ("bus", &self.bus.source),
            ("router", &self.router.source),
            ("tile-units", &self.tile_units.source),
            ("link", &self.link.source),
            ("digital", &self.digital.source),
            ("leakage", &self.leakage.source),
            ("chip", &self.chip.source),
        ];
        match sources.iter().find(|(_, source)| source.trim().is_empty()) {
            Some((table, _)) => Err(PresetError::NoSource { table }),
            None => Ok(()),
        }
    }

    fn check_numbers(&self) -> Result<(), PresetError> {
        let numbers = [
            ("crossbar.rows", f64::from(self.crossbar.rows)),
            ("crossbar.cols", f64::from(self.crossbar.cols)),
            ("crossbar.read-ns", self.crossbar.read_ns),
            ("crossbar.read-energy-pj", self.crossbar.read_energy_pj),
            ("adc.rate-gs", self.adc.rate_gs),
            ("shift-add.crossbars", f64::from(self.shift_add.crossbars)),
            (
                "input-register.crossbars",
                f64::from(self.input_register.crossbars),
            ),
            (
                "output-register.crossbars",
                f64::from(self.output_register.crossbars),
            ),
            ("edram.access-bits", f64::from(self.edram.access_bits)),
            ("edram.access-ns", self.edram.access_ns),
            ("router.tiles", f64::from(self.router.tiles)),
            ("router.flit-bits", f64::from(self.router.flit_bits)),
            (
                "digital.lanes-per-tile",
                f64::from(self.digital.lanes_per_tile),
            ),
            ("digital.cycle-ns", self.digital.cycle_ns),
            ("node-nm", self.node_nm),
            ("adc.table", self.adc.table.len() as f64),
        ];
        match numbers
            .into_iter()
            .find(|(_, value)| !(value.is_finite() && *value > 0.0))
        {
            Some((key, value)) => Err(PresetError::NotPositive { key, value }),
            None => Ok(()),
        }
    }
}
