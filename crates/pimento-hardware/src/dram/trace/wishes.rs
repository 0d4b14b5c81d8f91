//! What the banks of a channel want to do next, and when they may.
//!
//! A command waits for its bank, its bank group and its rank. Of each group and rank the earliest
//! time is kept, so that few banks are looked at: a group that waits is passed over as a whole.

use std::{array, ops::Range};

use crate::dram::trace::device::{Device, Times};

/// Later than any time.
pub(super) const NEVER: u64 = u64::MAX;

/// The wishes of all banks. Whoever issues a command to a bank sets its wish anew.
#[derive(Debug)]
pub(super) struct Wishes {
    /// From when on, as far as it alone decides, a bank wants each command: `NEVER` if it does not.
    banks: Vec<Times>,
    /// The earliest times of the banks of each group, as far as they and the group decide.
    groups: Vec<Times>,
    /// The earliest times of the groups of each rank.
    ranks: Vec<Times>,
    banks_per_group: usize,
    groups_per_rank: usize,
}

impl Wishes {
    /// No wishes.
    pub(super) fn new(device: &Device) -> Self {
        let (banks, ranks) = (device.banks(), device.ranks());
        let banks_per_group = device.banks_per_group();
        let groups = banks / banks_per_group;
        Self {
            banks: vec![[NEVER; 3]; banks],
            groups: vec![[NEVER; 3]; groups],
            ranks: vec![[NEVER; 3]; ranks],
            banks_per_group,
            groups_per_rank: groups / ranks,
        }
    }

    /// A bank wants each command `from` then on, as far as it alone decides.
    #[inline]
    pub(super) fn set(&mut self, device: &Device, bank: usize, from: Times) {
        self.banks[bank] = from;
        let (group, rank) = (device.group_of(bank), device.rank_of(bank));
        let first = group * self.banks_per_group;
        let banks = earliest(&self.banks[first..first + self.banks_per_group]);
        let times = later(&banks, &device.group_times(group));
        // Time by time: as a whole they would be read back before they are written.
        let old = &self.groups[group];
        if (0..3).all(|kind| times[kind] == old[kind]) {
            return;
        }
        self.groups[group] = times;
        let first = rank * self.groups_per_rank;
        self.ranks[rank] = earliest(&self.groups[first..first + self.groups_per_rank]);
    }

    /// Whether a bank wants a command, now or later.
    #[inline]
    pub(super) fn has(&self, bank: usize, command: usize) -> bool {
        self.banks[bank][command] != NEVER
    }

    /// When the first bank has what it wants of each command; the buses aside.
    #[inline]
    pub(super) fn ready(&self, device: &Device) -> Times {
        let mut ready = [NEVER; 3];
        for (rank, from) in self.ranks.iter().enumerate() {
            ready = earlier(&ready, &later(from, &device.rank_times(rank)));
        }
        ready
    }

    /// When a bank has what it wants of each command; the buses aside.
    #[inline]
    pub(super) fn ready_of(&self, device: &Device, bank: usize) -> Times {
        let group = device.group_times(device.group_of(bank));
        let shared = later(&group, &device.rank_times(device.rank_of(bank)));
        later(&self.banks[bank], &shared)
    }

    /// The first of `banks` that may have a command by `now`.
    #[inline]
    pub(super) fn find(&self, device: &Device, banks: Range<usize>, now: u64) -> Option<usize> {
        if banks.is_empty() {
            return None;
        }
        let (first, last) = (banks.start, banks.end - 1);
        for rank in device.rank_of(first)..=device.rank_of(last) {
            let limits = limits([true; 3], &device.rank_times(rank), now);
            if !is_due(&self.ranks[rank], &limits) {
                continue;
            }
            let from = device.group_of(first).max(rank * self.groups_per_rank);
            let end = (device.group_of(last) + 1).min((rank + 1) * self.groups_per_rank);
            for (group, times) in (from..).zip(&self.groups[from..end]) {
                if is_due(times, &limits) {
                    let mut due = self.due_of(device, group, &limits);
                    let found = due.find(|bank| banks.contains(bank));
                    if found.is_some() {
                        return found;
                    }
                }
            }
        }
        None
    }

    /// Hands over each bank that may have one of these commands by `now`, in order.
    #[inline]
    pub(super) fn each_due(
        &self,
        device: &Device,
        (commands, now): ([bool; 3], u64),
        mut take: impl FnMut(usize),
    ) {
        let ranks = self.groups.chunks_exact(self.groups_per_rank);
        for (rank, (from, groups)) in self.ranks.iter().zip(ranks).enumerate() {
            let limits = limits(commands, &device.rank_times(rank), now);
            if !is_due(from, &limits) {
                continue;
            }
            for (group, times) in (rank * self.groups_per_rank..).zip(groups) {
                if is_due(times, &limits) {
                    self.due_of(device, group, &limits).for_each(&mut take);
                }
            }
        }
    }

