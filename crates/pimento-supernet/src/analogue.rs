//! Networks on the hardware that they are meant for: matrices in the cells of crossbars, sums read
//! by converters.
//!
//! Weights are sliced over cells and inputs streamed in digits, as the cost model prices them. Cells
//! lie beside what was written into them, some are stuck, wires lose voltage, converters round and
//! clip. Everything but the products with trained matrices is digital and exact. What is drawn
//! belongs to a chip: the same seed draws the same chip. Products on chips are loops of the CPU, so
//! the whole network stays there, whatever the device of the supernet. Formulas: `docs/analogue.md`.

mod cells;
mod converter;
mod correction;
mod matrix;
mod product;
mod statistics;

use std::{
    collections::BTreeMap,
    num::NonZero,
    ops::Range,
    sync::{Arc, Mutex},
};

use pimento_data::{Batch, ClickLog, Split, auc, log_loss};
use pimento_hardware::{CellPreset, ChipDesign, map_matrix};
use pimento_space::{ActivationRange, Network, WeightScales};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    device::Device,
    evaluate::Quality,
    forward::{features, logits},
    fused::{Matrix, multiply},
    head::HeadFit,
    layer::{Layer, LayerKey, LayerKind, last_position},
    parameters::Parameters,
    quantise::{FULL_PRECISION_BITS, to_vec},
    ranges::Operand,
    supernet::{FORWARD_BATCH, Supernet},
    weights::LayerValues,
};

use cells::Writing;
use correction::Correction;
use matrix::{Coding, WholeMatrix, WholeVectors};
use product::{Reading, some};
use statistics::Statistics;

/// Faults of cells never share random numbers with initial weights and orders of samples.
const CHIP_STREAM: u64 = 1 << 44;

/// Vectors that gains and statistics of a matrix are measured on, at most.
const MEASURED_VECTORS: usize = 512;

/// The hardware that matrices are computed on, and how closely it is followed.
#[derive(Debug, Clone, PartialEq)]
pub struct Analogue {
    /// Sizes of the crossbars and resolutions of their converters.
    pub chip: ChipDesign,
    /// The cells.
    pub cells: CellPreset,
    /// Whether columns are stored flipped where that halves their largest sum, which saves
    /// converters a bit.
    pub flips_columns: bool,
    /// Whether each column is corrected, digitally, with a gain and a share of the sum of its inputs
    /// that were measured on this chip.
    pub corrects_columns: bool,
    /// How closely conversions are followed.
    pub fidelity: Fidelity,
    /// Training samples that ranges, gains and statistics are measured on.
    pub calibration_samples: NonZero<usize>,
}

/// How closely conversions are followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fidelity {
    /// Every conversion of every digit and slice.
    BitExact,
    /// One product with what the cells act as; the converters' rest is drawn with the mean and the
    /// deviation that it has on calibration samples.
    #[default]
    Statistical,
}

