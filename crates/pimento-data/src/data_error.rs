//! What can be wrong with the text files of a log.

use std::{fmt, io, path::PathBuf};

use thiserror::Error;

use crate::{PackedLogError, Split};

/// Why text files do not make a log.
#[derive(Debug, Error)]
pub enum DataError {
    /// No file was given for a part of the log.
    #[error("no input file for the {part}; name at least one")]
    NoFiles {
        /// The part: `log`, or a split.
        part: &'static str,
    },
    /// A file that does not exist.
    #[error("no such file `{}`; check the path", .path.display())]
    NotFound {
        /// The file.
        path: PathBuf,
    },
    /// A file that cannot be read.
    #[error("cannot read `{}`: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A gzip file that ends early.
    #[error(
        "truncated gzip file `{}`: it ends within its data after line {line}; fetch it again",
        .path.display()
    )]
    TruncatedGzip {
        /// The file.
        path: PathBuf,
        /// Complete lines before the end.
        line: u64,
    },
    /// A file without any row.
    #[error("`{}` has no rows; expected lines of separated fields", .path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A column that the header lacks.
    #[error("`{}` has no column `{column}`; its columns are `{}`", .path.display(), .found.join("`, `"))]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// The columns of the header.
        found: Vec<String>,
    },
    /// A column name that the header has twice.
    #[error("column `{column}` occurs twice in the header of `{}`; rename one", .path.display())]
    ColumnTwice {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
    },
    /// A file whose header is not that of the first file.
    #[error(
        "the header of `{}` differs from that of `{}`; files of a log have the same columns",
        .path.display(),
        .first.display()
    )]
    HeaderDiffers {
        /// The file.
        path: PathBuf,
        /// The first file.
        first: PathBuf,
    },
    /// A line with too many or too few fields.
    #[error(
        "{place}: expected {expected} fields separated by {separator:?}, found {found}; correct \
         the line or the schema"
    )]
    FieldCount {
        /// The line.
        place: Box<Place>,
        /// Fields of the header, of `columns`, or of the first line.
        expected: usize,
        /// Fields of the line.
        found: usize,
        /// The separator.
        separator: String,
    },
    /// A field that starts with a quote and does not end with one.
    #[error(
        "{place}: a field that starts with a quote must end with one before the next separator or \
         the end of the line; double the quotes inside it"
    )]
    Quote {
        /// The field.
        place: Box<Place>,
    },
    /// A text where a finite number belongs.
    #[error(
        "{place}: expected a number, found `{found}`; list it in `missing` or make the column \
         categorical"
    )]
    Number {
        /// The field.
        place: Box<Place>,
        /// The text.
        found: String,
    },
    /// A text that cannot be hashed as the schema says.
    #[error(
        "{place}: expected {expected}, found `{found}`; use `values = \"text\"` for other values"
    )]
    HashedValue {
        /// The field.
        place: Box<Place>,
        /// What belongs there.
        expected: &'static str,
        /// The text.
        found: String,
    },
    /// A label that means neither a click nor none.
    #[error(
        "{place}: expected a label among `{}`, found `{found}`; see `positive-labels` and \
         `negative-labels`",
        .expected.join("`, `")
    )]
    Label {
        /// The field.
        place: Box<Place>,
        /// Texts that are labels.
        expected: Vec<String>,
        /// The text.
        found: String,
    },
    /// More rows or more values in a column than 32 bits can count.
    #[error("the log has more than {} {what}; use a part of it", u32::MAX)]
    TooMany {
        /// What there is too much of.
        what: &'static str,
    },
    /// A split without rows.
    #[error(
        "split `{split}` has no rows, the log has {rows}; about ten rows of a class are needed \
         for a stratified split"
    )]
    EmptySplit {
        /// The split.
        split: Split,
        /// Rows of the log.
        rows: u64,
    },
    /// A cache folder that cannot be written.
    #[error("cannot write the cache in `{}`: {source}", .path.display())]
    WriteCache {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A cache that cannot be used.
    #[error(transparent)]
    Cache(#[from] PackedLogError),
}

impl DataError {
    /// Where in the text files the fault is, if it is in a line.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::FieldCount { place, .. }
            | Self::Quote { place }
            | Self::Number { place, .. }
            | Self::HashedValue { place, .. }
            | Self::Label { place, .. } => Some(place),
            _ => None,
        }
    }
}

/// A line of a text file, or a field of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// Line, from 1, the header included.
    pub line: u64,
    /// Column, from 1.
    pub column: Option<usize>,
    /// Name of the column.
    pub name: Option<String>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` line {}", self.path.display(), self.line)?;
        if let Some(column) = self.column {
            write!(f, " column {column}")?;
        }
        if let Some(name) = &self.name {
            write!(f, " (`{name}`)")?;
        }
        Ok(())
    }
}
