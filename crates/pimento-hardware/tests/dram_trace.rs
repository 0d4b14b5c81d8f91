//! The trace mode against DRAMsim3 and Ramulator 2.1, and its laws.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "oracle/traces.rs"]
mod traces;

use std::collections::BTreeSet;

use pimento_hardware::{DramStandard, Lookup, Scheduler, TraceMode, TracePlacement, TraceReport};
use proptest::prelude::*;

/// Both simulators to the cycle, on the runs with vectors of up to 128 B; `cargo run --release --example
/// dram_oracles` compares all.
#[test]
fn cycles_are_those_of_dramsim3_and_ramulator() {
    let mut traces = traces::Traces::default();
    let runs = traces::runs();
    assert_eq!(runs.len(), 176);
    for run in runs.iter().filter(|run| run.vector_bytes <= 128) {
        let report = traces.serve(run);
        let what = format!("{run:?}");
        assert_eq!(report.reads as f64, run.reads, "{what}");
        if run.tool == "dramsim3" {
            assert_eq!(report.cycles, run.cycles, "{what}");
            assert_eq!(report.activations as f64, run.activations, "{what}");
            assert_eq!(report.row_hits as f64, run.row_hits, "{what}");
            // Of several channels the simulator gives the mean of their means.
            let latency = report.mean_latency_cycles / run.latency_cycles - 1.0;
            assert!(
                run.channels > 1 || latency.abs() < 1e-3,
                "{what}: {latency}"
            );
            let refreshes = report.refreshes as f64 - run.refreshes;
            assert!(refreshes.abs() <= 2.0, "{what}: {refreshes}");
        } else {
            assert!((report.accepted_cycles - run.cycles).abs() <= 0.5, "{what}");
            // The simulator stops with the last requests in its buffer.
            let missing = report.activations as f64 / run.activations - 1.0;
            assert!((0.0..0.004).contains(&missing), "{what}: {missing}");
        }
    }
}

/// Standby to 1 %, refresh per command.
#[test]
fn energy_is_that_of_dramsim3() {
    let mut traces = traces::Traces::default();
    for run in traces::runs().iter().filter(|run| run.vector_bytes == 64) {
        let (Some(background), Some(refresh)) = (run.background_pj, run.refresh_pj) else {
            continue;
        };
        let report = traces.serve(run);
        let energy = report.energy;
        let error = energy.background_pj / background - 1.0;
        assert!(error.abs() < 0.01, "{run:?}: {error}");
        let each = energy.refresh_pj / report.refreshes as f64 * run.refreshes / refresh - 1.0;
        assert!(each.abs() < 0.001, "{run:?}: {each}");
    }
}

/// The generator of the traces is NumPy's: first numbers of `default_rng(1)` and a count of the oracle.
#[test]
fn traces_are_those_that_the_simulators_were_given() {
    let mut traces = traces::Traces::default();
    let unique = |ranks: &[(u32, u64)]| ranks.iter().collect::<BTreeSet<_>>().len();
    assert_eq!(unique(traces.ranks(0.0)), 10_233);
    assert_eq!(unique(traces.ranks(1.05)), 6125);
}

fn report(
    name: &str,
    (channels, ranks): (u32, u32),
    scheduler: Scheduler,
    is_coalescing: bool,
    rows: &[u64],
) -> TraceReport {
    let standard = DramStandard::named(name).unwrap();
    let mode = TraceMode::new(&standard, (channels, ranks), scheduler, is_coalescing);
    let lookups = rows.iter().map(|&row| Lookup {
        table: 0,
        row,
        bytes: 128,
    });
    mode.run_lookups(&TracePlacement::Hashed { seed: 3 }, lookups)
}

fn controllers() -> impl Strategy<Value = Scheduler> {
    prop_oneof![Just(Scheduler::BankQueues), Just(Scheduler::OneBuffer)]
}

fn standards() -> impl Strategy<Value = &'static str> {
    prop_oneof![
        Just("ddr4-3200"),
        Just("ddr5-4800"),
        Just("lpddr5-6400"),
        Just("gddr6-14000"),
        Just("hbm2"),
        Just("hbm3-6400"),
        Just("upmem"),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Every request is served once, alone or merged; a row is opened for what is read from it.
    #[test]
    fn requests_are_served_once(
        name in standards(),
        scheduler in controllers(),
        is_coalescing: bool,
        rows in prop::collection::vec(0_u64..200, 0..400),
    ) {
        let report = report(name, (2, 2), scheduler, is_coalescing, &rows);
        let bursts = report.requests / (rows.len() as u64).max(1);
        prop_assert_eq!(report.requests, bursts * rows.len() as u64);
        prop_assert_eq!(report.requests, report.reads + report.merged);
        let unique = rows.iter().collect::<BTreeSet<_>>().len() as u64;
        prop_assert!(report.reads >= bursts * unique);
        prop_assert!(report.activations <= report.reads);
        prop_assert!(report.row_hits <= report.reads);
        prop_assert!(rows.is_empty() || report.cycles >= report.accepted_cycles);
        prop_assert!(report.imbalance == 0.0 || (1.0..=2.0).contains(&report.imbalance));
    }

    /// The same trace takes the same.
    #[test]
    fn runs_repeat(
        name in standards(),
        scheduler in controllers(),
        rows in prop::collection::vec(0_u64..200, 1..200),
    ) {
        let run = || report(name, (2, 2), scheduler, true, &rows);
        prop_assert_eq!(run(), run());
    }

    /// Merging never reads more.
    #[test]
    fn merging_saves_reads(
        name in standards(),
        scheduler in controllers(),
        rows in prop::collection::vec(0_u64..50, 1..400),
    ) {
        let reads = |is_coalescing| report(name, (1, 2), scheduler, is_coalescing, &rows).reads;
        prop_assert!(reads(true) <= reads(false));
    }

    /// Four times the channels are never slower, but for what few requests may be unlucky by.
    #[test]
    fn channels_help(
        name in standards(),
        scheduler in controllers(),
        seed in 0_u64..1000,
    ) {
        let rows: Vec<u64> = (0..2000).map(|index| seed * 10_000 + index).collect();
        let cycles = |channels| report(name, (channels, 1), scheduler, false, &rows).cycles;
        prop_assert!(cycles(4) < cycles(1));
    }
}

/// Vectors of one burst wait for activations, which ranks share; longer ones for the bus, which they do not.
#[test]
fn ranks_help_where_activations_are_short() {
    let mut traces = traces::Traces::default();
    let ranks = traces.ranks(0.0).to_vec();
    let cycles = |ranks_per_channel| {
        let standard = DramStandard::named("ddr4-3200").unwrap();
        let size = (1, ranks_per_channel);
        let mode = TraceMode::new(&standard, size, Scheduler::BankQueues, true);
        let lookups = ranks.iter().map(|&(table, row)| Lookup {
            table,
            row,
            bytes: 64,
        });
        mode.run_lookups(&TracePlacement::Hashed { seed: 3 }, lookups)
            .cycles
    };
    let [one, two, four] = [1, 2, 4].map(cycles);
    assert!(one > 1.5 * two && two > four, "{one} {two} {four}");
}
