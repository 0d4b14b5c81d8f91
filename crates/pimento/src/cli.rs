//! What can be typed.

mod experiments;
mod pricing;

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use pimento_supernet::DeviceKind;

pub(crate) use experiments::{Method, PrecisionArgs, RankArgs, TablesArgs};
pub(crate) use pricing::{ClusterArgs, CompareArgs, CostArgs, CostCommand, GatherArgs};

use crate::funnel::Sizes;

/// Finds click-through-rate models and the processing-in-memory hardware that runs them, together.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100)]
pub(crate) struct Cli {
    /// How log lines on standard error and in the run's `run.log` look.
    #[arg(long, value_enum, default_value_t = LogFormat::Text, global = true)]
    pub(crate) log_format: LogFormat,
    /// Worker threads; all cores by default. Results do not depend on it.
    #[arg(long, global = true)]
    pub(crate) threads: Option<usize>,
    /// What trains and scores networks. Results of two devices agree, but not to the last bit.
    #[arg(long, value_enum, default_value_t = DeviceName::Cpu, global = true)]
    pub(crate) device: DeviceName,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Looks of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Devices; those that the build has no feature for are not listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DeviceName {
    /// The CPU.
    Cpu,
    /// The first Nvidia GPU.
    #[cfg_attr(not(feature = "cuda"), value(hide = true))]
    Cuda,
    /// A GPU through Vulkan, Metal, DirectX 12 or WebGPU.
    #[cfg_attr(not(feature = "wgpu"), value(hide = true))]
    Wgpu,
}

impl From<DeviceName> for DeviceKind {
    fn from(name: DeviceName) -> Self {
        match name {
            DeviceName::Cpu => Self::Cpu,
            DeviceName::Cuda => Self::Cuda,
            DeviceName::Wgpu => Self::Wgpu,
        }
    }
}

/// The jobs.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Trains a supernet, searches co-designs and writes their Pareto front.
    ///
    /// Without a file: the built-in configuration on built-in synthetic click logs.
    Search(SearchArgs),
    /// Trains the supernet of a search and stops there; `search --resume` goes on with it.
    Train(SearchArgs),
    /// Prints the front of a run and its factors over the reference designs.
    Front(FrontArgs),
    /// Trains designs of a front, and handcrafted models, from scratch over several seeds.
    Retrain(RetrainArgs),
    /// Trains random networks from scratch and tells how well the supernet ranks them.
    Rank(RankArgs),
    /// Tells what each precision of each kind of operator costs in log loss.
    Precision(PrecisionArgs),
    /// Trains designs of a front from scratch and tells how well they predict on their hardware.
    Analogue(AnalogueArgs),
    /// Tells what each kind and width of embedding table costs in log loss, and its bytes.
    Tables(TablesArgs),
    /// Ranks queries with designs of a front alone and in two stages: a first design leaves the best candidates
    /// to a second.
    ///
    /// A query is so many consecutive rows of the validation split, scored with the supernet's shared weights.
    /// Prints the designs and pairs that no other one dominates in NDCG, time and energy of a query.
    Funnel(FunnelArgs),
    /// Prices a design or a memory system: latency, energy, power, area, by component and by operator; explains and draws
    /// it.
    Cost(Box<CostArgs>),
    /// Places a design's matrices on a cluster of modules with MRAM and SRAM, for the least energy within
    /// a latency bound.
    Cluster(ClusterArgs),
    /// Lists the built-in clusters, or prints the tables of one, to copy and change.
    Clusters(PresetArgs),
    /// Lists the built-in chips, or prints the tables of one, to copy and change: `custom` has every key.
    Chips(PresetArgs),
    /// Lists the built-in memory systems, or prints the tables of one, to copy and change.
    Systems(PresetArgs),
    /// Lists the built-in recommendation models, or prints the tables of one, to copy and change.
    Workloads(PresetArgs),
    /// Describes search spaces and draws designs from them.
    #[command(subcommand)]
    Space(SpaceCommand),
    /// Reads click logs and makes synthetic ones.
    #[command(subcommand)]
    Data(DataCommand),
}

/// Arguments of `search` and `train`.
#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Configuration (TOML); the built-in one without it.
    #[arg(conflicts_with = "resume")]
    pub(crate) config: Option<PathBuf>,
    /// Continues a run from its last checkpoint.
    #[arg(long, value_name = "RUN")]
    pub(crate) resume: Option<PathBuf>,
    /// Folder of the run; must not exist yet. By default the next free `runs/NAME-NUMBER`.
    #[arg(long, value_name = "FOLDER", conflicts_with = "resume")]
    pub(crate) run: Option<PathBuf>,
}

impl SearchArgs {
    /// Those that continue a run.
    pub(crate) fn resuming(run: &Path) -> Self {
        Self {
            config: None,
            resume: Some(run.to_owned()),
            run: None,
        }
    }
}

/// Arguments of `front`.
#[derive(Debug, Args)]
pub(crate) struct FrontArgs {
    /// Folder of a finished run.
    pub(crate) run: PathBuf,
}

