//! The banks of one channel: what is open, and from when on each command may come.
//!
//! The rules are those between a command and the next of the same bank, bank group, rank or channel.
//! Who asks keeps them: a command before its time is a mistake of the scheduler.

use crate::dram::trace::{
    rank::Rank,
    timing::{Geometry, Timing},
};

/// No row is open.
const CLOSED: u32 = u32::MAX;

/// One channel.
#[derive(Debug, Clone)]
pub(super) struct Device {
    pub(super) timing: Timing,
    pub(super) counts: CommandCounts,
    banks: Vec<Bank>,
    /// Times that the banks of a group share, beyond those of their rank.
    groups: Vec<Times>,
    ranks: Vec<Rank>,
    banks_per_group: usize,
    groups_per_rank: usize,
    row_bus: u64,
    column_bus: u64,
}

/// Commands of a channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CommandCounts {
    pub(super) activations: u64,
    pub(super) precharges: u64,
    pub(super) reads: u64,
    pub(super) refreshes: u64,
    /// Ticks in which no bank of a rank was open, over all ranks.
    pub(super) idle: u64,
}

/// A command to a bank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Activate,
    Read,
    Precharge,
}

/// Earliest times of the commands, in order of [`Command`].
pub(super) type Times = [u64; 3];

pub(super) const ACTIVATE: usize = Command::Activate as usize;
pub(super) const READ: usize = Command::Read as usize;
pub(super) const PRECHARGE: usize = Command::Precharge as usize;

#[derive(Debug, Clone, Copy)]
struct Bank {
    row: u32,
    /// Reads since the activation.
    reads: u32,
    group: usize,
    rank: usize,
    from: Times,
}

impl Device {
    pub(super) fn new(geometry: &Geometry, timing: Timing) -> Self {
        let ranks = geometry.ranks as usize;
        let (banks_per_group, groups_per_rank) =
            (geometry.banks as usize, geometry.groups as usize);
        let closed = |bank| Bank {
            row: CLOSED,
            reads: 0,
            group: bank / banks_per_group,
            rank: bank / (banks_per_group * groups_per_rank),
            from: Times::default(),
        };
        Self {
            timing,
            counts: CommandCounts::default(),
            banks: (0..geometry.channel_banks()).map(closed).collect(),
            groups: vec![Times::default(); ranks * groups_per_rank],
            ranks: vec![Rank::default(); ranks],
            banks_per_group,
            groups_per_rank,
            row_bus: 0,
            column_bus: 0,
        }
    }

    /// Banks of a bank group.
    pub(super) fn banks_per_group(&self) -> usize {
        self.banks_per_group
    }

    /// Bank group of a bank, counted over all ranks.
    #[inline]
    pub(super) fn group_of(&self, bank: usize) -> usize {
        self.banks[bank].group
    }

    /// Banks of all ranks.
    pub(super) fn banks(&self) -> usize {
        self.banks.len()
    }

    /// Ranks.
    pub(super) fn ranks(&self) -> usize {
        self.ranks.len()
    }

    /// Rank of a bank.
    #[inline]
    pub(super) fn rank_of(&self, bank: usize) -> usize {
        self.banks[bank].rank
    }

    pub(super) fn banks_of(&self, rank: usize) -> std::ops::Range<usize> {
        let banks = self.banks_per_group * self.groups_per_rank;
        rank * banks..(rank + 1) * banks
    }

    pub(super) fn open_row(&self, bank: usize) -> Option<u32> {
        let row = self.banks[bank].row;
        (row != CLOSED).then_some(row)
    }

    /// Reads since the bank's activation.
    pub(super) fn reads_of_row(&self, bank: usize) -> u32 {
        self.banks[bank].reads
    }

    /// When the buses of row and of column commands are free.
    pub(super) fn buses(&self) -> (u64, u64) {
        (self.row_bus, self.column_bus)
    }

    /// When a command to a bank may come; the buses aside.
    #[inline]
    pub(super) fn from(&self, command: Command, bank: usize) -> u64 {
        let bank = &self.banks[bank];
        let command = command as usize;
        let shared = self.groups[bank.group][command].max(self.ranks[bank.rank].from[command]);
        bank.from[command].max(shared)
    }

