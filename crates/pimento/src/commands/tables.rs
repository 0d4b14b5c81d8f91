//! `tables`: log loss against bytes for each kind and width of embedding table.

use pimento_space::{FieldEmbedding, Network};
use pimento_supernet::Supernet;
use rayon::prelude::*;
use serde::Serialize;
use tracing::info;

use crate::{
    catalogue::space_of,
    cli::{Cli, TablesArgs},
    co_design::embedding_bytes,
    commands::{
        rank::{draw, mean_log_loss, score, train_alone},
        train::{Prepared, configuration, prepare, train_supernet},
    },
    error::Error,
    interrupt::Interrupt,
    rank_statistics::Estimate,
    table,
};

/// File with the results.
const FILE: &str = "tables.json";

/// One kind and width for all fields; tables that it would not make smaller are full.
#[derive(Debug, Serialize)]
struct Row {
    table: String,
    width: usize,
    /// Of all tables, unrounded.
    bytes: u64,
    /// Mean log loss of the networks in the supernet.
    log_loss: f64,
    /// The same minus that of the first row, by network.
    supernet: Estimate,
    /// The same for networks trained from scratch, where they were.
    alone: Option<Estimate>,
}

/// Scores random networks with every kind of table, and trains them if asked.
pub(crate) fn run(cli: &Cli, arguments: &TablesArgs, interrupt: &Interrupt) -> Result<(), Error> {
    let (_, config) = configuration(&arguments.search)?;
    if space_of(&config)?.table_menu().is_empty() {
        let message = "this space has no section `[embedding]`: use one that has, such as \
                       `compressed`";
        return Err(config.error(message, config.file.space.span()));
    }
    let prepared = prepare(cli, &arguments.search)?;
    let command = format!(
        "tables --resume {} --networks {} --seeds {}",
        prepared.run.path().display(),
        arguments.networks,
        arguments.seeds
    );
    measure(&prepared, arguments, interrupt).map_err(|error| error.resumed_by(&command))
}

fn measure(
    prepared: &Prepared,
    arguments: &TablesArgs,
    interrupt: &Interrupt,
) -> Result<(), Error> {
    let menu = prepared.space.table_menu();
    let supernet = train_supernet(prepared, interrupt)?;
    let networks = draw(prepared, usize::from(arguments.networks));
    let variants: Vec<Vec<Network>> = menu
        .iter()
        .map(|choice| {
            let networks = networks.iter();
            networks
                .map(|network| with_tables(prepared, network, *choice))
                .collect()
        })
        .collect();
    let losses = variants
        .iter()
        .map(|networks| in_supernet(prepared, &supernet, networks, interrupt))
        .collect::<Result<Vec<_>, Error>>()?;
    let alone = trained_alone(prepared, &variants, arguments.seeds, interrupt)?;
    let table_rows = prepared.table_rows();
    let rows: Vec<Row> = menu
        .iter()
        .enumerate()
        .map(|(index, choice)| Row {
            table: choice.table.to_string(),
            width: choice.width,
            bytes: embedding_bytes(&variants[index][0], &table_rows),
            log_loss: losses[index].iter().sum::<f64>() / losses[index].len() as f64,
            supernet: difference(&losses[index], &losses[0]),
            alone: alone
                .as_ref()
                .map(|alone| difference(&alone[index], &alone[0])),
        })
        .collect();
    prepared.run.write_json(FILE, &rows)?;
    table::print(&render(&rows, networks.len(), arguments.seeds));
    Ok(())
}

/// The network with one kind and width of table for all fields, unrounded.
fn with_tables(prepared: &Prepared, network: &Network, choice: FieldEmbedding) -> Network {
    let dim = network.embedding_dim;
    let table_rows = prepared.table_rows();
    let embeddings = table_rows.iter().map(|&rows| choice.canonical(rows, dim));
    Network {
        embeddings: embeddings.collect(),
        ..network.clone()
    }
}

fn in_supernet(
    prepared: &Prepared,
    supernet: &Supernet,
    networks: &[Network],
    interrupt: &Interrupt,
) -> Result<Vec<f64>, Error> {
    let method = prepared.config.file.score.get_ref();
    let scores = networks.par_iter().map(|network| {
        interrupt.check()?;
        Ok(score(prepared, supernet, network, method))
    });
    scores.collect()
}

/// Validation log loss of every variant of every network, mean of the seeds.
fn trained_alone(
    prepared: &Prepared,
    variants: &[Vec<Network>],
    seeds: u64,
    interrupt: &Interrupt,
) -> Result<Option<Vec<Vec<f64>>>, Error> {
    if seeds == 0 {
        return Ok(None);
    }
    let (trainings, _) = train_alone(prepared, variants.iter().flatten(), seeds, interrupt)?;
    let losses: Vec<f64> = trainings
        .iter()
        .map(|trainings| mean_log_loss(trainings))
        .collect();
    info!(networks = trainings.len(), "trained alone");
    Ok(Some(
        losses
            .chunks(variants[0].len())
            .map(<[f64]>::to_vec)
            .collect(),
    ))
}

/// The mean of what networks lose against those of the first row.
fn difference(losses: &[f64], first: &[f64]) -> Estimate {
    let differences: Vec<f64> = losses.iter().zip(first).map(|(a, b)| a - b).collect();
    Estimate::of(&differences)
}

fn render(rows: &[Row], networks: usize, seeds: u64) -> String {
    let header = [
        "tables",
        "width",
        "KiB at 32 bits",
        "log loss",
        "difference",
        "trained alone",
    ];
    let lines = rows.iter().map(|row| {
        let alone = row.alone.as_ref();
        vec![
            row.table.clone(),
            row.width.to_string(),
            format!("{:.1}", row.bytes as f64 / 1024.0),
            format!("{:.4}", row.log_loss),
            row.supernet.signed_text(),
            alone.map_or_else(|| "–".to_owned(), Estimate::signed_text),
        ]
    });
    format!(
        "{}log loss in the supernet, mean of {networks} networks, and minus that of the first row; \
         trained alone: the same difference after training from scratch, {seeds} seeds; ± standard error\n",
        table::table(&header, lines)
    )
}
