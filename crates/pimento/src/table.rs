//! Tables for people, on standard output.

use std::io::Write;

use comfy_table::{Cell, CellAlignment, Table, presets::UTF8_FULL_CONDENSED};

use crate::pareto::{DesignRecord, ParetoFile};

/// Writes text to standard output; a closed pipe is not an error.
pub(crate) fn print(text: &str) {
    let mut output = std::io::stdout().lock();
    let _ = output.write_all(text.as_bytes());
    let _ = output.flush();
}

/// A table; columns after the first are right-aligned.
pub(crate) fn table(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_header(header.to_vec());
    for row in rows {
        table.add_row(row.into_iter().enumerate().map(|(column, text)| {
            let side = if column == 0 {
                CellAlignment::Left
            } else {
                CellAlignment::Right
            };
            Cell::new(text).set_alignment(side)
        }));
    }
    format!("{table}\n")
}

/// The front, the references, and the factors between them.
pub(crate) fn front(file: &ParetoFile) -> String {
    let mut header = vec![
        "design",
        "log loss",
        "AUC",
        "alone",
        "latency µs",
        "energy nJ",
        "power mW",
        "area mm²",
        "inferences/s",
        "kMAC",
    ];
    let has_tables = file
        .designs
        .iter()
        .any(|design| design.embedding_bytes.is_some());
    if has_tables {
        header.push("tables KiB");
    }
    let rows = file
        .designs
        .iter()
        .chain(&file.references)
        .map(|design| row(design, has_tables))
        .collect::<Vec<_>>();
    let mut text = table(&header, rows);
    text.push_str("log loss and AUC: supernet, validation; alone: validation log loss when trained from scratch\n");
    text.push_str(&format!("costs: chip {}\n", file.origin.chip));
    text.push_str(&factors(file));
    text
}

fn row(design: &DesignRecord, has_tables: bool) -> Vec<String> {
    let quality = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |v| format!("{v:.4}"));
    let cost = &design.cost;
    let bytes = design.embedding_bytes;
    let tables = bytes.map_or_else(
        || "–".to_owned(),
        |bytes| format!("{:.1}", bytes as f64 / 1024.0),
    );
    let mut row = vec![
        design.name.clone(),
        quality(design.quality.map(|quality| quality.log_loss)),
        quality(design.quality.and_then(|quality| quality.auc)),
        quality(design.alone_log_loss()),
        format!("{:.3}", cost.latency_ns / 1e3),
        format!("{:.2}", cost.energy_pj / 1e3),
        format!("{:.1}", cost.power_mw),
        format!("{:.3}", cost.area_um2 / 1e6),
        format!("{:.3e}", cost.throughput_per_s),
        format!("{:.1}", design.macs as f64 / 1e3),
    ];
    row.extend(has_tables.then_some(tables));
    row
}

/// For every reference that was trained: the best factors that designs trained by the same recipe
/// reach at equal or better log loss, and at most 0.001 worse.
fn factors(file: &ParetoFile) -> String {
    let mut rows = Vec::new();
    for reference in &file.references {
        let Some(bar) = reference.alone_log_loss() else {
            continue;
        };
        for (label, slack) in [("equal or better", 0.0), ("at most 0.001 worse", 0.001)] {
            let eligible: Vec<&DesignRecord> = file
                .designs
                .iter()
                .filter(|design| {
                    design
                        .alone_log_loss()
                        .is_some_and(|loss| loss <= bar + slack)
                })
                .collect();
            let name = format!("{}: log loss {label}", reference.name);
            rows.push(factor_row(name, reference, &eligible));
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    let header = [
        "factor over",
        "designs",
        "latency",
        "energy",
        "power",
        "area",
        "throughput",
    ];
    format!(
        "\nBest factors of the front (reference ÷ design; both trained from scratch)\n{}",
        table(&header, rows)
    )
}

fn factor_row(name: String, reference: &DesignRecord, designs: &[&DesignRecord]) -> Vec<String> {
    let best = |factor: fn(&DesignRecord, &DesignRecord) -> f64| {
        let best = designs
            .iter()
            .map(|design| factor(reference, design))
            .reduce(f64::max);
        best.map_or_else(|| "–".to_owned(), |factor| format!("{factor:.2}×"))
    };
    vec![
        name,
        designs.len().to_string(),
        best(|a, b| a.cost.latency_ns / b.cost.latency_ns),
        best(|a, b| a.cost.energy_pj / b.cost.energy_pj),
        best(|a, b| a.cost.power_mw / b.cost.power_mw),
        best(|a, b| a.cost.area_um2 / b.cost.area_um2),
        best(|a, b| b.cost.throughput_per_s / a.cost.throughput_per_s),
    ]
}
