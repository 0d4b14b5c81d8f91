//! The supernet: weights that every network of a space shares, and the answers they give.

use burn::tensor::{Device, Tensor, TensorData};
use pimento_data::{Batch, ClickLog, LogShape, Split};
use pimento_space::{InputShape, Network};

use crate::{
    embedding::EmbeddingTables,
    forward::{Inputs, features, logits},
    layer::{Capacity, Layer, LayerKind, Layout},
    model::Model,
    parameters::Parameters,
    quantise::to_vec,
    weights::{LayerValues, Weights},
};

/// Samples that go through a network at once when it is only asked.
pub(crate) const FORWARD_BATCH: usize = 1024;

/// Embedding tables and weights. A *subnet* is a supernet with a [`Network`]; the supernet itself
/// has no current network, and asking it changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Supernet {
    pub(crate) layout: Layout,
    pub(crate) embeddings: EmbeddingTables,
    pub(crate) weights: Weights,
}

impl Supernet {
    /// A supernet with initial weights for all networks within `capacity`.
    ///
    /// # Panics
    /// If the shapes of `capacity.input` are not those of `shape`.
    pub fn shared(capacity: Capacity, shape: &LogShape, seed: u64) -> Self {
        assert_eq!(
            capacity.input,
            input_shape(shape),
            "the space was decoded for this log"
        );
        let dim = capacity.embedding_dim;
        Self::init(Layout::Shared(capacity), shape, dim, seed)
    }

    /// The weights of one model alone, with initial values.
    ///
    /// # Panics
    /// If a network's inputs are not those of `shape`.
    pub fn stand_alone<'m>(model: impl Into<Model<'m>>, shape: &LogShape, seed: u64) -> Self {
        let (model, input) = (model.into(), input_shape(shape));
        let layout = match model {
            Model::Network(network) => {
                assert_eq!(network.input, input, "the network was decoded for this log");
                Layout::StandAlone(Box::new(network.clone()))
            }
            Model::Handcrafted(model) => Layout::Handcrafted(Box::new(model.clone()), input),
        };
        Self::init(layout, shape, model.row_width(), seed)
    }

    /// The same before its first step, with embedding values of this standard deviation, whatever
    /// the size of a table; `None` changes nothing.
    #[must_use]
    pub fn with_embedding_deviation(mut self, deviation: Option<f64>) -> Self {
        if let Some(deviation) = deviation {
            self.embeddings.set_deviation(deviation as f32);
        }
        self
    }

    fn init(layout: Layout, shape: &LogShape, dim: usize, seed: u64) -> Self {
        let embeddings = EmbeddingTables::init(&shape.table_rows, dim, seed);
        let weights = Weights::init(&layout, seed);
        Self {
            layout,
            embeddings,
            weights,
        }
    }

    /// The form that a network takes in this supernet: with or without normalisations, as the
    /// shared weights were trained.
    #[must_use]
    pub fn subnet(&self, network: &Network) -> Network {
        let mut network = network.clone();
        if let Layout::Shared(capacity) = &self.layout {
            network.layer_norm = capacity.layer_norm;
        }
        network
    }

    /// The subnet's weights as a network of its own.
    #[must_use]
    pub fn extract(&self, network: &Network) -> Self {
        let layout = Layout::StandAlone(Box::new(network.clone()));
        let mut weights = Weights::init(&layout, 0);
        let values: Vec<_> = self
            .layout
            .layers(network)
            .iter()
            .map(|layer| self.weights.read_exact(layer))
            .collect();
        weights.write(&layout.layers(network), &values);
        Self {
            layout,
            embeddings: self.embeddings.clone(),
            weights,
        }
    }

    /// The layers of a subnet with their values as stored, in execution order.
    pub fn layers(&self, network: &Network) -> Vec<(Layer, LayerValues)> {
        let layers = self.layout.layers(network).into_iter();
        layers
            .map(|layer| (layer.clone(), self.weights.read_exact(&layer)))
            .collect()
    }

    /// The embedding row that value `row` of categorical field `field` has.
    pub fn embedding_row(&self, field: usize, row: u32) -> &[f32] {
        let dim = self.embeddings.dim;
        &self.embeddings.tables[field].values[row as usize * dim..][..dim]
    }

    /// Trainable values outside the embedding tables.
    pub fn weight_count(&self) -> usize {
        self.weights.parameter_count()
    }

    /// Trainable values in the embedding tables.
    pub fn embedding_count(&self) -> usize {
        self.embeddings
            .tables
            .iter()
            .map(|table| table.values.len())
            .sum()
    }

    /// Logits of `batch` under `network`, shape \[samples\].
    pub fn logits(&self, network: &Network, batch: &Batch) -> Vec<f32> {
        let parameters = self.parameters(network);
        let features = features(network, &parameters, self.inputs(network, batch));
        let head = parameters
            .layer((self.layout.head_position(), LayerKind::Head))
            .expect("every network has a head");
        to_vec(logits(head, features))
    }

    /// A model's weights, rounded to its precisions.
    pub(crate) fn parameters<'m>(&self, model: impl Into<Model<'m>>) -> Parameters {
        let layers = model.into().layers(&self.layout);
        let values = layers
            .iter()
            .map(|layer| self.weights.read(layer))
            .collect();
        Parameters::new(&layers, values, &Device::flex())
    }

    /// A batch as tensors, its embedding rows gathered.
    pub(crate) fn inputs<'m>(&self, model: impl Into<Model<'m>>, batch: &Batch) -> Inputs {
        let (samples, device) = (batch.len(), Device::flex());
        let dense_dim = batch.dense.len() / samples;
        let dense = TensorData::new(batch.dense.clone(), [samples, dense_dim]);
        let bits = model.into().embedding_bits();
        let gathered = self.embeddings.gather(&batch.indices, bits);
        let shape = [samples, self.embeddings.dim, self.embeddings.tables.len()];
        Inputs {
            dense: Tensor::from_data(dense, &device),
            sparse: Tensor::from_data(TensorData::new(gathered, shape), &device),
        }
    }

    /// What the head reads of the samples `rows`, in batches: each call of `visit` gets the
    /// features, shape [samples, head_width], and the labels.
    pub(crate) fn visit_features(
        &self,
        network: &Network,
        log: &dyn ClickLog,
        split: Split,
        rows: &[u32],
        batch_size: usize,
        mut visit: impl FnMut(&[f32], &[f32]),
    ) {
        let parameters = self.parameters(network);
        let mut batch = Batch::default();
        for rows in rows.chunks(batch_size) {
            log.fill(split, rows, &mut batch);
            let inputs = self.inputs(network, &batch);
            visit(
                &to_vec(features(network, &parameters, inputs)),
                &batch.labels,
            );
        }
    }
}

/// The input shapes of networks for a log.
pub fn input_shape(shape: &LogShape) -> InputShape {
    InputShape {
        dense_dim: shape.dense_dim,
        fields: shape.table_rows.len(),
    }
}
