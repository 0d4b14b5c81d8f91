//! `systems`, `workloads`: the built-in memory systems and recommendation models.

use pimento_hardware::{MemorySystem, RankingModel};

use crate::{cli::PresetArgs, error::Error, quantity, table};

/// Lists the memory systems, or prints the tables of one.
pub(crate) fn systems(arguments: &PresetArgs) -> Result<(), Error> {
    let names = MemorySystem::preset_names();
    show(
        arguments,
        "built-in memory system",
        &names,
        MemorySystem::preset_text,
        || {
            let systems = names.iter().filter_map(|name| MemorySystem::preset(name));
            let lines = systems.map(|system| format!("{:14} {}\n", system.name(), system.about()));
            lines.collect()
        },
    )
}

/// Lists the recommendation models, or prints the tables of one.
pub(crate) fn workloads(arguments: &PresetArgs) -> Result<(), Error> {
    let names = RankingModel::preset_names();
    show(
        arguments,
        "built-in workload",
        &names,
        RankingModel::preset_text,
        || {
            let header = [
                "workload",
                "tables",
                "rows",
                "look-ups",
                "GB at 32 bits",
                "perceptrons",
            ];
            let models = names.iter().filter_map(|name| RankingModel::preset(name));
            table::table(&header, models.map(|model| row(&model)))
        },
    )
}

fn row(model: &RankingModel) -> Vec<String> {
    let tables = model.tables(32);
    let rows: f64 = tables.iter().map(|table| table.rows as f64).sum();
    let lookups: u32 = tables.iter().map(|table| u32::from(table.lookups)).sum();
    let bytes: f64 = tables
        .iter()
        .map(pimento_hardware::EmbeddingTable::bytes)
        .sum();
    let bottom = model
        .bottom()
        .iter()
        .copied()
        .map(u32::from)
        .collect::<Vec<_>>();
    let perceptrons = [widths(&bottom), widths(&model.top())];
    vec![
        model.name().to_owned(),
        tables.len().to_string(),
        quantity::count(rows),
        lookups.to_string(),
        quantity::number(bytes / 1e9, 3),
        perceptrons
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" / "),
    ]
}

fn widths(widths: &[u32]) -> Option<String> {
    let widths: Vec<String> = widths.iter().map(u32::to_string).collect();
    (!widths.is_empty()).then(|| widths.join("-"))
}

/// The text of one preset, or a list of all.
pub(crate) fn show(
    arguments: &PresetArgs,
    what: &'static str,
    names: &[&str],
    text: fn(&str) -> Option<&'static str>,
    list: impl Fn() -> String,
) -> Result<(), Error> {
    let shown = match &arguments.name {
        Some(name) => text(name)
            .ok_or_else(|| Error::Unknown {
                what,
                name: name.clone(),
                known: format!(
                    "`{}`; print one, change it, and name your file in its place",
                    names.join("`, `")
                ),
            })?
            .to_owned(),
        None => list(),
    };
    table::print(&shown);
    Ok(())
}
