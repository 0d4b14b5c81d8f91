//! Handcrafted click models, as sums of towers: what people compare a searched network with.
//!
//! A tower reads the embedding rows of all fields, shape \[fields, embedding_dim\], and the dense
//! values, and answers with a logit; a model's logit is the sum of its towers'. Factorisation
//! machines, Wide&Deep, DeepFM, DCNv2, xDeepFM, AutoInt+, DLRM and FinalMLP are such sums.

mod lowering;

use serde::{Deserialize, Serialize};

use crate::network::InputShape;

/// A handcrafted model, for inputs of any shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Handcrafted {
    /// Width of an embedding row.
    pub embedding_dim: usize,
    /// The towers, at least one.
    pub towers: Vec<Tower>,
}

/// Part of a handcrafted model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
pub enum Tower {
    /// A weight for every value of every field, a weight for every dense value, a bias: logistic
    /// regression, or the wide part of others.
    Linear {},
    /// Half of (Σ rows)² − Σ rows², summed: the second order of a factorisation machine.
    FactorisationMachine {},
    /// A multilayer perceptron over all embedding values and the dense ones.
    Deep {
        /// Its hidden layers.
        layers: Hidden,
    },
    /// x ← x₀ ⊙ (W x + b) + x, several times: the cross network of DCNv2, with full matrices.
    Cross {
        /// Times.
        layers: usize,
    },
    /// Attention among fields, each layer normalised and rectified after its residual: the
    /// interacting layers of AutoInt.
    Attention {
        /// Layers.
        layers: usize,
        /// Width of a row in the layers.
        width: usize,
        /// Heads; they divide the width.
        heads: usize,
    },
    /// Products of all pairs of an earlier map's rows and the embedding rows, combined to new maps:
    /// the compressed interaction network of xDeepFM.
    CompressedInteraction {
        /// Rows of each map.
        maps: Vec<usize>,
    },
    /// A bottom perceptron for the dense values, its answer's and the embedding rows' dot products,
    /// and a top perceptron over them: DLRM. With `concatenates`, the rows themselves instead of
    /// their products.
    DotProducts {
        /// Hidden layers of the bottom perceptron; its last layer is one embedding row wide.
        bottom: Hidden,
        /// Hidden layers of the top perceptron.
        top: Hidden,
        /// Whether the top reads rows side by side instead of their products.
        #[serde(default)]
        concatenates: bool,
    },
    /// Two perceptrons that read differently gated inputs, fused by a bilinear form in groups:
    /// FinalMLP.
    TwoStreams {
        /// Hidden layers of the first stream.
        left: Hidden,
        /// Hidden layers of the second stream.
        right: Hidden,
        /// Groups of the bilinear form; they divide both streams' last widths.
        groups: usize,
        /// Width of the hidden layer of each gate.
        gate_width: usize,
        /// The field whose row gates each stream's inputs, by its number; none gates them by
        /// learned constants.
        #[serde(default)]
        gate_fields: Vec<usize>,
    },
}

/// Hidden layers of a perceptron.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Hidden {
    /// Width of each.
    pub widths: Vec<usize>,
    /// Whether each is normalised over the batch before its rectifier.
    #[serde(default)]
    pub batch_norm: bool,
    /// Share of the units that training drops, in [0, 1).
    #[serde(default)]
    pub dropout: f64,
}

/// A matrix of a handcrafted model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TowerMatrix {
    /// Name of the layer.
    pub layer: &'static str,
    /// Inputs.
    pub rows: usize,
    /// Outputs.
    pub cols: usize,
    /// Vectors per sample that it is multiplied with.
    pub vectors: usize,
    /// Whether a bias follows.
    pub has_bias: bool,
    /// The normalisation, with gain and shift, that follows.
    pub norm: Option<TowerNorm>,
    /// Whether training starts from zeros, not from random weights.
    pub starts_at_zero: bool,
}

/// What a normalisation in a handcrafted model brings to mean 0 and variance 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TowerNorm {
    /// Each row.
    Row,
    /// Each column of the batch.
    Batch,
}

impl Handcrafted {
    /// Values that stand in a row of an embedding table: the embedding, and the weight of a linear
    /// tower.
    pub fn row_width(&self) -> usize {
        let has_linear = self.towers.contains(&Tower::Linear {});
        self.embedding_dim + usize::from(has_linear)
    }

    /// All matrices, tower by tower, in the order in which a forward pass uses them.
    pub fn matrices(&self, input: InputShape) -> Vec<TowerMatrix> {
        self.towers
            .iter()
            .flat_map(|tower| tower.matrices(input, self.embedding_dim))
            .collect()
    }

    /// Trainable values outside the embedding tables.
    pub fn weight_count(&self, input: InputShape) -> usize {
        let parts = |matrix: &TowerMatrix| {
            let vectors = usize::from(matrix.has_bias) + 2 * usize::from(matrix.norm.is_some());
            (matrix.rows + vectors) * matrix.cols
        };
        self.matrices(input).iter().map(parts).sum()
    }

