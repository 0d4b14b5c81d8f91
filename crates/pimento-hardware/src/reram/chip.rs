//! A ReRAM chip of chosen sizes: what each operator takes on it.

use serde::Serialize;

use crate::{
    arithmetic::Divisor,
    component::Component,
    design::{ChipDesign, Dynamic},
    ledger::{Ledger, times, unit},
    reram::{
        adc::{AdcCost, lossless_adc_bits},
        converters::Converters,
        digital::Lanes,
        mapping::Layout,
        matrix::Matrix,
        placement::Placement,
        preset::ReramPreset,
        replication::Copies,
    },
    workload::{ElementwiseFunction, OpKind},
};

/// Where the time of an operator goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Stages {
    /// From the buffers and over the network of the chip, or over the link of a memory system.
    pub transfer_ns: f64,
    /// An operand is written into crossbars.
    pub write_ns: f64,
    /// Reads of crossbars, steps of digital lanes, or rows from memory.
    pub working_ns: f64,
    /// The last read is converted.
    pub fill_ns: f64,
    /// Sums of crossbars are added up, or rows of compressed tables combined.
    pub reduction_ns: f64,
}

/// A stage of an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    Transfer,
    Write,
    Working,
    Fill,
    Reduction,
}

/// What one operator does.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct OpWork {
    /// Time from its inputs to its outputs.
    pub(crate) stages: Stages,
    /// Time until it can take the next inference.
    pub(crate) interval_ns: f64,
    /// Dynamic energy.
    pub(crate) energy_pj: f64,
    /// Bits that it reads.
    pub(crate) input_bits: f64,
    /// Crossbars that hold its weights, copies included.
    pub(crate) crossbars: u32,
    /// Those of one copy, which an input vector goes to.
    pub(crate) copy_crossbars: u32,
    /// Rows and columns that it takes of a single crossbar, if it takes no more.
    pub(crate) shelf: Option<(u32, u32)>,
    /// Cells of its crossbars that hold weights.
    pub(crate) cells: f64,
    /// How far the operator is from running at all.
    pub(crate) violation: f64,
}

/// A preset with chosen sizes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chip<'a> {
    pub(super) preset: &'a ReramPreset,
    pub(super) design: &'a ChipDesign,
    pub(super) adc: AdcCost,
    /// What its energy and its area are called.
    pub(super) adc_keys: [&'static str; 2],
    pub(super) layout: Option<Layout>,
    pub(super) converters: Converters<'a>,
    pub(super) shares: Shares,
    lossless_bits: u32,
    adc_violation: f64,
}

/// Numbers of a preset divided by what they are told for, at the chosen sizes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shares {
    /// Power of a cell.
    pub(super) cell_mw: f64,
    /// Power of a crossbar's share of the input and output registers, which grow with its rows and
    /// columns.
    pub(super) register_mw: (f64, f64),
    /// Energy of a bit in the buffer of a tile.
    pub(super) edram_pj_per_bit: f64,
    /// A bit's share of what crosses a router at once.
    pub(super) flits_per_bit: f64,
    /// What bits are divided by that the buffer of a tile gives at once.
    pub(super) by_access_bits: Divisor,
}

impl Stages {
    /// The sum of all stages.
    pub fn latency_ns(&self) -> f64 {
        self.transfer_ns + self.write_ns + self.working_ns + self.fill_ns + self.reduction_ns
    }
}

impl Stage {
    /// Its name in reports.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Transfer => "transfer",
            Self::Write => "write",
            Self::Working => "working",
            Self::Fill => "fill",
            Self::Reduction => "reduction",
        }
    }
}

impl OpWork {
    /// Whether it writes cells at every inference.
    pub(crate) fn writes_cells(&self) -> bool {
        self.stages.write_ns > 0.0
    }
}

impl<'a> Chip<'a> {
    pub(crate) fn new(preset: &'a ReramPreset, design: &'a ChipDesign) -> Self {
        let (adc, bits_away) = preset.nearest_adc(design.adc_bits);
        let lossless_bits = u32::from(design.adc_bits) + u32::from(preset.encoding.saves_adc_bit);
        Self {
            preset,
            design,
            adc,
            adc_keys: preset.adc.rule.keys(),
            layout: Layout::new(preset, design, lossless_bits),
            converters: Converters::new(preset, design, adc),
            shares: Shares::new(preset, design),
            lossless_bits,
            adc_violation: f64::from(bits_away),
        }
    }

    /// How far the chip itself is from being buildable: bits between its converters and those that there are.
    pub(crate) fn violation(&self) -> f64 {
        self.adc_violation
    }

