//! The closed form of a memory beside its trace mode, on the same look-ups.

use serde::Serialize;

use crate::{
    design::PimLevel,
    dram::{
        channel::ChannelTime,
        counts::{Accesses, Controller, StreamReads, TableReads},
        locality::Locality,
        popularity::Popularity,
        system::{MemorySystem, Tier},
        trace::{Lookup, Scheduler, TraceMode, TracePlacement, TraceReport},
    },
    workload::EmbeddingTable,
};

/// Where rows lie in the trace mode: the closed form takes them as placed at random.
const PLACEMENT: TracePlacement = TracePlacement::Hashed { seed: 1 };

/// A trace, counted.
#[derive(Debug, Clone)]
pub struct AccessTrace {
    lookups: Vec<Lookup>,
    tables: Vec<TracedTable>,
}

/// One table of a trace.
#[derive(Debug, Clone)]
struct TracedTable {
    popularity: Popularity,
    lookups: f64,
    /// Mean number of look-ups in a row.
    run: f64,
    row_bytes: f64,
}

/// A trace served by one memory for a host: command by command, and by the closed form.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TraceCheck {
    /// Name of the memory.
    pub memory: String,
    /// Look-ups.
    pub lookups: usize,
    /// Different rows among them.
    pub distinct: f64,
    /// Command by command.
    pub trace: TraceReport,
    /// Rows that the closed form opens.
    pub activations: f64,
    /// Bursts that it reads.
    pub reads: f64,
    /// Clock cycles that it takes.
    pub cycles: f64,
}

impl AccessTrace {
    /// Counts look-ups of these tables.
    ///
    /// # Panics
    ///
    /// If a look-up names a table that is not there.
    pub fn new(lookups: Vec<Lookup>, tables: &[EmbeddingTable]) -> Self {
        let mut rows: Vec<Vec<u64>> = vec![Vec::new(); tables.len()];
        let mut runs = vec![0_u64; tables.len()];
        let mut last = None;
        for lookup in &lookups {
            rows[lookup.table as usize].push(lookup.row);
            runs[lookup.table as usize] += u64::from(last != Some(lookup.table));
            last = Some(lookup.table);
        }
        let of_table = |((table, rows), runs): ((&EmbeddingTable, &mut Vec<u64>), u64)| {
            rows.sort_unstable();
            let counts: Vec<u64> = rows
                .chunk_by(|a, b| a == b)
                .map(|same| same.len() as u64)
                .collect();
            TracedTable {
                popularity: Popularity::histogram(&counts, table.rows),
                lookups: rows.len() as f64,
                run: rows.len() as f64 / runs.max(1) as f64,
                row_bytes: f64::from(table.width) * f64::from(table.bits) / 8.0,
            }
        };
        let tables = tables
            .iter()
            .zip(&mut rows)
            .zip(runs)
            .map(of_table)
            .collect();
        Self { lookups, tables }
    }

    /// The popularity of each table's rows; uniform where a table is not read.
    pub fn popularities(&self) -> Vec<Popularity> {
        self.tables
            .iter()
            .map(|table| table.popularity.clone())
            .collect()
    }

    fn distinct(&self) -> f64 {
        let read = |popularity: &Popularity| -> f64 {
            let bins = popularity.bins().iter().filter(|bin| bin.share > 0.0);
            bins.map(|bin| bin.rows).sum()
        };
        let tables = self.tables.iter().filter(|table| table.lookups > 0.0);
        tables.map(|table| read(&table.popularity)).sum()
    }
}

impl MemorySystem {
    /// Each memory serves the trace alone, for a host, both ways.
    pub fn check_trace(&self, trace: &AccessTrace) -> Vec<TraceCheck> {
        self.tiers.iter().map(|tier| check(tier, trace)).collect()
    }
}

fn check(tier: &Tier, trace: &AccessTrace) -> TraceCheck {
    let (standard, channels) = (&tier.standard, f64::from(tier.channels));
    let scheduler = match tier.controller {
        Controller::BankQueues => Scheduler::BankQueues,
        Controller::Buffer(_) => Scheduler::OneBuffer,
    };
    let size = (u32::from(tier.channels), standard.organisation.ranks);
    let mode = TraceMode::new(standard, size, scheduler, tier.merging);
    let localities: Vec<Locality> = { trace.tables.iter() }
        .map(|table| Locality::new(&table.popularity))
        .collect();
    let reads: Vec<TableReads<'_>> = { trace.tables.iter().zip(&localities) }
        .filter(|(table, _)| table.lookups > 0.0)
        .map(|(table, locality)| TableReads {
            lookups: table.lookups,
            run: table.run,
            row_bytes: table.row_bytes,
            locality,
            accesses: Accesses::All,
        })
        .collect();
    let stream = StreamReads::new(standard, channels, tier.controller, tier.merging, &reads);
    let load = stream.channel(channels, tier.controller.window(standard));
    TraceCheck {
        memory: tier.name.clone(),
        lookups: trace.lookups.len(),
        distinct: trace.distinct(),
        trace: mode.run_lookups(&PLACEMENT, trace.lookups.iter().copied()),
        activations: stream.activations,
        reads: stream.reads,
        cycles: ChannelTime::new(standard, PimLevel::Host, &load).total,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::TableStorage;

    /// Samples of 40 look-ups in each of two tables, rows by a simple law.
    fn trace() -> AccessTrace {
        let mut state = 0x9E37_79B9_7F4A_7C15_u64;
        let mut uniform = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let mut lookups = Vec::new();
        for _ in 0..50 {
            for table in 0..2 {
                lookups.extend((0..40).map(|_| Lookup {
                    table,
                    row: (1e5 * uniform().powi(3)) as u64,
                    bytes: 64,
                }));
            }
        }
        let table = EmbeddingTable {
            rows: 100_000,
            width: 16,
            bits: 32,
            lookups: 40,
            storage: TableStorage::Rows,
        };
        AccessTrace::new(lookups, &[table; 2])
    }

    #[test]
    fn both_ways_agree() {
        let trace = trace();
        assert_eq!(trace.tables[0].run, 40.0);
        for name in ["host", "host-ddr5"] {
            let system = MemorySystem::preset(name).expect("built in");
            let check = &system.check_trace(&trace)[0];
            assert_eq!(check.lookups, 4000);
            let close = |one: f64, other: f64| (one / other - 1.0).abs() < 0.12;
            assert!(close(check.reads, check.trace.reads as f64), "{check:?}");
            assert!(close(check.cycles, check.trace.cycles), "{check:?}");
        }
    }
}
