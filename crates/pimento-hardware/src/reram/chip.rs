//! A ReRAM chip sized to a network: what each operator costs on it, and what the chip is made of.

use crate::{
    component::{ByComponent, Component},
    design::ChipDesign,
    reram::{
        adc::AdcCost,
        mapping::{CrossbarMapping, map_matrix},
        preset::ReramPreset,
    },
    workload::{ElementwiseFunction, OpKind},
};

/// What one operator does.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OpWork {
    /// Time from its inputs to its outputs.
    pub(crate) latency_ns: f64,
    /// Time until it can take the next inference.
    pub(crate) interval_ns: f64,
    /// Dynamic energy.
    pub(crate) energy_pj: ByComponent,
    /// Crossbars that hold its weights, copies included.
    pub(crate) crossbars: u32,
    /// Processing elements that hold them.
    pub(crate) pes: u32,
    /// Share of their cells that hold weights.
    pub(crate) utilisation: f64,
    /// How far the operator is from running at all.
    pub(crate) violation: f64,
}

/// A preset with chosen sizes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chip<'a> {
    preset: &'a ReramPreset,
    design: &'a ChipDesign,
    adc: AdcCost,
    /// Resolution of sums without loss.
    lossless_bits: u32,
    adc_violation: f64,
}

impl<'a> Chip<'a> {
    pub(crate) fn new(preset: &'a ReramPreset, design: &'a ChipDesign) -> Self {
        let has_adc = preset.adc(design.adc_bits).is_some();
        Self {
            preset,
            design,
            adc: preset.nearest_adc(design.adc_bits),
            lossless_bits: u32::from(design.adc_bits) + u32::from(preset.encoding.saves_adc_bit),
            adc_violation: if has_adc { 0.0 } else { 1.0 },
        }
    }

    /// How far the chip itself is from being buildable.
    pub(crate) fn violation(&self) -> f64 {
        self.adc_violation
    }

    /// The work of an operator; gathers are not the chip's.
    pub(crate) fn work(&self, kind: &OpKind) -> OpWork {
        match *kind {
            OpKind::StaticMvm {
                rows,
                cols,
                vectors,
                weight_bits,
                activation_bits,
            } => {
                let bits = (weight_bits, activation_bits);
                self.matrix(rows, cols, vectors, bits)
            }
            OpKind::DynamicProduct {
                macs,
                outputs,
                activation_bits,
            } => {
                let energy = macs as f64 * self.mac_pj(activation_bits);
                self.digital(macs as f64, energy, f64::from(outputs), activation_bits)
            }
            OpKind::Elementwise {
                function,
                elements,
                activation_bits,
            } => {
                let elements = f64::from(elements);
                let energy = elements * self.function_pj(function, activation_bits);
                self.digital(elements, energy, elements, activation_bits)
            }
            OpKind::Normalisation {
                vectors,
                width,
                activation_bits,
            } => {
                // Mean, deviation, square, scale, gain and shift: three additions and two products.
                let elements = f64::from(vectors) * f64::from(width);
                let (multiply, add) = self.multiply_and_add_pj(activation_bits);
                let energy = elements * (2.0 * multiply + 3.0 * add);
                self.digital(5.0 * elements, energy, elements, activation_bits)
            }
            OpKind::EmbeddingGather { .. } => OpWork::default(),
        }
    }

    fn matrix(&self, rows: u32, cols: u32, vectors: u32, bits: (u8, u8)) -> OpWork {
        let (weight_bits, activation_bits) = bits;
        let lossless = self.lossless_bits;
        let mapping = map_matrix(
            rows,
            cols,
            weight_bits,
            activation_bits,
            self.design,
            lossless,
        );
        let Some(mapping) = mapping else {
            let needed =
                super::adc::lossless_adc_bits(1, self.design.dac_bits, self.design.cell_bits);
            return OpWork {
                violation: f64::from(needed - lossless),
                ..OpWork::default()
            };
        };
        let copies = u32::from(self.design.replication).min(vectors);
        let crossbars = copies * mapping.crossbars();
        let pes = crossbars.div_ceil(u32::from(self.design.crossbars_per_pe));
        let (crossbar_rows, crossbar_cols) = self.sides();
        let weights = f64::from(rows) * f64::from(cols) * f64::from(mapping.slices);
        let times = self.times(
            &mapping,
            cols,
            rows,
            vectors.div_ceil(copies),
            activation_bits,
        );
        OpWork {
            latency_ns: times.0,
            interval_ns: times.1,
            energy_pj: self.matrix_energy(
                &mapping,
                [rows, cols, vectors],
                activation_bits,
                times.1,
            ),
            crossbars,
            pes,
            utilisation: weights * f64::from(copies)
                / (f64::from(crossbars) * crossbar_rows * crossbar_cols),
            violation: 0.0,
        }
    }