    /// The part of [`Self::from`] that the bank alone decides.
    #[inline]
    pub(super) fn bank_times(&self, bank: usize) -> Times {
        self.banks[bank].from
    }

    /// The part of [`Self::from`] that the commands to the banks of a group decide.
    #[inline]
    pub(super) fn group_times(&self, group: usize) -> Times {
        self.groups[group]
    }

    /// The part of [`Self::from`] that the commands to the banks of a rank, or to others, decide.
    #[inline]
    pub(super) fn rank_times(&self, rank: usize) -> Times {
        self.ranks[rank].from
    }

    /// The earliest refresh of a rank whose banks are closed.
    pub(super) fn refresh_from(&self, rank: usize) -> u64 {
        let banks = &self.banks[self.banks_of(rank)];
        let from = banks
            .iter()
            .map(|bank| bank.from[ACTIVATE])
            .max()
            .unwrap_or(0);
        // As for an activation, which may be longer: commands count to their last cycle.
        (from + self.timing.activate_slots).saturating_sub(self.timing.precharge_slots)
    }

    /// Whether all banks of a rank are closed.
    pub(super) fn is_closed(&self, rank: usize) -> bool {
        self.ranks[rank].is_closed()
    }

    pub(super) fn activate(&mut self, bank: usize, row: u32, now: u64) {
        debug_assert!(now >= self.from(Command::Activate, bank));
        let timing = self.timing;
        let state = &mut self.banks[bank];
        debug_assert_eq!(state.row, CLOSED);
        state.row = row;
        state.reads = 0;
        state.from = [
            now + timing.activate_to_activate,
            now + timing.activate_to_read,
            now + timing.activate_to_precharge,
        ];
        let (group, rank) = (state.group, state.rank);
        self.ranks[rank].activate(&timing, now);
        let own = &mut self.groups[group][ACTIVATE];
        *own = (*own).max(now + timing.activate_same_group);
        self.counts.activations += 1;
        self.take_row_bus(now + timing.activate_slots);
    }

    pub(super) fn read(&mut self, bank: usize, now: u64) {
        debug_assert!(now >= self.from(Command::Read, bank));
        let timing = self.timing;
        let state = &mut self.banks[bank];
        debug_assert_ne!(state.row, CLOSED);
        state.reads += 1;
        state.from[PRECHARGE] = state.from[PRECHARGE].max(now + timing.read_to_precharge);
        let (group, rank) = (state.group, state.rank);
        if let Some(other_rank) = timing.read_other_rank {
            let (before, rest) = self.ranks.split_at_mut(rank);
            for other in before.iter_mut().chain(&mut rest[1..]) {
                other.hold_reads(now + other_rank);
            }
        }
        self.ranks[rank].hold_reads(now + timing.read_same_rank);
        let own = &mut self.groups[group][READ];
        *own = (*own).max(now + timing.read_same_group);
        self.counts.reads += 1;
        self.column_bus = now + timing.read_slots;
        if !timing.separate_column_bus {
            self.row_bus = self.column_bus;
        }
    }

    pub(super) fn precharge(&mut self, bank: usize, now: u64) {
        debug_assert!(now >= self.from(Command::Precharge, bank));
        self.close(bank, now);
        self.count_precharge(self.banks[bank].rank, now);
    }

    /// One command that closes all banks of a rank.
    pub(super) fn precharge_all(&mut self, rank: usize, now: u64) {
        for bank in self.banks_of(rank) {
            if self.open_row(bank).is_some() {
                self.close(bank, now);
            }
        }
        self.count_precharge(rank, now);
    }

    pub(super) fn refresh(&mut self, rank: usize, now: u64) {
        debug_assert!(self.is_closed(rank) && now >= self.refresh_from(rank));
        let from = now + self.timing.refresh_to_activate;
        for bank in self.banks_of(rank) {
            self.banks[bank].from[ACTIVATE] = from;
        }
        self.counts.refreshes += 1;
        self.take_row_bus(now + self.timing.precharge_slots);
    }

