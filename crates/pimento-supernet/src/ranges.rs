//! Learned ranges of rounded activations.
//!
//! Each place of a block where activations are rounded has a range, found on the data when training
//! first gets there and learned from then on. All precisions of a place share where zero lies and
//! how the span has moved; each has a share of the span of its own, since fewer levels want more to
//! be clipped. A precision that is seldom trained thus follows the others.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use pimento_space::{ActivationRange, Block, DenseOperator, Network, SparseOperator};

use crate::{
    fused::Grid,
    layer::{LayerKey, LayerKind, Layout, last_position},
    optimizer::{Optimizer, Parameter, Update},
    quantise::FULL_PRECISION_BITS,
};

/// Uses of a place that its ranges are found on before they are learned.
const CALIBRATION_USES: f32 = 20.0;

/// Least weight of a use among them: values are still on the move.
const LEAST_WEIGHT: f32 = 0.2;

/// Values that calibration looks at, about.
const CALIBRATION_VALUES: usize = 4096;

/// Shares of the span of the data that are tried: clipping the few largest values makes the steps of
/// all others finer.
const SHARES: [f32; 12] = [
    1.0, 0.85, 0.7, 0.6, 0.5, 0.42, 0.35, 0.28, 0.22, 0.16, 0.12, 0.08,
];

/// Logarithms of spans beyond this are no use.
const LARGEST_LOG: f32 = 30.0;

/// Precisions that have a range: 2 to 16 bits.
const PRECISIONS: usize = 15;

/// What is stored of a place: the share of the span below zero, the logarithm of the span, that of
/// each precision's share of it, and how often calibration has seen the place.
const BELOW: usize = 0;
const LOG_SPAN: usize = 1;
const LOG_SHARES: usize = 2;
const USES: usize = LOG_SHARES + PRECISIONS;
const STORED: usize = USES + 1;

/// What a layer's operator reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operand {
    /// The input of the matrix.
    Matrix,
    /// The first operand of an interaction before the matrix: of dot products all rows, of a sum the
    /// left one.
    Left,
    /// The second operand: of a gate what is gated, of a sum the right one.
    Right,
}

/// A place where activations are rounded: what which layer reads. The head stands in the last block.
pub type Site = (LayerKey, Operand);

/// The ends of a learned range at one precision: whole numbers of steps, zero included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearnedRange {
    /// Bits.
    pub bits: u8,
    /// The lowest level, not positive.
    pub low: f32,
    /// The highest level, not negative.
    pub high: f32,
}

/// All ranges in store.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ranges {
    pub(crate) sites: BTreeMap<Site, Parameter>,
}

impl Ranges {
    /// Room for the ranges of `layout`, of which nothing is known yet.
    pub(crate) fn init(layout: &Layout) -> Self {
        let sites = match layout {
            Layout::Shared(capacity) if capacity.learned_ranges => all_sites(capacity.blocks),
            Layout::StandAlone(network, _) => {
                sites(network).into_iter().map(|(site, _)| site).collect()
            }
            _ => Vec::new(),
        };
        let empty = || Parameter::new(vec![0.0; STORED]);
        Self {
            sites: sites.into_iter().map(|site| (site, empty())).collect(),
        }
    }

    /// The ranges of the places of `layout` that are in store here too.
    pub(crate) fn extract(&self, layout: &Layout) -> Self {
        let mut extracted = Self::init(layout);
        for (site, parameter) in &mut extracted.sites {
            if let Some(stored) = self.sites.get(site) {
                parameter.clone_from(stored);
            }
        }
        extracted
    }

    /// The range of a place at a precision, as rounding takes it; `None` if training has not been
    /// there.
    pub(crate) fn range(&self, site: Site, bits: u8) -> Option<[f32; 2]> {
        let values = &self.sites.get(&site)?.values;
        (values[USES] > 0.0).then(|| {
            let log_span = values[LOG_SPAN] + values[log_share(bits)];
            [log_span, values[BELOW]]
        })
    }

    /// The levels of the same.
    pub(crate) fn grid(&self, site: Site, bits: u8) -> Option<Grid> {
        Some(Grid::new(self.range(site, bits)?, bits))
    }

    /// Whether calibration has seen the place often enough.
    fn is_calibrated(&self, site: Site) -> bool {
        self.sites
            .get(&site)
            .is_none_or(|parameter| parameter.values[USES] >= CALIBRATION_USES)
    }

