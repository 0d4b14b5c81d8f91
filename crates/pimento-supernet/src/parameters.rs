//! A network's weights as tensors.

use std::{collections::BTreeMap, sync::Arc};

use burn::tensor::{Gradients, Tensor, TensorData, activation::relu};
use pimento_space::ActivationRange;

use crate::{
    analogue::{MatrixOnChip, Record},
    device::Device,
    epitome::rolled,
    fused::{Normalisation, Over, add_bias, clip, normalise, product},
    layer::{Layer, LayerKey},
    moments::{Estimation, LayerMoments},
    quantise::{FULL_PRECISION_BITS, quantise_activations, to_vec},
    ranges::{Calibration, RangeGradient, Site},
    weights::LayerValues,
};

/// The layers of one network as tensors on one device.
#[derive(Debug, Clone)]
pub(crate) struct Parameters {
    layers: BTreeMap<LayerKey, LayerTensors>,
    /// Learned ranges of rounded activations, shape \[2\] each, with their precisions.
    ranges: BTreeMap<Site, (u8, Tensor<1>)>,
    /// Finds ranges while values go by.
    calibration: Option<Arc<Calibration>>,
}

/// The parts of one layer.
#[derive(Debug, Clone)]
pub(crate) struct LayerTensors {
    weight: Option<Weight>,
    /// Uses of the matrix per input.
    reuse: usize,
    bias: Option<Tensor<1>>,
    gain: Option<Tensor<1>>,
    shift: Option<Tensor<1>>,
    statistics: Statistics,
}

/// Rows, of which each tensor has some columns; side by side they are those of a matrix's rows.
pub(crate) struct Parts(pub(crate) Vec<Tensor<2>>);

impl Parts {
    /// All columns in one tensor.
    pub(crate) fn joined(self) -> Tensor<2> {
        concatenate(self.0, 1)
    }
}

impl From<Tensor<2>> for Parts {
    fn from(tensor: Tensor<2>) -> Self {
        Self(vec![tensor])
    }
}

/// Tensors side by side along an axis.
pub(crate) fn concatenate<const D: usize>(mut parts: Vec<Tensor<D>>, axis: usize) -> Tensor<D> {
    if parts.len() == 1 {
        parts.swap_remove(0)
    } else {
        Tensor::cat(parts, axis)
    }
}

/// What the normalisation of a layer brings to mean 0 and variance 1.
#[derive(Debug, Clone)]
enum Statistics {
    /// Each row.
    Row,
    /// Each column of the batch.
    Batch,
    /// The same, and the moments are kept.
    Estimated(LayerKey, Arc<Estimation>),
    /// Each column, by moments that are known: factor and offset, gain and shift included.
    Known(Box<[Tensor<1>; 2]>),
}

/// What rows are multiplied with.
#[derive(Debug, Clone)]
enum Weight {
    /// A matrix.
    Matrix(Tensor<2>),
    /// A matrix, and the record of what it is multiplied with.
    Recorded(Tensor<2>, LayerKey, Arc<Record>),
    /// A matrix in crossbars.
    OnChip(Arc<MatrixOnChip>),
}

impl Parameters {
    /// Tensors of `values`, one entry per layer, on a device without autodiff.
    pub(crate) fn new(layers: &[Layer], values: Vec<LayerValues>, device: &Device) -> Self {
        let layers = layers
            .iter()
            .zip(values)
            .map(|(layer, values)| (layer.key, LayerTensors::new(layer, values, device)))
            .collect();
        Self {
            layers,
            ranges: BTreeMap::new(),
            calibration: None,
        }
    }

    /// The same with learned ranges of these precisions.
    #[must_use]
    pub(crate) fn with_ranges(
        mut self,
        ranges: Vec<(Site, u8, [f32; 2])>,
        device: &Device,
    ) -> Self {
        let ranges = ranges.into_iter();
        let ranges = ranges.map(|(site, bits, range)| {
            let range = Tensor::<1>::from_data(range.as_slice(), device.of_tensors());
            (site, (bits, range))
        });
        self.ranges = ranges.collect();
        self
    }

    /// The same, with ranges found while values go by.
    #[must_use]
    pub(crate) fn calibrating(mut self, calibration: &Arc<Calibration>) -> Self {
        self.calibration = Some(Arc::clone(calibration));
        self
    }

    /// The same, moments of layers that are normalised over the batch kept.
    #[must_use]
    pub(crate) fn estimating(mut self, estimation: &Arc<Estimation>) -> Self {
        for (&key, layer) in &mut self.layers {
            if matches!(layer.statistics, Statistics::Batch) {
                layer.statistics = Statistics::Estimated(key, Arc::clone(estimation));
            }
        }
        self
    }

