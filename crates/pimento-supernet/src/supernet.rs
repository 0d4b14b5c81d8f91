//! The supernet: weights that every network of a space shares, and the answers they give.

use burn::tensor::{Tensor, TensorData};
use pimento_data::{Batch, ClickLog, LogShape, Split};
use pimento_space::{FieldEmbedding, InputShape, Network};

use crate::{
    device::Device,
    embedding::{EmbeddingTables, Reading},
    forward::{Inputs, features, logits},
    layer::{BatchNorm, Capacity, Layer, LayerKind, Layout},
    model::Model,
    parameters::{Parameters, Parts},
    quantise::{FULL_PRECISION_BITS, to_vec},
    ranges::{LearnedRange, Ranges, Site, sites},
    train::TrainSettings,
    weights::{LayerValues, Weights},
};

/// Samples that go through a network at once when it is only asked: few enough for tensors between two
/// operators to stay in a core's cache.
pub(crate) const FORWARD_BATCH: usize = 256;

/// Embedding tables and weights. A *subnet* is a supernet with a [`Network`]; the supernet itself
/// has no current network, and asking it changes nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct Supernet {
    pub(crate) layout: Layout,
    pub(crate) embeddings: EmbeddingTables,
    pub(crate) weights: Weights,
    /// Where networks are computed; weights and tables lie in main memory.
    pub(crate) device: Device,
    /// Of rounded activations, where they are learned.
    pub(crate) ranges: Ranges,
}

impl Supernet {
    /// A supernet with initial weights for all networks within `capacity`.
    ///
    /// # Panics
    /// If the shapes of `capacity.input` are not those of `shape`.
    pub fn shared(capacity: Capacity, shape: &LogShape, seed: u64) -> Self {
        Self::shared_with_tables(capacity, &[], shape, seed)
    }

    /// The same with room for every one of `choices` (by field), and no more; without choices all
    /// tables are full.
    ///
    /// # Panics
    /// If the shapes of `capacity.input` are not those of `shape`.
    pub fn shared_with_tables(
        capacity: Capacity,
        choices: &[Vec<FieldEmbedding>],
        shape: &LogShape,
        seed: u64,
    ) -> Self {
        assert_eq!(
            capacity.input,
            input_shape(shape),
            "the space was decoded for this log"
        );
        let dim = capacity.embedding_dim;
        let full = vec![FieldEmbedding::full(dim, FULL_PRECISION_BITS)];
        let full = vec![full; shape.table_rows.len()];
        let choices = if choices.is_empty() { &full } else { choices };
        let embeddings = EmbeddingTables::init(&shape.table_rows, choices, dim, seed);
        Self::init(Layout::Shared(capacity), embeddings, seed)
    }