    /// Why the model cannot be built for inputs of this shape.
    pub fn check(&self, input: InputShape) -> Result<(), String> {
        if self.embedding_dim == 0 {
            return Err("`embedding-dim` is 0, expected at least 1".to_owned());
        }
        if self.towers.is_empty() {
            return Err("`towers` is empty, expected at least one".to_owned());
        }
        self.towers.iter().try_for_each(|tower| tower.check(input))
    }
}

impl Tower {
    fn matrices(&self, input: InputShape, dim: usize) -> Vec<TowerMatrix> {
        let flat = input.fields * dim + input.dense_dim;
        match self {
            Self::Linear {} => vec![TowerMatrix {
                starts_at_zero: true,
                ..biased("linear", input.dense_dim, 1)
            }],
            Self::FactorisationMachine {} => Vec::new(),
            Self::Deep { layers } => layers.with_output(flat, 1),
            Self::Cross { layers } => {
                let layer = biased("cross", flat, flat);
                let mut matrices = vec![layer; *layers];
                matrices.push(biased("cross.out", flat, 1));
                matrices
            }
            Self::Attention { layers, width, .. } => {
                let mut matrices = Vec::new();
                let mut inputs = dim;
                for _ in 0..*layers {
                    let each = |layer, cols| TowerMatrix {
                        vectors: input.fields,
                        has_bias: false,
                        ..biased(layer, inputs, cols)
                    };
                    matrices.push(each("attn.qkv", 3 * width));
                    if inputs != *width {
                        matrices.push(each("attn.residual", *width));
                    }
                    matrices.push(TowerMatrix {
                        norm: Some(TowerNorm::Row),
                        ..each("attn.norm", 0)
                    });
                    let norm = matrices.last_mut().expect("just pushed");
                    (norm.rows, norm.cols) = (0, *width);
                    inputs = *width;
                }
                matrices.push(biased("attn.out", input.fields * inputs, 1));
                matrices
            }
            Self::CompressedInteraction { maps } => {
                let mut matrices = Vec::new();
                let mut before = input.fields;
                for &map in maps {
                    matrices.push(TowerMatrix {
                        vectors: dim,
                        ..biased("cin", input.fields * before, map)
                    });
                    before = map;
                }
                matrices.push(biased("cin.out", maps.iter().sum(), 1));
                matrices
            }
            Self::DotProducts {
                bottom,
                top,
                concatenates,
            } => {
                let mut matrices = bottom.with_output(input.dense_dim, dim);
                let rows = input.fields + 1;
                let read = if *concatenates {
                    rows * dim
                } else {
                    dim + rows * (rows - 1) / 2
                };
                matrices.extend(top.with_output(read, 1));
                matrices
            }
            Self::TwoStreams {
                left,
                right,
                groups,
                gate_width,
                gate_fields,
            } => {
                let mut matrices = Vec::new();
                for (stream, layers) in [left, right].into_iter().enumerate() {
                    if stream < gate_fields.len() {
                        matrices.push(biased("gate.hidden", dim, *gate_width));
                        matrices.push(biased("gate.out", *gate_width, flat));
                    } else {
                        matrices.push(biased("gate.out", 0, flat));
                    }
                    matrices.extend(layers.matrices(flat));
                }
                let (left, right) = (left.width(flat), right.width(flat));
                matrices.push(biased("fusion.left", left, 1));
                matrices.push(biased("fusion.right", right, 1));
                let group = TowerMatrix {
                    has_bias: false,
                    ..biased("fusion.group", left / groups, right / groups)
                };
                matrices.extend(vec![group; *groups]);
                matrices
            }
        }
    }

    fn check(&self, input: InputShape) -> Result<(), String> {
        let hidden: Vec<&Hidden> = match self {
            Self::Deep { layers } => vec![layers],
            Self::DotProducts { bottom, top, .. } => vec![bottom, top],
            Self::TwoStreams { left, right, .. } => vec![left, right],
            _ => Vec::new(),
        };
        for layers in hidden {
            if layers.widths.contains(&0) {
                return Err("a width is 0, expected at least 1".to_owned());
            }
            if !(0.0..1.0).contains(&layers.dropout) {
                let dropout = layers.dropout;
                return Err(format!("`dropout` is {dropout}, expected 0 to below 1"));
            }
        }
        match self {
            Self::Attention { width, heads, .. }
                if *heads == 0 || !width.is_multiple_of(*heads) =>
            {
                Err(format!("`heads` {heads} does not divide `width` {width}"))
            }
            Self::CompressedInteraction { maps } if maps.is_empty() || maps.contains(&0) => {
                Err("`maps` needs at least one entry, each at least 1".to_owned())
            }
            Self::TwoStreams {
                left,
                right,
                groups,
                gate_fields,
                ..
            } => {
                let last = |layers: &Hidden| layers.widths.last().copied().unwrap_or(0);
                let divides =
                    |width: usize| *groups > 0 && width > 0 && width.is_multiple_of(*groups);
                if !divides(last(left)) || !divides(last(right)) {
                    Err(format!(
                        "`groups` {groups} does not divide both last widths"
                    ))
                } else if gate_fields.len() > 2 || gate_fields.iter().any(|&f| f >= input.fields) {
                    let fields = input.fields;
                    Err(format!(
                        "`gate-fields` is {gate_fields:?}, expected at most two numbers below {fields}"
                    ))
                } else {
                    Ok(())
                }
            }
            _ => Ok(()),
        }
    }
}

