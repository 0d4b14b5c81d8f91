//! A chip's component table.

mod check;

use serde::Deserialize;

use crate::{
    design::{ChipDesign, Dynamic, Packing, Scheduling},
    preset::{Catalogue, PresetError},
    reram::{
        adc::{AdcCost, adc_regression},
        node::{area_factor, energy_factor},
        tables::{
            AdcRule, AdcTable, BusTable, CellTable, ChipTable, CrossbarTable, DacTable,
            DigitalTable, EdramTable, EncodingTable, IntegratorTable, LeakageTable,
            ProcessingElementTable, RegisterTable, RouterTable, ShiftAddTable, TileTable,
            UnitTable, WriteTable,
        },
    },
};

/// The built-in chips.
const PRESETS: Catalogue<7> = Catalogue([
    ("isaac", include_str!("../../presets/chips/isaac.toml")),
    ("puma", include_str!("../../presets/chips/puma.toml")),
    ("neurram", include_str!("../../presets/chips/neurram.toml")),
    (
        "mnsim-default",
        include_str!("../../presets/chips/mnsim-default.toml"),
    ),
    (
        "neurosim-22nm",
        include_str!("../../presets/chips/neurosim-22nm.toml"),
    ),
    (
        "rerec-like",
        include_str!("../../presets/chips/rerec-like.toml"),
    ),
    ("custom", include_str!("../../presets/chips/custom.toml")),
]);

/// The component table of a ReRAM chip: every number with its source, read from TOML.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ReramPreset {
    pub(crate) name: String,
    pub(crate) node_nm: f64,
    pub(crate) cell: CellTable,
    pub(crate) crossbar: CrossbarTable,
    pub(crate) encoding: EncodingTable,
    pub(crate) dac: DacTable,
    pub(crate) adc: AdcTable,
    #[serde(default)]
    pub(crate) integrator: Option<IntegratorTable>,
    pub(crate) sample_hold: UnitTable,
    pub(crate) shift_add: ShiftAddTable,
    pub(crate) processing_element: ProcessingElementTable,
    pub(crate) input_register: RegisterTable,
    pub(crate) output_register: RegisterTable,
    pub(crate) tile: TileTable,
    pub(crate) edram: EdramTable,
    pub(crate) bus: BusTable,
    pub(crate) router: RouterTable,
    pub(crate) tile_units: UnitTable,
    pub(crate) chip: ChipTable,
    pub(crate) link: UnitTable,
    pub(crate) digital: DigitalTable,
    #[serde(default)]
    pub(crate) write: Option<WriteTable>,
    pub(crate) leakage: LeakageTable,
}

impl ReramPreset {
    /// Reads a preset from TOML.
    pub fn parse(text: &str) -> Result<Self, PresetError> {
        let preset: Self = toml::from_str(text)?;
        preset.check()?;
        Ok(preset)
    }

    /// ISAAC (ISCA 2016).
    pub fn isaac() -> Self {
        Self::preset("isaac").expect("built in")
    }

    /// The built-in chip of that name.
    pub fn preset(name: &str) -> Option<Self> {
        PRESETS.open(name, Self::parse)
    }

