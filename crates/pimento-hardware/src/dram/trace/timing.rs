//! The numbers of a standard as the trace mode needs them: integers, in ticks.
//!
//! A tick is a clock cycle, or half of one where a command takes half a cycle (HBM3). JEDEC counts
//! from the last cycle of a command to the last of the next, the model from first to first, so that
//! times between commands of different length shift (Ramulator 2.1, `spec.py`).

use crate::dram::standard::DramStandard;

/// What a memory is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Geometry {
    pub(super) channels: u64,
    /// Ranks of a channel, or its pseudo channels.
    pub(super) ranks: u64,
    /// Bank groups of a rank.
    pub(super) groups: u64,
    /// Banks of a bank group.
    pub(super) banks: u64,
    /// Rows of a bank.
    pub(super) rows: u64,
    /// Bursts of a row.
    pub(super) columns: u64,
    pub(super) burst_bytes: u64,
}

/// Ticks between commands and on buses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Timing {
    pub(super) ticks_per_cycle: u64,
    pub(super) activate_to_read: u64,
    pub(super) activate_to_precharge: u64,
    /// Same bank.
    pub(super) activate_to_activate: u64,
    pub(super) activate_same_group: u64,
    pub(super) activate_same_rank: u64,
    pub(super) four_activates: u64,
    pub(super) read_same_group: u64,
    pub(super) read_same_rank: u64,
    /// None if ranks have data buses of their own.
    pub(super) read_other_rank: Option<u64>,
    pub(super) read_to_precharge: u64,
    /// Same rank.
    pub(super) precharge_to_precharge: u64,
    pub(super) precharge_to_activate: u64,
    pub(super) refresh_to_activate: u64,
    /// None if the memory needs no refresh.
    pub(super) refresh_interval: Option<u64>,
    /// From a read to its last data.
    pub(super) read_to_data: u64,
    pub(super) activate_slots: u64,
    pub(super) precharge_slots: u64,
    pub(super) read_slots: u64,
    pub(super) separate_column_bus: bool,
    /// Ticks within which the second half of an activation follows the first, if it may come later.
    pub(super) second_half_within: Option<u64>,
    /// Ticks after a read until the next needs a command before it, if ever.
    pub(super) clock_stops_after: Option<u64>,
}

impl Geometry {
    /// The organisation of `standard`, with other channels and ranks, each rank as large as before.
    pub(super) fn new(standard: &DramStandard, channels: u32, ranks: u32) -> Self {
        let organisation = &standard.organisation;
        let page = u64::from(organisation.page_bytes);
        let groups = u64::from(organisation.bank_groups);
        let banks = u64::from(organisation.banks_per_group);
        let rank_bytes = organisation.channel_bytes / u64::from(organisation.ranks);
        Self {
            channels: u64::from(channels.max(1)),
            ranks: u64::from(ranks.max(1)),
            groups,
            banks,
            rows: (rank_bytes / (groups * banks * page)).max(1),
            columns: (page / u64::from(organisation.burst_bytes)).max(1),
            burst_bytes: u64::from(organisation.burst_bytes),
        }
    }

    /// Banks of a channel.
    pub(super) fn channel_banks(&self) -> usize {
        (self.ranks * self.groups * self.banks) as usize
    }
}

impl Timing {
    /// The timing of `standard` in ticks.
    pub(super) fn new(standard: &DramStandard) -> Self {
        let (timing, commands) = (&standard.timing, &standard.commands);
        // Halves that may lie apart, and a synchronisation that is not always needed, are commands
        // of their own.
        let alone = |cycles: f64, is_apart: bool| if is_apart { 1.0 } else { cycles };
        let lengths = [
            alone(commands.activate, commands.second_half_within > 0.0),
            commands.precharge,
            alone(commands.read, commands.clock_stops_after > 0.0),
        ];
        let halves = lengths.iter().any(|cycles| cycles.fract() != 0.0);
        let scale = if halves { 2.0 } else { 1.0 };
        let ticks = |cycles: f64| (cycles * scale).round() as u64;
        let [activate, precharge, read] = lengths;
        let between = |cycles: f64, first: f64, then: f64| ticks((cycles + first - then).max(0.0));
        let burst = timing.burst;
        let shared = standard.organisation.data_buses == 1;
        let some = |cycles: f64| (cycles > 0.0).then(|| ticks(cycles));
        Self {
            ticks_per_cycle: ticks(1.0),
            activate_to_read: between(timing.rcd, activate, read),
            activate_to_precharge: between(timing.ras, activate, precharge),
            activate_to_activate: ticks(timing.rc),
            activate_same_group: ticks(timing.rrd_l.max(timing.rrd_s)),
            activate_same_rank: ticks(timing.rrd_s),
            four_activates: ticks(timing.faw),
            read_same_group: ticks(timing.ccd_l.max(burst)),
            read_same_rank: ticks(timing.ccd_s.max(burst)),
            read_other_rank: shared.then(|| ticks(burst + timing.rank_switch)),
            read_to_precharge: between(timing.rtp, read, precharge),
            precharge_to_precharge: ticks(timing.ppd),
            precharge_to_activate: between(timing.rp, precharge, activate),
            refresh_to_activate: between(timing.rfc, precharge, activate),
            refresh_interval: some(timing.rfc).and(some(timing.refi)),
            read_to_data: ticks(timing.cl + burst),
            activate_slots: ticks(activate),
            precharge_slots: ticks(precharge),
            read_slots: ticks(read),
            separate_column_bus: commands.separate_column_bus,
            second_half_within: some(commands.second_half_within),
            clock_stops_after: some(commands.clock_stops_after),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(name: &str) -> Timing {
        Timing::new(&DramStandard::named(name).expect("built in"))
    }

    #[test]
    fn one_tick_per_cycle_where_commands_take_whole_cycles() {
        let timing = timing("ddr4-3200");
        assert_eq!((timing.ticks_per_cycle, timing.activate_to_read), (1, 22));
        assert_eq!((timing.read_same_group, timing.read_same_rank), (8, 4));
        assert_eq!(timing.read_other_rank, Some(5));
        assert_eq!(timing.read_to_data, 26);
    }

    /// tRCD 31, activation 1.5, read 1: 31.5 cycles from first to first.
    #[test]
    fn half_cycles_double_the_ticks() {
        let timing = timing("hbm3-6400");
        assert_eq!((timing.ticks_per_cycle, timing.activate_to_read), (2, 63));
        assert_eq!(timing.precharge_to_activate, 50);
        assert_eq!((timing.activate_slots, timing.precharge_slots), (3, 1));
        assert_eq!(timing.read_other_rank, None);
    }

    #[test]
    fn the_organisation_by_hand() {
        let standard = DramStandard::named("ddr4-3200").expect("built in");
        let geometry = Geometry::new(&standard, 2, 4);
        assert_eq!((geometry.rows, geometry.columns), (65_536, 128));
        assert_eq!(geometry.channel_banks(), 64);
    }

    #[test]
    fn no_refresh_without_its_time() {
        assert_eq!(timing("upmem").refresh_interval, None);
    }
}
