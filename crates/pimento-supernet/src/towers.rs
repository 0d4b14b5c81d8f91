//! The function that a handcrafted model computes.

#[cfg(test)]
mod tests;

use burn::tensor::{Tensor, activation::relu};
use pimento_space::{Handcrafted, Hidden, Tower};
use rand_chacha::ChaCha8Rng;

use crate::{
    dropout::dropped,
    forward::Inputs,
    fused::{Attention, Function, Triangle, apply},
    layer::LayerKind,
    parameters::{LayerTensors, Parameters},
};

/// The answer before the sigmoid, shape \[samples\]. With `dropout_rng`, units are dropped.
pub(crate) fn logits<'a>(
    model: &Handcrafted,
    parameters: &'a Parameters,
    inputs: Inputs,
    dropout_rng: Option<&'a mut ChaCha8Rng>,
) -> Tensor<1> {
    let [samples, width, fields] = inputs.sparse.dims();
    let dim = model.embedding_dim;
    let rows = inputs.sparse.clone().narrow(1, 0, dim);
    let linear = (width > dim).then(|| {
        let weights = inputs.sparse.narrow(1, dim, 1);
        weights.reshape([samples, fields]).sum_dim(1)
    });
    let flat = rows.clone().reshape([samples, dim * fields]);
    let mut forward = Forward {
        parameters,
        dropout_rng,
        next_layer: 1,
        flat: Tensor::cat(vec![flat, inputs.dense.clone()], 1),
        dense: inputs.dense,
        rows,
        linear,
    };
    let logits = model.towers.iter().map(|tower| forward.tower(tower));
    let sum = logits.reduce(|sum, logit| sum + logit);
    sum.expect("a model has a tower").squeeze_dim(1)
}

struct Forward<'a> {
    parameters: &'a Parameters,
    /// Chooses the units that are dropped, if any are.
    dropout_rng: Option<&'a mut ChaCha8Rng>,
    /// Position of the matrix that is used next.
    next_layer: u16,
    /// Embedding rows, shape [samples, embedding_dim, fields].
    rows: Tensor<3>,
    /// Shape [samples, dense_dim].
    dense: Tensor<2>,
    /// All embedding values and the dense ones, side by side.
    flat: Tensor<2>,
    /// Sum of the weights of a sample's values, shape [samples, 1].
    linear: Option<Tensor<2>>,
}

impl<'a> Forward<'a> {
    /// The tower's logit, shape [samples, 1].
    fn tower(&mut self, tower: &Tower) -> Tensor<2> {
        match tower {
            Tower::Linear {} => {
                let dense = self.layer().linear(self.dense.clone());
                dense + self.linear.clone().expect("rows hold a weight")
            }
            Tower::FactorisationMachine {} => {
                let sum = self.rows.clone().sum_dim(2);
                let squares = (self.rows.clone() * self.rows.clone()).sum_dim(2);
                let terms: Tensor<2> = (sum.clone() * sum - squares).squeeze_dim(2);
                terms.sum_dim(1) * 0.5
            }
            Tower::Deep { layers } => {
                let hidden = self.hidden(layers, self.flat.clone());
                self.layer().linear(hidden)
            }
            Tower::Cross { layers } => {
                let mut state = self.flat.clone();
                for _ in 0..*layers {
                    state = self.flat.clone() * self.layer().linear(state.clone()) + state;
                }
                self.layer().linear(state)
            }
            Tower::Attention {
                layers,
                width,
                heads,
            } => self.attention(*layers, *width, *heads),
            Tower::CompressedInteraction { maps } => self.compressed_interaction(maps),
            Tower::DotProducts {
                bottom,
                top,
                concatenates,
            } => self.dot_products(bottom, top, *concatenates),
            Tower::TwoStreams {
                left,
                right,
                groups,
                gate_fields,
                ..
            } => {
                let left = self.stream(left, gate_fields.first());
                let right = self.stream(right, gate_fields.get(1));
                let sum = self.layer().linear(left.clone()) + self.layer().linear(right.clone());
                let (left, right) = (left.chunk(*groups, 1), right.chunk(*groups, 1));
                left.into_iter().zip(right).fold(sum, |sum, (left, right)| {
                    sum + (self.layer().product(left) * right).sum_dim(1)
                })
            }
        }
    }

