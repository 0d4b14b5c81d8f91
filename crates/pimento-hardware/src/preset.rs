//! What all presets share: built-in ones by name, and what can be wrong with one.

use std::ops::Range;

use thiserror::Error;

/// Why a text is not a preset.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum PresetError {
    /// Not TOML, an unknown or missing key, a value of another type.
    #[error("{message}")]
    Toml {
        /// What the parser says.
        message: String,
        /// Where.
        span: Option<Range<usize>>,
    },
    /// A table without a source.
    #[error("`{table}.source` is empty or lacks `others`: every number needs a source")]
    NoSource {
        /// The table.
        table: &'static str,
    },
    /// The source of a number that a table does not have.
    #[error(
        "`{table}.source` names `{key}`, which the table has not: expected `others`, `{known}`"
    )]
    SourceOfNothing {
        /// The table.
        table: &'static str,
        /// What it names.
        key: String,
        /// What the table has.
        known: String,
    },
    /// A number that cannot be.
    #[error("`{key}` is {value}, expected {expected}")]
    OutOfRange {
        /// The key.
        key: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        expected: &'static str,
    },
    /// A number that must be positive is not.
    #[error("`{key}` is {value}, expected a positive number")]
    NotPositive {
        /// The key.
        key: &'static str,
        /// Its value.
        value: f64,
    },
    /// A key that the choice of another one asks for.
    #[error("`{key}` is missing: {reason}")]
    Missing {
        /// The key.
        key: &'static str,
        /// What asks for it.
        reason: &'static str,
    },
    /// An entry of the table of converters that cannot be.
    #[error("the {bits}-bit entry of `adc.table` has `{key} = {value}`, expected {expected}")]
    AdcEntry {
        /// Bits of the entry.
        bits: u8,
        /// The key.
        key: &'static str,
        /// Its value.
        value: f64,
        /// What is allowed.
        expected: &'static str,
    },
    /// The converters of the published sizes cannot read what the crossbars add up.
    #[error(
        "`adc.bits` is {adc_bits}, but one row of {cell_bits}-bit cells driven with {dac_bits} bits needs {needed}: take more bits, or `readout = \"all-rows\"`, which rounds"
    )]
    UnreadableRow {
        /// Bits of the converters.
        adc_bits: u8,
        /// Bits of a cell.
        cell_bits: u8,
        /// Bits of a drive.
        dac_bits: u8,
        /// Bits that one row needs.
        needed: u32,
    },
    /// The inputs of a tile's crossbars do not fit into its buffer.
    #[error(
        "`crossbar.rows` is {rows}: the inputs of a tile's {crossbars} crossbars take {needed} bytes, but `edram.capacity-bytes` is {capacity}"
    )]
    CrossbarBeyondTile {
        /// Rows of a crossbar.
        rows: u16,
        /// Crossbars of a tile.
        crossbars: u32,
        /// Bytes of their inputs.
        needed: u64,
        /// Bytes of the buffer.
        capacity: u32,
    },
}

impl PresetError {
    /// The table and the key that the error is about, where the parser does not know the place.
    pub fn key(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Toml { .. } => None,
            Self::NoSource { table } | Self::SourceOfNothing { table, .. } => {
                Some((table, "source"))
            }
            Self::OutOfRange { key, .. }
            | Self::NotPositive { key, .. }
            | Self::Missing { key, .. } => Some(key.rsplit_once('.').unwrap_or((key, ""))),
            Self::AdcEntry { .. } => Some(("adc", "table")),
            Self::UnreadableRow { .. } => Some(("adc", "bits")),
            Self::CrossbarBeyondTile { .. } => Some(("crossbar", "rows")),
        }
    }

    /// Bytes of the text that the error is about.
    pub fn span(&self) -> Option<Range<usize>> {
        match self {
            Self::Toml { span, .. } => span.clone(),
            _ => None,
        }
    }
}

impl From<toml::de::Error> for PresetError {
    fn from(error: toml::de::Error) -> Self {
        Self::Toml {
            message: error.message().to_owned(),
            span: error.span(),
        }
    }
}

/// Built-in presets: names and texts.
pub(crate) struct Catalogue<const N: usize>(pub(crate) [(&'static str, &'static str); N]);

impl<const N: usize> Catalogue<N> {
    /// The text of that name.
    pub(crate) fn text(&self, name: &str) -> Option<&'static str> {
        let (_, text) = self.0.iter().find(|(known, _)| *known == name)?;
        Some(text)
    }

    /// The preset of that name, read by `parse`.
    pub(crate) fn open<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, PresetError>,
    ) -> Option<T> {
        let text = self.text(name)?;
        Some(parse(text).expect("a test reads every preset"))
    }

    /// All names.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.0.iter().map(|(name, _)| *name).collect()
    }
}

/// An error that names the first number that is not positive, or not finite.
pub(crate) fn positive(
    numbers: impl IntoIterator<Item = (&'static str, f64)>,
) -> Result<(), PresetError> {
    let is_wrong = |value: f64| !(value.is_finite() && value > 0.0);
    match { numbers.into_iter() }.find(|(_, value)| is_wrong(*value)) {
        Some((key, value)) => Err(PresetError::NotPositive { key, value }),
        None => Ok(()),
    }
}

/// An error that names the first number below 0, or not finite.
pub(crate) fn not_negative(
    numbers: impl IntoIterator<Item = (&'static str, f64)>,
) -> Result<(), PresetError> {
    let is_wrong = |value: f64| !(value.is_finite() && value >= 0.0);
    match { numbers.into_iter() }.find(|(_, value)| is_wrong(*value)) {
        Some((key, value)) => Err(PresetError::OutOfRange {
            key,
            value,
            expected: "0 or more",
        }),
        None => Ok(()),
    }
}