impl Supernet {
    /// Quality of `network` on the first `samples` samples of `split`, computed on one chip for each
    /// seed. The head is first fitted as `head` says, without hardware.
    ///
    /// # Panics
    /// If the converters cannot read even one row.
    #[expect(
        clippy::too_many_arguments,
        reason = "those of `evaluate`, and the hardware"
    )]
    pub fn evaluate_on_chips(
        &self,
        network: &Network,
        log: &dyn ClickLog,
        split: Split,
        samples: usize,
        head: &HeadFit,
        analogue: &Analogue,
        seeds: Range<u64>,
    ) -> Vec<Quality> {
        let (layers, values) = self.layers_with_head(network, log, head);
        let device = Device::default();
        let exact = Parameters::new(&layers, values.clone(), &device)
            .with_ranges(self.ranges_of(network.into()), &device)
            .with_moments(&self.moments(network, log));
        let inputs = self.matrix_inputs(network, &exact, log, analogue);
        let rows: Vec<u32> = (0..samples.min(log.len(split)) as u32).collect();
        let chips = seeds.into_par_iter().map(|seed| {
            let on_chip = layers.iter().zip(&values).filter_map(|(layer, values)| {
                let input = inputs.get(&layer.key)?;
                let coding = self.coding(network, layer.key);
                let matrix = MatrixOnChip::new(analogue, coding, layer, values, input, seed);
                Some((layer.key, Arc::new(matrix)))
            });
            let parameters = exact.clone().on_chip(&on_chip.collect());
            let (mut answers, mut labels) = (Vec::new(), Vec::new());
            self.visit_answers(network, &parameters, log, split, &rows, |batch, logits| {
                answers.extend(logits);
                labels.extend_from_slice(&batch.labels);
            });
            Quality::new(log_loss(&answers, &labels), auc(&answers, &labels))
        });
        chips.collect()
    }

    /// A network's layers with their values rounded, and its head fitted.
    fn layers_with_head(
        &self,
        network: &Network,
        log: &dyn ClickLog,
        fit: &HeadFit,
    ) -> (Vec<Layer>, Vec<LayerValues>) {
        let head = self.fit_head(network, log, fit);
        let layers = self.layout.layers(network);
        let mut values: Vec<LayerValues> = layers
            .iter()
            .map(|layer| self.weights.read(layer))
            .collect();
        let last = values.last_mut().expect("every network has a head");
        (last.weight, last.bias) = (head.weights, vec![head.bias]);
        (layers, values)
    }

    /// What the matrices are multiplied with on the first training samples, without hardware.
    fn matrix_inputs(
        &self,
        network: &Network,
        exact: &Parameters,
        log: &dyn ClickLog,
        analogue: &Analogue,
    ) -> BTreeMap<LayerKey, Vec<f32>> {
        let samples = analogue
            .calibration_samples
            .get()
            .min(log.len(Split::Train));
        let rows: Vec<u32> = (0..samples as u32).collect();
        let record = Arc::new(Record::default());
        let parameters = exact.clone().recorded(&record);
        self.visit_answers(network, &parameters, log, Split::Train, &rows, |_, _| {});
        record.inputs.lock().expect("no holder panics").clone()
    }

    fn visit_answers(
        &self,
        network: &Network,
        parameters: &Parameters,
        log: &dyn ClickLog,
        split: Split,
        rows: &[u32],
        mut visit: impl FnMut(&Batch, Vec<f32>),
    ) {
        let head = parameters.layer((self.layout.head_position(), LayerKind::Head));
        let head = head.expect("every network has a head");
        let mut batch = Batch::default();
        for rows in rows.chunks(FORWARD_BATCH) {
            log.fill(split, rows, &mut batch);
            let inputs = self.inputs(network, &batch, &Device::default());
            let features = features(network, parameters, inputs);
            visit(&batch, to_vec(logits(head, features)));
        }
    }
}

/// What matrices were multiplied with; lives as long as one forward pass.
#[derive(Debug, Default)]
pub(crate) struct Record {
    inputs: Mutex<BTreeMap<LayerKey, Vec<f32>>>,
}

impl Record {
    pub(crate) fn add(&self, key: LayerKey, input: &[f32]) {
        let mut inputs = self.inputs.lock().expect("no holder panics");
        inputs.entry(key).or_default().extend_from_slice(input);
    }
}

/// The matrix of a layer in the crossbars of one chip.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MatrixOnChip {
    rows: usize,
    /// Value of a step of each output.
    steps: Vec<f32>,
    corrections: Vec<Correction>,
    /// Sum of the weights of each output, for inputs of which zero is not the number 0.
    weight_sums: Vec<f32>,
    coding: Coding,
    following: Following,
}

#[derive(Debug, Clone, PartialEq)]
enum Following {
    BitExact(Reading),
    Statistical(Statistics, u64),
}

impl MatrixOnChip {
    fn new(
        analogue: &Analogue,
        coding: Coding,
        layer: &Layer,
        values: &LayerValues,
        input: &[f32],
        seed: u64,
    ) -> Self {
        let has_column_scales = layer.weight_scales == WeightScales::Column;
        let matrix = WholeMatrix::new(
            &values.weight,
            layer.cols,
            layer.weight_bits,
            has_column_scales,
        );
        let vectors = WholeVectors::new(input, layer.rows, coding);
        let writing = analogue.writing(&matrix, coding.bits);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(CHIP_STREAM | u64::from(layer.key.0) << 8 | layer.key.1 as u64);
        let groups = writing.write(&matrix, &mut rng);
        let mut reading = Reading::new(&writing, &matrix, coding, groups);
        if converter::Converter::is_calibrated(&analogue.chip) {
            reading.calibrate(&analogue.chip, &vectors.values, layer.rows);
        }
        let vectors = some(&vectors.values, layer.rows, MEASURED_VECTORS);
        let read = reading.products(&vectors, layer.rows);
        let corrections = if analogue.corrects_columns {
            let meant = multiply(
                Matrix::new(&vectors, matrix.rows),
                Matrix::new(&matrix.values, matrix.cols),
            );
            correction::measure(&vectors, &meant, &read, layer.cols)
        } else {
            vec![Correction::default(); layer.cols]
        };
        let following = match analogue.fidelity {
            Fidelity::BitExact => Following::BitExact(reading),
            Fidelity::Statistical => {
                let statistics = Statistics::new(reading.matrix(), layer.cols, &vectors, &read);
                Following::Statistical(statistics, seed)
            }
        };
        Self {
            rows: layer.rows,
            weight_sums: matrix.sums(),
            steps: matrix.steps,
            corrections,
            coding,
            following,
        }
    }

