//! What a trainer fits: a network of a search space, or a handcrafted model.

use burn::tensor::Tensor;
use pimento_data::{Batch, ClickLog, Split, auc, log_loss};
use pimento_space::{FieldEmbedding, Handcrafted, Network};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::{
    evaluate::Quality,
    forward::{self, Dropout, Inputs},
    head::HeadFit,
    layer::{Layer, LayerKind, Layout, tower_layers},
    parameters::Parameters,
    quantise::{FULL_PRECISION_BITS, to_vec},
    ranges::{Site, sites},
    supernet::{FORWARD_BATCH, Supernet},
    towers::{self, Mode, Moments},
};

/// Samples of a batch that moments of layers normalised over the batch are estimated from.
const ESTIMATION_BATCH: usize = 1024;

/// Training samples that they are estimated from, in such batches.
const ESTIMATION_SAMPLES: usize = 16 * ESTIMATION_BATCH;

/// Seed of the units that are dropped meanwhile.
const ESTIMATION_SEED: u64 = 1;

/// A network, or a handcrafted model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Model<'a> {
    /// A network of a search space.
    Network(&'a Network),
    /// A sum of towers.
    Handcrafted(&'a Handcrafted),
}

impl<'a> From<&'a Network> for Model<'a> {
    fn from(network: &'a Network) -> Self {
        Self::Network(network)
    }
}

impl<'a> From<&'a Handcrafted> for Model<'a> {
    fn from(model: &'a Handcrafted) -> Self {
        Self::Handcrafted(model)
    }
}

impl Model<'_> {
    /// Values in a row of an embedding table.
    pub(crate) fn row_width(self) -> usize {
        match self {
            Self::Network(network) => network.embedding_dim,
            Self::Handcrafted(model) => model.row_width(),
        }
    }

    /// What each of `fields` fields stores.
    pub(crate) fn embeddings(self, fields: usize) -> Vec<FieldEmbedding> {
        match self {
            Self::Network(network) => (0..fields).map(|field| network.embedding(field)).collect(),
            Self::Handcrafted(model) => {
                vec![FieldEmbedding::full(model.row_width(), FULL_PRECISION_BITS); fields]
            }
        }
    }

    /// Its layers as slices of what is in store.
    pub(crate) fn layers(self, layout: &Layout) -> Vec<Layer> {
        match (self, layout) {
            (Self::Network(network), _) => layout.layers(network),
            (Self::Handcrafted(model), Layout::Handcrafted(_, input)) => {
                tower_layers(model, *input)
            }
            (Self::Handcrafted(_), _) => panic!("a handcrafted model has weights of its own"),
        }
    }

    /// The places where it rounds activations in learned ranges, with their precisions.
    pub(crate) fn sites(self) -> Vec<(Site, u8)> {
        match self {
            Self::Network(network) => sites(network),
            Self::Handcrafted(_) => Vec::new(),
        }
    }

    /// Answers before the sigmoid in training, shape \[samples\]. A handcrafted model says itself
    /// which units are dropped.
    pub(crate) fn training_logits(
        self,
        layout: &Layout,
        parameters: &Parameters,
        inputs: Inputs,
        dropout: Dropout<'_>,
    ) -> Tensor<1> {
        match self {
            Self::Network(network) => {
                let head = parameters.layer((layout.head_position(), LayerKind::Head));
                let features =
                    forward::training_features(network, parameters, inputs, Some(dropout));
                forward::logits(head.expect("every network has a head"), features)
            }
            Self::Handcrafted(model) => {
                let mut mode = Mode::Training(dropout.rng);
                towers::logits(model, parameters, inputs, &mut mode)
            }
        }
    }
}

impl Supernet {
    /// Quality of a model with weights of its own on all samples of `split`.
    pub fn score<'m>(
        &self,
        model: impl Into<Model<'m>>,
        log: &dyn ClickLog,
        split: Split,
    ) -> Quality {
        match model.into() {
            Model::Network(network) => {
                self.evaluate(network, log, split, usize::MAX, &HeadFit::None)
            }
            Model::Handcrafted(handcrafted) => self.score_handcrafted(handcrafted, log, split),
        }
    }

    /// Quality with the moments of batches of training samples, units dropped as in training, in
    /// place of running ones.
    fn score_handcrafted(&self, model: &Handcrafted, log: &dyn ClickLog, split: Split) -> Quality {
        let parameters = self.parameters(model);
        let mut kept = Vec::new();
        let mut rng = ChaCha8Rng::seed_from_u64(ESTIMATION_SEED);
        let rows = estimation_rows(log.len(Split::Train));
        visit_batches(log, Split::Train, rows.chunks(ESTIMATION_BATCH), |batch| {
            let mut mode = Mode::Estimation(&mut rng, Vec::new());
            let inputs = self.inputs(model, batch, &self.device);
            towers::logits(model, &parameters, inputs, &mut mode);
            if let Mode::Estimation(_, moments) = mode {
                kept.push(moments);
            }
        });
        let moments = Moments::average(&kept);
        let (mut answers, mut labels) = (Vec::new(), Vec::new());
        let rows: Vec<u32> = (0..log.len(split) as u32).collect();
        visit_batches(log, split, rows.chunks(FORWARD_BATCH), |batch| {
            let mut mode = Mode::Inference(&moments);
            let inputs = self.inputs(model, batch, &self.device);
            answers.extend(to_vec(towers::logits(
                model,
                &parameters,
                inputs,
                &mut mode,
            )));
            labels.extend_from_slice(&batch.labels);
        });
        Quality::new(log_loss(&answers, &labels), auc(&answers, &labels))
    }
}

/// Training samples spread over the whole split, in whole batches where there are enough.
fn estimation_rows(count: usize) -> Vec<u32> {
    let samples = count.min(ESTIMATION_SAMPLES);
    let samples = if samples > ESTIMATION_BATCH {
        samples - samples % ESTIMATION_BATCH
    } else {
        samples
    };
    (0..samples)
        .map(|index| (index * count / samples) as u32)
        .collect()
}

fn visit_batches<'r>(
    log: &dyn ClickLog,
    split: Split,
    batches: impl Iterator<Item = &'r [u32]>,
    mut visit: impl FnMut(&Batch),
) {
    let mut batch = Batch::default();
    for rows in batches {
        log.fill(split, rows, &mut batch);
        visit(&batch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn estimation_takes_whole_batches_from_everywhere() {
        assert_eq!(estimation_rows(3), [0, 1, 2]);
        assert_eq!(
            estimation_rows(ESTIMATION_BATCH + 5).len(),
            ESTIMATION_BATCH
        );
        let rows = estimation_rows(200_000);
        assert_eq!(rows.len(), ESTIMATION_SAMPLES);
        assert!(rows.windows(2).all(|pair| pair[0] < pair[1]));
        assert!(rows[rows.len() - 1] > 199_900);
    }
}
