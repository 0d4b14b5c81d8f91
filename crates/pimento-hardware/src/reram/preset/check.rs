//! What must hold of a chip's tables.

use crate::{
    design::Readout,
    preset::{PresetError, not_negative, positive},
    reram::{
        adc::{lossless_adc_bits, readable_rows},
        preset::ReramPreset,
        tables::{AdcRule, RegisterTable, UnitTable},
    },
    source::SourcedTable,
};

/// Most rows or columns of a crossbar, as search spaces have them, too.
const MAX_SIDE: f64 = 1024.0;
const SIDES: &str = "1 to 1024";

impl ReramPreset {
    pub(super) fn check(&self) -> Result<(), PresetError> {
        SourcedTable::check(&self.tables())?;
        positive(self.positive_numbers())?;
        not_negative(self.costs())?;
        self.check_adc()?;
        self.check_sizes()
    }

    /// Where the numbers of a formula such as `router.energy-pj / router.tiles` come from, by key or, for all others of
    /// a table, by table; none if its table is not the chip's.
    pub fn sources(&self, formula: &str) -> Vec<(String, String)> {
        SourcedTable::sources(&self.tables(), formula)
    }

    /// All tables.
    fn tables(&self) -> Vec<SourcedTable<'_>> {
        let mut tables = vec![
            SourcedTable::new("cell", &self.cell),
            SourcedTable::new("crossbar", &self.crossbar),
            SourcedTable::new("encoding", &self.encoding),
            SourcedTable::new("dac", &self.dac),
            SourcedTable::new("adc", &self.adc),
            SourcedTable::new("sample-hold", &self.sample_hold),
            SourcedTable::new("shift-add", &self.shift_add),
            SourcedTable::new("processing-element", &self.processing_element),
            SourcedTable::new("input-register", &self.input_register),
            SourcedTable::new("output-register", &self.output_register),
            SourcedTable::new("tile", &self.tile),
            SourcedTable::new("edram", &self.edram),
            SourcedTable::new("bus", &self.bus),
            SourcedTable::new("router", &self.router),
            SourcedTable::new("tile-units", &self.tile_units),
            SourcedTable::new("chip", &self.chip),
            SourcedTable::new("link", &self.link),
            SourcedTable::new("digital", &self.digital),
            SourcedTable::new("leakage", &self.leakage),
        ];
        tables.extend(
            self.integrator
                .iter()
                .map(|table| SourcedTable::new("integrator", table)),
        );
        tables.extend(
            self.write
                .iter()
                .map(|table| SourcedTable::new("write", table)),
        );
        tables
    }

    fn positive_numbers(&self) -> Vec<(&'static str, f64)> {
        let mut numbers = vec![
            ("node-nm", self.node_nm),
            ("cell.bits", f64::from(self.cell.bits)),
            ("dac.bits", f64::from(self.dac.bits)),
            ("adc.bits", f64::from(self.adc.bits)),
            (
                "processing-element.crossbars",
                f64::from(self.processing_element.crossbars),
            ),
            (
                "tile.processing-elements",
                f64::from(self.tile.processing_elements),
            ),
            ("chip.tiles", f64::from(self.chip.tiles)),
            ("chip.data-bits", f64::from(self.chip.data_bits)),
            ("crossbar.rows", f64::from(self.crossbar.rows)),
            ("crossbar.cols", f64::from(self.crossbar.cols)),
            ("crossbar.read-ns", self.crossbar.read_ns),
            ("adc.rate-gs", self.adc.rate_gs),
            ("adc.sharing", f64::from(self.adc.sharing.count())),
            ("shift-add.crossbars", f64::from(self.shift_add.crossbars)),
            (
                "input-register.crossbars",
                f64::from(self.input_register.crossbars),
            ),
            (
                "output-register.crossbars",
                f64::from(self.output_register.crossbars),
            ),
            ("edram.capacity-bytes", f64::from(self.edram.capacity_bytes)),
            ("edram.access-bits", f64::from(self.edram.access_bits)),
            ("edram.access-ns", self.edram.access_ns),
            ("router.tiles", f64::from(self.router.tiles)),
            ("router.flit-bits", f64::from(self.router.flit_bits)),
            (
                "digital.lanes-per-tile",
                f64::from(self.digital.lanes_per_tile),
            ),
            ("digital.cycle-ns", self.digital.cycle_ns),
        ];
        if let Some(shared) = self.dac.per_crossbar {
            numbers.push(("dac.per-crossbar", f64::from(shared)));
        }
        if let Some(table) = &self.write {
            numbers.push(("write.pulse-ns", table.pulse_ns));
            numbers.push(("write.pulses", table.pulses));
            numbers.push(("write.endurance", table.endurance));
        }
        if let Some(table) = &self.integrator {
            numbers.extend([
                ("integrator.bits-per-phase", f64::from(table.bits_per_phase)),
                ("integrator.integrate-ns", table.integrate_ns),
                ("integrator.step-ns", table.step_ns),
            ]);
        }
        if let Some(pulse_ns) = self.crossbar.pulse_ns {
            numbers.push(("crossbar.pulse-ns", pulse_ns));
        }
        if let Some(table) = &self.adc.sar {
            numbers.extend([("adc.sar", table.column_ohm), ("adc.sar", table.read_v)]);
        }
        numbers
    }

    fn costs(&self) -> Vec<(&'static str, f64)> {
        let unit = |power: &'static str, area: &'static str, table: &UnitTable| {
            [(power, table.power_mw), (area, table.area_um2)]
        };
        let register = |power: &'static str, area: &'static str, table: &RegisterTable| {
            [(power, table.power_mw), (area, table.area_um2)]
        };
        let mut costs = vec![
            ("crossbar.power-mw", self.crossbar.power_mw),
            ("crossbar.area-um2", self.crossbar.area_um2),
            ("crossbar.row-driver-um2", self.crossbar.row_driver_um2),
            ("dac.energy-pj", self.dac.energy_pj),
            ("dac.power-mw", self.dac.power_mw),
            ("dac.area-um2", self.dac.area_um2),
            ("dac.drive-ns", self.dac.drive_ns),
            (
                "adc.power-per-energy",
                self.adc.power_per_energy.unwrap_or_default(),
            ),
            ("shift-add.energy-pj", self.shift_add.energy_pj),
            ("shift-add.power-mw", self.shift_add.power_mw),
            ("shift-add.area-um2", self.shift_add.area_um2),
            ("edram.energy-pj", self.edram.energy_pj),
            ("edram.power-mw", self.edram.power_mw),
            ("edram.area-um2", self.edram.area_um2),
            ("bus.energy-pj-per-bit", self.bus.energy_pj_per_bit),
            ("bus.power-mw", self.bus.power_mw),
            ("bus.area-um2", self.bus.area_um2),
            ("router.energy-pj", self.router.energy_pj),
            ("router.hop-ns", self.router.hop_ns),
            ("router.power-mw", self.router.power_mw),
            ("router.area-um2", self.router.area_um2),
            ("digital.multiply-8bit-pj", self.digital.multiply_8bit_pj),
            ("digital.add-32bit-pj", self.digital.add_32bit_pj),
            ("digital.sigmoid-pj", self.digital.sigmoid_pj),
            ("digital.exponential-pj", self.digital.exponential_pj),
            ("digital.lane-area-um2", self.digital.lane_area_um2),
            ("leakage.fraction", self.leakage.fraction),
        ];
        let (hold, units, link) = (&self.sample_hold, &self.tile_units, &self.link);
        costs.extend(unit("sample-hold.power-mw", "sample-hold.area-um2", hold));
        costs.extend(unit("tile-units.power-mw", "tile-units.area-um2", units));
        costs.extend(unit("link.power-mw", "link.area-um2", link));
        let (input, output) = (&self.input_register, &self.output_register);
        costs.extend(register(
            "input-register.power-mw",
            "input-register.area-um2",
            input,
        ));
        costs.extend(register(
            "output-register.power-mw",
            "output-register.area-um2",
            output,
        ));
        if let Some(table) = &self.write {
            costs.push(("write.cell-pj", table.cell_pj));
        }
        if let Some(table) = &self.integrator {
            costs.extend([
                ("integrator.phase-ns", table.phase_ns),
                ("integrator.bit-ns", table.bit_ns),
                ("integrator.sample-pj", table.sample_pj),
                ("integrator.integrate-pj", table.integrate_pj),
                ("integrator.step-pj", table.step_pj),
                ("integrator.shift-add-pj", table.shift_add_pj),
            ]);
        }
        if self.adc.rule == AdcRule::Sar
            && let Some(adc) = self.adc(self.adc.bits)
        {
            costs.push(("adc.sar", adc.energy_pj));
        }
        let settling = self.crossbar.settling_ns.iter();
        costs.extend(settling.map(|&ns| ("crossbar.settling-ns", ns)));
        costs.extend([
            ("adc.cycles", self.adc.cycles.fixed),
            ("adc.cycles", self.adc.cycles.per_bit),
        ]);
        costs
    }

    fn check_adc(&self) -> Result<(), PresetError> {
        for (index, point) in self.adc.table.iter().enumerate() {
            let entry = |key, value: f64, is_right: bool, expected| {
                let wrong = PresetError::AdcEntry {
                    bits: point.bits,
                    key,
                    value,
                    expected,
                };
                is_right.then_some(()).ok_or(wrong)
            };
            let others = &self.adc.table[..index];
            let is_new = others.iter().all(|other| other.bits != point.bits);
            let bits = f64::from(point.bits);
            entry("bits", bits, is_new, "bits that no other entry has")?;
            let is_cost = |value: f64| value.is_finite() && value >= 0.0;
            let (energy, area) = (point.energy_pj, point.area_um2);
            entry("energy-pj", energy, is_cost(energy), "0 or more")?;
            entry("area-um2", area, is_cost(area), "0 or more")?;
            let rate = point.rate_gs.unwrap_or(self.adc.rate_gs);
            let is_rate = rate.is_finite() && rate > 0.0;
            entry("rate-gs", rate, is_rate, "a positive number")?;
        }
        let cycles = self.adc.cycles;
        if cycles.fixed + cycles.per_bit <= 0.0 {
            return Err(PresetError::NotPositive {
                key: "adc.cycles",
                value: cycles.fixed + cycles.per_bit,
            });
        }
        match self.adc.rule {
            AdcRule::Table if self.adc.table.is_empty() => Err(PresetError::Missing {
                key: "adc.table",
                reason: "`adc.rule` is \"table\"",
            }),
            AdcRule::Sar if self.adc.sar.is_none() => Err(PresetError::Missing {
                key: "adc.sar",
                reason: "`adc.rule` is \"sar\"",
            }),
            _ if self.adc(self.adc.bits).is_none() => Err(PresetError::OutOfRange {
                key: "adc.bits",
                value: f64::from(self.adc.bits),
                expected: self.adc_bits(),
            }),
            _ => Ok(()),
        }
    }

    /// What bits converters may have.
    fn adc_bits(&self) -> &'static str {
        match self.adc.rule {
            AdcRule::Table => "bits that `adc.table` has",
            AdcRule::Regression | AdcRule::Sar => "4 or more",
        }
    }

    fn check_sizes(&self) -> Result<(), PresetError> {
        let (dac_bits, cell_bits) = (self.dac.bits, self.cell.bits);
        let side = |side: u16| f64::from(side);
        let bits = |bits: u8| f64::from(bits);
        for (key, value, range, expected) in [
            ("cell.bits", bits(cell_bits), 1.0..=8.0, "1 to 8"),
            ("dac.bits", bits(dac_bits), 1.0..=8.0, "1 to 8"),
            (
                "crossbar.rows",
                side(self.crossbar.rows),
                1.0..=MAX_SIDE,
                SIDES,
            ),
            (
                "crossbar.cols",
                side(self.crossbar.cols),
                1.0..=MAX_SIDE,
                SIDES,
            ),
            ("node-nm", self.node_nm, 1.0..=1000.0, "1 to 1000"),
            (
                "leakage.fraction",
                self.leakage.fraction,
                0.0..=1.0,
                "0 to 1",
            ),
        ] {
            if !range.contains(&value) {
                return Err(PresetError::OutOfRange {
                    key,
                    value,
                    expected,
                });
            }
        }
        let lossless = u32::from(self.adc.bits) + u32::from(self.encoding.saves_adc_bit);
        if self.crossbar.readout == Readout::RowGroups
            && readable_rows(lossless, dac_bits, cell_bits) == 0
        {
            return Err(PresetError::UnreadableRow {
                adc_bits: self.adc.bits,
                cell_bits,
                dac_bits,
                needed: lossless_adc_bits(1, dac_bits, cell_bits),
            });
        }
        let crossbars =
            u32::from(self.processing_element.crossbars) * u32::from(self.tile.processing_elements);
        let values = u64::from(crossbars) * u64::from(self.crossbar.rows);
        let needed = (values * u64::from(self.chip.data_bits)).div_ceil(8);
        if needed > u64::from(self.edram.capacity_bytes) {
            return Err(PresetError::CrossbarBeyondTile {
                rows: self.crossbar.rows,
                crossbars,
                needed,
                capacity: self.edram.capacity_bytes,
            });
        }
        Ok(())
    }
}
