//! `cost`: the price of one design, with its breakdown, explained and drawn.

use std::{io::Write, path::Path};

use pimento_hardware::{Breakdown, Cost, CostSummary, Figures, Hardware, Load};
use serde::Serialize;

use crate::{
    chip::ChipRecord,
    cli::{CostArgs, CostCommand},
    commands::{compare, system},
    error::Error,
    explanation::Explained,
    picture,
    priced_design::{PricedDesign, op_name},
    quantity::{self, share},
    run::write_whole,
    table,
};

/// A price as JSON.
#[derive(Serialize)]
struct Report<'a> {
    chip: &'a ChipRecord,
    hardware: &'a Hardware,
    summary: &'a CostSummary,
    figures: &'a Figures,
    #[serde(skip_serializing_if = "Option::is_none")]
    under_load: Option<&'a UnderLoad>,
    breakdown: &'a Breakdown,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<&'a Explained>,
}

/// Figures at a rate of inferences that come at random. Times are absent where the queue grows
/// without end.
#[derive(Serialize)]
struct UnderLoad {
    inferences_per_s: f64,
    /// Share of the throughput.
    share: f64,
    power_mw: f64,
    mean_ns: f64,
    p50_ns: f64,
    p95_ns: f64,
    p99_ns: f64,
    /// Absent where no cells are written.
    lifetime_years: Option<f64>,
}

/// Prices a design, a memory system, or systems side by side.
pub(crate) fn run(arguments: &CostArgs) -> Result<(), Error> {
    match (&arguments.command, &arguments.system, &arguments.design) {
        (Some(CostCommand::Compare(arguments)), ..) => compare::run(arguments),
        (None, Some(system), _) => system::run(system, arguments),
        (None, None, Some(file)) => price(file, arguments),
        (None, None, None) => unreachable!("the command line asks for a design or a system"),
    }
}

fn price(file: &Path, arguments: &CostArgs) -> Result<(), Error> {
    let design = PricedDesign::open(file, arguments)?;
    let under_load = arguments
        .rate
        .map(|rate| UnderLoad::new(&design.cost, rate));
    let path = arguments.explain.as_deref();
    let explained = path
        .map(|path| Explained::of_design(path, &design))
        .transpose()?;
    if let Some(svg) = &arguments.svg {
        let name = file.file_stem().unwrap_or_default();
        let drawing = picture::draw(&design, &name.to_string_lossy());
        write_whole(svg, |svg| svg.write_all(drawing.as_bytes()))?;
    }
    table::print(&if arguments.json {
        json(file, &design, under_load.as_ref(), explained.as_ref())?
    } else if let Some(explained) = explained {
        explained.render()
    } else {
        render(&design, under_load.as_ref())
    });
    Ok(())
}

fn json(
    path: &Path,
    design: &PricedDesign,
    under_load: Option<&UnderLoad>,
    explanation: Option<&Explained>,
) -> Result<String, Error> {
    let report = Report {
        chip: &design.chip,
        hardware: &design.hardware,
        summary: &design.cost.summary,
        figures: &design.cost.figures,
        under_load,
        breakdown: &design.cost.breakdown,
        explanation,
    };
    let json = serde_json::to_string_pretty(&report);
    Ok(json.map_err(|error| Error::json(path, error))? + "\n")
}

impl UnderLoad {
    fn new(cost: &Cost, inferences_per_s: f64) -> Self {
        let summary = &cost.summary;
        let load = Load::new(
            summary.latency_ns,
            summary.throughput_per_s,
            inferences_per_s,
        );
        Self {
            inferences_per_s,
            share: load.share(),
            power_mw: cost.power_at_mw(inferences_per_s),
            mean_ns: load.mean_ns(),
            p50_ns: load.quantile_ns(0.5),
            p95_ns: load.quantile_ns(0.95),
            p99_ns: load.quantile_ns(0.99),
            lifetime_years: cost.lifetime_years(inferences_per_s),
        }
    }

    fn render(&self) -> String {
        let latency = |ns: f64| {
            if ns.is_finite() {
                quantity::time(ns)
            } else {
                "the queue grows without end".to_owned()
            }
        };
        let mut rows = vec![
            (
                "share of throughput",
                format!("{:.2} %", 100.0 * self.share),
            ),
            ("power", quantity::power(self.power_mw)),
            ("mean latency", latency(self.mean_ns)),
            ("median latency", latency(self.p50_ns)),
            ("95 % of latencies within", latency(self.p95_ns)),
            ("99 % of latencies within", latency(self.p99_ns)),
        ];
        if let Some(years) = self.lifetime_years {
            rows.push(("lifetime of cells", lifetime(years)));
        }
        let title = format!("at {} inferences/s", self.inferences_per_s);
        table::table(&[&title, "value"], named(rows))
    }
}

