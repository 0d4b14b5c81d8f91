//! `cluster`: a network's matrices on modules with several memories, within a latency bound.

use std::path::Path;

use pimento_hardware::{ClusterPlacement, ClusterPreset};
use pimento_space::lower;

use crate::{
    cli::{ClusterArgs, PresetArgs},
    commands::presets::show,
    design_file::DesignFile,
    error::Error,
    quantity::{self, share},
    table,
};

/// Lists the clusters, or prints the tables of one.
pub(crate) fn list(arguments: &PresetArgs) -> Result<(), Error> {
    let names = ClusterPreset::preset_names();
    show(
        arguments,
        "built-in cluster",
        &names,
        ClusterPreset::preset_text,
        || {
            let clusters = names.iter().filter_map(|name| ClusterPreset::preset(name));
            let rows = clusters.flat_map(|cluster| {
                let name = cluster.name().to_owned();
                let capacities = cluster.capacities().into_iter();
                let row = move |(memory, bytes): (String, f64)| {
                    vec![name.clone(), memory, quantity::number(bytes / 1024.0, 4)]
                };
                capacities.map(row).collect::<Vec<_>>()
            });
            table::table(&["cluster", "memory", "KiB"], rows)
        },
    )
}

/// Places the matrices of a design.
pub(crate) fn run(arguments: &ClusterArgs) -> Result<(), Error> {
    let design = DesignFile::read(&arguments.design)?;
    let cluster = open(&arguments.cluster)?;
    let workload = lower(&design.network, &design.table_rows);
    let placement = cluster.place(&workload, 1e3 * arguments.deadline_us);
    let text = if arguments.json {
        let json = serde_json::to_string_pretty(&placement);
        json.map_err(|error| Error::json(&arguments.design, error))? + "\n"
    } else {
        render(&cluster, &placement, arguments.deadline_us)
    };
    table::print(&text);
    Ok(())
}

/// The cluster in a file, or the built-in one of that name.
fn open(path: &Path) -> Result<ClusterPreset, Error> {
    if path.is_file() {
        let text =
            std::fs::read_to_string(path).map_err(|source| Error::file("read", path, source))?;
        return ClusterPreset::parse(&text).map_err(|error| Error::preset(path, &text, &error));
    }
    let built_in = path.to_str().and_then(ClusterPreset::preset);
    built_in.ok_or_else(|| Error::Unknown {
        what: "file or cluster",
        name: path.display().to_string(),
        known: format!(
            "`{}`, or a file of your own: `pimento clusters hh-pim > mine.toml` is one to start from",
            ClusterPreset::preset_names().join("`, `")
        ),
    })
}

fn render(cluster: &ClusterPreset, placement: &ClusterPlacement, deadline_us: f64) -> String {
    if placement.bytes.is_empty() {
        return format!(
            "the matrices exceed the memories of `{}` by {:.1} %\n",
            cluster.name(),
            100.0 * placement.violation
        );
    }
    let period_ns = placement.latency_ns.max(1e3 * deadline_us);
    let power_mw = placement.energy_pj / period_ns;
    let figures = [
        ("latency", quantity::time(placement.latency_ns)),
        ("energy of a period", quantity::energy(placement.energy_pj)),
        ("power", quantity::power(power_mw)),
        (
            "bound exceeded by",
            format!("{:.1} %", 100.0 * placement.violation),
        ),
    ];
    let title = format!("`{}`, every {deadline_us} µs", cluster.name());
    let figures = figures.map(|(name, value)| vec![name.to_owned(), value]);
    let mut text = table::table(&[&title, "value"], figures);
    let all: f64 = placement.bytes.iter().sum();
    let places = placement.places.iter().zip(&placement.bytes);
    let places = places.map(|(place, &bytes)| {
        vec![
            place.clone(),
            quantity::number(bytes / 1024.0, 4),
            share(bytes, all),
        ]
    });
    text.push_str(&table::table(
        &["memory", "KiB", "share of weights"],
        places,
    ));
    text
}
