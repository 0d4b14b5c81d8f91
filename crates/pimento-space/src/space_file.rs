//! A search space as it is written, and what can be wrong with it.

use std::{fmt::Debug, ops::Range};

use pimento_hardware::{Dynamic, MemoryStandard, Packing, PimLevel, Readout, Scheduling};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use toml::Spanned;

use crate::{
    embedding_menus::EmbeddingSection,
    network::{ActivationRange, SparseOperator, WeightScales},
};

/// A list to choose from.
pub(crate) type Menu<T> = Spanned<Vec<T>>;

/// Dense operators of a menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DenseOperatorKind {
    /// Fully connected layer.
    #[serde(rename = "fc")]
    FullyConnected,
    /// Fully connected layer over dense and flattened sparse inputs.
    #[serde(rename = "flat")]
    Flattened,
    /// Pairwise dot products.
    #[serde(rename = "dp")]
    DotProduct,
    /// Sigmoid gating.
    #[serde(rename = "sg")]
    SigmoidGating,
    /// Sum.
    #[serde(rename = "sum")]
    Sum,
}

impl DenseOperatorKind {
    /// Whether it is a fully connected layer, whose matrix may be used more than once.
    pub(crate) fn is_layer(self) -> bool {
        matches!(self, Self::FullyConnected | Self::Flattened)
    }
}

/// Sparse operators of a menu, by their names in TOML.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub(crate) enum SparseOperatorName {
    #[serde(rename = "efc")]
    Linear,
    #[serde(rename = "attn")]
    Attention,
}

impl From<SparseOperatorName> for SparseOperator {
    fn from(name: SparseOperatorName) -> Self {
        match name {
            SparseOperatorName::Linear => Self::Linear,
            SparseOperatorName::Attention => Self::Attention,
        }
    }
}

/// The keys of a space file.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct SpaceFile {
    pub(crate) name: String,
    pub(crate) blocks: Spanned<usize>,
    pub(crate) embedding_dim: Spanned<usize>,
    pub(crate) layer_norm: bool,
    /// Absent: no limit.
    pub(crate) max_connections: Option<Spanned<usize>>,
    pub(crate) dense_operators: Menu<DenseOperatorKind>,
    pub(crate) sparse_operators: Menu<SparseOperatorName>,
    pub(crate) dense_widths: Menu<usize>,
    /// Absent: every matrix is used once.
    pub(crate) fc_reuse: Option<Menu<usize>>,
    pub(crate) sparse_rows: Menu<usize>,
    pub(crate) dense_sparse_merger: Menu<bool>,
    pub(crate) fm_merger: Menu<bool>,
    /// Absent: full tables, one precision.
    pub(crate) embedding: Option<EmbeddingSection>,
    pub(crate) precision: PrecisionSection,
    pub(crate) hardware: HardwareSection,
    /// Memory systems that are not built in.
    #[serde(default)]
    pub(crate) memory_systems: Vec<Spanned<toml::Table>>,
}

/// Section `precision`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct PrecisionSection {
    pub(crate) dense_weight_bits: Menu<u8>,
    pub(crate) sparse_weight_bits: Menu<u8>,
    pub(crate) merger_weight_bits: Menu<u8>,
    pub(crate) activation_bits: Menu<u8>,
    pub(crate) head_weight_bits: Menu<u8>,
    pub(crate) embedding_bits: Menu<u8>,
    #[serde(default)]
    pub(crate) weight_scales: WeightScales,
    #[serde(default)]
    pub(crate) activation_range: ActivationRange,
}

