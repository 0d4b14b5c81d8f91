//! `space`: what may be chosen.

use std::path::Path;

use pimento_space::{InputShape, nasrec};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{catalogue, cli::SpaceCommand, commands::cost::DesignFile, error::Error, table};

/// Runs a command about spaces.
pub(crate) fn run(command: &SpaceCommand) -> Result<(), Error> {
    match command {
        SpaceCommand::Describe { space } => {
            table::print(&catalogue::space(space)?.describe().to_string());
            Ok(())
        }
        SpaceCommand::Sample {
            space,
            seed,
            dense,
            fields,
            rows,
        } => {
            let input = InputShape {
                dense_dim: *dense,
                fields: *fields,
            };
            sample(space, *seed, input, *rows)
        }
        SpaceCommand::Import {
            network,
            dense,
            fields,
        } => import(
            network,
            InputShape {
                dense_dim: *dense,
                fields: *fields,
            },
        ),
    }
}

fn sample(space: &Path, seed: u64, input: InputShape, rows: u64) -> Result<(), Error> {
    let opened = catalogue::space(space)?;
    let genotype = opened.sample(&mut ChaCha8Rng::seed_from_u64(seed));
    let design = opened.decode(&genotype, input);
    let file = DesignFile {
        network: design.network,
        hardware: design.hardware,
        table_rows: vec![rows; input.fields],
    };
    let json = serde_json::to_string_pretty(&file).map_err(|error| Error::json(space, error))?;
    table::print(&(json + "\n"));
    Ok(())
}

fn import(path: &Path, input: InputShape) -> Result<(), Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::file("read", path, source))?;
    let imported = nasrec::import(&text).map_err(|error| Error::json(path, error))?;
    let network = imported.to_network(input, 16);
    let layers = network.layers();
    let rows = layers
        .iter()
        .map(|layer| vec![layer.to_string(), layer.macs().to_string()]);
    table::print(&table::table(&["live layer", "MACs"], rows));
    table::print(&format!(
        "{} MACs and {} weights outside the embedding tables are live\n",
        network.macs(),
        network.dense_parameters()
    ));
    Ok(())
}
