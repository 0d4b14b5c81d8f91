//! What can be wrong with a schema.

use std::ops::Range;

use thiserror::Error;

use crate::{Column, SCHEMA_PRESETS};

/// Why a text is not a schema.
#[derive(Debug, Error)]
pub enum SchemaError {
    /// Not TOML, an unknown or missing key, or a value of the wrong type.
    #[error("{}", .0.message())]
    Syntax(toml::de::Error),
    /// A preset that does not exist.
    #[error("unknown schema `{name}`; built in are `{}`", SCHEMA_PRESETS.join("`, `"))]
    UnknownPreset {
        /// What was asked for.
        name: String,
    },
    /// An empty separator, or one that holds a quote or a line end.
    #[error(
        "separator {separator:?} cannot divide a line; use text without quotes and line ends such \
         as \",\" or \"\\t\""
    )]
    Separator {
        /// The separator.
        separator: String,
        /// Where it is.
        span: Range<usize>,
    },
    /// Names given although the files have a header.
    #[error(
        "`columns` names the columns of files without a header; remove it or set `header = false`"
    )]
    ColumnsTwice {
        /// Where the names are.
        span: Range<usize>,
    },
    /// A name in `columns` that occurs twice.
    #[error("`columns` names `{name}` twice; give every column its own name")]
    NameTwice {
        /// The name.
        name: String,
        /// Where the names are.
        span: Range<usize>,
    },
    /// A name where there are only positions.
    #[error(
        "column `{name}` has no name in files without a header; give its position from 0, or the \
         names of all columns in `columns`"
    )]
    NameWithoutHeader {
        /// The name.
        name: String,
        /// Where it is.
        span: Range<usize>,
    },
    /// A column that `columns` does not have.
    #[error("`columns` has no column `{column}`; it has `{}`", .columns.join("`, `"))]
    UnknownColumn {
        /// The column.
        column: Column,
        /// The columns there are.
        columns: Vec<String>,
        /// Where the column is.
        span: Range<usize>,
    },
    /// A column that is used twice.
    #[error("column `{column}` is used twice; a column is the label, dense, or categorical")]
    ColumnTwice {
        /// The column.
        column: Column,
        /// Where it is used again.
        span: Range<usize>,
    },
    /// No categorical column.
    #[error("`categorical` is empty; name at least one column")]
    NoCategorical {
        /// Where the list is.
        span: Range<usize>,
    },
    /// No text means a click, or none means no click.
    #[error("`{key}` is empty; list the texts of the label that it stands for")]
    NoLabelText {
        /// The key.
        key: &'static str,
        /// Where the list is.
        span: Range<usize>,
    },
    /// A text that means both a click and none.
    #[error("label `{text}` is both in `positive-labels` and in `negative-labels`; keep one")]
    LabelOverlap {
        /// The text.
        text: String,
        /// Where the negative labels, or by default the positive ones, are.
        span: Range<usize>,
    },
    /// As many table sizes as tables are needed.
    #[error("`rows` lists {found} table sizes for {expected} categorical columns; give one each")]
    TableCount {
        /// Categorical columns.
        expected: usize,
        /// Sizes given.
        found: usize,
        /// Where the encoding is.
        span: Range<usize>,
    },
    /// A number below its least value.
    #[error("`{key}` is {found}, expected at least {least}")]
    TooFew {
        /// The key.
        key: &'static str,
        /// The number.
        found: u32,
        /// Its least value.
        least: u32,
        /// Where the encoding is.
        span: Range<usize>,
    },
}

impl SchemaError {
    /// Bytes of the text that are at fault, if they can be told.
    pub fn span(&self) -> Option<Range<usize>> {
        match self {
            Self::Syntax(error) => error.span(),
            Self::UnknownPreset { .. } => None,
            Self::Separator { span, .. }
            | Self::ColumnsTwice { span }
            | Self::NameTwice { span, .. }
            | Self::NameWithoutHeader { span, .. }
            | Self::UnknownColumn { span, .. }
            | Self::ColumnTwice { span, .. }
            | Self::NoCategorical { span }
            | Self::NoLabelText { span, .. }
            | Self::LabelOverlap { span, .. }
            | Self::TableCount { span, .. }
            | Self::TooFew { span, .. } => Some(span.clone()),
        }
    }
}
