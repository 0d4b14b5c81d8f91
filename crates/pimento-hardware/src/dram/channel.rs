//! Closed form of the time in which a channel serves reads.
//!
//! Four bounds — activations, data bus, banks, and the banks that a finite window of requests keeps
//! busy — joined by a soft maximum, all lengthened by refreshes. Units near the banks lift the bounds
//! of the buses that their reads no longer cross; the window of four activations stays, it is the
//! power supply of a rank (rule of the ProactivePIM simulator, YoungsukKim12/DRAMsim3
//! `channel_state.cc`).

use serde::Serialize;

use crate::{design::PimLevel, dram::standard::DramStandard};

/// Power of the soft maximum, whose root is three square roots; 6 to 12 change the mean error by less than 0.4 points (DRAMsim3 and
/// Ramulator runs of `tests/dram.rs`).
const SOFTNESS: i32 = 8;
/// Vectors of which a part is still waiting while new ones enter the window (calibrated on the same).
const PARTLY_SERVED: f64 = 1.5;
/// Cycles that a switch of ranks costs the data bus: controllers hide the rest (calibrated on the same).
const RANK_SWITCH: f64 = 1.0;

/// What one channel reads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChannelReads {
    /// Rows opened.
    pub activations: f64,
    /// Bursts read.
    pub reads: f64,
    /// Requests that the controller sees at once; infinite where it never waits for one.
    pub window: f64,
}

/// The bounds of a channel's time, in clock cycles, refreshes included.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct ChannelTime {
    /// Activations: four per window of tFAW and rank.
    pub activation: f64,
    /// Data bus: bursts and switches between ranks.
    pub data: f64,
    /// Banks, evenly loaded.
    pub bank: f64,
    /// Banks that the window keeps busy.
    pub window: f64,
    /// Command bus.
    pub command: f64,
    /// All of them together.
    pub total: f64,
}

/// Load of the busiest rank and of the busiest unit over the mean one's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Busiest {
    pub(crate) rank: f64,
    pub(crate) unit: f64,
}

impl Default for Busiest {
    fn default() -> Self {
        Self {
            rank: 1.0,
            unit: 1.0,
        }
    }
}

/// What a channel waits for most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Activations.
    Activation,
    /// The data bus.
    Data,
    /// Banks.
    Bank,
    /// The window of requests.
    Window,
    /// The command bus.
    Command,
}

impl Bound {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Activation => "activations",
            Self::Data => "data bus",
            Self::Bank => "banks",
            Self::Window => "window",
            Self::Command => "command bus",
        }
    }

    /// Its cycles, softly joined with those of the others, in explanations.
    pub(crate) fn cycles(self) -> &'static str {
        match self {
            Self::Activation => "cycles, most of all of activations",
            Self::Data => "cycles, most of all of the data bus",
            Self::Bank => "cycles, most of all of banks",
            Self::Window => "cycles, most of all of the window",
            Self::Command => "cycles, most of all of the command bus",
        }
    }
}

impl ChannelTime {
    /// The time of one channel whose reads are gathered at `level`, evenly spread.
    pub fn new(standard: &DramStandard, level: PimLevel, load: &ChannelReads) -> Self {
        Self::uneven(standard, level, load, Busiest::default())
    }

    /// The same where some ranks and units have more to do than others.
    pub(crate) fn uneven(
        standard: &DramStandard,
        level: PimLevel,
        load: &ChannelReads,
        busiest: Busiest,
    ) -> Self {
        if load.activations <= 0.0 || load.reads <= 0.0 {
            return Self::default();
        }
        let (timing, ranks) = (&standard.timing, standard.ranks());
        let per_row = load.reads / load.activations;
        let occupied = standard.bank_cycles(per_row);
        let banks = standard.banks();
        let refresh = standard.refresh_factor();
        let bounds = Self {
            activation: load.activations * timing.rrd_s.max(timing.faw / 4.0) / ranks
                * busiest.rank,
            data: data_cycles(standard, level, load) * busiest.unit,
            bank: load.activations * occupied / banks * busiest.unit,
            window: load.activations * occupied / busy_banks(banks, load.window / per_row),
            command: command_cycles(standard, level, load),
            total: 0.0,
        };
        let power = |bound: f64| bound.powi(SOFTNESS);
        let largest = bounds.largest().1;
        let sum: f64 = bounds
            .each()
            .iter()
            .map(|(_, bound)| power(bound / largest))
            .sum();
        let softened = largest * sum.sqrt().sqrt().sqrt();
        Self {
            activation: bounds.activation * refresh,
            data: bounds.data * refresh,
            bank: bounds.bank * refresh,
            window: bounds.window * refresh,
            command: bounds.command * refresh,
            total: softened * refresh,
        }
    }

    fn each(&self) -> [(Bound, f64); 5] {
        [
            (Bound::Activation, self.activation),
            (Bound::Data, self.data),
            (Bound::Bank, self.bank),
            (Bound::Window, self.window),
            (Bound::Command, self.command),
        ]
    }

    fn largest(&self) -> (Bound, f64) {
        let mut largest = (Bound::Activation, self.activation);
        for bound in self.each() {
            if bound.1 > largest.1 {
                largest = bound;
            }
        }
        largest
    }

    /// The largest of the bounds.
    pub fn bottleneck(&self) -> Bound {
        self.largest().0
    }
}

/// Different banks among the vectors of a window.
fn busy_banks(banks: f64, vectors: f64) -> f64 {
    banks * (1.0 - (1.0 - 1.0 / banks).powf(vectors + PARTLY_SERVED))
}

/// Cycles of the buses that the data of a level cross.
fn data_cycles(standard: &DramStandard, level: PimLevel, load: &ChannelReads) -> f64 {
    let (timing, organisation) = (&standard.timing, &standard.organisation);
    let burst = timing.burst.max(timing.ccd_s);
    let (ranks, per_row) = (standard.ranks(), load.reads / load.activations);
    match level {
        PimLevel::Host => {
            let buses = f64::from(organisation.data_buses);
            let switches = if organisation.data_buses == 1 {
                (1.0 - 1.0 / ranks) * RANK_SWITCH * load.activations / per_row
            } else {
                0.0
            };
            load.reads * burst / buses + switches
        }
        PimLevel::Rank => load.reads * burst / ranks,
        PimLevel::BankGroup => {
            let groups = ranks * f64::from(organisation.bank_groups);
            (load.reads * timing.ccd_l).max(load.activations * timing.rrd_l) / groups
        }
        // Reads of one bank, tCCD_L apart, are part of the time for which it is busy.
        PimLevel::Bank => 0.0,
    }
}

/// Cycles of the command bus where the host sends every command; units have a bus of their own
/// instructions.
fn command_cycles(standard: &DramStandard, level: PimLevel, load: &ChannelReads) -> f64 {
    let commands = &standard.commands;
    let rows = load.activations * (commands.activate + commands.precharge);
    let columns = load.reads * commands.read;
    match level {
        PimLevel::Host if commands.separate_column_bus => rows.max(columns),
        PimLevel::Host => rows + columns,
        PimLevel::Rank | PimLevel::BankGroup | PimLevel::Bank => 0.0,
    }
}
