//! The requests of one channel, and what becomes of them.

/// Bits of a column and of a bank in a packed address.
const COLUMN_BITS: u32 = 16;
const BANK_BITS: u32 = 16;

/// An address within a channel: row, bank and column in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Address(u64);

impl Address {
    pub(super) fn new(bank: u64, row: u64, column: u64) -> Self {
        Self((row << (COLUMN_BITS + BANK_BITS)) | (bank << COLUMN_BITS) | column)
    }

    /// The bank within the channel.
    #[inline]
    pub(super) fn bank(self) -> usize {
        ((self.0 >> COLUMN_BITS) & ((1 << BANK_BITS) - 1)) as usize
    }

    #[inline]
    pub(super) fn row(self) -> u32 {
        (self.0 >> (COLUMN_BITS + BANK_BITS)) as u32
    }
}

/// A read that waits, for itself and for those merged into it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    pub(super) address: Address,
    /// When it came.
    pub(super) arrival: u64,
    /// Sum of the arrivals of all that wait.
    arrivals: u64,
    waiting: u32,
    /// Whether a command was issued for it.
    pub(super) is_started: bool,
}

impl Request {
    pub(super) fn new(address: Address, now: u64) -> Self {
        Self {
            address,
            arrival: now,
            arrivals: now,
            waiting: 1,
            is_started: false,
        }
    }

    /// One more waits for the same burst.
    pub(super) fn merge(&mut self, now: u64) {
        self.arrivals += now;
        self.waiting += 1;
    }
}

/// What a channel did, in ticks; the commands are counted by its device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ServiceCounts {
    /// When the last data came.
    pub(super) end: u64,
    /// When the last request was accepted.
    pub(super) accepted: u64,
    pub(super) row_hits: u64,
    pub(super) merged: u64,
    /// Sum over requests of the ticks from acceptance to data.
    pub(super) latency: u64,
}

impl ServiceCounts {
    /// The data of a request come at `end`.
    pub(super) fn serve(&mut self, request: &Request, end: u64) {
        self.end = self.end.max(end);
        self.latency += end * u64::from(request.waiting) - request.arrivals;
    }
}

/// When ranks are due for refresh.
#[derive(Debug, Clone)]
pub(super) struct RefreshClock {
    interval: Option<u64>,
    ranks: usize,
    /// All at once, or one after the other.
    is_staggered: bool,
    next: u64,
    next_rank: usize,
    due: std::collections::VecDeque<usize>,
}

impl RefreshClock {
    /// `interval` is that of one rank.
    pub(super) fn new(interval: Option<u64>, ranks: usize, is_staggered: bool) -> Self {
        let step = if is_staggered { ranks as u64 } else { 1 };
        let interval = interval.map(|interval| (interval / step).max(1));
        Self {
            interval,
            ranks,
            is_staggered,
            next: interval.unwrap_or(u64::MAX),
            next_rank: 0,
            due: std::collections::VecDeque::with_capacity(2 * ranks),
        }
    }

    /// Brings the clock to `now`, and tells whether a refresh is newly due.
    #[inline]
    pub(super) fn advance(&mut self, now: u64) -> bool {
        let is_due = now >= self.next;
        if is_due {
            self.catch_up(now);
        }
        is_due
    }

    /// Notes all refreshes due by `now`.
    fn catch_up(&mut self, now: u64) {
        while now >= self.next {
            if self.is_staggered {
                self.due.push_back(self.next_rank);
                self.next_rank = (self.next_rank + 1) % self.ranks;
            } else {
                self.due.extend(0..self.ranks);
            }
            self.next += self.interval.unwrap_or(u64::MAX);
        }
    }

    /// The rank to refresh next.
    #[inline]
    pub(super) fn rank(&self) -> Option<usize> {
        self.due.front().copied()
    }

    pub(super) fn done(&mut self) {
        self.due.pop_front();
    }

    /// When the next refresh is due.
    #[inline]
    pub(super) fn next(&self) -> u64 {
        self.next
    }
}
