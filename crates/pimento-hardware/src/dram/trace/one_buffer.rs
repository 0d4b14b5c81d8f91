//! One buffer per channel, as Ramulator 2.1 schedules: a read buffer of 32 in which the oldest request
//! whose next command may come goes first.
//!
//! Rules (`controller_base.cpp`, `generic_ddr_controller.cpp`, `hbm_controller_base.cpp`,
//! `lpddr_controller_base.cpp`, `frfcfs.cpp`, `all_bank.cpp`): a request whose row was activated for
//! it leaves the buffer for the active ones, which go before all others; a bank with an active request
//! is not closed, any other one is, whoever else waits for its row; all ranks are refreshed at the same
//! time, one after the other, and nothing but active requests goes on while a refresh waits. With a bus
//! for column commands a read and a row command go in one cycle; where commands take half a cycle, only
//! precharges start in the second half. Of a divided activation the second half comes when nothing else
//! does, and no other activation between.

use crate::dram::trace::{
    buffer::{Buffer, places},
    device::{ACTIVATE, Command, Device, PRECHARGE, READ},
    stream::{Address, RefreshClock, Request, ServiceCounts},
    turn::Turn,
    wishes::{NEVER, Wishes},
};

/// A channel and its scheduler.
#[derive(Debug)]
pub(super) struct OneBuffer<'a> {
    device: &'a mut Device,
    requests: &'a [Address],
    next: usize,
    is_coalescing: bool,
    buffer: Buffer,
    banks: Vec<Bank>,
    /// Banks with an active request.
    active: usize,
    wishes: Wishes,
    refresh: RefreshClock,
    /// By when the second half of an activation has to follow.
    second_half: Option<u64>,
    /// When the data clock stops.
    clock_stops: u64,
    plans: Plans,
    counts: ServiceCounts,
}

/// The requests of a bank.
#[derive(Debug, Clone, Copy, Default)]
struct Bank {
    /// Its places in the buffer.
    buffered: u32,
    /// The request that the row was opened for, until it is read.
    active: Option<Request>,
    /// The first request to read, if there is one for the open row.
    hit: Turn,
    /// The first request for another row, if there is one.
    miss: Turn,
}

/// What comes next on each command bus, and when.
#[derive(Debug, Clone, Copy)]
struct Plans {
    row: u64,
    step: Step,
    read: u64,
}

/// A step on the bus of row commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// An activation or a precharge for a request of the buffer.
    Buffered,
    /// The refresh of a rank, or the precharge of its banks before.
    Refresh(usize),
    SecondHalf,
}

impl<'a> OneBuffer<'a> {
    pub(super) fn new(
        device: &'a mut Device,
        requests: &'a [Address],
        is_coalescing: bool,
    ) -> Self {
        let refresh = RefreshClock::new(device.timing.refresh_interval, device.ranks(), false);
        let (banks, wishes) = (vec![Bank::default(); device.banks()], Wishes::new(device));
        Self {
            device,
            requests,
            next: 0,
            is_coalescing,
            buffer: Buffer::new(),
            banks,
            active: 0,
            wishes,
            refresh,
            second_half: None,
            clock_stops: 0,
            plans: Plans {
                row: NEVER,
                step: Step::Buffered,
                read: NEVER,
            },
            counts: ServiceCounts::default(),
        }
    }

    /// Serves all requests.
    pub(super) fn run(mut self) -> ServiceCounts {
        let mut now = 0;
        while self.next < self.requests.len() || !self.buffer.is_empty() || self.active > 0 {
            if self.refresh.advance(now) {
                self.wish_all();
                self.plan(now);
            }
            if self.plans.read <= now {
                self.issue_read(now);
            }
            if self.plans.row <= now {
                self.issue_row(now);
                self.plan(now + 1);
            }
            now = if self.accept(now) {
                now + 1
            } else {
                let next = self.plans.row.min(self.plans.read);
                next.min(self.refresh.next()).max(now + 1)
            };
        }
        self.counts
    }