    /// The same with these moments in place of the batch's own.
    #[must_use]
    pub(crate) fn with_moments(mut self, moments: &LayerMoments) -> Self {
        for (key, moments) in moments {
            let layer = self.layers.get_mut(key);
            let layer = layer.expect("what has moments is a layer");
            if let (Some(gain), Some(shift)) = (&layer.gain, &layer.shift) {
                let device = gain.device();
                let (scale, offset) = moments.affine(&to_vec(gain.clone()), &to_vec(shift.clone()));
                let vector = |values: Vec<f32>| Tensor::from_data(values.as_slice(), &device);
                layer.statistics = Statistics::Known(Box::new([scale, offset].map(vector)));
            }
        }
        self
    }

    /// The same values as leaves of a new graph.
    #[must_use]
    pub(crate) fn tracked(&self) -> Self {
        let layers = self
            .layers
            .iter()
            .map(|(&key, layer)| (key, layer.tracked()))
            .collect();
        let ranges = self.ranges.iter();
        let ranges = ranges.map(|(&site, (bits, range))| (site, (*bits, leaf(range.clone()))));
        Self {
            layers,
            ranges: ranges.collect(),
            calibration: None,
        }
    }

    /// The same, with a record of what matrices are multiplied with.
    #[must_use]
    pub(crate) fn recorded(mut self, record: &Arc<Record>) -> Self {
        for (&key, layer) in &mut self.layers {
            if let Some(Weight::Matrix(matrix)) = &layer.weight {
                layer.weight = Some(Weight::Recorded(matrix.clone(), key, Arc::clone(record)));
            }
        }
        self
    }

    /// The same, with matrices in the crossbars of a chip.
    #[must_use]
    pub(crate) fn on_chip(mut self, matrices: &BTreeMap<LayerKey, Arc<MatrixOnChip>>) -> Self {
        for (key, matrix) in matrices {
            if let Some(layer) = self.layers.get_mut(key) {
                layer.weight = Some(Weight::OnChip(Arc::clone(matrix)));
            }
        }
        self
    }

    /// Takes the gradients of the leaves out of `gradients`, in the order of `layers`.
    pub(crate) fn take_gradients(
        &self,
        layers: &[Layer],
        gradients: &mut Gradients,
    ) -> Vec<LayerValues> {
        layers
            .iter()
            .map(|layer| self.layers[&layer.key].take_gradients(gradients))
            .collect()
    }

    /// Takes the gradients of the learned ranges out of `gradients`.
    pub(crate) fn take_range_gradients(&self, gradients: &mut Gradients) -> Vec<RangeGradient> {
        let ranges = self.ranges.iter();
        let taken = ranges.map(|(&site, (bits, range))| RangeGradient {
            site,
            bits: *bits,
            values: take_gradient(Some(range), gradients)
                .try_into()
                .expect("a range is two numbers"),
        });
        taken.collect()
    }

    /// A tensor rounded in the range that was learned for it; in its own, one per sample, where
    /// nothing was learned.
    pub(crate) fn rounded<const D: usize>(
        &self,
        site: Site,
        tensor: Tensor<D>,
        bits: u8,
    ) -> Tensor<D> {
        if bits >= FULL_PRECISION_BITS {
            return tensor;
        }
        let range = match &self.calibration {
            Some(calibration) => {
                let range = calibration.observe(site, bits, &to_vec(tensor.clone()));
                range.map(|range| Tensor::from_data(range.as_slice(), &tensor.device()))
            }
            None => self.ranges.get(&site).map(|(_, range)| range.clone()),
        };
        match range {
            Some(range) => clip(tensor, range, bits),
            None => quantise_activations(tensor, bits, ActivationRange::Learned),
        }
    }

    /// The layer at `key`, if the network has it.
    pub(crate) fn layer(&self, key: LayerKey) -> Option<&LayerTensors> {
        self.layers.get(&key)
    }
}

impl LayerTensors {
    fn new(layer: &Layer, values: LayerValues, device: &Device) -> Self {
        let device = device.of_tensors();
        let vector = |values: Vec<f32>| {
            (!values.is_empty()).then(|| Tensor::<1>::from_data(values.as_slice(), device))
        };
        let weight = (!values.weight.is_empty()).then(|| {
            let data = TensorData::new(values.weight, [layer.rows, layer.cols]);
            Weight::Matrix(Tensor::<2>::from_data(data, device))
        });
        Self {
            weight,
            reuse: layer.reuse,
            bias: vector(values.bias),
            gain: vector(values.gain),
            shift: vector(values.shift),
            statistics: if layer.has_batch_norm {
                Statistics::Batch
            } else {
                Statistics::Row
            },
        }
    }

    fn tracked(&self) -> Self {
        Self {
            weight: self.weight.clone().map(|weight| match weight {
                Weight::Matrix(matrix) => Weight::Matrix(leaf(matrix)),
                weight => weight,
            }),
            reuse: self.reuse,
            bias: self.bias.clone().map(leaf),
            gain: self.gain.clone().map(leaf),
            shift: self.shift.clone().map(leaf),
            statistics: self.statistics.clone(),
        }
    }

