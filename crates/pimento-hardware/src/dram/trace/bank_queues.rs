//! One queue per bank, as DRAMsim3 schedules: requests wait in a read queue of 32, then in the queue
//! of their bank, eight deep; the banks take turns.
//!
//! Rules (`controller.cc`, `command_queue.cc`, `refresh.cc`): every cycle takes a request, moves the
//! oldest one whose bank has room, and issues one command of the first bank in turn that has one. A
//! bank is closed for its oldest request only, and only if no other waits for the open row or four
//! reads were served from it. Ranks are refreshed one after the other, evenly spaced; the queues of
//! a rank stand still from then on until it is refreshed. With a bus for column commands a second
//! command goes in the same cycle if it is of the other kind.

use crate::dram::trace::{
    buffer::Buffer,
    device::{ACTIVATE, Command, Device, PRECHARGE, READ, Times},
    stream::{Address, RefreshClock, Request, ServiceCounts},
    wishes::{NEVER, Wishes},
};

/// Requests in the queue of a bank.
const DEPTH: usize = 8;
/// Reads of a row after which it may be closed although others wait for it.
const ROW_READS: u32 = 4;

/// A channel and its scheduler.
#[derive(Debug)]
pub(super) struct BankQueues<'a> {
    device: &'a mut Device,
    requests: &'a [Address],
    next: usize,
    is_coalescing: bool,
    /// Requests that wait for room in the queue of their bank.
    read_queue: Buffer,
    /// The places of the read queue whose bank has room.
    movable: u32,
    queues: Vec<Request>,
    banks: Vec<Bank>,
    queued: usize,
    wishes: Wishes,
    /// Not before then is there a command.
    ready: u64,
    turn: usize,
    refresh: RefreshClock,
    counts: ServiceCounts,
}

/// The requests of a bank.
#[derive(Debug, Clone, Copy, Default)]
struct Bank {
    /// Requests in its queue.
    queued: usize,
    /// Its places in the read queue.
    waiting: u32,
    /// The first request of its queue for the open row.
    hit: usize,
}

impl<'a> BankQueues<'a> {
    pub(super) fn new(
        device: &'a mut Device,
        requests: &'a [Address],
        is_coalescing: bool,
    ) -> Self {
        let (banks, ranks) = (device.banks(), device.ranks());
        let refresh = RefreshClock::new(device.timing.refresh_interval, ranks, true);
        let wishes = Wishes::new(device);
        let empty = Request::new(Address::new(0, 0, 0), 0);
        Self {
            device,
            requests,
            next: 0,
            is_coalescing,
            read_queue: Buffer::new(),
            movable: 0,
            queues: vec![empty; banks * DEPTH],
            banks: vec![Bank::default(); banks],
            queued: 0,
            wishes,
            ready: 0,
            turn: 0,
            refresh,
            counts: ServiceCounts::default(),
        }
    }

    /// Serves all requests.
    pub(super) fn run(mut self) -> ServiceCounts {
        let mut now = 0;
        while self.next < self.requests.len() || !self.read_queue.is_empty() || self.queued > 0 {
            self.accept(now);
            if self.refresh.advance(now) {
                self.wish_of_blocked();
                self.ready = now;
            }
            if self.ready <= now {
                self.issue(now);
                self.ready = self.next_command().max(now + 1);
            }
            self.move_one(now);
            let is_accepting = self.next < self.requests.len() && !self.read_queue.is_full();
            now = if is_accepting || self.movable != 0 {
                now + 1
            } else {
                self.ready.min(self.refresh.next()).max(now + 1)
            };
        }
        self.counts
    }

    fn accept(&mut self, now: u64) {
        if self.next == self.requests.len() || self.read_queue.is_full() {
            return;
        }
        let address = self.requests[self.next];
        self.next += 1;
        self.counts.accepted = now;
        if self.is_coalescing
            && let Some(request) = self.find(address)
        {
            request.merge(now);
            self.counts.merged += 1;
            return;
        }
        let place = self.read_queue.insert(Request::new(address, now));
        let bank = &mut self.banks[address.bank()];
        bank.waiting |= place;
        if bank.queued < DEPTH {
            self.movable |= place;
        }
    }

    /// The request that waits for a burst.
    fn find(&mut self, address: Address) -> Option<&mut Request> {
        let bank = &self.banks[address.bank()];
        let first = address.bank() * DEPTH;
        let queue = &mut self.queues[first..first + bank.queued];
        if let Some(place) = self.read_queue.find(bank.waiting, address) {
            return Some(self.read_queue.get_mut(place));
        }
        queue.iter_mut().find(|request| request.address == address)
    }

    /// Moves the oldest request that has a place.
    fn move_one(&mut self, now: u64) {
        let Some(place) = self.read_queue.oldest(self.movable) else {
            return;
        };
        let request = self.read_queue.remove(place);
        let number = request.address.bank();
        let bank = &mut self.banks[number];
        self.queues[number * DEPTH + bank.queued] = request;
        bank.queued += 1;
        bank.waiting ^= 1 << place;
        self.movable ^= 1 << place;
        if bank.queued == DEPTH {
            self.movable &= !bank.waiting;
        }
        let is_first = bank.queued == 1;
        self.queued += 1;
        let row = request.address.row();
        let is_hit = || self.device.open_row(number) == Some(row);
        // The youngest request changes nothing where an older one needs the same.
        if is_first || (is_hit() && !self.wishes.has(number, READ)) {
            self.wish(number);
            let ready = self.wishes.ready_of(self.device, number);
            self.ready = self.ready.min(first_of(&ready).max(now + 1));
        }
    }

