//! Trace mode: a memory served burst by burst, command by command.
//!
//! The closed form takes evenly loaded banks; here the addresses of a trace decide which rows are
//! opened, which requests are merged, and what waits for what. Time jumps from event to event. Two
//! schedulers follow the rules of the two public simulators, DRAMsim3 and Ramulator 2.1; the rules
//! and how near it comes stand in `docs/cost-model.md`.

mod bank_queues;
mod buffer;
mod device;
mod log;
mod one_buffer;
mod placement;
mod rank;
mod report;
mod stream;
mod timing;
mod turn;
mod wishes;

pub use log::{TraceError, TraceTable, parse_trace};
pub use placement::{Mapping, MappingError, TracePlacement};
pub use report::{TraceEnergy, TraceReport};

use crate::dram::{
    DramEnergies, DramStandard,
    trace::{
        bank_queues::BankQueues,
        device::Device,
        one_buffer::OneBuffer,
        stream::{Address, ServiceCounts},
        timing::{Geometry, Timing},
    },
};

/// How requests are scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduler {
    /// A queue per bank, banks in turn, rows closed after four reads if others wait (DRAMsim3).
    BankQueues,
    /// One buffer, the oldest request that is ready first (Ramulator 2.1).
    OneBuffer,
}

/// A read of one burst. Every field counts from 0 and wraps at its size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Burst {
    /// Channel.
    pub channel: u64,
    /// Rank of the channel, or pseudo channel.
    pub rank: u64,
    /// Bank group of the rank.
    pub group: u64,
    /// Bank of the group.
    pub bank: u64,
    /// Row of the bank.
    pub row: u64,
    /// Burst of the row.
    pub column: u64,
}

/// A read of one row of an embedding table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lookup {
    /// Table.
    pub table: u32,
    /// Row of the table.
    pub row: u64,
    /// Bytes of the row.
    pub bytes: u32,
}

/// A memory that serves traces. The same trace always takes the same.
#[derive(Debug, Clone)]
pub struct TraceMode {
    geometry: Geometry,
    timing: Timing,
    clock_ns: f64,
    energies: DramEnergies,
    scheduler: Scheduler,
    is_coalescing: bool,
}

impl TraceMode {
    /// A memory of `channels` channels with `ranks` ranks (or pseudo channels) each. If it is
    /// coalescing, requests for the same burst are merged until the read command is issued.
    pub fn new(
        standard: &DramStandard,
        (channels, ranks): (u32, u32),
        scheduler: Scheduler,
        is_coalescing: bool,
    ) -> Self {
        Self {
            geometry: Geometry::new(standard, channels, ranks),
            timing: Timing::new(standard),
            clock_ns: standard.timing.clock_ns,
            energies: standard.energies(),
            scheduler,
            is_coalescing,
        }
    }

    /// Serves bursts. All are there at time 0; each channel takes its own in order, one per cycle
    /// while it has room.
    pub fn run(&self, bursts: impl IntoIterator<Item = Burst>) -> TraceReport {
        let mut channels = vec![Vec::new(); self.geometry.channels as usize];
        for burst in bursts {
            self.push(&mut channels, &burst);
        }
        self.serve(&channels)
    }

    /// Serves lookups, all bursts of one after the other.
    pub fn run_lookups(
        &self,
        placement: &TracePlacement,
        lookups: impl IntoIterator<Item = Lookup>,
    ) -> TraceReport {
        let mut channels = vec![Vec::new(); self.geometry.channels as usize];
        for lookup in lookups {
            placement.bursts(&self.geometry, &lookup, |burst| {
                self.push(&mut channels, &burst);
            });
        }
        self.serve(&channels)
    }

    fn push(&self, channels: &mut [Vec<Address>], burst: &Burst) {
        let geometry = &self.geometry;
        let rank = wrapped(burst.rank, geometry.ranks);
        let group = rank * geometry.groups + wrapped(burst.group, geometry.groups);
        let bank = group * geometry.banks + wrapped(burst.bank, geometry.banks);
        let row = wrapped(burst.row, geometry.rows);
        let column = wrapped(burst.column, geometry.columns);
        let channel = wrapped(burst.channel, geometry.channels) as usize;
        channels[channel].push(Address::new(bank, row, column));
    }

    fn serve(&self, channels: &[Vec<Address>]) -> TraceReport {
        let mut served: Vec<(ServiceCounts, Device)> = channels
            .iter()
            .map(|requests| self.channel(requests))
            .collect();
        let end = served
            .iter()
            .map(|(service, _)| service.end)
            .max()
            .unwrap_or(0);
        let finish = |(service, device): &mut (ServiceCounts, Device)| {
            device.finish(end);
            (*service, device.counts)
        };
        let channels: Vec<_> = served.iter_mut().map(finish).collect();
        let power = (self.clock_ns, &self.energies);
        TraceReport::new(&self.geometry, &self.timing, power, &channels)
    }

    fn channel(&self, requests: &[Address]) -> (ServiceCounts, Device) {
        let mut device = Device::new(&self.geometry, self.timing);
        let is_coalescing = self.is_coalescing;
        let service = match self.scheduler {
            Scheduler::BankQueues => BankQueues::new(&mut device, requests, is_coalescing).run(),
            Scheduler::OneBuffer => OneBuffer::new(&mut device, requests, is_coalescing).run(),
        };
        (service, device)
    }
}

/// A field that wraps at its size; few have to be divided for it.
#[inline]
fn wrapped(field: u64, size: u64) -> u64 {
    if field < size { field } else { field % size }
}