    /// Outputs.
    pub(crate) fn cols(&self) -> usize {
        self.steps.len()
    }

    /// The products of rows, shape \[n, rows\], with the matrix, shape \[n, cols\].
    pub(crate) fn product(&self, input: &[f32]) -> Vec<f32> {
        let vectors = WholeVectors::new(input, self.rows, self.coding);
        let mut products = match &self.following {
            Following::BitExact(reading) => reading.products(&vectors.values, self.rows),
            Following::Statistical(statistics, seed) => statistics.products(&vectors.values, *seed),
        };
        let inputs = vectors.values.chunks_exact(self.rows);
        let inputs = inputs.zip(vectors.steps.iter().zip(&vectors.zeros));
        for (row, (input, (input_step, zero))) in products.chunks_exact_mut(self.cols()).zip(inputs)
        {
            let input_sum: f32 = input.iter().sum();
            let columns = self
                .corrections
                .iter()
                .zip(&self.weight_sums)
                .zip(&self.steps);
            for (value, ((correction, weights), step)) in row.iter_mut().zip(columns) {
                let corrected = correction.apply(*value, input_sum) - zero * weights;
                *value = corrected * step * input_step;
            }
        }
        products
    }
}

impl Analogue {
    fn writing(&self, matrix: &WholeMatrix, activation_bits: u8) -> Writing<'_> {
        let lossless_bits = u32::from(self.chip.adc_bits) + u32::from(self.flips_columns);
        let mapping = map_matrix(
            matrix.rows as u32,
            matrix.cols as u32,
            matrix.bits,
            matrix::format_bits(activation_bits),
            &self.chip,
            lossless_bits,
        );
        let mapping = mapping.expect("the converters read at least one row");
        Writing {
            chip: &self.chip,
            cells: &self.cells,
            flips_columns: self.flips_columns,
            rows_at_once: mapping.rows_at_once as usize,
        }
    }
}

impl Supernet {
    /// How the inputs of a layer's matrix become whole numbers: on the levels of the learned range
    /// where there is one.
    fn coding(&self, network: &Network, (position, kind): LayerKey) -> Coding {
        let coding = coding(network, (position, kind));
        let position = match kind {
            LayerKind::Head => last_position(network) as u16,
            _ => position,
        };
        let is_rounded = coding.bits < FULL_PRECISION_BITS;
        let is_learned = is_rounded && network.activation_range == ActivationRange::Learned;
        let site = ((position, kind), Operand::Matrix);
        let grid = is_learned.then(|| self.ranges.grid(site, coding.bits));
        Coding {
            grid: grid.flatten(),
            ..coding
        }
    }
}

fn coding(network: &Network, (position, kind): LayerKey) -> Coding {
    let block = network.block(usize::from(position));
    // The head reads the last block's outputs.
    let reader = block.or(network.blocks.last());
    let rows = block.and_then(|block| block.sparse.as_ref());
    let vectors_per_sample = match kind {
        LayerKind::SparseLinear | LayerKind::AttentionRows | LayerKind::DotProductRows => {
            network.embedding_dim
        }
        LayerKind::AttentionQueryKeyValue
        | LayerKind::AttentionOut
        | LayerKind::AttentionHidden
        | LayerKind::AttentionFeedForward => rows.map_or(1, |node| node.rows),
        LayerKind::FullyConnected
        | LayerKind::Flattened
        | LayerKind::DotProductDense
        | LayerKind::DotProductOut
        | LayerKind::Gate
        | LayerKind::GateOut
        | LayerKind::SumOut
        | LayerKind::DenseSparseMerger
        | LayerKind::FmMerger
        | LayerKind::Head
        | LayerKind::Tower => 1,
    };
    Coding {
        bits: reader.map_or(FULL_PRECISION_BITS, |block| block.activation_bits),
        range: network.activation_range,
        grid: None,
        vectors_per_sample,
    }
}
