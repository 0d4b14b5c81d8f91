//! `data`: what a click log holds, and schemas to start from.

use std::path::Path;

use pimento_data::{DataSchema, SCHEMA_PRESETS, Split};

use crate::{
    catalogue::{OpenLog, open_log},
    cli::{Cli, DataCommand},
    commands::train::use_threads,
    config::SearchConfig,
    error::Error,
    journal, table,
};

/// Runs a command about data.
pub(crate) fn run(cli: &Cli, command: &DataCommand) -> Result<(), Error> {
    use_threads(cli);
    journal::start(cli.log_format, None)?;
    match command {
        DataCommand::Describe { config } => describe(config.as_deref()),
        DataCommand::Schema { name } => schema(name),
    }
}

fn describe(config: Option<&Path>) -> Result<(), Error> {
    let config = match config {
        Some(path) => SearchConfig::read(path)?,
        None => SearchConfig::built_in()?,
    };
    table::print(&render(&open_log(&config)?));
    Ok(())
}

fn render(data: &OpenLog) -> String {
    let splits = Split::ALL.iter().map(|&split| {
        let summary = data.summary.splits[split];
        let rate = summary
            .positive_rate()
            .map_or_else(|| "–".to_owned(), |rate| format!("{rate:.4}"));
        vec![split.name().to_owned(), summary.rows.to_string(), rate]
    });
    let mut text = table::table(&["split", "rows", "click rate"], splits);
    let columns = data
        .summary
        .dense
        .iter()
        .chain(&data.summary.categorical)
        .map(|column| {
            let rows = column
                .table_rows
                .map_or_else(|| "dense".to_owned(), |rows| rows.to_string());
            let missing = data.summary.missing_share(column);
            vec![
                column.name.clone(),
                rows,
                missing.map_or_else(|| "–".to_owned(), |share| format!("{:.1} %", 100.0 * share)),
            ]
        });
    text.push_str(&table::table(&["column", "table rows", "missing"], columns));
    if let Some(best) = data.best_possible {
        let auc = best
            .auc
            .map_or_else(|| "–".to_owned(), |auc| format!("{auc:.4}"));
        text.push_str(&format!(
            "best possible on the validation split: log loss {:.4}, AUC {auc}\n",
            best.log_loss
        ));
    }
    text
}

fn schema(name: &str) -> Result<(), Error> {
    let text = DataSchema::preset_text(name).map_err(|_| Error::Unknown {
        what: "schema",
        name: name.to_owned(),
        known: format!("`{}`", SCHEMA_PRESETS.join("`, `")),
    })?;
    table::print(text);
    Ok(())
}