    /// Whether calibration has seen all places of a network often enough.
    pub(crate) fn are_calibrated(&self, network: &Network) -> bool {
        sites(network)
            .into_iter()
            .all(|(site, _)| self.is_calibrated(site))
    }

    /// Moves the ranges of a place towards those that fit `values` best.
    fn calibrate(&mut self, site: Site, values: &[f32]) {
        if self.is_calibrated(site) {
            return;
        }
        let (Some(parameter), Some(best)) = (self.sites.get_mut(&site), best(values)) else {
            return;
        };
        let stored = &mut parameter.values;
        let weight = (1.0 / (stored[USES] + 1.0)).max(LEAST_WEIGHT);
        for (stored, best) in stored.iter_mut().zip(best) {
            *stored += weight * (best - *stored);
        }
        stored[USES] += 1.0;
    }

    /// Makes room for the state of `optimizer`.
    pub(crate) fn prepare(&mut self, optimizer: Optimizer) {
        for parameter in self.sites.values_mut() {
            parameter.prepare(optimizer);
        }
    }

    /// Applies one optimiser step to the ranges of some places.
    pub(crate) fn update(&mut self, gradients: &[RangeGradient], update: &Update) {
        for gradient in gradients {
            let parameter = self.sites.get_mut(&gradient.site);
            let parameter = parameter.expect("what has a gradient is in store");
            let [log_span, below] = gradient.values;
            parameter.update(BELOW, &[below, log_span], update);
            parameter.update(log_share(gradient.bits), &[log_span], update);
            let values = &mut parameter.values;
            values[BELOW] = values[BELOW].clamp(0.0, 1.0);
            for value in &mut values[LOG_SPAN..USES] {
                *value = value.clamp(-LARGEST_LOG, LARGEST_LOG);
            }
        }
    }

    /// Trainable values in store.
    pub(crate) fn parameter_count(&self) -> usize {
        self.sites.len() * USES
    }
}

/// The gradient of a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct RangeGradient {
    pub(crate) site: Site,
    pub(crate) bits: u8,
    /// Of the logarithm of the span, and of the share below zero.
    pub(crate) values: [f32; 2],
}

impl RangeGradient {
    /// Adds that of another shard.
    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, value) in self.values.iter_mut().zip(other.values) {
            *sum += value;
        }
    }

    /// Sum of the squares.
    pub(crate) fn squared_norm(&self) -> f64 {
        self.values
            .iter()
            .map(|&value| f64::from(value).powi(2))
            .sum()
    }
}

/// Ranges that are found while values go by; lives as long as one forward pass.
#[derive(Debug)]
pub(crate) struct Calibration(Mutex<Ranges>);

impl Calibration {
    /// Starts from what is known.
    pub(crate) fn new(ranges: Ranges) -> Self {
        Self(Mutex::new(ranges))
    }

    /// The range of a place at a precision after these values.
    pub(crate) fn observe(&self, site: Site, bits: u8, values: &[f32]) -> Option<[f32; 2]> {
        let mut ranges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ranges.calibrate(site, values);
        ranges.range(site, bits)
    }

    /// What is known now.
    pub(crate) fn ranges(&self) -> Ranges {
        let ranges = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ranges.clone()
    }
}

/// The places where a network rounds in learned ranges, with their precisions.
pub(crate) fn sites(network: &Network) -> Vec<(Site, u8)> {
    let mut sites = Vec::new();
    if network.activation_range != ActivationRange::Learned {
        return sites;
    }
    let mut add = |block: &Block, places: &[(LayerKind, Operand)]| {
        if block.activation_bits < FULL_PRECISION_BITS {
            let position = block.position as u16;
            let block_sites = places
                .iter()
                .map(|&(kind, operand)| (((position, kind), operand), block.activation_bits));
            sites.extend(block_sites);
        }
    };
    for block in &network.blocks {
        add(block, &dense_places(network, block));
        add(block, sparse_places(block));
        if block.dense_sparse_merger {
            add(block, &[(LayerKind::DenseSparseMerger, Operand::Matrix)]);
        }
        if block.fm_merger {
            add(block, &[(LayerKind::FmMerger, Operand::Matrix)]);
        }
    }
    if let Some(block) = network.block(last_position(network)) {
        add(block, &[(LayerKind::Head, Operand::Matrix)]);
    }
    sites
}

