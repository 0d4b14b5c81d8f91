//! `cost --system`: the price of a memory system on a recommendation model.

use std::path::Path;

use pimento_hardware::{
    Host, Load, PimCostModel, RankingModel, RecommenderCost, SystemCost, TierCost, TraceCheck,
};
use serde::Serialize;

use crate::{
    chip::OpenChip,
    cli::CostArgs,
    error::Error,
    explanation::Explained,
    gathering::{Gathering, open_system, preset},
    quantity::{self, share},
    table,
};

/// Bits of weights and inputs of perceptrons on a chip.
const CHIP_BITS: u8 = 8;

/// A price as JSON.
#[derive(Serialize)]
struct Report<'a> {
    system: &'a str,
    workload: &'a str,
    popularity: &'a str,
    gather: &'a SystemCost,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_to_end: Option<&'a RecommenderCost>,
    /// Each memory serves the trace alone, for a host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trace: &'a Vec<TraceCheck>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<&'a Explained>,
}

/// Prices a memory system.
pub(crate) fn run(path: &Path, arguments: &CostArgs) -> Result<(), Error> {
    let system = open_system(path, arguments.gather.batch)?;
    let gathering = Gathering::open(&arguments.gather)?;
    let perceptrons = Perceptrons::open(
        arguments.gather.host.as_deref(),
        arguments.chip.as_deref(),
        arguments.node_nm,
    )?;
    let gather = system.cost(&gathering.gathers);
    let end_to_end = perceptrons.with(&gathering.model, gather.clone());
    let trace = gathering.trace.as_ref();
    let checks = trace.map_or_else(Vec::new, |trace| system.check_trace(trace));
    let explain = arguments.explain.as_deref();
    let explained = explain
        .map(|path| Explained::of_system(path, &system, &gathering.gathers))
        .transpose()?;
    let text = if arguments.json {
        let report = Report {
            system: system.name(),
            workload: gathering.model.name(),
            popularity: &gathering.law,
            gather: &gather,
            end_to_end: end_to_end.as_ref(),
            trace: &checks,
            explanation: explained.as_ref(),
        };
        let json = serde_json::to_string_pretty(&report);
        json.map_err(|error| Error::json(path, error))? + "\n"
    } else if let Some(explained) = &explained {
        explained.render()
    } else {
        let title = format!(
            "`{}`: {}\n`{}`, rows by {}\n",
            system.name(),
            system.about(),
            gathering.model.name(),
            gathering.law
        );
        let mut text = title + &figures(&gather) + &memories(&gather) + &components(&gather);
        if let Some(end_to_end) = &end_to_end {
            text.push_str(&whole(end_to_end, &perceptrons, arguments.rate));
        }
        for check in &checks {
            text.push_str(&traced(check));
        }
        text
    };
    table::print(&text);
    Ok(())
}

/// What computes perceptrons.
pub(crate) enum Perceptrons {
    Chip(Box<OpenChip>),
    Host(Host),
}

impl Perceptrons {
    /// A host if one is named, or a chip.
    pub(crate) fn open(
        host: Option<&Path>,
        chip: Option<&Path>,
        node_nm: Option<f64>,
    ) -> Result<Self, Error> {
        if let Some(host) = host {
            let names = Host::preset_names();
            return preset(host, "host", Host::preset, Host::parse, &names).map(Self::Host);
        }
        let chip = match chip {
            Some(path) => OpenChip::named(path)?,
            None => OpenChip::default(),
        };
        let chip = match node_nm {
            Some(node_nm) => chip.at_node(node_nm),
            None => chip,
        };
        Ok(Self::Chip(Box::new(chip)))
    }

    /// The gather with the perceptrons of the model, if it tells any.
    pub(crate) fn with(&self, model: &RankingModel, gather: SystemCost) -> Option<RecommenderCost> {
        match self {
            Self::Chip(chip) => {
                let sizes = chip.preset.sizes();
                let chip = PimCostModel::new(chip.preset.clone());
                RecommenderCost::on_chip(model, gather, &chip, sizes, CHIP_BITS)
            }
            Self::Host(host) => RecommenderCost::on_host(model, gather, host),
        }
    }
}

impl std::fmt::Display for Perceptrons {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Chip(chip) => chip.record.fmt(formatter),
            Self::Host(host) => write!(formatter, "`{}`", host.name()),
        }
    }
}