    /// Counts what goes on until the last channel is done: refreshes and idle time.
    pub(super) fn finish(&mut self, end: u64) {
        if let Some(interval) = self.timing.refresh_interval {
            let due = end / interval * self.ranks.len() as u64;
            self.counts.refreshes = self.counts.refreshes.max(due);
        }
        self.counts.idle = self.ranks.iter().map(|rank| rank.idle(end)).sum();
    }

    fn close(&mut self, bank: usize, now: u64) {
        let from = now + self.timing.precharge_to_activate;
        let state = &mut self.banks[bank];
        debug_assert_ne!(state.row, CLOSED);
        state.row = CLOSED;
        state.from[ACTIVATE] = state.from[ACTIVATE].max(from);
        self.ranks[state.rank].close(now);
    }

    fn count_precharge(&mut self, rank: usize, now: u64) {
        self.counts.precharges += 1;
        self.take_row_bus(now + self.timing.precharge_slots);
        let from = now + self.timing.precharge_to_precharge;
        self.ranks[rank].hold_precharges(from);
    }

    /// Keeps the bus of row commands.
    pub(super) fn take_row_bus(&mut self, until: u64) {
        self.row_bus = until;
        if !self.timing.separate_column_bus {
            self.column_bus = until;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dram::DramStandard;

    /// DDR4-3200 with two ranks: banks 0 to 3 are a group, 0 to 15 a rank.
    fn device() -> Device {
        let standard = DramStandard::named("ddr4-3200").expect("built in");
        Device::new(&Geometry::new(&standard, 1, 2), Timing::new(&standard))
    }

    /// Checks from when on a command may come: its rule one step before and at the limit.
    fn check(device: &Device, command: Command, bank: usize, from: u64) {
        assert_eq!(
            device.from(command, bank),
            from,
            "{command:?} of bank {bank}"
        );
    }

    #[test]
    fn after_an_activation_rcd_ras_rc_and_rrd() {
        let mut device = device();
        device.activate(0, 7, 100);
        check(&device, Command::Read, 0, 122);
        check(&device, Command::Precharge, 0, 152);
        check(&device, Command::Activate, 0, 174);
        check(&device, Command::Activate, 1, 108);
        check(&device, Command::Activate, 4, 104);
        check(&device, Command::Activate, 16, 0);
    }

    #[test]
    fn after_a_read_ccd_rank_switch_and_rtp() {
        let mut device = device();
        device.activate(0, 0, 0);
        device.read(0, 50);
        check(&device, Command::Read, 3, 58);
        check(&device, Command::Read, 4, 54);
        check(&device, Command::Read, 16, 55);
        check(&device, Command::Precharge, 0, 62);
        assert_eq!(device.reads_of_row(0), 1);
    }

    #[test]
    fn after_a_precharge_rp_and_after_a_refresh_rfc() {
        let mut device = device();
        device.activate(0, 0, 0);
        device.precharge(0, 60);
        check(&device, Command::Activate, 0, 82);
        assert_eq!((device.refresh_from(0), device.is_closed(0)), (82, true));
        device.refresh(0, 82);
        check(&device, Command::Activate, 0, 642);
        check(&device, Command::Activate, 15, 642);
        check(&device, Command::Activate, 16, 0);
    }

    #[test]
    fn one_bus_for_all_commands_or_one_for_reads() {
        let mut shared = device();
        shared.activate(0, 0, 10);
        assert_eq!(shared.buses(), (11, 11));
        let standard = DramStandard::named("hbm2/ramulator").expect("built in");
        let mut split = Device::new(&Geometry::new(&standard, 1, 2), Timing::new(&standard));
        split.activate(0, 0, 10);
        assert_eq!(split.buses(), (12, 0));
        split.read(0, 25);
        assert_eq!(split.buses(), (12, 26));
        check(&split, Command::Read, 16, 0);
    }

    #[test]
    fn a_rank_idles_while_all_its_banks_are_closed() {
        let mut device = device();
        device.activate(0, 0, 10);
        device.activate(4, 0, 14);
        device.precharge(0, 70);
        device.precharge(4, 80);
        device.finish(100);
        assert_eq!(
            device.counts.idle,
            10 + 20 + 100,
            "before, after, the other rank"
        );
    }
}