    /// The banks of a group that may have a command within these limits of its rank.
    #[inline]
    fn due_of(&self, device: &Device, group: usize, limits: &Times) -> impl Iterator<Item = usize> {
        let times = device.group_times(group);
        let limits = array::from_fn(|kind| {
            if times[kind] < limits[kind] {
                limits[kind]
            } else {
                0
            }
        });
        let first = group * self.banks_per_group;
        let banks = (first..).zip(&self.banks[first..first + self.banks_per_group]);
        let due = banks.filter(move |(_, from)| is_due(from, &limits));
        due.map(|(bank, _)| bank)
    }
}

/// Before when each command has to be wanted, to come by `now`.
#[inline]
fn limits(commands: [bool; 3], from: &Times, now: u64) -> Times {
    array::from_fn(|kind| {
        let is_free = commands[kind] && from[kind] <= now;
        if is_free { now + 1 } else { 0 }
    })
}

#[inline]
fn is_due(from: &Times, limits: &Times) -> bool {
    from[0] < limits[0] || from[1] < limits[1] || from[2] < limits[2]
}

#[inline]
fn later(one: &Times, other: &Times) -> Times {
    array::from_fn(|kind| one[kind].max(other[kind]))
}

#[inline]
fn earlier(one: &Times, other: &Times) -> Times {
    array::from_fn(|kind| one[kind].min(other[kind]))
}

/// The earliest times of all. Groups and ranks mostly have a multiple of four members, whose times do
/// not wait for each other.
#[inline]
fn earliest(all: &[Times]) -> Times {
    let (fours, rest) = all.as_chunks();
    let of_four =
        |[one, two, three, four]: &[Times; 4]| earlier(&earlier(one, two), &earlier(three, four));
    let least = rest
        .iter()
        .fold([NEVER; 3], |least, times| earlier(&least, times));
    fours
        .iter()
        .fold(least, |least, times| earlier(&least, &of_four(times)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dram::{
        DramStandard,
        trace::{
            device::{ACTIVATE, Command},
            timing::{Geometry, Timing},
        },
    };

    /// DDR4-3200 with two ranks, banks 0 to 3 a group, 0 to 15 a rank; bank 0 was opened at 100, and
    /// banks 1, 4 and 16 want to be.
    fn wishes() -> (Device, Wishes) {
        let standard = DramStandard::named("ddr4-3200").expect("built in");
        let mut device = Device::new(&Geometry::new(&standard, 1, 2), Timing::new(&standard));
        let mut wishes = Wishes::new(&device);
        device.activate(0, 7, 100);
        wishes.set(&device, 0, [NEVER; 3]);
        for bank in [1, 4, 16] {
            wishes.set(&device, bank, [50, NEVER, NEVER]);
        }
        (device, wishes)
    }

    /// Bank 1 shares the group of bank 0, bank 4 its rank.
    #[test]
    fn a_bank_waits_for_its_group_and_rank() {
        let (device, wishes) = wishes();
        let times = [1, 4, 16].map(|bank| wishes.ready_of(&device, bank)[ACTIVATE]);
        assert_eq!(times, [108, 104, 50]);
        let from = [1, 4, 16].map(|bank| device.from(Command::Activate, bank).max(50));
        assert_eq!(times, from);
        assert_eq!(wishes.ready(&device), [50, NEVER, NEVER]);
    }

    #[test]
    fn banks_are_found_from_their_time_on() {
        let (device, wishes) = wishes();
        let find = |banks, now| wishes.find(&device, banks, now);
        assert_eq!((find(0..32, 49), find(0..32, 50)), (None, Some(16)));
        assert_eq!((find(0..16, 103), find(0..16, 104)), (None, Some(4)));
        assert_eq!((find(0..4, 107), find(0..4, 108)), (None, Some(1)));
        assert_eq!((find(2..32, 108), find(5..16, 108)), (Some(4), None));
    }

    #[test]
    fn banks_that_are_due_for_commands_in_question() {
        let (device, wishes) = wishes();
        let due = |commands, now| {
            let mut banks = Vec::new();
            wishes.each_due(&device, (commands, now), |bank| banks.push(bank));
            banks
        };
        assert_eq!(due([false, true, true], 200), []);
        assert_eq!(due([true, false, false], 107), [4, 16]);
        assert_eq!(due([true; 3], 200), [1, 4, 16]);
    }

    #[test]
    fn the_earliest_of_any_number() {
        for count in 0..10_u64 {
            let times: Vec<Times> = (0..count).map(|at| [at + 5, 50 - at, 7]).collect();
            let least = (0..count).fold([NEVER; 3], |_, last| [5, 50 - last, 7]);
            assert_eq!(earliest(&times), least);
        }
    }
}
