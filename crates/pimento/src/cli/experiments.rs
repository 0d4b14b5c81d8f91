//! Arguments of the commands that measure a supernet.

use clap::{Args, ValueEnum};
use pimento_space::PathSampler;

use crate::cli::SearchArgs;

/// Arguments of `rank`.
#[derive(Debug, Args)]
pub(crate) struct RankArgs {
    /// The run.
    #[command(flatten)]
    pub(crate) search: SearchArgs,
    /// Random networks.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(2..=10_000))]
    pub(crate) networks: u16,
    /// Trainings from scratch of each network, with seeds seed, seed + 1, …
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub(crate) seeds: u64,
    /// Ways to draw the paths that train the supernet; by default the configuration's.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) samplers: Vec<Sampler>,
    /// Ways to score; by default all ways to fit the head, and `tuned` if the configuration has
    /// `[score.tune]`.
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) methods: Vec<Method>,
}

/// Ways to score a network in a supernet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Method {
    /// With shared weights.
    None,
    /// Head fitted by steps of Adagrad.
    Sgd,
    /// Head fitted by Newton's method.
    Newton,
    /// Two factors of the head and its bias fitted.
    Factors,
    /// All weights tuned; adds as short a training from scratch to what is compared with.
    Tuned,
}

/// Ways to draw paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sampler {
    /// One dense and one sparse input per block.
    SinglePath,
    /// Any number of inputs.
    AnyConnection,
    /// Full paths first.
    FullPath,
    /// Largest, smallest and random in turn.
    Sandwich,
    /// Every choice has its turn.
    Fair,
}

impl From<Sampler> for PathSampler {
    fn from(sampler: Sampler) -> Self {
        match sampler {
            Sampler::SinglePath => Self::SinglePath,
            Sampler::AnyConnection => Self::AnyConnection,
            Sampler::FullPath => Self::FullPath,
            Sampler::Sandwich => Self::Sandwich,
            Sampler::Fair => Self::Fair,
        }
    }
}

/// Arguments of `precision`.
#[derive(Debug, Args)]
pub(crate) struct PrecisionArgs {
    /// The run.
    #[command(flatten)]
    pub(crate) search: SearchArgs,
    /// Random networks.
    #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) networks: u16,
    /// How many of them are also trained from scratch: unrounded, and with activations, weights or
    /// embeddings at each precision.
    #[arg(long, value_name = "NETWORKS", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=10_000))]
    pub(crate) alone: u16,
    /// Trainings from scratch of each, with seeds seed, seed + 1, …
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100))]
    pub(crate) seeds: u64,
}

/// Arguments of `tables`.
#[derive(Debug, Args)]
pub(crate) struct TablesArgs {
    /// The run.
    #[command(flatten)]
    pub(crate) search: SearchArgs,
    /// Random networks.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    pub(crate) networks: u16,
    /// Trainings from scratch of each network with each kind, with seeds seed, seed + 1, …
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=100))]
    pub(crate) seeds: u64,
}
