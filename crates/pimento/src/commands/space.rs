//! `space`: what may be chosen.

use std::path::Path;

use pimento_hardware::Hardware;
use pimento_space::{
    InputShape,
    nasrec::{self, NasrecNetwork},
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{
    catalogue, chip::ChipRecord, cli::SpaceCommand, design_file::DesignFile, error::Error,
    references::NAIVE_BITS, table,
};

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
            design,
            dense,
            fields,
        } => {
            let input = InputShape {
                dense_dim: *dense,
                fields: *fields,
            };
            import(network, *design, input)
        }
        SpaceCommand::Export { design } => export(design),
    }
}

fn sample(space: &Path, seed: u64, input: InputShape, rows: u64) -> Result<(), Error> {
    let table_rows = vec![rows; input.fields];
    let opened = catalogue::space(space)?.for_tables(&table_rows);
    let genotype = opened.sample(&mut ChaCha8Rng::seed_from_u64(seed));
    let design = opened.decode(&genotype, input);
    let file = DesignFile {
        network: design.network,
        hardware: design.hardware,
        chip: ChipRecord::default(),
        table_rows,
        popularity: Vec::new(),
    };
    print_design(space, &file)
}

fn print_design(source: &Path, file: &DesignFile) -> Result<(), Error> {
    let json = serde_json::to_string_pretty(file).map_err(|error| Error::json(source, error))?;
    table::print(&(json + "\n"));
    Ok(())
}

fn export(path: &Path) -> Result<(), Error> {
    let design = DesignFile::read(path)?;
    let json = NasrecNetwork::from_network(&design.network)
        .and_then(|network| network.export())
        .map_err(|error| Error::json(path, error))?;
    table::print(&(json + "\n"));
    Ok(())
}

fn import(path: &Path, table_rows: Option<u64>, input: InputShape) -> Result<(), Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::file("read", path, source))?;
    let imported = nasrec::import(&text).map_err(|error| Error::json(path, error))?;
    let network = imported.to_network(input, NAIVE_BITS);
    if let Some(rows) = table_rows {
        return print_design(
            path,
            &DesignFile {
                network,
                hardware: Hardware::naive(),
                chip: ChipRecord::default(),
                table_rows: vec![rows; input.fields],
                popularity: Vec::new(),
            },
        );
    }
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
