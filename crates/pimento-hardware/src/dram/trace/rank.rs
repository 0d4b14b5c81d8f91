//! A rank: what its banks share.

use crate::dram::trace::{
    device::{ACTIVATE, PRECHARGE, READ, Times},
    timing::Timing,
};

/// A rank, or a pseudo channel.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rank {
    /// The earliest times of the commands, as far as the rank decides.
    pub(super) from: Times,
    /// When the windows of the last four activations end.
    windows: [u64; 4],
    oldest: usize,
    open: u32,
    idle_since: u64,
    /// Ticks in which no bank was open.
    idle: u64,
}

impl Rank {
    /// Whether all banks are closed.
    pub(super) fn is_closed(&self) -> bool {
        self.open == 0
    }

    /// Ticks until `end` in which no bank was open.
    pub(super) fn idle(&self, end: u64) -> u64 {
        let last = if self.is_closed() {
            end.saturating_sub(self.idle_since)
        } else {
            0
        };
        self.idle + last
    }

    /// One of its banks is opened.
    pub(super) fn activate(&mut self, timing: &Timing, now: u64) {
        if self.is_closed() {
            self.idle += now - self.idle_since;
        }
        self.open += 1;
        self.windows[self.oldest] = now + timing.four_activates;
        self.oldest = (self.oldest + 1) % 4;
        let from = (now + timing.activate_same_rank).max(self.windows[self.oldest]);
        self.from[ACTIVATE] = self.from[ACTIVATE].max(from);
    }

    /// One of its banks is closed.
    pub(super) fn close(&mut self, now: u64) {
        self.open -= 1;
        if self.is_closed() {
            self.idle_since = now;
        }
    }

    /// No read before `from`.
    pub(super) fn hold_reads(&mut self, from: u64) {
        self.from[READ] = self.from[READ].max(from);
    }

    /// No precharge before `from`.
    pub(super) fn hold_precharges(&mut self, from: u64) {
        self.from[PRECHARGE] = self.from[PRECHARGE].max(from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dram::DramStandard;

    #[test]
    fn the_fifth_activation_waits_for_the_window_of_four() {
        let timing = Timing::new(&DramStandard::named("ddr4-3200").expect("built in"));
        let mut rank = Rank::default();
        for (now, next) in [(100, 104), (104, 108), (108, 112), (112, 134), (134, 138)] {
            rank.activate(&timing, now);
            assert_eq!(rank.from[ACTIVATE], next, "after the activation at {now}");
        }
    }
}