    /// Bits that the converters lack for one row.
    pub(super) fn missing_bits(&self) -> f64 {
        let needed = lossless_adc_bits(1, self.design.dac_bits, self.design.cell_bits);
        f64::from(needed.saturating_sub(self.lossless_bits))
    }

    /// Fills in the work of operator `op`, which is empty, but for its energy; gathers are not the
    /// chip's. The copies of a static matrix lie side by side.
    pub(crate) fn work(
        &self,
        (op, kind): (usize, &OpKind),
        copies: &Copies,
        ledger: &mut impl Ledger,
        work: &mut OpWork,
    ) {
        let lanes = match *kind {
            OpKind::StaticMvm {
                rows,
                cols,
                vectors,
                weight_bits,
                activation_bits,
            } => {
                let matrix = Matrix {
                    count: 1,
                    rows,
                    cols,
                    vectors,
                    weight_bits: weight_bits.into(),
                    activation_bits: activation_bits.into(),
                    copies: copies.of(op, vectors),
                    turns: copies.turns(op, vectors),
                    is_diagonal: false,
                };
                return self.matrix(&matrix, ledger, work);
            }
            OpKind::DynamicProduct {
                operand,
                activation_bits,
                ..
            } if self.design.dynamic != Dynamic::Digital => {
                let matrix = Matrix {
                    count: operand.count,
                    rows: operand.rows,
                    cols: operand.cols,
                    vectors: operand.vectors,
                    weight_bits: activation_bits.into(),
                    activation_bits: activation_bits.into(),
                    copies: 1,
                    turns: f64::from(operand.vectors),
                    is_diagonal: false,
                };
                return self.written_matrix(&matrix, ledger, work);
            }
            OpKind::Elementwise {
                function: ElementwiseFunction::Multiply,
                elements,
                activation_bits,
            } if self.design.dynamic == Dynamic::CrossbarAll => {
                match self.diagonal(elements, activation_bits) {
                    Some(matrix) => self.written_matrix(&matrix, ledger, work),
                    None => work.violation = self.missing_bits(),
                }
                return;
            }
            OpKind::DynamicProduct {
                macs,
                outputs,
                operand,
                activation_bits,
            } => Lanes::product(macs as f64, operand, f64::from(outputs), activation_bits),
            OpKind::Elementwise {
                function,
                elements,
                activation_bits,
            } => Lanes::elementwise(function, elements, activation_bits),
            OpKind::Normalisation {
                vectors,
                width,
                activation_bits,
            } => Lanes::normalisation(vectors, width, activation_bits),
            OpKind::EmbeddingGather { .. } => return,
        };
        work.input_bits = lanes.input_bits();
        work.stages.working_ns = self.lanes(&lanes, Stage::Working, ledger);
        work.interval_ns = work.stages.working_ns;
    }

    /// Values to and from the buffer of a tile, over its bus.
    pub(super) fn charge_movement(&self, bits: f64, ledger: &mut impl Ledger) {
        let bits = [times("bits in and out", bits)];
        let per_bit = self.shares.edram_pj_per_bit;
        ledger.charge(
            Component::Edram,
            unit("edram.energy-pj / edram.access-bits", per_bit),
            &bits,
        );
        let per_bit = self.preset.bus.energy_pj_per_bit;
        ledger.charge(
            Component::Bus,
            unit("bus.energy-pj-per-bit", per_bit),
            &bits,
        );
    }

    /// Places operators in their order, and what the chip has for further copies behind them.
    pub(crate) fn place(&self, works: &[OpWork], copies: &Copies) -> Placement {
        let sides = self.layout.map_or((0, 0), |layout| layout.sides());
        let mut placement = Placement::new(self.design, works, sides, self.twins());
        placement.add_spare(self.design, copies.spare_crossbars());
        placement
    }

    /// Charges what crosses the routers: `bits` over so many `hops` in the mean. The time of the longest way is
    /// part of the schedule.
    pub(crate) fn charge_hops(
        &self,
        bits: f64,
        (hops, longest): (f64, f64),
        ledger: &mut impl Ledger,
    ) {
        let hop = unit("router.hop-ns", self.preset.router.hop_ns);
        ledger.time(Stage::Transfer, hop, &[times("hops", longest)]);
        ledger.charge(
            Component::Router,
            unit("router.energy-pj", self.preset.router.energy_pj),
            &[
                times("flits", bits * self.shares.flits_per_bit),
                times("hops", hops),
            ],
        );
    }
}