    fn take_gradients(&self, gradients: &mut Gradients) -> LayerValues {
        LayerValues {
            weight: match &self.weight {
                Some(Weight::Matrix(matrix)) => take_gradient(Some(matrix), gradients),
                _ => Vec::new(),
            },
            bias: take_gradient(self.bias.as_ref(), gradients),
            gain: take_gradient(self.gain.as_ref(), gradients),
            shift: take_gradient(self.shift.as_ref(), gradients),
        }
    }

    /// Whether it has a matrix.
    pub(crate) fn has_matrix(&self) -> bool {
        self.weight.is_some()
    }

    /// The layer: matrix product, bias and normalisation, as far as they exist. `input` has shape
    /// \[n, rows\].
    pub(crate) fn forward(&self, input: impl Into<Parts>) -> Tensor<2> {
        self.finish(self.product(input), false)
    }

    /// The positive part of the layer's output.
    pub(crate) fn forward_rectified(&self, input: impl Into<Parts>) -> Tensor<2> {
        self.finish(self.product(input), true)
    }

    /// Matrix product and bias alone.
    pub(crate) fn linear(&self, input: impl Into<Parts>) -> Tensor<2> {
        let output = self.product(input);
        match &self.bias {
            Some(bias) => add_bias(output, bias.clone(), false),
            None => output,
        }
    }

    /// The normalisation of a residual connection.
    pub(crate) fn norm(&self, input: Tensor<2>) -> Tensor<2> {
        match (&self.gain, &self.shift) {
            (Some(gain), Some(shift)) => self.normalised(input, gain, shift, false),
            _ => input,
        }
    }

    /// The matrix product alone; those of an epitome's uses side by side.
    pub(crate) fn product(&self, input: impl Into<Parts>) -> Tensor<2> {
        let input = input.into();
        match &self.weight {
            None => input.joined(),
            Some(weight) if self.reuse == 1 => weight.product(input),
            Some(weight) => {
                let input = input.joined();
                let [samples, _] = input.dims();
                let products = weight.product(rolled(input, self.reuse).into());
                products.reshape([samples as i32, -1])
            }
        }
    }

    fn finish(&self, output: Tensor<2>, is_rectified: bool) -> Tensor<2> {
        match (&self.bias, &self.gain, &self.shift) {
            (bias, Some(gain), Some(shift)) => {
                let output = match bias {
                    Some(bias) => add_bias(output, bias.clone(), false),
                    None => output,
                };
                self.normalised(output, gain, shift, is_rectified)
            }
            (Some(bias), ..) => add_bias(output, bias.clone(), is_rectified),
            _ if is_rectified => relu(output),
            _ => output,
        }
    }

    fn normalised(
        &self,
        input: Tensor<2>,
        gain: &Tensor<1>,
        shift: &Tensor<1>,
        is_rectified: bool,
    ) -> Tensor<2> {
        let over = match &self.statistics {
            Statistics::Row => Over::Row,
            Statistics::Batch => Over::Batch,
            Statistics::Estimated(key, estimation) => {
                estimation.add(*key, &to_vec(input.clone()), gain.dims()[0]);
                Over::Batch
            }
            Statistics::Known(affine) => {
                let [scale, offset] = &**affine;
                let scaled = input * scale.clone().unsqueeze();
                return add_bias(scaled, offset.clone(), is_rectified);
            }
        };
        let normalisation = Normalisation { over, is_rectified };
        normalise(input, gain.clone(), shift.clone(), normalisation)
    }
}

impl Weight {
    fn product(&self, input: Parts) -> Tensor<2> {
        match self {
            Self::Matrix(matrix) => product(input.0, matrix.clone()),
            Self::Recorded(matrix, key, record) => {
                let input = input.joined();
                record.add(*key, &to_vec(input.clone()));
                product(vec![input], matrix.clone())
            }
            Self::OnChip(matrix) => {
                let input = input.joined();
                let ([samples, _], device) = (input.dims(), input.device());
                let products = matrix.product(&to_vec(input));
                let data = TensorData::new(products, [samples, matrix.cols()]);
                Tensor::from_data(data, &device)
            }
        }
    }
}

fn leaf<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    Tensor::from_inner(tensor).require_grad()
}

fn take_gradient<const D: usize>(
    tensor: Option<&Tensor<D>>,
    gradients: &mut Gradients,
) -> Vec<f32> {
    let Some(tensor) = tensor else {
        return Vec::new();
    };
    match tensor.grad_remove(gradients) {
        Some(gradient) => to_vec(gradient),
        None => vec![0.0; tensor.shape().num_elements()],
    }
}
