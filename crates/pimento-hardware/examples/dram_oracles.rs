//! The trace mode beside DRAMsim3 and Ramulator 2.1, run by run.
//!
//! `cargo run --release -p pimento-hardware --example dram_oracles`
#![expect(clippy::print_stdout, reason = "an example prints its figures")]

use std::collections::BTreeMap;

use pimento_hardware::TraceEnergy;

#[path = "../tests/oracle/traces.rs"]
mod traces;

/// Percent by which `ours` exceeds `theirs`.
fn excess(ours: f64, theirs: f64) -> f64 {
    (ours / theirs - 1.0) * 100.0
}

/// Standby and refresh, where the simulator tells.
fn energies(run: &traces::Run, ours: &TraceEnergy) -> String {
    let pair = run.background_pj.zip(run.refresh_pj);
    pair.map_or_else(String::new, |(background, refresh)| {
        format!(
            "  standby {:+.1} %  refresh {:+.1} %",
            excess(ours.background_pj, background),
            excess(ours.refresh_pj, refresh)
        )
    })
}

fn main() {
    let mut traces = traces::Traces::default();
    let mut sets: BTreeMap<String, Vec<[f64; 3]>> = BTreeMap::new();
    for run in traces::runs() {
        let report = traces.serve(&run);
        let is_dramsim = run.tool == "dramsim3";
        let cycles = if is_dramsim {
            report.cycles
        } else {
            report.accepted_cycles
        };
        let errors = [
            excess(cycles, run.cycles),
            excess(report.reads as f64, run.reads),
            excess(report.activations as f64, run.activations),
        ];
        let [cycle, read, activation] = errors;
        println!(
            "{:9} {:20} {}×{} {:12} {:3} B α {:<4}  cycles {:9.0} {cycles:9.0} {cycle:+6.2} %  \
             reads {:6.0} {:6} {read:+6.2} %  activations {:6.0} {:6} {activation:+6.2} %",
            run.tool,
            run.standard,
            run.channels,
            run.ranks,
            run.placement,
            run.vector_bytes,
            run.alpha,
            run.cycles,
            run.reads,
            report.reads,
            run.activations,
            report.activations,
        );
        println!(
            "{:43}  row hits {:.0} {}  latency {:.1} {:.1}  refreshes {:.0} {}{}",
            "",
            run.row_hits,
            report.row_hits,
            run.latency_cycles,
            report.mean_latency_cycles,
            run.refreshes,
            report.refreshes,
            energies(&run, &report.energy),
        );
        let set = format!("{} {} {}×", run.tool, run.standard, run.channels);
        sets.entry(set).or_default().push(errors);
        sets.entry(run.tool.clone()).or_default().push(errors);
    }
    println!("\nmean and worst error in percent: cycles, reads, activations");
    for (set, errors) in &sets {
        let figures: Vec<String> = (0..3)
            .map(|index| {
                let mut all: Vec<f64> = errors.iter().map(|error| error[index].abs()).collect();
                all.sort_by(f64::total_cmp);
                let mean = all.iter().sum::<f64>() / all.len() as f64;
                format!("{mean:6.2} {:6.2}", all[all.len() - 1])
            })
            .collect();
        println!("{set:32} {:3} runs  {}", errors.len(), figures.join("   "));
    }
}
