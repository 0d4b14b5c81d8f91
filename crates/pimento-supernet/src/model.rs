//! What a trainer fits: a network of a search space, or a handcrafted model.

use burn::tensor::Tensor;
use pimento_data::{Batch, ClickLog, Split, auc, log_loss};
use pimento_space::{FieldEmbedding, Handcrafted, Network};

use crate::{
    evaluate::Quality,
    forward::{self, Dropout, Inputs},
    head::HeadFit,
    layer::{Layer, LayerKind, Layout, tower_layers},
    parameters::Parameters,
    quantise::{FULL_PRECISION_BITS, to_vec},
    ranges::{Site, sites},
    supernet::{FORWARD_BATCH, Supernet},
    towers,
};

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
                towers::logits(model, parameters, inputs, Some(dropout.rng))
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

    fn score_handcrafted(&self, model: &Handcrafted, log: &dyn ClickLog, split: Split) -> Quality {
        let parameters = self.settled_parameters(model, log);
        let (mut answers, mut labels) = (Vec::new(), Vec::new());
        let rows: Vec<u32> = (0..log.len(split) as u32).collect();
        let mut batch = Batch::default();
        for rows in rows.chunks(FORWARD_BATCH) {
            log.fill(split, rows, &mut batch);
            let inputs = self.inputs(model, &batch, &self.device);
            answers.extend(to_vec(towers::logits(model, &parameters, inputs, None)));
            labels.extend_from_slice(&batch.labels);
        }
        Quality::new(log_loss(&answers, &labels), auc(&answers, &labels))
    }
}
