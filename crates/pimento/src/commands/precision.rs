//! `precision`: what each precision of each kind of operator costs in log loss.

use pimento_space::{DenseOperator, Network, SparseOperator};
use rayon::prelude::*;
use serde::Serialize;
use tracing::info;

use crate::{
    cli::{Cli, PrecisionArgs},
    commands::{
        rank::{draw, mean_log_loss, score, train_alone},
        train::{Prepared, prepare, train_supernet},
    },
    error::Error,
    interrupt::Interrupt,
    progress, table,
};

/// File with the results.
const FILE: &str = "precision.json";

/// File with the results of networks trained alone.
const ALONE_FILE: &str = "precision-alone.json";

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
    /// All weights together.
    Weights,
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
    /// What is rounded in the supernet.
    const SHARED: [Self; 10] = [
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

    /// What is rounded in networks trained alone.
    const ALONE: [Self; 3] = [Self::Activations, Self::Weights, Self::Embeddings];

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
            Self::Weights => "all weights",
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
        let is = |part: Self| part == self || self == Self::Weights;
        let mut bits = Vec::new();
        if self == Self::Weights {
            bits.push(&mut network.head_weight_bits);
        }
        for block in &mut network.blocks {
            let has_mergers = block.dense_sparse_merger || block.fm_merger;
            if is(Self::Mergers) && has_mergers {
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
                if is(part) {
                    bits.push(&mut node.weight_bits);
                }
            }
            if let Some(node) = &mut block.sparse {
                let part = match node.operator {
                    SparseOperator::Linear => Self::Linear,
                    SparseOperator::Attention => Self::Attention,
                };
                if is(part) {
                    bits.push(&mut node.weight_bits);
                }
            }
        }
        bits
    }

    /// The network with this part at a precision.
    fn at(self, bits: u8, network: &Network) -> Network {
        let mut rounded = network.clone();
        for part in self.bits_mut(&mut rounded) {
            *part = bits;
        }
        rounded
    }
}

/// Scores random networks unrounded, and with one part rounded at a time; trains some of them alone.
pub(crate) fn run(
    cli: &Cli,
    arguments: &PrecisionArgs,
    interrupt: &Interrupt,
) -> Result<(), Error> {
    let prepared = prepare(cli, &arguments.search)?;
    let command = format!(
        "precision --resume {} --networks {} --alone {} --seeds {}",
        prepared.run.path().display(),
        arguments.networks,
        arguments.alone,
        arguments.seeds
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
    let method = prepared.config.file.score.get_ref();
    let count = (networks.len() * (1 + Part::SHARED.len())) as u64;
    let bar = progress::bar(count, "rounding", "parts of networks");
    let unrounded = networks
        .par_iter()
        .map(|network| {
            interrupt.check()?;
            bar.inc(1);
            Ok(score(prepared, &supernet, network, method))
        })
        .collect::<Result<Vec<f64>, Error>>()?;
    let mut rows = Vec::new();
    for part in Part::SHARED {
        let losses = networks
            .par_iter()
            .zip(&unrounded)
            .map(|(network, unrounded)| {
                interrupt.check()?;
                bar.inc(1);
                if part.bits_mut(&mut network.clone()).is_empty() {
                    return Ok(None);
                }
                let loss = |bits: u8| {
                    let rounded = part.at(bits, network);
                    score(prepared, &supernet, &rounded, method) - unrounded
                };
                Ok(Some(BITS.map(loss)))
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let losses: Vec<[f64; BITS.len()]> = losses.into_iter().flatten().collect();
        info!(part = part.name(), networks = losses.len(), "rounded");
        rows.push(Row::new(part, &losses));
    }
    bar.finish_and_clear();
    prepared.run.write_json(FILE, &rows)?;
    table::print(&render(&rows, &unrounded));
    if arguments.alone > 0 {
        let networks = &networks[..usize::from(arguments.alone).min(networks.len())];
        measure_alone(prepared, networks, arguments.seeds, interrupt)?;
    }
    Ok(())
}

/// Trains networks from scratch, unrounded and with one part at one precision.
fn measure_alone(
    prepared: &Prepared,
    networks: &[Network],
    seeds: u64,
    interrupt: &Interrupt,
) -> Result<(), Error> {
    let mut variants = networks.to_vec();
    for part in Part::ALONE {
        for bits in BITS {
            variants.extend(networks.iter().map(|network| part.at(bits, network)));
        }
    }
    let (trainings, _) = train_alone(prepared, &variants, seeds, interrupt)?;
    let losses: Vec<f64> = trainings
        .iter()
        .map(|trainings| mean_log_loss(trainings))
        .collect();
    let (unrounded, rounded) = losses.split_at(networks.len());
    let parts = rounded.chunks(BITS.len() * networks.len());
    let rows: Vec<Row> = Part::ALONE
        .into_iter()
        .zip(parts)
        .map(|(part, losses)| {
            let of_network = |network: usize| {
                let loss = |place: usize| losses[place * networks.len() + network];
                std::array::from_fn(|place| loss(place) - unrounded[network])
            };
            let costs: Vec<[f64; BITS.len()]> = (0..networks.len()).map(of_network).collect();
            Row::new(part, &costs)
        })
        .collect();
    prepared.run.write_json(ALONE_FILE, &rows)?;
    table::print(&format!(
        "\neach trained from scratch, {seeds} seeds\n{}",
        render(&rows, unrounded)
    ));
    Ok(())
}

impl Row {
    fn new(part: Part, losses: &[[f64; BITS.len()]]) -> Self {
        Self {
            part,
            networks: losses.len(),
            costs: (0..BITS.len()).map(|place| cost(place, losses)).collect(),
        }
    }
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
