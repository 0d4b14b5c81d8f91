//! `pareto.json`: the front of a run, complete enough to repeat and to explain every figure.

use pimento_hardware::{AccessBins, Breakdown, CostSummary, Hardware};
use pimento_space::{Genotype, Network};
use pimento_supernet::Quality;
use serde::{Deserialize, Serialize};

use crate::{chip::ChipRecord, verify::Training};

/// Name of the format.
pub(crate) const FORMAT: &str = "pimento-pareto";
/// Version of the format; it changes when an older reader would misread a file.
pub(crate) const FORMAT_VERSION: u32 = 1;
/// Name of the file in a run's folder.
pub(crate) const FILE: &str = "pareto.json";

/// A front and its reference designs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ParetoFile {
    /// [`FORMAT`].
    pub(crate) format: String,
    /// [`FORMAT_VERSION`].
    pub(crate) version: u32,
    /// Release that wrote the file.
    pub(crate) pimento_version: String,
    /// The seed of the run.
    pub(crate) seed: u64,
    /// Where the designs come from.
    pub(crate) origin: Origin,
    /// Names of the minimised figures, in the order of every `objectives`.
    pub(crate) objectives: Vec<String>,
    /// Designs priced and scored.
    pub(crate) evaluations: usize,
    /// Hypervolume of the archive after each generation, and of the front on hardware searched anew.
    pub(crate) hypervolume: Vec<f64>,
    /// The front, by ascending log loss.
    pub(crate) designs: Vec<DesignRecord>,
    /// Designs to compare with; they did not take part in the search.
    pub(crate) references: Vec<DesignRecord>,
}

/// Fingerprints of everything that shaped a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Origin {
    /// Name of the search space.
    pub(crate) space: String,
    /// Fingerprint of the parts of the space that shape weights.
    pub(crate) space_fingerprint: String,
    /// Fingerprint of the click log.
    pub(crate) data_fingerprint: String,
    /// Rows of the embedding tables.
    pub(crate) table_rows: Vec<u64>,
    /// The chip that priced all designs; absent in files of before there was a choice.
    #[serde(default)]
    pub(crate) chip: ChipRecord,
    /// Best possible scores on the validation split, where the log is synthetic.
    pub(crate) best_possible: Option<Quality>,
}

/// A design with everything known about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DesignRecord {
    /// Number in the front, from 0; a name for references.
    pub(crate) name: String,
    /// The genes; absent for references that lie outside the space.
    pub(crate) genotype: Option<Genotype>,
    /// The network, all shapes known.
    pub(crate) network: Network,
    /// The hardware.
    pub(crate) hardware: Hardware,
    /// The chip whose sizes the hardware chooses.
    #[serde(default)]
    pub(crate) chip: ChipRecord,
    /// Rows of the embedding tables, were they full.
    pub(crate) table_rows: Vec<u64>,
    /// Reads of the rows of each table, in bins; none where no design of the run may have a cache.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) popularity: Vec<AccessBins>,
    /// Bytes of the embedding tables, one copy of each; absent where all are full at one precision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) embedding_bytes: Option<u64>,
    /// Quality in the supernet, on the validation split; absent for references.
    pub(crate) quality: Option<Quality>,
    /// Quality of trainings from scratch.
    pub(crate) trainings: Vec<Training>,
    /// Multiply–accumulates per inference.
    pub(crate) macs: u64,
    /// Weights outside the embedding tables.
    pub(crate) dense_parameters: u64,
    /// Figures of merit.
    pub(crate) cost: CostSummary,
    /// Where they come from; not read back.
    #[serde(skip_deserializing)]
    pub(crate) breakdown: Breakdown,
}

impl DesignRecord {
    /// Mean validation log loss of the trainings from scratch.
    pub(crate) fn alone_log_loss(&self) -> Option<f64> {
        let count = self.trainings.len() as f64;
        let sum: f64 = self
            .trainings
            .iter()
            .map(|training| training.validation.log_loss)
            .sum();
        (count > 0.0).then(|| sum / count)
    }
}
