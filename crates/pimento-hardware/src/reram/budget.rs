//! What a chip is made of: area, and power at full activity.

use crate::{
    arithmetic::Divisor,
    component::Component,
    design::ChipDesign,
    ledger::{Factor, Ledger, Sums, Total, times, unit},
    reram::{
        chip::{Chip, Shares},
        preset::ReramPreset,
    },
};

/// A full crossbar with its converters alone, as papers tell the figures of macros.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MacroFigures {
    /// Operations per second of all crossbars of the published chip, in 10¹².
    pub tops: f64,
    /// Operations per joule in crossbars, drivers and converters, in 10¹².
    pub tops_per_w: f64,
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

impl ReramPreset {
    /// Totals of the published chip at its own sizes, without the digital lanes, which are ours: all
    /// its crossbars full and busy with weights and inputs of `chip.data-bits`.
    pub fn totals(&self) -> ChipTotals {
        let sizes = self.sizes();
        let chip = Chip::new(self, &sizes);
        let tiles = f64::from(self.chip.tiles);
        let (mut area, mut power) = (Sums::default(), Sums::default());
        chip.charge_area(tiles, &mut area);
        chip.charge_power(tiles, &mut power);
        let without_lanes = |sums: &Sums| sums.total() - sums.by_component.get(Component::Digital);
        let power_w = (without_lanes(&power) + self.link.power_mw) / 1e3;
        let bits = self.chip.data_bits;
        let peak_tops = self.macro_figures(bits, bits, sizes.adc_bits).tops;
        ChipTotals {
            power_w,
            area_mm2: (without_lanes(&area) + self.link.area_um2) / 1e6,
            peak_tops,
            tops_per_w: peak_tops / power_w,
        }
    }
}

impl ReramPreset {
    /// Figures of full crossbars with weights and inputs of these bits and converters of `adc_bits`.
    pub fn macro_figures(&self, weight_bits: u8, input_bits: u8, adc_bits: u8) -> MacroFigures {
        let mut sizes = self.sizes();
        sizes.adc_bits = adc_bits;
        let chip = Chip::new(self, &sizes);
        let crossbars = chip.crossbar_pairs(f64::from(self.chip.tiles));
        let mut energy = Total::default();
        chip.full_crossbar(weight_bits, input_bits, &mut energy)
            .map_or(
                MacroFigures {
                    tops: 0.0,
                    tops_per_w: 0.0,
                },
                |(operations, vector_ns)| MacroFigures {
                    tops: operations * crossbars / vector_ns / 1e3,
                    tops_per_w: operations / energy.total(),
                },
            )
    }
}