    /// Latency and interval of `turns` input vectors, one after another.
    fn times(
        &self,
        mapping: &CrossbarMapping,
        cols: u32,
        rows: u32,
        turns: u32,
        activation_bits: u8,
    ) -> (f64, f64) {
        let preset = self.preset;
        let used = (cols * mapping.slices).min(u32::from(self.design.crossbar_cols));
        let conversion = f64::from(used) / preset.adc.rate_gs;
        let read = preset.crossbar.read_ns;
        let streaming = f64::from(turns) * f64::from(mapping.reads) * read.max(conversion);
        let fill = read.min(conversion);
        let levels = f64::from(32 - (mapping.row_blocks - 1).leading_zeros());
        let tree = levels * preset.digital.cycle_ns;
        let bits = u64::from(rows) * u64::from(activation_bits);
        let accesses = bits.div_ceil(u64::from(preset.edram.access_bits)) as f64;
        let transfer = accesses * preset.edram.access_ns + preset.router.hop_ns;
        (transfer + streaming + fill + tree, streaming)
    }

    fn matrix_energy(
        &self,
        mapping: &CrossbarMapping,
        [rows, cols, vectors]: [u32; 3],
        activation_bits: u8,
        busy_ns: f64,
    ) -> ByComponent {
        let preset = self.preset;
        let (rows, cols, vectors) = (f64::from(rows), f64::from(cols), f64::from(vectors));
        let passes = f64::from(mapping.passes);
        let columns = cols * f64::from(mapping.slices);
        let conversions = vectors * passes * columns * f64::from(mapping.row_groups);
        let drives = vectors * passes * rows * f64::from(mapping.col_blocks);
        let reference = f64::from(preset.crossbar.rows) * f64::from(preset.crossbar.cols);
        let cell_pj = preset.crossbar.read_energy_pj / reference;
        let mut energy = ByComponent::default();
        energy.add(Component::Adc, conversions * self.adc.energy_pj);
        energy.add(
            Component::ShiftAdd,
            conversions * preset.shift_add.energy_pj,
        );
        let hold_pj = preset.sample_hold.power_mw * preset.crossbar.read_ns;
        energy.add(Component::SampleHold, conversions * hold_pj);
        energy.add(
            Component::Dac,
            drives * preset.dac.energy_pj * self.dac_scale(),
        );
        energy.add(
            Component::Crossbar,
            vectors * passes * rows * columns * cell_pj,
        );
        // Registers hold the inputs and outputs of one copy while it works.
        let registers = preset.input_register.power_mw / f64::from(preset.input_register.crossbars)
            + preset.output_register.power_mw / f64::from(preset.output_register.crossbars);
        energy.add(
            Component::Registers,
            registers * f64::from(mapping.crossbars()) * busy_ns,
        );
        let bits = f64::from(activation_bits) * vectors * (rows + cols);
        self.add_movement(&mut energy, bits);
        let flits = bits / f64::from(preset.router.flit_bits);
        energy.add(Component::Router, flits * preset.router.energy_pj);
        energy
    }

    /// Work on the lanes of one tile that reads and writes `values` values.
    fn digital(&self, operations: f64, energy_pj: f64, values: f64, bits: u8) -> OpWork {
        let table = &self.preset.digital;
        let mut energy = ByComponent::default();
        energy.add(Component::Digital, energy_pj);
        self.add_movement(&mut energy, 2.0 * values * f64::from(bits));
        let time = (operations / f64::from(table.lanes_per_tile)).ceil() * table.cycle_ns;
        OpWork {
            latency_ns: time,
            interval_ns: time,
            energy_pj: energy,
            ..OpWork::default()
        }
    }

    fn add_movement(&self, energy: &mut ByComponent, bits: f64) {
        let accesses = bits / f64::from(self.preset.edram.access_bits);
        energy.add(Component::Edram, accesses * self.preset.edram.energy_pj);
        energy.add(Component::Bus, bits * self.preset.bus.energy_pj_per_bit);
    }

    fn mac_pj(&self, bits: u8) -> f64 {
        let (multiply, _) = self.multiply_and_add_pj(bits);
        multiply + self.preset.digital.add_32bit_pj
    }

