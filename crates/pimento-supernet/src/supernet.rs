//! The supernet: weights that every network of a space shares, and the answers they give.

use burn::tensor::{Device, Tensor, TensorData};
use pimento_data::{Batch, ClickLog, LogShape, Split};
use pimento_space::{InputShape, Network};

use crate::{
    embedding::EmbeddingTables,
    forward::{Inputs, features, logits},
    layer::{Capacity, Layer, LayerKind, Layout},
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

    /// The weights of one network alone, with initial values.
    ///
    /// # Panics
    /// If the network's inputs are not those of `shape`.
    pub fn stand_alone(network: &Network, shape: &LogShape, seed: u64) -> Self {
        assert_eq!(
            network.input,
            input_shape(shape),
            "the network was decoded for this log"
        );
        let layout = Layout::StandAlone(Box::new(network.clone()));
        Self::init(layout, shape, network.embedding_dim, seed)
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
        let device = Device::flex();
        let parameters = self.parameters(network, &device);
        let features = features(network, &parameters, self.inputs(network, batch, &device));
        let head = parameters
            .layer((self.layout.head_position(), LayerKind::Head))
            .expect("every network has a head");
        to_vec(logits(head, features))
    }

    /// The subnet's weights, rounded to its precisions.
    pub(crate) fn parameters(&self, network: &Network, device: &Device) -> Parameters {
        let layers = self.layout.layers(network);
        let values = layers
            .iter()
            .map(|layer| self.weights.read(layer))
            .collect();
        Parameters::new(&layers, values, device)
    }

    /// A batch as tensors, its embedding rows gathered.
    pub(crate) fn inputs(&self, network: &Network, batch: &Batch, device: &Device) -> Inputs {
        let samples = batch.len();
        let input = network.input;
        let dense = TensorData::new(batch.dense.clone(), [samples, input.dense_dim]);
        let gathered = self
            .embeddings
            .gather(&batch.indices, network.embedding_bits);
        let shape = [samples, network.embedding_dim, input.fields];
        Inputs {
            dense: Tensor::from_data(dense, device),
            sparse: Tensor::from_data(TensorData::new(gathered, shape), device),
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
        let device = Device::flex();
        let parameters = self.parameters(network, &device);
        let mut batch = Batch::default();
        for rows in rows.chunks(batch_size) {
            log.fill(split, rows, &mut batch);
            let inputs = self.inputs(network, &batch, &device);
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
