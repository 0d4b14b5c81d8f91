//! Designs to compare a front with.

use pimento_space::{InputShape, Network, dlrm_shaped, nasrec};
use serde::{Deserialize, Serialize};

/// Precision of a network that was mapped without thought for precision: ISAAC's data width.
pub(crate) const NAIVE_BITS: u8 = 16;

/// A reference design.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Reference {
    /// NASRec's published network of its small space, at 16 bits.
    NasrecSmall,
    /// NASRec's published network of its full space, at 16 bits.
    NasrecFull,
    /// A handcrafted network shaped as DLRM, at 16 bits.
    Dlrm,
}

impl Reference {
    /// The reference for a log with inputs of this shape, with its name for people.
    pub(crate) fn network(self, input: InputShape) -> (String, Network) {
        match self {
            Self::NasrecSmall => published(input, nasrec::Config::Small),
            Self::NasrecFull => published(input, nasrec::Config::Full),
            Self::Dlrm => ("DLRM-shaped".to_owned(), dlrm_shaped(input)),
        }
    }
}

/// The published network of the data set with these inputs, or with the nearest number of fields:
/// a network of the space can be built for any inputs.
fn published(input: InputShape, config: nasrec::Config) -> (String, Network) {
    let dataset = [
        (nasrec::Dataset::Criteo, 26),
        (nasrec::Dataset::Avazu, 23),
        (nasrec::Dataset::Kdd, 10),
    ]
    .into_iter()
    .min_by_key(|(_, fields)| input.fields.abs_diff(*fields))
    .map(|(dataset, _)| dataset)
    .expect("there are published networks");
    let size = match config {
        nasrec::Config::Small => "Small",
        nasrec::Config::Full => "Full",
    };
    let name = format!("NASRec {dataset:?} {size}");
    (
        name,
        nasrec::published(dataset, config).to_network(input, NAIVE_BITS),
    )
}