    /// The table of a built-in chip, to copy and change.
    pub fn preset_text(name: &str) -> Option<&'static str> {
        PRESETS.text(name)
    }

    /// Names of the built-in chips.
    pub fn preset_names() -> Vec<&'static str> {
        PRESETS.names()
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its node in nm.
    pub fn node_nm(&self) -> f64 {
        self.node_nm
    }

    /// Tiles of the published chip.
    pub fn tiles(&self) -> u32 {
        self.chip.tiles
    }

    /// Bits of weights and inputs that [`totals`](Self::totals) are told for.
    pub fn data_bits(&self) -> u8 {
        self.chip.data_bits
    }

    /// Whether columns are stored flipped where that halves their largest sum, which saves
    /// converters a bit.
    pub fn saves_adc_bit(&self) -> bool {
        self.encoding.saves_adc_bit
    }

    /// The sizes of the published chip.
    pub fn sizes(&self) -> ChipDesign {
        ChipDesign {
            crossbar_rows: self.crossbar.rows,
            crossbar_cols: self.crossbar.cols,
            cell_bits: self.cell.bits,
            dac_bits: self.dac.bits,
            adc_bits: self.adc.bits,
            crossbars_per_pe: self.processing_element.crossbars,
            pes_per_tile: self.tile.processing_elements,
            replication: 1,
            copy_tiles: 0,
            readout: self.crossbar.readout,
            packing: Packing::Off,
            dynamic: Dynamic::Digital,
            scheduling: Scheduling::Operators,
        }
    }

    /// The chip at another node: CMOS by [`area_factor`] and [`energy_factor`], cells by the square of
    /// the node. Times, currents of cells and writes stay what they are.
    #[must_use]
    pub fn at_node(mut self, node_nm: f64) -> Self {
        let (area, energy) = (
            area_factor(self.node_nm, node_nm),
            energy_factor(self.node_nm, node_nm),
        );
        let shrunk = node_nm / self.node_nm;
        self.node_nm = node_nm;
        self.crossbar.area_um2 *= shrunk * shrunk;
        for own in self.digital_energies() {
            *own *= energy;
        }
        for own in self.digital_areas() {
            *own *= area;
        }
        self
    }

    /// Energies of everything digital, and powers, which are energies per time.
    fn digital_energies(&mut self) -> Vec<&mut f64> {
        let mut all = vec![
            &mut self.dac.energy_pj,
            &mut self.dac.power_mw,
            &mut self.sample_hold.power_mw,
            &mut self.shift_add.energy_pj,
            &mut self.shift_add.power_mw,
            &mut self.input_register.power_mw,
            &mut self.output_register.power_mw,
            &mut self.edram.energy_pj,
            &mut self.edram.power_mw,
            &mut self.bus.energy_pj_per_bit,
            &mut self.bus.power_mw,
            &mut self.router.energy_pj,
            &mut self.router.power_mw,
            &mut self.tile_units.power_mw,
            &mut self.link.power_mw,
            &mut self.digital.multiply_8bit_pj,
            &mut self.digital.add_32bit_pj,
            &mut self.digital.sigmoid_pj,
            &mut self.digital.exponential_pj,
        ];
        all.extend(self.adc.table.iter_mut().map(|point| &mut point.energy_pj));
        if let Some(table) = &mut self.adc.sar {
            all.extend([
                &mut table.per_bit_uw,
                &mut table.fixed_uw,
                &mut table.column_w,
            ]);
        }
        if let Some(table) = &mut self.integrator {
            all.extend([
                &mut table.sample_pj,
                &mut table.integrate_pj,
                &mut table.step_pj,
                &mut table.shift_add_pj,
            ]);
        }
        all
    }

    fn digital_areas(&mut self) -> Vec<&mut f64> {
        let mut all = vec![
            &mut self.crossbar.row_driver_um2,
            &mut self.dac.area_um2,
            &mut self.sample_hold.area_um2,
            &mut self.shift_add.area_um2,
            &mut self.input_register.area_um2,
            &mut self.output_register.area_um2,
            &mut self.edram.area_um2,
            &mut self.bus.area_um2,
            &mut self.router.area_um2,
            &mut self.tile_units.area_um2,
            &mut self.link.area_um2,
            &mut self.digital.lane_area_um2,
        ];
        all.extend(self.adc.table.iter_mut().map(|point| &mut point.area_um2));
        all
    }

    /// Energy, area and rate of one converter; absent if the table does not have these bits.
    pub(crate) fn adc(&self, bits: u8) -> Option<AdcCost> {
        let rate_gs = self.adc.rate_gs;
        let regression = || adc_regression(f64::from(bits), self.node_nm, rate_gs * 1e9, 1.0);
        match self.adc.rule {
            AdcRule::Table => {
                let point = self.adc.table.iter().find(|point| point.bits == bits)?;
                Some(AdcCost {
                    energy_pj: point.energy_pj,
                    area_um2: point.area_um2,
                    rate_gs: point.rate_gs.unwrap_or(rate_gs),
                })
            }
            AdcRule::Regression => (bits >= 4).then(regression),
            AdcRule::Sar => {
                let table = self.adc.sar.as_ref()?;
                (bits >= 4).then(|| AdcCost {
                    energy_pj: table.conversion_pj(f64::from(bits)),
                    ..regression()
                })
            }
        }
    }

    /// The converter of the nearest resolution that has one, and how many bits away that is.
    pub(crate) fn nearest_adc(&self, bits: u8) -> (AdcCost, u8) {
        if let Some(adc) = self.adc(bits) {
            return (adc, 0);
        }
        let points = self.adc.table.iter();
        let nearest = points.min_by_key(|point| point.bits.abs_diff(bits));
        let nearest = nearest.map_or(4, |point| point.bits);
        let adc = self
            .adc(nearest)
            .expect("the nearest point is in the table");
        (adc, nearest.abs_diff(bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_sound_and_named_as_listed() {
        for name in ReramPreset::preset_names() {
            let preset = ReramPreset::preset(name).map(|preset| preset.name().to_owned());
            assert_eq!(preset.as_deref(), Some(name));
        }
        assert!(ReramPreset::preset("tpu").is_none());
    }

    /// What the template has behind a `#`, too.
    #[test]
    fn all_of_the_template_may_be_used() {
        let text = ReramPreset::preset_text("custom").expect("built in");
        let used = text.lines().map(|line| match line.strip_prefix("# ") {
            Some(key) if key.split(' ').nth(1) == Some("=") || key.starts_with('[') => key,
            _ => line,
        });
        let used: Vec<&str> = used.collect();
        let preset = ReramPreset::parse(&used.join("\n")).expect("a chip");
        assert!(preset.integrator.is_some() && preset.adc.sar.is_some());
        assert_eq!(preset.crossbar.pulse_ns, Some(10.0));
    }

    #[test]
    fn the_same_node_changes_nothing_and_a_smaller_one_is_cheaper() {
        let isaac = ReramPreset::isaac();
        assert_eq!(isaac.clone().at_node(32.0), isaac);
        let small = isaac.clone().at_node(22.0);
        let factor = area_factor(32.0, 22.0);
        assert!((small.edram.area_um2 - factor * 83_000.0).abs() < 1e-6);
        assert!((small.crossbar.area_um2 - 25.0 * (22.0_f64 / 32.0).powi(2)).abs() < 1e-9);
        let (small, large) = (small.totals(), isaac.totals());
        assert!(small.power_w < large.power_w && small.area_mm2 < large.area_mm2);
    }

    #[test]
    fn what_cannot_be_is_an_error_that_names_the_key() {
        let check_in = |preset: &str, old: &str, new: &str, expected: &str| {
            let text = ReramPreset::preset_text(preset).expect("built in");
            assert!(text.contains(old), "{old}");
            let error = ReramPreset::parse(&text.replacen(old, new, 1)).expect_err("a fault");
            assert!(error.to_string().contains(expected), "{error}");
        };
        let check = |old: &str, new: &str, expected: &str| check_in("isaac", old, new, expected);
        check(
            "area-um2 = 25.0",
            "area-um2 = -25.0",
            "`crossbar.area-um2` is -25, expected 0 or more",
        );
        check(
            "rows = 128",
            "rows = 1024",
            "`crossbar.rows` is 1024: the inputs of a tile's 96 crossbars take 196608 bytes, but `edram.capacity-bytes` is 65536",
        );
        check(
            "bits = 8\nrate-gs",
            "bits = 3\nrate-gs",
            "`adc.bits` is 3, expected bits that `adc.table` has",
        );
        check(
            "bits = 1\nenergy-pj",
            "bits = 8\nenergy-pj",
            "`adc.bits` is 8, but one row of 2-bit cells driven with 8 bits needs 10",
        );
        check(
            "cols = 128",
            "cols = 65000",
            "`crossbar.cols` is 65000, expected 1 to 1024",
        );
        check(
            "sharing = { per-crossbar = 1 }",
            "sharing = { per-crossbar = 0 }",
            "`adc.sharing` is 0, expected",
        );
        check("rule = \"table\"", "rule = \"sar\"", "`adc.sar` is missing");
        check(
            "tiles = 168",
            "tiles = 168\nchips = 2",
            "unknown field `chips`",
        );
        check(
            "fraction = 0.1",
            "fraction = 5.0",
            "`leakage.fraction` is 5, expected 0 to 1",
        );
        let neurram =
            |old: &str, new: &str, expected: &str| check_in("neurram", old, new, expected);
        for (key, value) in [
            ("integrate-ns", "280.0"),
            ("step-ns", "270.0"),
            ("phase-ns", "320.0"),
            ("bit-ns", "100.0"),
            ("step-pj", "0.3"),
        ] {
            let line = |sign: &str| format!("\n{key} = {sign}{value}");
            neurram(&line(""), &line("-"), &format!("`integrator.{key}` is -"));
        }
        neurram(
            "phase-ns = 320.0",
            "phase-ns = nan",
            "`integrator.phase-ns` is NaN",
        );
        neurram(
            "{ bits = 5,",
            "{ bits = 4,",
            "the 4-bit entry of `adc.table` has `bits = 4`",
        );
        neurram(
            "energy-pj = 1.5,",
            "energy-pj = -1.5,",
            "the 5-bit entry of `adc.table` has `energy-pj = -1.5`, expected 0 or more",
        );
    }
}