    fn attention(&mut self, layers: usize, width: usize, heads: usize) -> Tensor<2> {
        let [samples, dim, fields] = self.rows.dims();
        let rows = self.rows.clone().swap_dims(1, 2);
        let mut state = rows.reshape([samples * fields, dim]);
        for _ in 0..layers {
            let packed = self.layer().product(state.clone());
            let attention = Attention {
                samples,
                rows: fields,
                heads,
                head_dim: width / heads,
            };
            let context: Tensor<2> = apply(packed, Function::Attention(attention));
            let residual = if state.dims()[1] == width {
                state
            } else {
                self.layer().product(state)
            };
            state = self.layer().forward_rectified(context + residual);
        }
        let state = state.reshape([samples, fields * width]);
        self.layer().linear(state)
    }

    fn compressed_interaction(&mut self, maps: &[usize]) -> Tensor<2> {
        let [samples, dim, fields] = self.rows.dims();
        let mut state = self.rows.clone();
        let mut pooled = Vec::new();
        for &map in maps {
            let before = state.dims()[2];
            let outer = self.rows.clone().unsqueeze_dim::<4>(3) * state.unsqueeze_dim::<4>(2);
            let outer = outer.reshape([samples * dim, fields * before]);
            state = self.layer().linear(outer).reshape([samples, dim, map]);
            pooled.push(state.clone().sum_dim(1).squeeze_dim(1));
        }
        self.layer().linear(Tensor::cat(pooled, 1))
    }

    fn dot_products(&mut self, bottom: &Hidden, top: &Hidden, concatenates: bool) -> Tensor<2> {
        let [samples, dim, fields] = self.rows.dims();
        let hidden = self.hidden(bottom, self.dense.clone());
        let dense = self.layer().linear(hidden);
        let read = if concatenates {
            let rows = self.rows.clone().reshape([samples, dim * fields]);
            Tensor::cat(vec![dense, rows], 1)
        } else {
            let operands = vec![dense.clone().unsqueeze_dim(2), self.rows.clone()];
            let triangle = Function::Triangle(Triangle {
                samples,
                dim,
                columns: fields + 1,
            });
            let products = apply(Tensor::<3>::cat(operands, 2), triangle);
            Tensor::cat(vec![dense, products], 1)
        };
        let hidden = self.hidden(top, read);
        self.layer().linear(hidden)
    }

    /// The last hidden layer over inputs that a field's row gates.
    fn stream(&mut self, layers: &Hidden, gate_field: Option<&usize>) -> Tensor<2> {
        let [samples, dim, _] = self.rows.dims();
        let gate = match gate_field {
            Some(&field) => {
                let row = self.rows.clone().narrow(2, field, 1);
                let row = row.reshape([samples, dim]);
                let hidden = relu(self.layer().linear(row));
                self.layer().linear(hidden)
            }
            None => self.layer().linear(self.flat.zeros_like()),
        };
        let gate: Tensor<2> = apply(gate, Function::Sigmoid);
        self.hidden(layers, gate * 2.0 * self.flat.clone())
    }

    fn hidden(&mut self, layers: &Hidden, input: Tensor<2>) -> Tensor<2> {
        let mut state = input;
        for _ in &layers.widths {
            state = self.layer().forward_rectified(state);
            if let Some(rng) = &mut self.dropout_rng {
                state = dropped(state, layers.dropout, rng);
            }
        }
        state
    }

    /// The layer whose turn it is.
    fn layer(&mut self) -> &'a LayerTensors {
        let key = (self.next_layer, LayerKind::Tower);
        self.next_layer += 1;
        let layer = self.parameters.layer(key);
        layer.expect("layers are as many as the model's matrices")
    }
}
