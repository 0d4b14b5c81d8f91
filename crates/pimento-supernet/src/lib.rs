//! Shared weights trained with burn; quality of any network in the space.
//!
//! [`Supernet`] holds the weights, [`Trainer`] fits them, [`Supernet::tuned`] fits those of one
//! network further, [`Supernet::evaluate`] scores it.

mod adagrad;
mod analogue;
mod checkpoint;
mod device;
mod dropout;
mod embedding;
mod epitome;
mod evaluate;
mod forward;
mod fused;
mod head;
mod lanes;
mod layer;
mod model;
mod moments;
mod optimizer;
mod order;
mod parameters;
mod quantise;
mod ranges;
mod schedule;
mod supernet;
mod towers;
mod train;
mod tune;
mod weights;

pub use analogue::{Analogue, Fidelity};
pub use checkpoint::{CheckpointError, Identity};
pub use device::{Device, DeviceError, DeviceKind};
pub use evaluate::Quality;
pub use head::{FactorsHead, HeadFit, NewtonHead, SgdHead};
pub use layer::{BatchNorm, Capacity, Layer, LayerKey, LayerKind, Layout};
pub use model::Model;
pub use optimizer::Optimizer;
pub use ranges::{LearnedRange, Operand, Site};
pub use schedule::Schedule;
pub use supernet::{Supernet, input_shape};
pub use train::{EmbeddingRows, StepReport, TrainSettings, Trainer};
pub use tune::Tuning;
pub use weights::LayerValues;