/// Arguments of `funnel`.
#[derive(Debug, Args)]
pub(crate) struct FunnelArgs {
    /// Folder of a finished run.
    pub(crate) run: PathBuf,
    /// Rows of a query.
    #[arg(long, default_value_t = 512, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) candidates: u32,
    /// Rows of a query that the first design leaves for the second.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) keep: u32,
    /// Places of the final ranking that count in NDCG.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) top: u32,
    /// Numbers of the designs in the front's table; by default all.
    #[arg(long, value_delimiter = ',')]
    pub(crate) designs: Vec<usize>,
    /// Prints JSON, with all designs and pairs, instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

impl FunnelArgs {
    /// How many rows there are at each place.
    pub(crate) fn sizes(&self) -> Sizes {
        Sizes {
            candidates: self.candidates as usize,
            keep: self.keep as usize,
            top: self.top as usize,
        }
    }
}

/// Arguments of `retrain`.
#[derive(Debug, Args)]
pub(crate) struct RetrainArgs {
    /// Folder of a finished run.
    pub(crate) run: PathBuf,
    /// Numbers of the designs in the front's table; by default the one with the lowest log loss, or
    /// none beside files and baselines.
    #[arg(long, value_delimiter = ',')]
    pub(crate) designs: Vec<usize>,
    /// Also trains the designs of these files, which `cost` reads: any network, on the data of the run.
    #[arg(long, value_name = "FILE", value_delimiter = ',')]
    pub(crate) files: Vec<PathBuf>,
    /// Also trains handcrafted models, those of a file or built-in ones with their published recipes.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = crate::baselines::BUILT_IN_NAME)]
    pub(crate) baselines: Option<PathBuf>,
    /// Names of the baselines; by default all.
    #[arg(long, value_delimiter = ',', requires = "baselines")]
    pub(crate) models: Vec<String>,
    /// Trainings of each design, with seeds seed, seed + 1, …
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub(crate) seeds: u64,
    /// Passes over the training split, at most; by default what the recipes say.
    #[arg(long)]
    pub(crate) epochs: Option<f64>,
    /// Also trains a logistic regression with the same trainer and data.
    #[arg(long)]
    pub(crate) logistic_regression: bool,
}

/// Arguments of `analogue`.
#[derive(Debug, Args)]
pub(crate) struct AnalogueArgs {
    /// Folder of a finished run.
    pub(crate) run: PathBuf,
    /// Numbers of the designs in the front's table; by default the one with the lowest log loss.
    #[arg(long, value_delimiter = ',')]
    pub(crate) designs: Vec<usize>,
    /// Cells (TOML) or the name of built-in ones; by default those that the run scored with, or
    /// `wan-2022-1d`.
    #[arg(long)]
    pub(crate) cells: Option<PathBuf>,
    /// Chips that are drawn for each row, with seeds seed, seed + 1, …
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) chips: u32,
    /// Test samples, at most.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) samples: usize,
    /// Draws the converters' rest instead of following every conversion; faster.
    #[arg(long)]
    pub(crate) statistical: bool,
    /// Noise on weights in training, as a share of the largest of each matrix; by default what the
    /// run's recipe says.
    #[arg(long, value_parser = not_negative, allow_negative_numbers = true)]
    pub(crate) weight_noise: Option<f64>,
}

/// Arguments of `chips`, `systems` and `workloads`.
#[derive(Debug, Args)]
pub(crate) struct PresetArgs {
    /// Prints the tables of this one.
    pub(crate) name: Option<String>,
}

/// Commands about search spaces.
#[derive(Debug, Subcommand)]
pub(crate) enum SpaceCommand {
    /// Prints what a space offers and how many designs it has.
    Describe {
        /// A space (TOML) or the name of a built-in one.
        space: PathBuf,
    },
    /// Draws a design and prints it as JSON.
    Sample {
        /// A space (TOML) or the name of a built-in one.
        space: PathBuf,
        /// Seed of the draw.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Dense inputs.
        #[arg(long, default_value_t = 13)]
        dense: usize,
        /// Categorical fields.
        #[arg(long, default_value_t = 26)]
        fields: usize,
        /// Rows of every embedding table.
        #[arg(long, default_value_t = 100_000)]
        rows: u64,
    },
    /// Reads a network in NASRec's JSON schema and prints its live layers.
    Import {
        /// Network (JSON).
        network: PathBuf,
        /// Prints the design for `cost` instead: 16 bits on the default hardware, tables of this
        /// many rows.
        #[arg(long, value_name = "ROWS")]
        design: Option<u64>,
        /// Dense inputs.
        #[arg(long, default_value_t = 13)]
        dense: usize,
        /// Categorical fields.
        #[arg(long, default_value_t = 26)]
        fields: usize,
    },
    /// Prints the network of a design in NASRec's JSON schema; precisions are dropped.
    Export {
        /// A design as `space sample` prints it, or one of the designs of a `pareto.json`.
        design: PathBuf,
    },
}

/// Commands about click logs.
#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Reads the click log of a configuration and prints its shape; the built-in one without it.
    Describe {
        /// Configuration (TOML).
        config: Option<PathBuf>,
    },
    /// Prints a built-in schema, to start one's own from.
    Schema {
        /// Name of the schema.
        name: String,
    },
}

fn not_negative(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value >= 0.0 => Ok(value),
        _ => Err("expected a number, 0 or more".to_owned()),
    }
}
