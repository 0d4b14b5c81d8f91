//! A network's weights as tensors.

use std::collections::BTreeMap;

use burn::tensor::{Device, Gradients, Tensor, TensorData};

use crate::{
    fused::{Function, apply},
    layer::{Layer, LayerKey},
    quantise::to_vec,
    weights::LayerValues,
};

/// The layers of one network as tensors on one device.
#[derive(Debug, Clone)]
pub(crate) struct Parameters {
    layers: BTreeMap<LayerKey, LayerTensors>,
}

/// The parts of one layer.
#[derive(Debug, Clone)]
pub(crate) struct LayerTensors {
    weight: Option<Tensor<2>>,
    bias: Option<Tensor<1>>,
    gain: Option<Tensor<1>>,
    shift: Option<Tensor<1>>,
}

impl Parameters {
    /// Tensors of `values`, one entry per layer, on a device without autodiff.
    pub(crate) fn new(layers: &[Layer], values: Vec<LayerValues>, device: &Device) -> Self {
        let layers = layers
            .iter()
            .zip(values)
            .map(|(layer, values)| (layer.key, LayerTensors::new(layer, values, device)))
            .collect();
        Self { layers }
    }

    /// The same values as leaves of a new graph.
    #[must_use]
    pub(crate) fn tracked(&self) -> Self {
        let layers = self
            .layers
            .iter()
            .map(|(&key, layer)| (key, layer.tracked()))
            .collect();
        Self { layers }
    }

    /// Gradients of the leaves, in the order of `layers`.
    pub(crate) fn gradients(&self, layers: &[Layer], gradients: &Gradients) -> Vec<LayerValues> {
        layers
            .iter()
            .map(|layer| self.layers[&layer.key].gradients(gradients))
            .collect()
    }

    /// The layer at `key`, if the network has it.
    pub(crate) fn layer(&self, key: LayerKey) -> Option<&LayerTensors> {
        self.layers.get(&key)
    }
}

impl LayerTensors {
    fn new(layer: &Layer, values: LayerValues, device: &Device) -> Self {
        let vector = |values: Vec<f32>| {
            (!values.is_empty()).then(|| Tensor::<1>::from_data(values.as_slice(), device))
        };
        let weight = (!values.weight.is_empty()).then(|| {
            let data = TensorData::new(values.weight, [layer.rows, layer.cols]);
            Tensor::<2>::from_data(data, device)
        });
        Self {
            weight,
            bias: vector(values.bias),
            gain: vector(values.gain),
            shift: vector(values.shift),
        }
    }

    fn tracked(&self) -> Self {
        Self {
            weight: self.weight.clone().map(leaf),
            bias: self.bias.clone().map(leaf),
            gain: self.gain.clone().map(leaf),
            shift: self.shift.clone().map(leaf),
        }
    }

    fn gradients(&self, gradients: &Gradients) -> LayerValues {
        LayerValues {
            weight: gradient(self.weight.as_ref(), gradients),
            bias: gradient(self.bias.as_ref(), gradients),
            gain: gradient(self.gain.as_ref(), gradients),
            shift: gradient(self.shift.as_ref(), gradients),
        }
    }

    /// The matrix product, then the bias where there is one. `input` has shape \[n, rows\].
    pub(crate) fn linear(&self, input: Tensor<2>) -> Tensor<2> {
        let output = match &self.weight {
            Some(weight) => input.matmul(weight.clone()),
            None => input,
        };
        match &self.bias {
            Some(bias) => output + bias.clone().unsqueeze(),
            None => output,
        }
    }

    /// The normalisation over the last axis, where there is one.
    pub(crate) fn norm<const D: usize>(&self, input: Tensor<D>) -> Tensor<D> {
        match &self.gain {
            Some(gain) => {
                let width = gain.shape()[0];
                let normalised: Tensor<D> = apply(input, Function::Normalise(width));
                let scaled = normalised * gain.clone().unsqueeze();
                match &self.shift {
                    Some(shift) => scaled + shift.clone().unsqueeze(),
                    None => scaled,
                }
            }
            None => input,
        }
    }
}

fn leaf<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    Tensor::from_inner(tensor).require_grad()
}

fn gradient<const D: usize>(tensor: Option<&Tensor<D>>, gradients: &Gradients) -> Vec<f32> {
    let Some(tensor) = tensor else {
        return Vec::new();
    };
    match tensor.grad(gradients) {
        Some(gradient) => to_vec(gradient),
        None => vec![0.0; tensor.shape().num_elements()],
    }
}
