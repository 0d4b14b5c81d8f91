//! Arguments of the commands that price.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use pimento_hardware::Law;

use crate::{
    chip::checked_node_nm,
    gathering::{Compression, compression, law},
};

/// Arguments of `cost`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct CostArgs {
    #[command(subcommand)]
    pub(crate) command: Option<CostCommand>,
    /// A design as `space sample` prints it, or one of the designs of a `pareto.json`.
    #[arg(required_unless_present = "system", conflicts_with = "system")]
    pub(crate) design: Option<PathBuf>,
    /// Prices a memory system (TOML or built in: see `systems`) in place of a design: the gather of
    /// embedding rows, and end to end with perceptrons on the chip.
    #[arg(long, help_heading = "Options of `--system`")]
    pub(crate) system: Option<PathBuf>,
    /// A chip (TOML) or the name of a built-in one: the price at the sizes that chip was published
    /// with, whatever sizes the design has. By default, the design's sizes of the chip that it was
    /// searched on.
    #[arg(long)]
    pub(crate) chip: Option<PathBuf>,
    /// Scales the chip to this node, 7 to 130 nm.
    #[arg(long, value_name = "NM", value_parser = node_nm, allow_negative_numbers = true)]
    pub(crate) node_nm: Option<f64>,
    /// Also tells power, waiting and lifetime under so many inferences per second, which come at random.
    #[arg(long, value_name = "INFERENCES_PER_S", value_parser = positive, allow_negative_numbers = true)]
    pub(crate) rate: Option<f64>,
    /// Tells how a figure comes about, number by number, and where the numbers are from: `latency`, `energy`,
    /// `area`, one stage or component of them as in `energy.adc`; of designs also `peak-power`, `power`,
    /// `throughput`, `violation`, `energy-latency`, `tops`, `tops-per-w`, `tops-per-mm2`, `static-power`,
    /// `lifetime`.
    #[arg(long, value_name = "FIGURE")]
    pub(crate) explain: Option<String>,
    /// Draws the breakdown, the mapping on tiles and the schedule into this file (SVG).
    #[arg(long, value_name = "FILE", conflicts_with = "system")]
    pub(crate) svg: Option<PathBuf>,
    /// Prints JSON instead of tables.
    #[arg(long)]
    pub(crate) json: bool,
    /// What the memory system gathers.
    #[command(flatten, next_help_heading = "Options of `--system`")]
    pub(crate) gather: GatherArgs,
}

/// Prices side by side.
#[derive(Debug, Subcommand)]
pub(crate) enum CostCommand {
    /// Prices memory systems side by side on a recommendation model.
    Compare(CompareArgs),
}

/// What memory systems gather.
#[derive(Debug, Args)]
pub(crate) struct GatherArgs {
    /// A recommendation model (TOML or built in: see `workloads`).
    #[arg(long, default_value = "rm1")]
    pub(crate) workload: PathBuf,
    /// Samples gathered at a time; by default the system's.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) batch: Option<u16>,
    /// Bits of a stored value.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u8).range(1..=32))]
    pub(crate) bits: u8,
    /// How rows are asked for: `uniform`, the exponent of Zipf's law, or exponent and shift as in
    /// `1.1,5`; by default the model's.
    #[arg(long, value_name = "LAW", value_parser = law)]
    pub(crate) popularity: Option<Law>,
    /// Stores tables as smaller ones, where that saves bytes: `quotient-remainder:COLLISIONS` or
    /// `tensor-train:RANK`.
    #[arg(long, value_name = "STORAGE", value_parser = compression)]
    pub(crate) compression: Option<Compression>,
    /// Computes perceptrons on a host (TOML or built in: `xeon-e5-2686-v4`) instead of a chip.
    #[arg(long, conflicts_with = "chip")]
    pub(crate) host: Option<PathBuf>,
    /// Measures how rows are asked for in a trace of accesses, a line `TABLE ROW` for each look-up with
    /// tables and rows counted from 0, and tells how near the closed form comes to serving it command by
    /// command.
    #[arg(long, value_name = "FILE", conflicts_with = "popularity")]
    pub(crate) trace: Option<PathBuf>,
}

/// Arguments of `cost compare`.
#[derive(Debug, Args)]
pub(crate) struct CompareArgs {
    /// Memory systems (TOML or built in: see `systems`), the first one the baseline; by default all
    /// built-in ones.
    pub(crate) systems: Vec<PathBuf>,
    /// What they gather.
    #[command(flatten)]
    pub(crate) gather: GatherArgs,
    /// The chip of the perceptrons (TOML or built in).
    #[arg(long)]
    pub(crate) chip: Option<PathBuf>,
    /// Draws latency and energy of a look-up as bars into this file (SVG).
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    /// Prints JSON instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `cluster`.
#[derive(Debug, Args)]
pub(crate) struct ClusterArgs {
    /// A design as `space sample` prints it, or one of the designs of a `pareto.json`.
    pub(crate) design: PathBuf,
    /// Time from one inference to the next, within which it has to end.
    #[arg(long, value_name = "US", value_parser = positive, allow_negative_numbers = true)]
    pub(crate) deadline_us: f64,
    /// A cluster (TOML) or the name of a built-in one.
    #[arg(long, default_value = "hh-pim")]
    pub(crate) cluster: PathBuf,
    /// Prints JSON, with the place of every matrix, instead of tables.
    #[arg(long)]
    pub(crate) json: bool,
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value > 0.0 => Ok(value),
        _ => Err("expected a positive number".to_owned()),
    }
}

fn node_nm(text: &str) -> Result<f64, String> {
    checked_node_nm(text.parse().unwrap_or(f64::NAN))
}