fn dense_places(network: &Network, block: &Block) -> Vec<(LayerKind, Operand)> {
    use LayerKind as K;
    use Operand::{Left, Matrix, Right};
    let Some(node) = &block.dense else {
        return Vec::new();
    };
    let is_projected = |left: usize, right: usize| {
        network.dense_width(left).max(network.dense_width(right)) != node.width
    };
    match &node.operator {
        DenseOperator::FullyConnected { .. } => vec![(K::FullyConnected, Matrix)],
        DenseOperator::Flattened { .. } => vec![(K::Flattened, Matrix)],
        DenseOperator::DotProduct { .. } => vec![
            (K::DotProductDense, Matrix),
            (K::DotProductRows, Matrix),
            (K::DotProductOut, Left),
            (K::DotProductOut, Matrix),
        ],
        DenseOperator::SigmoidGating { left, right } => {
            let mut places = vec![(K::Gate, Matrix), (K::Gate, Right)];
            places.extend(is_projected(*left, *right).then_some((K::GateOut, Matrix)));
            places
        }
        DenseOperator::Sum { left, right } => {
            let mut places = vec![(K::SumOut, Left), (K::SumOut, Right)];
            places.extend(is_projected(*left, *right).then_some((K::SumOut, Matrix)));
            places
        }
    }
}

fn sparse_places(block: &Block) -> &'static [(LayerKind, Operand)] {
    use LayerKind as K;
    use Operand::Matrix;
    match block.sparse.as_ref().map(|node| node.operator) {
        None => &[],
        Some(SparseOperator::Linear) => &[(K::SparseLinear, Matrix)],
        Some(SparseOperator::Attention) => &[
            (K::AttentionRows, Matrix),
            (K::AttentionQueryKeyValue, Matrix),
            (K::AttentionOut, Matrix),
            (K::AttentionHidden, Matrix),
            (K::AttentionFeedForward, Matrix),
        ],
    }
}

/// Every place that a network of so many blocks may have.
fn all_sites(blocks: usize) -> Vec<Site> {
    use LayerKind as K;
    use Operand::{Left, Matrix, Right};
    let places = [
        (K::FullyConnected, Matrix),
        (K::Flattened, Matrix),
        (K::DotProductDense, Matrix),
        (K::DotProductRows, Matrix),
        (K::DotProductOut, Left),
        (K::DotProductOut, Matrix),
        (K::Gate, Matrix),
        (K::Gate, Right),
        (K::GateOut, Matrix),
        (K::SumOut, Left),
        (K::SumOut, Right),
        (K::SumOut, Matrix),
        (K::SparseLinear, Matrix),
        (K::AttentionRows, Matrix),
        (K::AttentionQueryKeyValue, Matrix),
        (K::AttentionOut, Matrix),
        (K::AttentionHidden, Matrix),
        (K::AttentionFeedForward, Matrix),
        (K::DenseSparseMerger, Matrix),
        (K::FmMerger, Matrix),
        (K::Head, Matrix),
    ];
    let blocks = 1..=blocks as u16;
    blocks
        .flat_map(|block| places.map(|(kind, operand)| ((block, kind), operand)))
        .collect()
}

fn log_share(bits: u8) -> usize {
    LOG_SHARES + usize::from(bits) - 2
}

/// What is stored of a place whose values these are: its span reaches from the least to the largest,
/// zero included, and each precision takes the share of it that loses least. `None` where all values
/// are zero or one of them is not finite.
fn best(values: &[f32]) -> Option<[f32; USES]> {
    let (low, high) = values.iter().fold((0.0_f32, 0.0_f32), |(low, high), &v| {
        (low.min(v), high.max(v))
    });
    let span = high - low;
    if span == 0.0 || !span.is_finite() || values.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let some: Vec<f32> = values
        .iter()
        .step_by(values.len().div_ceil(CALIBRATION_VALUES))
        .copied()
        .collect();
    let mut best = [0.0; USES];
    (best[BELOW], best[LOG_SPAN]) = (-low / span, span.ln());
    for bits in 2..=16 {
        let error = |share: &f32| -> f64 {
            let grid = Grid::new([(share * span).ln(), best[BELOW]], bits);
            let errors = some
                .iter()
                .map(|&value| f64::from(grid.round(value) - value));
            errors.map(|error| error * error).sum()
        };
        let share = SHARES.iter().map(|share| (error(share), share));
        let (_, share) = share
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .expect("there are shares");
        best[log_share(bits)] = share.ln();
    }
    Some(best)
}

#[cfg(test)]
mod tests;
