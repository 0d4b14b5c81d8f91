//! What a run of the trace mode tells.

use serde::Serialize;

use crate::dram::{
    DramEnergies,
    trace::{
        device::CommandCounts,
        stream::ServiceCounts,
        timing::{Geometry, Timing},
    },
};

/// What serving a trace takes.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TraceReport {
    /// Clock cycles until the last data of the slowest channel.
    pub cycles: f64,
    /// Clock cycles until the last request was accepted: what Ramulator counts.
    pub accepted_cycles: f64,
    /// `cycles` in nanoseconds.
    pub time_ns: f64,
    /// Requests: bursts asked for.
    pub requests: u64,
    /// Requests that were merged with one that already waited.
    pub merged: u64,
    /// Read commands.
    pub reads: u64,
    /// Activations.
    pub activations: u64,
    /// Precharges; one that closes all banks of a rank counts once.
    pub precharges: u64,
    /// Refreshes of a rank, in all channels.
    pub refreshes: u64,
    /// Reads that found their row open: in bank queues all but the first after an activation, in one
    /// buffer those for which no other command was issued.
    pub row_hits: u64,
    /// Mean clock cycles from acceptance to data.
    pub mean_latency_cycles: f64,
    /// Reads of the channel with most of them, over the mean.
    pub imbalance: f64,
    /// Energy by cause.
    pub energy: TraceEnergy,
}

/// Energy of serving a trace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct TraceEnergy {
    /// Activations and precharges.
    pub activate_pj: f64,
    /// Reads.
    pub read_pj: f64,
    /// Refreshes.
    pub refresh_pj: f64,
    /// Standby, active or idle, of all ranks.
    pub background_pj: f64,
}

impl TraceEnergy {
    /// Sum over all causes.
    pub fn total_pj(&self) -> f64 {
        self.activate_pj + self.read_pj + self.refresh_pj + self.background_pj
    }
}

impl TraceReport {
    pub(super) fn new(
        geometry: &Geometry,
        timing: &Timing,
        (clock_ns, energies): (f64, &DramEnergies),
        channels: &[(ServiceCounts, CommandCounts)],
    ) -> Self {
        let sum = |count: &dyn Fn(&(ServiceCounts, CommandCounts)) -> u64| -> u64 {
            channels.iter().map(count).sum()
        };
        let ticks = timing.ticks_per_cycle as f64;
        let end = channels.iter().map(|(service, _)| service.end).max();
        let accepted = channels.iter().map(|(service, _)| service.accepted).max();
        let (cycles, accepted_cycles) = (
            end.unwrap_or(0) as f64 / ticks,
            accepted.unwrap_or(0) as f64 / ticks,
        );
        let reads = sum(&|(_, commands)| commands.reads);
        let merged = sum(&|(service, _)| service.merged);
        let requests = reads + merged;
        let busiest = channels.iter().map(|(_, commands)| commands.reads).max();
        let refreshes = sum(&|(_, commands)| commands.refreshes);
        let activations = sum(&|(_, commands)| commands.activations);
        let ranks = (geometry.channels * geometry.ranks) as f64;
        let idle = sum(&|(_, commands)| commands.idle) as f64 / ticks * clock_ns;
        let time_ns = cycles * clock_ns;
        let active = ranks * time_ns - idle;
        let per = |value: f64, count: f64| if count > 0.0 { value / count } else { 0.0 };
        Self {
            cycles,
            accepted_cycles,
            time_ns,
            requests,
            merged,
            reads,
            activations,
            precharges: sum(&|(_, commands)| commands.precharges),
            refreshes,
            row_hits: sum(&|(service, _)| service.row_hits),
            mean_latency_cycles: per(
                sum(&|(service, _)| service.latency) as f64 / ticks,
                requests as f64,
            ),
            imbalance: per(
                (busiest.unwrap_or(0) * geometry.channels) as f64,
                reads as f64,
            ),
            energy: TraceEnergy {
                activate_pj: activations as f64 * energies.activate_pj,
                read_pj: reads as f64 * energies.read_pj,
                refresh_pj: refreshes as f64 * energies.refresh_pj,
                background_pj: active * energies.active_mw + idle * energies.idle_mw,
            },
        }
    }
}
