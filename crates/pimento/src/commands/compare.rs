//! `cost compare`: memory systems side by side.

use std::{io::Write, path::PathBuf};

use pimento_hardware::{MemorySystem, RecommenderCost, SystemCost};
use serde::Serialize;

use crate::{
    cli::CompareArgs,
    commands::system::Perceptrons,
    error::Error,
    gathering::{Gathering, open_system},
    picture, quantity,
    run::write_whole,
    table,
};

/// A comparison as JSON.
#[derive(Serialize)]
struct Report<'a> {
    workload: &'a str,
    popularity: &'a str,
    systems: &'a [Compared],
}

/// A system's price.
#[derive(Debug, Serialize)]
pub(crate) struct Compared {
    pub(crate) system: String,
    pub(crate) gather: SystemCost,
    /// Absent where the model tells no perceptrons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end_to_end: Option<RecommenderCost>,
}

impl Compared {
    /// Time from batch to batch for a look-up.
    pub(crate) fn lookup_ns(&self) -> f64 {
        self.gather.interval_ns / self.gather.lookups
    }

    /// Energy of a look-up.
    pub(crate) fn lookup_pj(&self) -> f64 {
        self.gather.energy_pj / self.gather.lookups
    }
}

/// Compares memory systems.
pub(crate) fn run(arguments: &CompareArgs) -> Result<(), Error> {
    let gathering = Gathering::open(&arguments.gather)?;
    let perceptrons = Perceptrons::open(
        arguments.gather.host.as_deref(),
        arguments.chip.as_deref(),
        None,
    )?;
    let paths = if arguments.systems.is_empty() {
        let names = MemorySystem::preset_names();
        names.into_iter().map(PathBuf::from).collect()
    } else {
        arguments.systems.clone()
    };
    let mut compared = Vec::with_capacity(paths.len());
    for path in &paths {
        let system = open_system(path, arguments.gather.batch)?;
        let gather = system.cost(&gathering.gathers);
        compared.push(Compared {
            system: system.name().to_owned(),
            end_to_end: perceptrons.with(&gathering.model, gather.clone()),
            gather,
        });
    }
    let title = format!("{}, rows by {}", gathering.model.name(), gathering.law);
    if let Some(file) = &arguments.svg {
        let drawing = picture::draw_comparison(&title, &compared);
        write_whole(file, |file| file.write_all(drawing.as_bytes()))?;
    }
    let text = if arguments.json {
        let report = Report {
            workload: gathering.model.name(),
            popularity: &gathering.law,
            systems: &compared,
        };
        let json = serde_json::to_string_pretty(&report);
        json.map_err(|error| Error::json(&arguments.gather.workload, error))? + "\n"
    } else {
        format!("{title}\n{}", render(&compared))
    };
    table::print(&text);
    Ok(())
}

fn render(compared: &[Compared]) -> String {
    let header = [
        "system",
        "batch",
        "latency",
        "ns per look-up",
        "faster",
        "pJ per look-up",
        "energy saved",
        "power",
        "units",
        "waits for",
        "end to end",
        "samples/s",
    ];
    let baseline = &compared[0];
    let rows = compared.iter().map(|system| row(system, baseline));
    let mut text = table::table(&header, rows);
    text.push_str(&format!(
        "faster, energy saved: a look-up of `{}` over one of the system, batch after batch; latency: of a \
         batch; end to end: latency with perceptrons\n",
        baseline.system
    ));
    for system in compared
        .iter()
        .filter(|system| system.gather.violation > 0.0)
    {
        text.push_str(&format!(
            "`{}` cannot hold the tables: they exceed a memory by {:.1} %\n",
            system.system,
            100.0 * system.gather.violation
        ));
    }
    text
}

fn row(system: &Compared, baseline: &Compared) -> Vec<String> {
    let gather = &system.gather;
    let whole = system.end_to_end.as_ref();
    let dash = || "–".to_owned();
    vec![
        system.system.clone(),
        gather.batch.to_string(),
        quantity::time(gather.latency_ns),
        quantity::number(system.lookup_ns(), 3),
        format!("{:.2}×", baseline.lookup_ns() / system.lookup_ns()),
        quantity::number(system.lookup_pj(), 4),
        format!(
            "{:.1} %",
            100.0 * (1.0 - system.lookup_pj() / baseline.lookup_pj())
        ),
        quantity::power(gather.power_mw),
        quantity::area(gather.area_um2),
        gather.bottleneck.to_owned(),
        whole.map_or_else(dash, |whole| quantity::time(whole.latency_ns)),
        whole.map_or_else(dash, |whole| quantity::count(whole.samples_per_s)),
    ]
}