fn figures(cost: &SystemCost) -> String {
    let per_lookup = 1.0 / cost.lookups;
    let mut rows = vec![
        ("look-ups", quantity::count(cost.lookups)),
        ("latency", quantity::time(cost.latency_ns)),
        ("of a look-up", quantity::time(cost.latency_ns * per_lookup)),
        ("samples/s", quantity::count(cost.samples_per_s)),
        ("waits most for", cost.bottleneck.to_owned()),
        ("energy", quantity::energy(cost.energy_pj)),
        (
            "of a look-up",
            quantity::energy(cost.energy_pj * per_lookup),
        ),
        ("power", quantity::power(cost.power_mw)),
        ("area of units", quantity::area(cost.area_um2)),
    ];
    if cost.cache_share > 0.0 {
        rows.push(("hits of the cache", share(cost.cache_share, 1.0)));
    }
    if cost.violation > 0.0 {
        let over = format!("{:.1} %", 100.0 * cost.violation);
        rows.push(("tables exceed memory by", over));
    }
    let title = format!("gather of a batch of {}", cost.batch);
    let rows = rows
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value]);
    table::table(&[&title, "value"], rows)
}

fn memories(cost: &SystemCost) -> String {
    let header = [
        "memory",
        "stored",
        "look-ups",
        "cached",
        "rows opened",
        "bursts",
        "reading",
        "commands",
        "adding",
        "transfer",
        "fetch",
        "merge",
        "imbalance",
    ];
    table::table(&header, cost.tiers.iter().map(|tier| memory(tier, cost)))
}

fn memory(tier: &TierCost, cost: &SystemCost) -> Vec<String> {
    let time = &tier.time;
    let mut row = vec![
        tier.name.clone(),
        format!("{} MB", quantity::number(tier.stored_bytes / 1e6, 4)),
        share(time.lookups, cost.lookups),
        share(time.cached, time.lookups),
        quantity::count(time.activations),
        quantity::count(time.reads),
    ];
    let times = [
        time.reading_ns,
        time.command_ns,
        time.adding_ns,
        time.transfer_ns,
        time.fetch_ns,
        time.merge_ns,
    ];
    row.extend(times.map(|ns| {
        if ns > 0.0 {
            quantity::time(ns)
        } else {
            "–".to_owned()
        }
    }));
    row.push(format!("{:.2}", time.imbalance));
    row
}

fn components(cost: &SystemCost) -> String {
    let rows = cost.components.iter().map(|part| {
        vec![
            part.component.to_owned(),
            quantity::energy(part.energy_pj / cost.lookups),
            share(part.energy_pj, cost.energy_pj),
            quantity::area(part.area_um2),
        ]
    });
    table::table(&["component", "energy of a look-up", "share", "area"], rows)
}

/// A memory that serves the trace alone, for a host, in both models.
fn traced(check: &TraceCheck) -> String {
    let trace = &check.trace;
    let figures = [
        ("rows opened", trace.activations as f64, check.activations),
        ("bursts read", trace.reads as f64, check.reads),
        ("clock cycles", trace.cycles, check.cycles),
    ];
    let rows = figures.map(|(name, played, closed)| {
        vec![
            name.to_owned(),
            quantity::count(played),
            quantity::count(closed),
            format!("{:+.1} %", 100.0 * (closed / played - 1.0)),
        ]
    });
    let title = format!(
        "`{}` alone, {} look-ups of {} rows",
        check.memory, check.lookups, check.distinct
    );
    table::table(
        &[&title, "command by command", "closed form", "error"],
        rows,
    )
}

fn whole(cost: &RecommenderCost, perceptrons: &Perceptrons, rate: Option<f64>) -> String {
    let dense = &cost.dense;
    let mut rows = vec![
        ("latency", quantity::time(cost.latency_ns)),
        ("perceptrons, one sample", quantity::time(dense.latency_ns)),
        ("samples/s", quantity::count(cost.samples_per_s)),
        ("set by", cost.bottleneck.to_owned()),
        ("energy of a sample", quantity::energy(cost.energy_pj)),
        ("of it perceptrons", quantity::energy(dense.energy_pj)),
        ("power", quantity::power(cost.power_mw)),
        ("area of processors", quantity::area(cost.area_um2)),
    ];
    if let Some(rate) = rate {
        rows.extend(under_load(&cost.load(rate)));
    }
    let title = format!("end to end, perceptrons on {perceptrons}");
    let rows = rows
        .into_iter()
        .map(|(name, value)| vec![name.to_owned(), value]);
    table::table(&[&title, "value"], rows)
}

fn under_load(load: &Load) -> Vec<(&'static str, String)> {
    let latency = |ns: f64| {
        if ns.is_finite() {
            quantity::time(ns)
        } else {
            "the queue grows without end".to_owned()
        }
    };
    vec![
        ("share of throughput", share(load.share(), 1.0)),
        ("mean latency under load", latency(load.mean_ns())),
        ("99 % of latencies within", latency(load.quantile_ns(0.99))),
    ]
}
