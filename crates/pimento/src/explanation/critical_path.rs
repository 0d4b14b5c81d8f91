//! The operators that decide the latency.

use pimento_hardware::Stages;
use serde::Serialize;

use crate::{
    priced_design::{PricedDesign, op_name},
    quantity::{self, share},
    table,
};

/// An operator of the critical path.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    op: String,
    start_ns: f64,
    latency_ns: f64,
    stages: Stages,
}

/// From first to last.
pub(super) fn steps(design: &PricedDesign) -> Vec<Step> {
    let breakdown = &design.cost.breakdown;
    let path = breakdown.critical_path.iter();
    path.map(|&index| {
        let op = &breakdown.ops[index];
        Step {
            op: op_name(op),
            start_ns: op.start_ns,
            latency_ns: op.latency_ns,
            stages: op.stages,
        }
    })
    .collect()
}

/// For people.
pub(super) fn render(steps: &[Step]) -> String {
    let end_ns = steps
        .last()
        .map_or(0.0, |last| last.start_ns + last.latency_ns);
    let header = [
        "operator",
        "starts ns",
        "transfer",
        "write",
        "working",
        "fill",
        "reduction",
        "all ns",
        "share",
    ];
    let rows = steps.iter().map(|step| {
        let stages = &step.stages;
        let mut row = vec![step.op.clone()];
        let times = [
            step.start_ns,
            stages.transfer_ns,
            stages.write_ns,
            stages.working_ns,
            stages.fill_ns,
            stages.reduction_ns,
            step.latency_ns,
        ];
        row.extend(times.map(|ns| format!("{ns:.1}")));
        row.push(share(step.latency_ns, end_ns));
        row
    });
    format!(
        "latency: {}, the end of the last of {} operators that wait for each other\n{}{STAGES}",
        quantity::time(end_ns),
        steps.len(),
        table::table(&header, rows)
    )
}

const STAGES: &str = "\
transfer: from buffers and over the chip's network; write: an operand into cells; working: reads of
crossbars, steps of digital lanes or rows from memory; fill: a read and its conversions overlap those
before, but for the shorter of the two, once;
reduction: sums of crossbars are added up, rows of compressed tables combined; the rest of all ns an operator
waits for vectors of its inputs, while which operators overlap
";
