//! `precision`: what each precision of each kind of operator costs in log loss.

use pimento_space::{DenseOperator, Network, SparseOperator};
use rayon::prelude::*;
use serde::Serialize;
use tracing::info;

use crate::{
    cli::{Cli, PrecisionArgs},
    commands::{
        rank::{draw, score},
        train::{Prepared, prepare, train_supernet},
    },
    error::Error,
    interrupt::Interrupt,
    progress, table,
};

/// File with the results.
const FILE: &str = "precision.json";

/// Precisions that are compared with none.
const BITS: [u8; 6] = [2, 3, 4, 6, 8, 16];

/// Bits that mean "not rounded".
const FULL: u8 = 32;

/// What is rounded together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Part {
    FullyConnected,
    DotProduct,
    SigmoidGating,
    Sum,
    Linear,
    Attention,
    Mergers,
    Activations,
    Embeddings,
    Head,
}

/// The cost of one part's precisions.
#[derive(Debug, Serialize)]
struct Row {
    part: Part,
    /// Networks that have the part.
    networks: usize,
    /// In the order of the precisions.
    costs: Vec<Cost>,
}

/// Log loss with the part rounded minus log loss without any rounding.
#[derive(Debug, Clone, Copy, Serialize)]
struct Cost {
    bits: u8,
    mean: f64,
    standard_error: f64,
}

impl Part {
    const ALL: [Self; 10] = [
        Self::FullyConnected,
        Self::DotProduct,
        Self::SigmoidGating,
        Self::Sum,
        Self::Linear,
        Self::Attention,
        Self::Mergers,
        Self::Activations,
        Self::Embeddings,
        Self::Head,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::FullyConnected => "FC weights",
            Self::DotProduct => "DP weights",
            Self::SigmoidGating => "SG weights",
            Self::Sum => "Sum weights",
            Self::Linear => "EFC weights",
            Self::Attention => "Attn weights",
            Self::Mergers => "merger weights",
            Self::Activations => "activations",
            Self::Embeddings => "embeddings",
            Self::Head => "head weights",
        }
    }

    /// The precisions of this part in a network.
    fn bits_mut(self, network: &mut Network) -> Vec<&mut u8> {
        match self {
            Self::Embeddings if network.embeddings.is_empty() => {
                return vec![&mut network.embedding_bits];
            }
            Self::Embeddings => {
                let embeddings = network.embeddings.iter_mut();
                return embeddings.map(|embedding| &mut embedding.bits).collect();
            }
            Self::Head => return vec![&mut network.head_weight_bits],
            _ => {}
        }
        let mut bits = Vec::new();
        for block in &mut network.blocks {
            let has_mergers = block.dense_sparse_merger || block.fm_merger;
            if self == Self::Mergers && has_mergers {
                bits.push(&mut block.merger_weight_bits);
            }
            if self == Self::Activations {
                bits.push(&mut block.activation_bits);
            }
            if let Some(node) = &mut block.dense {
                let part = match node.operator {
                    DenseOperator::FullyConnected { .. } | DenseOperator::Flattened { .. } => {
                        Self::FullyConnected
                    }
                    DenseOperator::DotProduct { .. } => Self::DotProduct,
                    DenseOperator::SigmoidGating { .. } => Self::SigmoidGating,
                    DenseOperator::Sum { .. } => Self::Sum,
                };
                if part == self {
                    bits.push(&mut node.weight_bits);
                }
            }
            if let Some(node) = &mut block.sparse {
                let part = match node.operator {
                    SparseOperator::Linear => Self::Linear,
                    SparseOperator::Attention => Self::Attention,
                };
                if part == self {
                    bits.push(&mut node.weight_bits);
                }
            }
        }
        bits
    }
}

/// Scores random networks unrounded, and with one part rounded at a time.
pub(crate) fn run(
    cli: &Cli,
    arguments: &PrecisionArgs,
    interrupt: &Interrupt,
) -> Result<(), Error> {
    let prepared = prepare(cli, &arguments.search)?;
    let command = format!(
        "precision --resume {} --networks {}",
        prepared.run.path().display(),
        arguments.networks
    );
    measure(&prepared, arguments, interrupt).map_err(|error| error.resumed_by(&command))
}

fn measure(
    prepared: &Prepared,
    arguments: &PrecisionArgs,
    interrupt: &Interrupt,
) -> Result<(), Error> {
    let supernet = train_supernet(prepared, interrupt)?;
    let networks: Vec<Network> = draw(prepared, usize::from(arguments.networks))
        .iter()
        .map(|network| network.at_precision(FULL))
        .collect();
    let head = &prepared.config.file.score.get_ref().head;
    let count = (networks.len() * (1 + Part::ALL.len())) as u64;
    let bar = progress::bar(count, "rounding", "parts of networks");
    let unrounded = networks
        .par_iter()
        .map(|network| {
            interrupt.check()?;
            bar.inc(1);
            Ok(score(prepared, &supernet, network, head))
        })
        .collect::<Result<Vec<f64>, Error>>()?;
    let mut rows = Vec::new();
    for part in Part::ALL {
        let losses = networks
            .par_iter()
            .zip(&unrounded)
            .map(|(network, unrounded)| {
                interrupt.check()?;
                bar.inc(1);
                let mut rounded = network.clone();
                if part.bits_mut(&mut rounded).is_empty() {
                    return Ok(None);
                }
                let loss = |bits: u8| {
                    let mut rounded = network.clone();
                    for part in part.bits_mut(&mut rounded) {
                        *part = bits;
                    }
                    score(prepared, &supernet, &rounded, head) - unrounded
                };
                Ok(Some(BITS.map(loss)))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let losses: Vec<[f64; BITS.len()]> = losses.into_iter().flatten().collect();
        info!(part = part.name(), networks = losses.len(), "rounded");
        rows.push(Row {
            part,
            networks: losses.len(),
            costs: (0..BITS.len()).map(|place| cost(place, &losses)).collect(),
        });
    }
    bar.finish_and_clear();
    prepared.run.write_json(FILE, &rows)?;
    table::print(&render(&rows, &unrounded));
    Ok(())
}

fn cost(place: usize, losses: &[[f64; BITS.len()]]) -> Cost {
    let count = losses.len() as f64;
    let mean = losses.iter().map(|loss| loss[place]).sum::<f64>() / count;
    let squares = losses.iter().map(|loss| (loss[place] - mean).powi(2));
    let variance = squares.sum::<f64>() / (count - 1.0);
    Cost {
        bits: BITS[place],
        mean,
        standard_error: (variance / count).sqrt(),
    }
}

fn render(rows: &[Row], unrounded: &[f64]) -> String {
    let bits: Vec<String> = BITS.iter().map(|bits| format!("{bits} bits")).collect();
    let mut header = vec!["rounded", "networks"];
    header.extend(bits.iter().map(String::as_str));
    let lines = rows.iter().map(|row| {
        let mut line = vec![row.part.name().to_owned(), row.networks.to_string()];
        let costs = row.costs.iter().map(|cost| match row.networks {
            0 => "–".to_owned(),
            1 => format!("{:+.4}", cost.mean),
            _ => format!("{:+.4} ± {:.4}", cost.mean, cost.standard_error),
        });
        line.extend(costs);
        line
    });
    let mean = unrounded.iter().sum::<f64>() / unrounded.len() as f64;
    format!(
        "{}log loss minus that without rounding, {mean:.4} in the mean of {} networks; ± standard error\n",
        table::table(&header, lines),
        unrounded.len()
    )
}