fn render(design: &PricedDesign, under_load: Option<&UnderLoad>) -> String {
    let mut text = figures(&design.cost);
    if let Some(under_load) = under_load {
        text.push_str(&under_load.render());
    }
    text.push_str(&components(&design.cost));
    text.push_str(&ops(design));
    text.push_str(&format!(
        "chip {}; * the operators that decide the latency\n",
        design.chip
    ));
    text
}

fn figures(cost: &Cost) -> String {
    let (summary, figures) = (&cost.summary, &cost.figures);
    let product = quantity::number(figures.energy_delay_pj_ns / 1e9, 4);
    let mut rows = vec![
        ("latency", format!("{:.3} µs", summary.latency_ns / 1e3)),
        ("energy", format!("{:.3} nJ", summary.energy_pj / 1e3)),
        ("power", format!("{:.2} mW", summary.power_mw)),
        ("area", format!("{:.4} mm²", summary.area_um2 / 1e6)),
        (
            "throughput",
            format!("{:.4e} inferences/s", summary.throughput_per_s),
        ),
        ("violation", format!("{}", summary.violation)),
        ("multiply–accumulates", figures.macs.to_string()),
        ("tiles", figures.tiles.to_string()),
        ("energy · latency", format!("{product} µJ·µs")),
        (
            "at full throughput",
            format!("{} TOPS", quantity::number(figures.tops, 4)),
        ),
        (
            "operations per energy, one inference after another",
            format!("{} TOPS/W", quantity::number(figures.tops_per_w, 4)),
        ),
        (
            "operations per area",
            format!("{} TOPS/mm²", quantity::number(figures.tops_per_mm2, 4)),
        ),
        ("static power", quantity::power(figures.static_mw)),
        (
            "power of the chip, all units busy",
            quantity::power(figures.peak_power_mw),
        ),
        (
            "latency, one operator at a time",
            format!(
                "{}: {:.2} times as long",
                quantity::time(figures.one_by_one_ns),
                figures.one_by_one_ns / summary.latency_ns
            ),
        ),
        (
            "crossbars working",
            format!("{:.2} %", 100.0 * figures.crossbar_utilisation),
        ),
    ];
    if let Some(inferences) = figures.lifetime_inferences {
        let years = cost.lifetime_years(summary.throughput_per_s);
        let lasting = years.map_or_else(String::new, lifetime);
        let text = format!("{inferences:.2e} inferences: {lasting} at full throughput");
        rows.push(("lifetime of cells", text));
    }
    table::table(&["figure", "value"], named(rows))
}

fn named(rows: Vec<(&str, String)>) -> impl Iterator<Item = Vec<String>> {
    rows.into_iter()
        .map(|(name, value)| vec![name.to_owned(), value])
}

fn lifetime(years: f64) -> String {
    const SECONDS_PER_YEAR: f64 = 365.25 * 24.0 * 3600.0;
    if years >= 0.01 {
        format!("{} years", quantity::number(years, 4))
    } else {
        quantity::time(years * SECONDS_PER_YEAR * 1e9)
    }
}

fn components(cost: &Cost) -> String {
    let summary = &cost.summary;
    let components = cost.breakdown.components.iter().map(|part| {
        vec![
            part.component.to_owned(),
            format!("{:.3}", part.energy_pj / 1e3),
            share(part.energy_pj, summary.energy_pj),
            format!("{:.3}", part.power_mw),
            format!("{:.3}", part.peak_power_mw),
            format!("{:.5}", part.area_um2 / 1e6),
            share(part.area_um2, summary.area_um2),
        ]
    });
    let header = [
        "component",
        "energy nJ",
        "share",
        "power mW",
        "all busy mW",
        "area mm²",
        "share",
    ];
    table::table(&header, components)
}

fn ops(design: &PricedDesign) -> String {
    let (summary, breakdown) = (&design.cost.summary, &design.cost.breakdown);
    let ops = design.by_block().into_iter().map(|index| {
        let op = &breakdown.ops[index];
        let mark = if design.is_critical(index) { " *" } else { "" };
        vec![
            format!("{}{mark}", op_name(op)),
            format!("{:.1}", op.start_ns),
            format!("{:.1}", op.latency_ns),
            format!("{:.3}", op.energy_pj / 1e3),
            share(op.energy_pj, summary.energy_pj),
            format!("{:.3}", op.power_mw),
            format!("{:.5}", op.area_um2 / 1e6),
            op.tile.to_string(),
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
        "power mW",
        "area mm²",
        "tile",
        "crossbars",
        "cells used",
    ];
    table::table(&header, ops)
}