    /// The weights of one model alone, with initial values.
    ///
    /// # Panics
    /// If a network's inputs are not those of `shape`.
    pub fn stand_alone<'m>(model: impl Into<Model<'m>>, shape: &LogShape, seed: u64) -> Self {
        Self::alone(model.into(), None, shape, seed)
    }

    /// The same as `train` asks for: embedding values of its deviation, and a network that is
    /// normalised over the batch if it says so.
    ///
    /// # Panics
    /// If a network's inputs are not those of `shape`.
    pub fn stand_alone_for<'m>(
        model: impl Into<Model<'m>>,
        train: &TrainSettings,
        shape: &LogShape,
        seed: u64,
    ) -> Self {
        let dropout = train.dropout;
        let batch_norm = train.batch_norm.then_some(BatchNorm { dropout });
        Self::alone(model.into(), batch_norm, shape, seed)
            .with_embedding_deviation(train.embedding_deviation)
    }

    fn alone(model: Model<'_>, batch_norm: Option<BatchNorm>, shape: &LogShape, seed: u64) -> Self {
        let input = input_shape(shape);
        let layout = match model {
            Model::Network(network) => {
                assert_eq!(network.input, input, "the network was decoded for this log");
                Layout::StandAlone(Box::new(network.clone()), batch_norm)
            }
            Model::Handcrafted(model) => Layout::Handcrafted(Box::new(model.clone()), input),
        };
        let choices = model.embeddings(input.fields).into_iter();
        let choices: Vec<_> = choices.map(|choice| vec![choice]).collect();
        let dim = model.row_width();
        let embeddings = EmbeddingTables::init(&shape.table_rows, &choices, dim, seed);
        Self::init(layout, embeddings, seed)
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

    /// The same, its networks computed on `device`.
    #[must_use]
    pub fn on(mut self, device: Device) -> Self {
        self.device = device;
        self
    }

    fn init(layout: Layout, embeddings: EmbeddingTables, seed: u64) -> Self {
        let weights = Weights::init(&layout, seed);
        Self {
            ranges: Ranges::init(&layout),
            layout,
            embeddings,
            weights,
            device: Device::default(),
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

    /// The subnet's weights, with the optimiser's state, as a network of its own.
    #[must_use]
    pub fn extract(&self, network: &Network) -> Self {
        let layout = Layout::StandAlone(Box::new(network.clone()), self.layout.batch_norm());
        Self {
            ranges: self.ranges.extract(&layout),
            weights: self
                .weights
                .extract(&self.layout.layers(network), &layout.layers(network)),
            layout,
            embeddings: self.embeddings.extract(&self.readings(network)),
            device: self.device.clone(),
        }
    }

    /// The layers of a subnet with their values as stored, in execution order.
    pub fn layers(&self, network: &Network) -> Vec<(Layer, LayerValues)> {
        let layers = self.layout.layers(network).into_iter();
        layers
            .map(|layer| (layer.clone(), self.weights.read_exact(&layer)))
            .collect()
    }

    /// The learned ranges that a subnet rounds activations in, as far as training has been there.
    pub fn learned_ranges(&self, network: &Network) -> Vec<(Site, LearnedRange)> {
        let found = sites(network).into_iter().filter_map(|(site, bits)| {
            let grid = self.ranges.grid(site, bits)?;
            let (low, high) = (grid.lowest * grid.step, grid.highest * grid.step);
            Some((site, LearnedRange { bits, low, high }))
        });
        found.collect()
    }

    /// The row of number `row` that is stored first for categorical field `field`: that of value `row`
    /// where its table is full.
    pub fn embedding_row(&self, field: usize, row: u32) -> &[f32] {
        self.embeddings.stored_row(field, row)
    }

    /// The rows that the values `indices`, one per field, have in a network, rounded. Shape
    /// [embedding_dim, fields].
    pub fn embedding_rows(&self, network: &Network, indices: &[u32]) -> Vec<f32> {
        self.embeddings.gather(indices, &self.readings(network))
    }

    /// Trainable values outside the embedding tables.
    pub fn weight_count(&self) -> usize {
        self.weights.parameter_count() + self.ranges.parameter_count()
    }

    /// Trainable values in the embedding tables.
    pub fn embedding_count(&self) -> usize {
        let tables = self.embeddings.parameters();
        tables.map(|table| table.values.len()).sum()
    }

    /// Logits of `batch` under `network`, shape \[samples\]. Where a network alone is normalised over
    /// the batch, this is the batch.
    pub fn logits(&self, network: &Network, batch: &Batch) -> Vec<f32> {
        let parameters = self.parameters(network);
        let features = features(
            network,
            &parameters,
            self.inputs(network, batch, &self.device),
        );
        let head = parameters
            .layer((self.layout.head_position(), LayerKind::Head))
            .expect("every network has a head");
        to_vec(logits(head, features))
    }

    /// A model's weights, rounded to its precisions.
    pub(crate) fn parameters<'m>(&self, model: impl Into<Model<'m>>) -> Parameters {
        let model = model.into();
        let layers = model.layers(&self.layout);
        let values = layers
            .iter()
            .map(|layer| self.weights.read(layer))
            .collect();
        let ranges = self.ranges_of(model);
        Parameters::new(&layers, values, &self.device).with_ranges(ranges, &self.device)
    }

    /// The learned ranges of a model, as far as training has been there.
    pub(crate) fn ranges_of(&self, model: Model<'_>) -> Vec<(Site, u8, [f32; 2])> {
        let found = model.sites().into_iter();
        let found =
            found.filter_map(|(site, bits)| Some((site, bits, self.ranges.range(site, bits)?)));
        found.collect()
    }

    /// How a model reads the embedding tables.
    pub(crate) fn readings<'m>(&self, model: impl Into<Model<'m>>) -> Vec<Reading> {
        let fields = self.embeddings.fields();
        self.embeddings.readings(&model.into().embeddings(fields))
    }

    /// A batch as tensors, its embedding rows gathered.
    pub(crate) fn inputs<'m>(
        &self,
        model: impl Into<Model<'m>>,
        batch: &Batch,
        device: &Device,
    ) -> Inputs {
        let (samples, device) = (batch.len(), device.of_tensors());
        let dense_dim = batch.dense.len() / samples;
        let dense = TensorData::new(batch.dense.clone(), [samples, dense_dim]);
        let readings = self.readings(model);
        let gathered = self.embeddings.gather(&batch.indices, &readings);
        let shape = [samples, self.embeddings.dim, readings.len()];
        Inputs {
            dense: Tensor::from_data(dense, device),
            sparse: Tensor::from_data(TensorData::new(gathered, shape), device),
        }
    }

    /// What the head reads of the samples `rows`, in batches: each call of `visit` gets the
    /// features, rows of each part of them, and the labels.
    pub(crate) fn visit_features(
        &self,
        network: &Network,
        log: &dyn ClickLog,
        split: Split,
        rows: &[u32],
        batch_size: usize,
        mut visit: impl FnMut(Parts, &[f32]),
    ) {
        let parameters = self.settled_parameters(network, log);
        let mut batch = Batch::default();
        for rows in rows.chunks(batch_size) {
            log.fill(split, rows, &mut batch);
            let inputs = self.inputs(network, &batch, &self.device);
            visit(features(network, &parameters, inputs), &batch.labels);
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