    /// Takes a request if there is room, and tells whether it did.
    fn accept(&mut self, now: u64) -> bool {
        if self.next == self.requests.len() || self.buffer.is_full() {
            return false;
        }
        let address = self.requests[self.next];
        self.next += 1;
        self.counts.accepted = now;
        if self.is_coalescing
            && let Some(request) = self.find(address)
        {
            request.merge(now);
            self.counts.merged += 1;
            return true;
        }
        let bank = address.bank();
        self.banks[bank].buffered |= self.buffer.insert(Request::new(address, now));
        // The youngest request changes nothing where an older one needs the same.
        let needed = match self.device.open_row(bank) {
            Some(row) if row == address.row() => READ,
            Some(_) => PRECHARGE,
            None => ACTIVATE,
        };
        if !self.wishes.has(bank, needed) {
            self.wish(bank);
            self.plan(now + 1);
        }
        true
    }

    /// The request that waits for a burst.
    fn find(&mut self, address: Address) -> Option<&mut Request> {
        let bank = &mut self.banks[address.bank()];
        match self.buffer.find(bank.buffered, address) {
            Some(place) => Some(self.buffer.get_mut(place)),
            None => bank
                .active
                .as_mut()
                .filter(|request| request.address == address),
        }
    }

    /// Finds out what a bank wants: to read its active request, else, unless a refresh waits, what its
    /// oldest requests for the open row and for another one need.
    fn wish(&mut self, number: usize) {
        let bank = &mut self.banks[number];
        let own = self.device.bank_times(number);
        let mut from = [NEVER; 3];
        if let Some(request) = &bank.active {
            bank.hit = Turn::active(request);
            from[READ] = own[READ];
        } else if self.refresh.rank().is_none() {
            let row = self.device.open_row(number);
            let close = if row.is_some() { PRECHARGE } else { ACTIVATE };
            (bank.hit, bank.miss) = (Turn::LAST, Turn::LAST);
            for place in places(bank.buffered) {
                let request = self.buffer.get(place);
                let turn = Turn::buffered(request, place);
                if Some(request.address.row()) == row {
                    bank.hit = bank.hit.min(turn);
                    from[READ] = own[READ];
                } else {
                    bank.miss = bank.miss.min(turn);
                    from[close] = own[close];
                }
            }
        }
        self.wishes.set(self.device, number, from);
    }

    fn wish_all(&mut self) {
        (0..self.banks.len()).for_each(|bank| self.wish(bank));
    }

    /// Finds out when the next commands come, not before `now`.
    fn plan(&mut self, now: u64) {
        let ready = self.wishes.ready(self.device);
        let (row_bus, column_bus) = self.device.buses();
        let row_bus = row_bus.max(now);
        let read = whole(self.device, ready[READ].max(column_bus.max(now)));
        let (row, step) = if let Some(rank) = self.refresh.rank() {
            (self.refresh_from(rank).max(now), Step::Refresh(rank))
        } else if self.second_half.is_some() {
            (ready[PRECHARGE].max(row_bus), Step::Buffered)
        } else {
            let activate = whole(self.device, ready[ACTIVATE].max(row_bus));
            (ready[PRECHARGE].max(row_bus).min(activate), Step::Buffered)
        };
        self.plans = match self.second_half {
            Some(deadline) if row_bus < row.min(read) || row_bus >= deadline => Plans {
                row: row_bus,
                step: Step::SecondHalf,
                read: NEVER,
            },
            _ => Plans { row, step, read },
        };
    }

    /// Reads for the oldest request that is ready, an active one before all others, unless it waits
    /// for a row command.
    fn issue_read(&mut self, now: u64) {
        let mut first = Turn::LAST;
        let due = ([false, true, false], now);
        self.wishes.each_due(self.device, due, |bank| {
            first = first.min(self.banks[bank].hit);
        });
        if !first.is_active() && self.is_row_first(first, now) {
            return;
        }
        let bank = first.bank();
        let request = if let Some(request) = self.banks[bank].active.take() {
            self.active -= 1;
            request
        } else {
            self.remove(first.place())
        };
        self.read(&request, now);
        self.wish(bank);
        self.plan(now);
    }