    fn multiply_and_add_pj(&self, bits: u8) -> (f64, f64) {
        let table = &self.preset.digital;
        let bytes = f64::from(bits) / 8.0;
        (
            table.multiply_8bit_pj * bytes * bytes,
            table.add_32bit_pj * bytes / 4.0,
        )
    }

    fn function_pj(&self, function: ElementwiseFunction, bits: u8) -> f64 {
        let (multiply, add) = self.multiply_and_add_pj(bits);
        match function {
            // A comparison is a subtraction whose sign is kept.
            ElementwiseFunction::Relu | ElementwiseFunction::Add => add,
            ElementwiseFunction::Multiply => multiply,
            ElementwiseFunction::Sigmoid => self.preset.digital.sigmoid_pj,
            ElementwiseFunction::Softmax => self.preset.digital.exponential_pj + multiply + add,
        }
    }

    /// Tiles that hold `pes` processing elements; at least one.
    pub(crate) fn tiles(&self, pes: u32) -> f64 {
        f64::from(pes.div_ceil(u32::from(self.design.pes_per_tile)).max(1))
    }

    /// Area of a chip of that many tiles.
    pub(crate) fn area_um2(&self, tiles: f64) -> ByComponent {
        let (preset, design) = (self.preset, self.design);
        let crossbars = tiles * f64::from(design.pes_per_tile) * f64::from(design.crossbars_per_pe);
        let (rows, cols) = self.sides();
        let reference = f64::from(preset.crossbar.rows) * f64::from(preset.crossbar.cols);
        let mut area = ByComponent::default();
        area.add(
            Component::Crossbar,
            crossbars * preset.crossbar.area_um2 * rows * cols / reference,
        );
        area.add(
            Component::Dac,
            crossbars * rows * preset.dac.area_um2 * self.dac_scale(),
        );
        area.add(Component::Adc, crossbars * self.adc.area_um2);
        area.add(
            Component::SampleHold,
            crossbars * cols * preset.sample_hold.area_um2,
        );
        let shift_adds = crossbars / f64::from(preset.shift_add.crossbars);
        area.add(Component::ShiftAdd, shift_adds * preset.shift_add.area_um2);
        let registers = preset.input_register.area_um2 / f64::from(preset.input_register.crossbars)
            + preset.output_register.area_um2 / f64::from(preset.output_register.crossbars);
        area.add(Component::Registers, crossbars * registers);
        area.add(Component::Edram, tiles * preset.edram.area_um2);
        area.add(Component::Bus, tiles * preset.bus.area_um2);
        area.add(
            Component::Router,
            tiles / f64::from(preset.router.tiles) * preset.router.area_um2,
        );
        let lanes = f64::from(preset.digital.lanes_per_tile);
        area.add(
            Component::Digital,
            tiles * lanes * preset.digital.lane_area_um2,
        );
        area.add(Component::TileUnits, tiles * preset.tile_units.area_um2);
        area
    }

    /// Leakage of a chip of that many tiles.
    pub(crate) fn leakage_mw(&self, tiles: f64) -> f64 {
        let (preset, design) = (self.preset, self.design);
        let crossbars = tiles * f64::from(design.pes_per_tile) * f64::from(design.crossbars_per_pe);
        let (rows, cols) = self.sides();
        let reference = f64::from(preset.crossbar.rows) * f64::from(preset.crossbar.cols);
        let crossbar_mw = preset.crossbar.power_mw * rows * cols / reference
            + rows * preset.dac.power_mw * self.dac_scale()
            + self.adc.energy_pj * preset.adc.power_per_energy
            + cols * preset.sample_hold.power_mw
            + preset.shift_add.power_mw / f64::from(preset.shift_add.crossbars)
            + preset.input_register.power_mw / f64::from(preset.input_register.crossbars)
            + preset.output_register.power_mw / f64::from(preset.output_register.crossbars);
        let tile_mw = preset.edram.power_mw
            + preset.bus.power_mw
            + preset.router.power_mw / f64::from(preset.router.tiles)
            + preset.tile_units.power_mw;
        preset.leakage.fraction * (crossbars * crossbar_mw + tiles * tile_mw)
    }

    fn sides(&self) -> (f64, f64) {
        (
            f64::from(self.design.crossbar_rows),
            f64::from(self.design.crossbar_cols),
        )
    }

    /// Power, energy and area of a DAC double with every bit after the first.
    fn dac_scale(&self) -> f64 {
        f64::from(1_u32 << (self.design.dac_bits - 1).min(30))
    }
}