    /// Finds out what a bank wants: nothing while its rank waits for a refresh.
    fn wish(&mut self, bank: usize) {
        let queue = &self.queues[bank * DEPTH..bank * DEPTH + self.banks[bank].queued];
        let own = self.device.bank_times(bank);
        let mut from = [NEVER; 3];
        let is_blocked = self.refresh.rank() == Some(self.device.rank_of(bank));
        match self.device.open_row(bank) {
            _ if queue.is_empty() || is_blocked => {}
            None => from[ACTIVATE] = own[ACTIVATE],
            Some(row) => {
                let hit = queue
                    .iter()
                    .position(|request| request.address.row() == row);
                if let Some(index) = hit {
                    self.banks[bank].hit = index;
                    from[READ] = own[READ];
                }
                let is_enough = self.device.reads_of_row(bank) >= ROW_READS;
                if hit.is_none_or(|index| index > 0 && is_enough) {
                    from[PRECHARGE] = own[PRECHARGE];
                }
            }
        }
        self.wishes.set(self.device, bank, from);
    }

    /// Finds out what the banks of the rank want that waits for its refresh.
    fn wish_of_blocked(&mut self) {
        if let Some(rank) = self.refresh.rank() {
            self.device.banks_of(rank).for_each(|bank| self.wish(bank));
        }
    }

    fn issue(&mut self, now: u64) {
        let first = match self.issue_refresh(now) {
            Some(command) => Some(command),
            None => self
                .pick(now)
                .and_then(|bank| self.issue_of(bank, now, None)),
        };
        if first.is_some()
            && self.device.timing.separate_column_bus
            && first_of(&self.wishes.ready(self.device)) <= now
            && let Some(bank) = self.pick(now)
        {
            self.issue_of(bank, now, first);
        }
    }

    /// Closes the banks of a rank that is due, and refreshes it.
    fn issue_refresh(&mut self, now: u64) -> Option<Command> {
        let rank = self.refresh.rank()?;
        let (row_bus, _) = self.device.buses();
        if row_bus > now {
            return None;
        }
        if self.device.is_closed(rank) {
            if self.device.refresh_from(rank) > now {
                return None;
            }
            self.device.refresh(rank, now);
            self.refresh.done();
            self.device.banks_of(rank).for_each(|bank| self.wish(bank));
            self.wish_of_blocked();
        } else {
            let bank = self.device.banks_of(rank).find(|bank| {
                self.device.open_row(*bank).is_some()
                    && self.device.from(Command::Precharge, *bank) <= now
            })?;
            self.device.precharge(bank, now);
            self.wish(bank);
        }
        Some(Command::Precharge)
    }

    /// The next bank in turn that has a command.
    fn pick(&mut self, now: u64) -> Option<usize> {
        let next = self.turn + 1;
        let find = |banks| self.wishes.find(self.device, banks, now);
        let found = find(next..self.banks.len()).or_else(|| find(0..next));
        self.turn = found.unwrap_or(self.turn);
        found
    }

    /// Issues the command of a bank unless its bus is taken or it is of the kind of the `first` one.
    fn issue_of(&mut self, bank: usize, now: u64, first: Option<Command>) -> Option<Command> {
        let ready = self.wishes.ready_of(self.device, bank);
        let is_due = |command| ready[command as usize] <= now;
        let commands = [Command::Precharge, Command::Read, Command::Activate];
        let command = commands.into_iter().find(|command| is_due(*command))?;
        let is_read = command == Command::Read;
        let (row_bus, column_bus) = self.device.buses();
        let bus = if is_read { column_bus } else { row_bus };
        if bus > now || first.is_some_and(|first| (first == Command::Read) == is_read) {
            return None;
        }
        match command {
            Command::Read => self.read(bank, now),
            Command::Precharge => self.device.precharge(bank, now),
            Command::Activate => {
                let row = self.queues[bank * DEPTH].address.row();
                self.device.activate(bank, row, now);
            }
        }
        self.wish(bank);
        Some(command)
    }

    fn read(&mut self, number: usize, now: u64) {
        let bank = &mut self.banks[number];
        let (first, end) = (number * DEPTH + bank.hit, number * DEPTH + bank.queued);
        let request = self.queues[first];
        self.queues.copy_within(first + 1..end, first);
        self.movable |= bank.waiting;
        bank.queued -= 1;
        self.queued -= 1;
        self.counts.row_hits += u64::from(self.device.reads_of_row(number) > 0);
        self.device.read(number, now);
        let end = now + self.device.timing.read_to_data;
        self.counts.serve(&request, end);
    }

    /// When the next command may come.
    fn next_command(&self) -> u64 {
        let own = first_of(&self.wishes.ready(self.device));
        let Some(rank) = self.refresh.rank() else {
            return own;
        };
        let refresh = if self.device.is_closed(rank) {
            self.device.refresh_from(rank)
        } else {
            let banks = self.device.banks_of(rank);
            let open = banks.filter(|bank| self.device.open_row(*bank).is_some());
            let times = open.map(|bank| self.device.from(Command::Precharge, bank));
            times.min().unwrap_or(NEVER)
        };
        own.min(refresh)
    }
}

/// The first of three times.
#[inline]
fn first_of(times: &Times) -> u64 {
    times[0].min(times[1]).min(times[2])
}