/// Section `hardware`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct HardwareSection {
    pub(crate) crossbar_rows: Menu<u16>,
    pub(crate) crossbar_cols: Menu<u16>,
    pub(crate) cell_bits: Menu<u8>,
    pub(crate) dac_bits: Menu<u8>,
    pub(crate) adc_bits: Menu<u8>,
    pub(crate) crossbars_per_pe: Menu<u16>,
    pub(crate) pes_per_tile: Menu<u16>,
    pub(crate) replication: Menu<u16>,
    /// Absent: none.
    pub(crate) copy_tiles: Option<Menu<u16>>,
    /// Absent: in row groups.
    pub(crate) readout: Option<Menu<Readout>>,
    /// Absent: off.
    pub(crate) packing: Option<Menu<Packing>>,
    /// Absent: on digital units.
    pub(crate) dynamic: Option<Menu<Dynamic>>,
    /// Absent: by operators.
    pub(crate) scheduling: Option<Menu<Scheduling>>,
    pub(crate) memory_standard: Menu<MemoryStandard>,
    pub(crate) pim_level: Menu<PimLevel>,
    pub(crate) memory_channels: Menu<u16>,
    /// Absent: none.
    pub(crate) memory_cache_kb: Option<Menu<u16>>,
    /// Absent: none.
    pub(crate) memory_system: Option<Menu<Spanned<String>>>,
}

/// Why a text is not a search space.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SpaceError {
    /// Not TOML, an unknown key, a missing key, or a value of another type.
    #[error("{message}")]
    Toml {
        /// What the parser says.
        message: String,
        /// Where.
        span: Option<Range<usize>>,
    },
    /// Nothing to choose from.
    #[error("`{key}` is empty: list at least one value")]
    EmptyMenu {
        /// The key.
        key: &'static str,
        /// Where.
        span: Range<usize>,
    },
    /// The same choice twice.
    #[error("`{key}` lists `{value}` twice: remove one")]
    Repeated {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// Where.
        span: Range<usize>,
    },
    /// A value that cannot be built.
    #[error("`{key}` has `{value}`, expected {expected}")]
    OutOfRange {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// What is allowed.
        expected: &'static str,
        /// Where.
        span: Range<usize>,
    },
}

impl SpaceError {
    /// Bytes of the text that the error is about.
    pub fn span(&self) -> Option<Range<usize>> {
        match self {
            Self::Toml { span, .. } => span.clone(),
            Self::EmptyMenu { span, .. }
            | Self::Repeated { span, .. }
            | Self::OutOfRange { span, .. } => Some(span.clone()),
        }
    }
}

/// The values of a menu that may be left out: then its kind's default alone.
pub(crate) fn optional_menu<T: Copy + PartialEq + Debug + Default>(
    key: &'static str,
    found: Option<&Menu<T>>,
) -> Result<Vec<T>, SpaceError> {
    found.map_or_else(
        || Ok(vec![T::default()]),
        |values| menu(key, values, |_| true, "names"),
    )
}

/// The values of a menu, checked: at least one, none twice, all allowed.
pub(crate) fn menu<T: Copy + PartialEq + Debug>(
    key: &'static str,
    menu: &Menu<T>,
    is_allowed: impl Fn(T) -> bool,
    expected: &'static str,
) -> Result<Vec<T>, SpaceError> {
    let (values, span) = (menu.get_ref(), menu.span());
    if values.is_empty() {
        return Err(SpaceError::EmptyMenu { key, span });
    }
    for (index, value) in values.iter().enumerate() {
        let text = format!("{value:?}");
        if !is_allowed(*value) {
            return Err(SpaceError::OutOfRange {
                key,
                value: text,
                expected,
                span,
            });
        }
        if values[..index].contains(value) {
            return Err(SpaceError::Repeated {
                key,
                value: text,
                span,
            });
        }
    }
    Ok(values.clone())
}

/// A number, checked.
pub(crate) fn number(
    key: &'static str,
    number: &Spanned<usize>,
    is_allowed: impl Fn(usize) -> bool,
    expected: &'static str,
) -> Result<usize, SpaceError> {
    let value = *number.get_ref();
    if is_allowed(value) {
        return Ok(value);
    }
    let (value, span) = (value.to_string(), number.span());
    Err(SpaceError::OutOfRange {
        key,
        value,
        expected,
        span,
    })
}
