//! `cost`: the price of one design, with its breakdown.

use std::path::Path;

use pimento_hardware::{Cost, Hardware};
use pimento_space::Network;
use serde::{Deserialize, Serialize};

use crate::{cli::CostArgs, co_design::Pricing, error::Error, table};

/// A design as `cost` reads it and `space sample` writes it; the designs of a `pareto.json` have
/// these fields too.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DesignFile {
    /// The network, all shapes known.
    pub(crate) network: Network,
    /// The hardware.
    pub(crate) hardware: Hardware,
    /// Rows of the embedding tables, one per field.
    pub(crate) table_rows: Vec<u64>,
}

impl DesignFile {
    /// Reads and checks a design.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text =
            std::fs::read_to_string(path).map_err(|source| Error::file("read", path, source))?;
        let design: Self = serde_json::from_str(&text).map_err(|error| Error::json(path, error))?;
        design
            .network
            .validate()
            .map_err(|error| Error::json(path, error))?;
        let (tables, fields) = (design.table_rows.len(), design.network.input.fields);
        if tables != fields {
            let message =
                format!("`table_rows` has {tables} entries, expected one per field: {fields}");
            return Err(Error::json(path, message));
        }
        Ok(design)
    }
}

/// Prices a design.
pub(crate) fn run(arguments: &CostArgs) -> Result<(), Error> {
    let design = DesignFile::read(&arguments.design)?;
    let cost = Pricing::new(design.table_rows).cost(&design.network, &design.hardware);
    let text = if arguments.json {
        let json = serde_json::to_string_pretty(&cost);
        json.map_err(|error| Error::json(&arguments.design, error))? + "\n"
    } else {
        render(&cost)
    };
    table::print(&text);
    Ok(())
}

fn render(cost: &Cost) -> String {
    let summary = &cost.summary;
    let mut text = table::table(
        &["figure", "value"],
        [
            ("latency", format!("{:.3} µs", summary.latency_ns / 1e3)),
            ("energy", format!("{:.3} nJ", summary.energy_pj / 1e3)),
            ("power", format!("{:.2} mW", summary.power_mw)),
            ("area", format!("{:.4} mm²", summary.area_um2 / 1e6)),
            (
                "throughput",
                format!("{:.4e} inferences/s", summary.throughput_per_s),
            ),
            ("violation", format!("{}", summary.violation)),
        ]
        .map(|(name, value)| vec![name.to_owned(), value]),
    );
    let components = cost.breakdown.components.iter().map(|part| {
        vec![
            part.component.to_owned(),
            format!("{:.3}", part.energy_pj / 1e3),
            share(part.energy_pj, summary.energy_pj),
            format!("{:.5}", part.area_um2 / 1e6),
            share(part.area_um2, summary.area_um2),
        ]
    });
    let header = ["component", "energy nJ", "share", "area mm²", "share"];
    text.push_str(&table::table(&header, components));
    let ops = cost.breakdown.ops.iter().map(|op| {
        vec![
            format!("{}.{}", op.block, op.layer),
            format!("{:.1}", op.start_ns),
            format!("{:.1}", op.latency_ns),
            format!("{:.3}", op.energy_pj / 1e3),
            share(op.energy_pj, summary.energy_pj),
            op.crossbars.to_string(),
            format!("{:.1} %", 100.0 * op.utilisation),
        ]
    });
    let header = [
        "block.layer",
        "start ns",
        "latency ns",
        "energy nJ",
        "share",
        "crossbars",
        "cells used",
    ];
    text.push_str(&table::table(&header, ops));
    text
}

fn share(part: f64, whole: f64) -> String {
    if whole > 0.0 {
        format!("{:.1} %", 100.0 * part / whole)
    } else {
        "–".to_owned()
    }
}
