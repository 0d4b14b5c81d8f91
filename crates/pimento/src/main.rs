//! pimento: AutoML co-design of click-through-rate models and processing-in-memory hardware.

mod analogue;
mod baselines;
mod catalogue;
mod chip;
mod cli;
mod co_design;
mod commands;
mod config;
mod design_file;
mod diagnostic;
mod error;
mod explanation;
mod funnel;
mod gathering;
mod hardware_search;
mod interrupt;
mod journal;
mod pareto;
mod picture;
mod popularity;
mod priced_design;
mod progress;
mod quantity;
mod rank_statistics;
mod references;
mod run;
mod score;
mod scores;
mod svg;
mod table;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    cli::{Cli, Command},
    interrupt::Interrupt,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let interrupt = Interrupt::install();
    let outcome = match &cli.command {
        Command::Search(arguments) => commands::search::run(&cli, arguments, &interrupt),
        Command::Train(arguments) => commands::train::run(&cli, arguments, &interrupt),
        Command::Retrain(arguments) => commands::retrain::run(&cli, arguments, &interrupt),
        Command::Precision(arguments) => commands::precision::run(&cli, arguments, &interrupt),
        Command::Analogue(arguments) => commands::analogue::run(&cli, arguments, &interrupt),
        Command::Tables(arguments) => commands::tables::run(&cli, arguments, &interrupt),
        Command::Rank(arguments) => commands::rank::run(&cli, arguments, &interrupt),
        Command::Funnel(arguments) => commands::funnel::run(&cli, arguments, &interrupt),
        Command::Front(arguments) => commands::front::run(arguments),
        Command::Cost(arguments) => commands::cost::run(arguments),
        Command::Cluster(arguments) => commands::cluster::run(arguments),
        Command::Clusters(arguments) => commands::cluster::list(arguments),
        Command::Chips(arguments) => commands::chips::run(arguments),
        Command::Systems(arguments) => commands::presets::systems(arguments),
        Command::Workloads(arguments) => commands::presets::workloads(arguments),
        Command::Space(command) => commands::space::run(command),
        Command::Data(command) => commands::data::run(&cli, command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            diagnostic::report(&error);
            error.exit_code()
        }
    }
}
