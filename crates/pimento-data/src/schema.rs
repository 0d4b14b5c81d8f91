//! What the columns of a text log mean.
//!
//! The transforms are those of NASRec (facebookresearch/NasRec, `utils/data_pipes.py`), with a
//! vocabulary besides its modulo hash, which merges 2–12 % of the rows of small fields.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{SchemaError, SplitRule, schema_file::SchemaFile};

/// Names for [`DataSchema::preset`].
pub const SCHEMA_PRESETS: [&str; 4] = ["criteo", "criteo-nasrec-hash", "avazu", "frappe"];

/// What the columns of a text log mean, and how its rows are encoded and split. Checked: at least
/// one categorical column, no column twice, every named column known where names are given, and
/// as many table sizes as tables.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", try_from = "SchemaFile")]
pub struct DataSchema {
    pub(crate) separator: String,
    pub(crate) header: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) columns: Option<Vec<String>>,
    pub(crate) label: Column,
    pub(crate) positive_labels: Vec<String>,
    pub(crate) negative_labels: Vec<String>,
    pub(crate) dense: Vec<Column>,
    pub(crate) categorical: Vec<Column>,
    pub(crate) missing: Vec<String>,
    pub(crate) dense_transform: DenseTransform,
    pub(crate) categorical_encoding: CategoricalEncoding,
    pub(crate) split: SplitRule,
}

/// A column, by its name in the header or by its position.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    /// Name in the header or in `columns`.
    Name(String),
    /// Position, from 0.
    Number(usize),
}

/// What happens to a dense value x before it is stored as `f32`. A missing value becomes 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum DenseTransform {
    /// ln(max(0, x) + 1), as NASRec and DLRM do.
    #[default]
    Log1p,
    /// x itself.
    None,
}

/// How a categorical value becomes a row of its embedding table. A missing value is row 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "kebab-case",
    deny_unknown_fields
)]
pub enum CategoricalEncoding {
    /// Row (v mod (rows − 1)) + 1 for the number v that the text stands for, as in NASRec.
    Hash {
        /// Rows of the tables, each at least 2.
        rows: TableRows,
        /// What number a text stands for.
        #[serde(default)]
        values: HashedValues,
        /// Most rows of a table, at least 2; no limit if absent. NASRec searches with 500 000.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rows_cap: Option<u32>,
    },
    /// Values counted in the training rows: row 1 is for all values that are too rare or unseen,
    /// rows from 2 are for the others by falling count, equal counts by their bytes.
    Vocabulary {
        /// Training rows in which a value must occur to have a row of its own; at least 1.
        #[serde(default = "default_minimum_count")]
        minimum_count: u32,
        /// Most rows of a table, at least 2; no limit if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rows_cap: Option<u32>,
    },
}

/// What number a categorical text stands for under [`CategoricalEncoding::Hash`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HashedValues {
    /// A hexadecimal number of at most 16 digits.
    Hex,
    /// A decimal number below 2⁶⁴.
    Decimal,
    /// Any text: the 64-bit FNV-1a hash of its bytes.
    #[default]
    Text,
}

/// Rows of the embedding tables: one number for all, or a list with one number per table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableRows {
    /// The same number for every table.
    Same(u32),
    /// One number per categorical column.
    PerColumn(Vec<u32>),
}

/// Values seen once in training teach nothing about rows to come.
fn default_minimum_count() -> u32 {
    2
}

impl Default for CategoricalEncoding {
    fn default() -> Self {
        Self::Vocabulary {
            minimum_count: default_minimum_count(),
            rows_cap: None,
        }
    }
}

impl DataSchema {
    /// The schema that a TOML text describes.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        toml::from_str::<SchemaFile>(text)
            .map_err(SchemaError::Syntax)?
            .try_into()
    }

    /// A schema that is built in; [`SCHEMA_PRESETS`] lists the names.
    pub fn preset(name: &str) -> Result<Self, SchemaError> {
        Self::parse(Self::preset_text(name)?)
    }

    /// The TOML text of a schema that is built in: an example to start from.
    pub fn preset_text(name: &str) -> Result<&'static str, SchemaError> {
        match name {
            "criteo" => Ok(include_str!("../schemas/criteo.toml")),
            "criteo-nasrec-hash" => Ok(include_str!("../schemas/criteo-nasrec-hash.toml")),
            "avazu" => Ok(include_str!("../schemas/avazu.toml")),
            "frappe" => Ok(include_str!("../schemas/frappe.toml")),
            _ => Err(SchemaError::UnknownPreset {
                name: name.to_owned(),
            }),
        }
    }

    /// The schema of the Criteo Kaggle log, `train.txt`.
    pub fn criteo() -> Self {
        Self::preset("criteo").expect("the preset is valid")
    }

    /// The schema as TOML that [`DataSchema::parse`] reads back.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a schema has only TOML values")
    }

    /// The rule that splits a log that comes as one.
    pub fn split(&self) -> SplitRule {
        self.split
    }

    /// The same schema with another split rule.
    #[must_use]
    pub fn with_split(mut self, split: SplitRule) -> Self {
        self.split = split;
        self
    }

    /// How categorical values become rows.
    pub fn categorical_encoding(&self) -> &CategoricalEncoding {
        &self.categorical_encoding
    }

    /// Dense columns; may be none.
    pub fn dense(&self) -> &[Column] {
        &self.dense
    }

    /// Categorical columns, in the order of their embedding tables.
    pub fn categorical(&self) -> &[Column] {
        &self.categorical
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

impl Serialize for Column {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Name(name) => serializer.serialize_str(name),
            Self::Number(number) => serializer.serialize_u64(*number as u64),
        }
    }
}

impl<'de> Deserialize<'de> for Column {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Column;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a column name or a position from 0")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Column, E> {
                Ok(Column::Name(name.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Column, E> {
                Ok(Column::Number(number as usize))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Column, E> {
                let unexpected = de::Unexpected::Signed(number);
                u64::try_from(number)
                    .map(|number| Column::Number(number as usize))
                    .map_err(|_| E::invalid_value(unexpected, &self))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl Serialize for TableRows {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Same(rows) => serializer.serialize_u32(*rows),
            Self::PerColumn(rows) => rows.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for TableRows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = TableRows;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of rows below 2^32, or a list of them, one per column")
            }

            fn visit_u64<E: de::Error>(self, rows: u64) -> Result<TableRows, E> {
                let unexpected = de::Unexpected::Unsigned(rows);
                u32::try_from(rows)
                    .map(TableRows::Same)
                    .map_err(|_| E::invalid_value(unexpected, &self))
            }

            fn visit_i64<E: de::Error>(self, rows: i64) -> Result<TableRows, E> {
                let unexpected = de::Unexpected::Signed(rows);
                u32::try_from(rows)
                    .map(TableRows::Same)
                    .map_err(|_| E::invalid_value(unexpected, &self))
            }

            fn visit_seq<A: de::SeqAccess<'de>>(self, seq: A) -> Result<TableRows, A::Error> {
                Vec::deserialize(de::value::SeqAccessDeserializer::new(seq))
                    .map(TableRows::PerColumn)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