    /// Whether a row command keeps a single bus from a read: that for an older request does.
    fn is_row_first(&self, read: Turn, now: u64) -> bool {
        let is_shared = !self.device.timing.separate_column_bus;
        is_shared && self.plans.row <= now && self.oldest_miss(now) < read
    }

    /// The oldest request whose bank may be opened or closed for it.
    fn oldest_miss(&self, now: u64) -> Turn {
        let may_activate = self.second_half.is_none() && whole(self.device, now) == now;
        let due = ([may_activate, false, true], now);
        let mut oldest = Turn::LAST;
        self.wishes.each_due(self.device, due, |bank| {
            oldest = oldest.min(self.banks[bank].miss);
        });
        oldest
    }

    fn issue_row(&mut self, now: u64) {
        match self.plans.step {
            Step::Buffered => self.issue_buffered(now),
            Step::Refresh(rank) => {
                if self.device.is_closed(rank) {
                    self.device.refresh(rank, now);
                    self.refresh.done();
                } else {
                    self.device.precharge_all(rank, now);
                }
                self.wish_all();
            }
            Step::SecondHalf => {
                self.second_half = None;
                self.device
                    .take_row_bus(now + self.device.timing.ticks_per_cycle);
            }
        }
    }

    /// Opens or closes a bank.
    fn issue_buffered(&mut self, now: u64) {
        let place = self.oldest_miss(now).place();
        let request = self.buffer.get_mut(place);
        request.is_started = true;
        let (bank, row) = (request.address.bank(), request.address.row());
        if self.device.open_row(bank).is_some() {
            self.device.precharge(bank, now);
        } else {
            self.device.activate(bank, row, now);
            self.banks[bank].active = Some(self.remove(place));
            self.active += 1;
            let within = self.device.timing.second_half_within;
            self.second_half = within.map(|ticks| now + ticks);
        }
        self.wish(bank);
    }

    /// Takes a request out of the buffer.
    fn remove(&mut self, place: usize) -> Request {
        let request = self.buffer.remove(place);
        self.banks[request.address.bank()].buffered ^= 1 << place;
        request
    }

    /// When a rank may be refreshed, or its banks be closed before.
    fn refresh_from(&self, rank: usize) -> u64 {
        let mut banks = self.device.banks_of(rank);
        let (row_bus, _) = self.device.buses();
        if self.device.is_closed(rank) {
            return whole(self.device, self.device.refresh_from(rank).max(row_bus));
        }
        if banks.clone().any(|bank| self.banks[bank].active.is_some()) || self.second_half.is_some()
        {
            return NEVER;
        }
        let open = banks
            .by_ref()
            .filter(|bank| self.device.open_row(*bank).is_some());
        let from = open
            .map(|bank| self.device.from(Command::Precharge, bank))
            .max();
        from.unwrap_or(0).max(row_bus)
    }

    fn read(&mut self, request: &Request, now: u64) {
        self.counts.row_hits += u64::from(!request.is_started);
        let timing = self.device.timing;
        let is_stopped = timing.clock_stops_after.is_some() && now >= self.clock_stops;
        // The command that starts the data clock comes right before the read.
        let now = if is_stopped {
            now + timing.ticks_per_cycle
        } else {
            now
        };
        self.clock_stops = now + timing.clock_stops_after.unwrap_or(0);
        self.device.read(request.address.bank(), now);
        self.counts.serve(request, now + timing.read_to_data);
    }
}

/// The first tick of a cycle, not before `tick`: of two, the odd one.
#[inline]
fn whole(device: &Device, tick: u64) -> u64 {
    tick | (device.timing.ticks_per_cycle - 1)
}