impl Chip<'_> {
    /// Tiles that hold `pes` processing elements; at least one.
    pub(crate) fn tiles(&self, pes: u32) -> f64 {
        f64::from(pes.div_ceil(u32::from(self.design.pes_per_tile)).max(1))
    }

    /// Charges the area of a chip of that many tiles, in µm².
    pub(crate) fn charge_area(&self, tiles: f64, ledger: &mut impl Ledger) {
        let preset = self.preset;
        let crossbars = times("crossbars", self.crossbars(tiles));
        let converters = times("crossbars with converters", self.crossbar_pairs(tiles));
        let (rows, cols) = self.sides();
        let mut charge = |component, key, um2: f64, factors: &[Factor]| {
            ledger.charge(component, unit(key, um2), factors);
        };
        let cell = preset.crossbar.area_um2 / reference_cells(preset);
        charge(
            Component::Crossbar,
            "crossbar.area-um2 / cells",
            cell,
            &[crossbars, times("rows", rows), times("columns", cols)],
        );
        charge(
            Component::Crossbar,
            "crossbar.row-driver-um2",
            preset.crossbar.row_driver_um2,
            &[crossbars, times("rows", rows)],
        );
        let drivers = times("of each", self.converters.drivers);
        charge(
            Component::Dac,
            "dac.area-um2",
            preset.dac.area_um2,
            &[self.dac_scale(), converters, drivers],
        );
        charge(
            Component::Adc,
            self.adc_keys[1],
            self.adc.area_um2,
            &[converters, times("of each", self.converters.per_crossbar)],
        );
        charge(
            Component::SampleHold,
            "sample-hold.area-um2",
            preset.sample_hold.area_um2,
            &[crossbars, times("columns", cols)],
        );
        charge(
            Component::ShiftAdd,
            "shift-add.area-um2 / crossbars",
            preset.shift_add.area_um2 / f64::from(preset.shift_add.crossbars),
            &[crossbars],
        );
        let (input, output) = (&preset.input_register, &preset.output_register);
        let (input_share, output_share) = register_shares(preset, self.design);
        charge(
            Component::Registers,
            "input-register.area-um2 / crossbars",
            input.area_um2 * input_share,
            &[crossbars],
        );
        charge(
            Component::Registers,
            "output-register.area-um2 / crossbars",
            output.area_um2 * output_share,
            &[crossbars],
        );
        let tiles = times("tiles", tiles);
        charge(
            Component::Edram,
            "edram.area-um2",
            preset.edram.area_um2,
            &[tiles],
        );
        charge(
            Component::Bus,
            "bus.area-um2",
            preset.bus.area_um2,
            &[tiles],
        );
        charge(
            Component::Router,
            "router.area-um2 / router.tiles",
            preset.router.area_um2 / f64::from(preset.router.tiles),
            &[tiles],
        );
        let lanes = times("lanes", f64::from(preset.digital.lanes_per_tile));
        charge(
            Component::Digital,
            "digital.lane-area-um2",
            preset.digital.lane_area_um2,
            &[tiles, lanes],
        );
        charge(
            Component::TileUnits,
            "tile-units.area-um2",
            preset.tile_units.area_um2,
            &[tiles],
        );
    }

    /// Charges the power at full activity of a chip of that many tiles, in mW.
    pub(crate) fn charge_power(&self, tiles: f64, ledger: &mut impl Ledger) {
        let preset = self.preset;
        let crossbars = times("crossbars", self.crossbars(tiles));
        let converters = times("crossbars with converters", self.crossbar_pairs(tiles));
        let (rows, cols) = self.sides();
        let mut charge = |component, key, mw: f64, factors: &[Factor]| {
            ledger.charge(component, unit(key, mw), factors);
        };
        let cell = self.shares.cell_mw;
        charge(
            Component::Crossbar,
            "crossbar.power-mw / cells",
            cell,
            &[crossbars, times("rows", rows), times("columns", cols)],
        );
        let one_by_one = 1.0 / self.converters.conversion_ns;
        let power_per_energy = preset.adc.power_per_energy.unwrap_or(one_by_one);
        let drivers = times("of each", self.converters.drivers);
        charge(
            Component::Dac,
            "dac.power-mw",
            preset.dac.power_mw,
            &[self.dac_scale(), converters, drivers],
        );
        charge(
            Component::Adc,
            "adc.energy-pj · adc.power-per-energy",
            self.adc.energy_pj * power_per_energy,
            &[converters, times("of each", self.converters.per_crossbar)],
        );
        charge(
            Component::SampleHold,
            "sample-hold.power-mw",
            preset.sample_hold.power_mw,
            &[crossbars, times("columns", cols)],
        );
        charge(
            Component::ShiftAdd,
            "shift-add.power-mw / crossbars",
            preset.shift_add.power_mw / f64::from(preset.shift_add.crossbars),
            &[crossbars],
        );
        let (input_mw, output_mw) = self.shares.register_mw;
        charge(
            Component::Registers,
            "input-register.power-mw / crossbars",
            input_mw,
            &[crossbars],
        );
        charge(
            Component::Registers,
            "output-register.power-mw / crossbars",
            output_mw,
            &[crossbars],
        );
        let tiles = times("tiles", tiles);
        charge(
            Component::Edram,
            "edram.power-mw",
            preset.edram.power_mw,
            &[tiles],
        );
        charge(
            Component::Bus,
            "bus.power-mw",
            preset.bus.power_mw,
            &[tiles],
        );
        charge(
            Component::Router,
            "router.power-mw / router.tiles",
            preset.router.power_mw / f64::from(preset.router.tiles),
            &[tiles],
        );
        let digital = &preset.digital;
        let lane_mw = (digital.multiply_8bit_pj + digital.add_32bit_pj) / digital.cycle_ns;
        charge(
            Component::Digital,
            "(digital.multiply-8bit-pj + digital.add-32bit-pj) / digital.cycle-ns",
            lane_mw,
            &[tiles, times("lanes", f64::from(digital.lanes_per_tile))],
        );
        charge(
            Component::TileUnits,
            "tile-units.power-mw",
            preset.tile_units.power_mw,
            &[tiles],
        );
    }

    /// Rows and columns of cells of a crossbar.
    pub(super) fn sides(&self) -> (f64, f64) {
        (
            f64::from(self.design.crossbar_rows),
            f64::from(self.design.crossbar_cols),
        )
    }

    /// Cells of a crossbar.
    pub(crate) fn cells_per_crossbar(&self) -> f64 {
        let (rows, cols) = self.sides();
        rows * cols
    }

    pub(super) fn twins(&self) -> u32 {
        self.layout.map_or(1, |layout| layout.twins())
    }

    /// Power, energy and area of a DAC double with every bit after the first.
    pub(super) fn dac_scale(&self) -> Factor {
        let scale = 1_u32 << (self.design.dac_bits - 1).min(30);
        times("2^(DAC bits − 1)", f64::from(scale))
    }

    fn crossbars(&self, tiles: f64) -> f64 {
        tiles * f64::from(self.design.pes_per_tile) * f64::from(self.design.crossbars_per_pe)
    }

    /// Crossbars that have converters: one of a pair.
    fn crossbar_pairs(&self, tiles: f64) -> f64 {
        self.crossbars(tiles) / f64::from(self.twins())
    }
}

impl Shares {
    pub(super) fn new(preset: &ReramPreset, design: &ChipDesign) -> Self {
        let (input_share, output_share) = register_shares(preset, design);
        Self {
            cell_mw: preset.crossbar.power_mw / reference_cells(preset),
            register_mw: (
                preset.input_register.power_mw * input_share,
                preset.output_register.power_mw * output_share,
            ),
            edram_pj_per_bit: preset.edram.energy_pj / f64::from(preset.edram.access_bits),
            flits_per_bit: 1.0 / f64::from(preset.router.flit_bits),
            by_access_bits: Divisor::new(preset.edram.access_bits),
        }
    }
}

fn register_shares(preset: &ReramPreset, design: &ChipDesign) -> (f64, f64) {
    let share = |side: u16, reference: u16, crossbars: u16| {
        f64::from(side) / f64::from(reference) / f64::from(crossbars)
    };
    let (input, output) = (&preset.input_register, &preset.output_register);
    (
        share(design.crossbar_rows, preset.crossbar.rows, input.crossbars),
        share(design.crossbar_cols, preset.crossbar.cols, output.crossbars),
    )
}

fn reference_cells(preset: &ReramPreset) -> f64 {
    f64::from(preset.crossbar.rows) * f64::from(preset.crossbar.cols)
}