impl Hidden {
    /// Width of the last layer, or of the input.
    pub fn width(&self, inputs: usize) -> usize {
        self.widths.last().copied().unwrap_or(inputs)
    }

    fn matrices(&self, inputs: usize) -> Vec<TowerMatrix> {
        let before = std::iter::once(&inputs).chain(&self.widths);
        before
            .zip(&self.widths)
            .map(|(&rows, &cols)| TowerMatrix {
                has_bias: !self.batch_norm,
                norm: self.batch_norm.then_some(TowerNorm::Batch),
                ..biased("fc", rows, cols)
            })
            .collect()
    }

    fn with_output(&self, inputs: usize, outputs: usize) -> Vec<TowerMatrix> {
        let mut matrices = self.matrices(inputs);
        matrices.push(biased("fc.out", self.width(inputs), outputs));
        matrices
    }
}

fn biased(layer: &'static str, rows: usize, cols: usize) -> TowerMatrix {
    TowerMatrix {
        layer,
        rows,
        cols,
        vectors: 1,
        has_bias: true,
        norm: None,
        starts_at_zero: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frappe's ten fields have no dense values; inputs always have one, which adds a row to every
    /// first matrix.
    const INPUT: InputShape = InputShape {
        dense_dim: 1,
        fields: 10,
    };

    fn hidden(widths: &[usize]) -> Hidden {
        Hidden {
            widths: widths.to_vec(),
            batch_norm: true,
            dropout: 0.0,
        }
    }

    fn deep() -> Tower {
        Tower::Deep {
            layers: hidden(&[400; 3]),
        }
    }

    fn weights(towers: Vec<Tower>) -> usize {
        let model = Handcrafted {
            embedding_dim: 10,
            towers,
        };
        model.check(INPUT).unwrap();
        model.weight_count(INPUT)
    }

    #[test]
    fn multiply_accumulates_by_hand() {
        let macs = |towers| {
            Handcrafted {
                embedding_dim: 10,
                towers,
            }
            .macs(INPUT)
        };
        assert_eq!(macs(vec![Tower::FactorisationMachine {}]), 0);
        assert_eq!(
            macs(vec![Tower::Linear {}, deep()]),
            1 + 101 * 400 + 2 * 400 * 400 + 400
        );
        let maps = vec![64, 32];
        assert_eq!(
            macs(vec![Tower::CompressedInteraction { maps }]),
            10 * (100 * 64 + 640 * 32) + 96
        );
        let attention = Tower::Attention {
            layers: 2,
            width: 16,
            heads: 2,
        };
        let each = 2 * 10 * 10 * 16;
        assert_eq!(
            macs(vec![attention]),
            10 * (10 * 48 + 10 * 16) + each + 10 * 16 * 48 + each + 160
        );
        let products = Tower::DotProducts {
            bottom: hidden(&[8]),
            top: hidden(&[20]),
            concatenates: false,
        };
        assert_eq!(macs(vec![products]), 8 + 80 + 550 + 65 * 20 + 20);
        let streams = Tower::TwoStreams {
            left: hidden(&[40]),
            right: hidden(&[20]),
            groups: 5,
            gate_width: 7,
            gate_fields: vec![0],
        };
        let stream = 70 + 7 * 101 + 101 * 40 + 101 * 20;
        assert_eq!(macs(vec![streams]), stream + 40 + 20 + 5 * 8 * 4);
    }

    /// Published parameter counts (BARS, Frappe_x1: 5,389 rows), less the embedding values and,
    /// with a linear tower, the rows' weights. Published layers before batch norm have a bias, which
    /// does nothing and is left out here (400 a layer); the constant dense value is ours.
    #[test]
    fn parameter_counts_are_the_published_ones() {
        let (rows, biases) = (5389, 3 * 400);
        assert_eq!(weights(vec![deep()]) + 10 * rows + biases - 400, 417_891);
        let dcn = weights(vec![Tower::Cross { layers: 4 }, deep()]);
        // One value more: 400 in the deep tower, 4 · (101² + 101 − 100² − 100) and 1 in the cross,
        // and a second bias of the output.
        let constant = 400 + 4 * (101 * 101 + 101 - 100 * 100 - 100) + 1 + 1;
        assert_eq!(dcn + 10 * rows + biases - constant, 458_391);
        let attention = Tower::Attention {
            layers: 5,
            width: 128,
            heads: 2,
        };
        let autoint = weights(vec![attention, deep()]);
        assert_eq!(autoint + 10 * rows + biases - 400, 622_180);
        let fm = weights(vec![Tower::Linear {}, Tower::FactorisationMachine {}]);
        assert_eq!(fm + 11 * rows - 1, 59_280);
    }
}
