//! A click log in a file that is mapped into memory.
//!
//! The file, all numbers little-endian:
//!
//! | bytes | content |
//! |---|---|
//! | 0–7 | magic `pimento` and a zero byte |
//! | 8–11 | format version |
//! | 12–15 | bytes of the header, a multiple of 64 |
//! | 16–23 | bytes of the records |
//! | 24–55 | BLAKE3 of the header |
//! | 56–63 | zero |
//! | 64– | header: TOML with the fingerprint, the columns, and rows, clicks and BLAKE3 of each split, filled up with line ends |
//! | then | records of the training, validation and test split |
//!
//! A record is the label (`f32`), the dense values (`f32`) and an embedding row per categorical
//! column (`u32`).

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
};

use memmap2::Mmap;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{
    Batch, BySplit, ClickLog, LogShape, LogSummary, Split, mapped_file, record::RecordLayout,
};

/// Version of the format that this crate writes and reads.
pub(crate) const FORMAT_VERSION: u32 = 1;
pub(crate) const MAGIC: [u8; 8] = *b"pimento\0";
pub(crate) const PREAMBLE_BYTES: usize = 64;

/// A click log in a file that is mapped into memory, checked when it was opened.
#[derive(Debug)]
pub struct PackedLog {
    shape: LogShape,
    layout: RecordLayout,
    header: PackedHeader,
    sections: BySplit<Range<usize>>,
    content: Mmap,
    path: PathBuf,
}

/// What a packed log says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PackedHeader {
    /// Digest of the inputs and settings.
    pub(crate) fingerprint: String,
    /// BLAKE3 of the records of each split, as hex.
    pub(crate) digests: BySplit<String>,
    /// Rows, clicks and columns.
    pub(crate) summary: LogSummary,
}

/// Why a file is not a packed log that can be used.
#[derive(Debug, Error)]
pub enum PackedLogError {
    /// A file that cannot be opened or mapped.
    #[error("cannot read cache `{}`: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file of another kind.
    #[error("`{}` is not a packed log; delete it and run again", .path.display())]
    Magic {
        /// The file.
        path: PathBuf,
    },
    /// A packed log of another version of this crate.
    #[error(
        "cache `{}` has format version {found}, expected {expected}; delete it and run again",
        .path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version that this crate reads.
        expected: u32,
        /// The version of the file.
        found: u32,
    },
    /// A file that is too short.
    #[error(
        "truncated cache `{}`: expected {expected} bytes, found {found}; delete it and run again",
        .path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes that there should be.
        expected: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// A file that is too long.
    #[error(
        "cache `{}` is too long: expected {expected} bytes, found {found}; delete it and run again",
        .path.display()
    )]
    TooLong {
        /// The file.
        path: PathBuf,
        /// Bytes that there should be.
        expected: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// Bytes that changed since they were written.
    #[error(
        "corrupt cache `{}`: the checksum of its {part} does not match; delete it and run again",
        .path.display()
    )]
    Checksum {
        /// The file.
        path: PathBuf,
        /// The part: `header`, or a split.
        part: &'static str,
    },
    /// A header whose checksum is right but whose content is not.
    #[error("cache `{}` has an invalid header; delete it and run again", .path.display())]
    Header {
        /// The file.
        path: PathBuf,
    },
    /// A packed log of other inputs or settings than its name says.
    #[error("cache `{}` was made from other inputs; delete it and run again", .path.display())]
    OtherInputs {
        /// The file.
        path: PathBuf,
    },
}

impl PackedLog {
    /// Opens a packed log and checks every byte of it.
    pub fn open(path: &Path) -> Result<Self, PackedLogError> {
        let read_error = |source| PackedLogError::Read {
            path: path.to_owned(),
            source,
        };
        let file = std::fs::File::open(path).map_err(read_error)?;
        let found = file.metadata().map_err(read_error)?.len();
        if found < PREAMBLE_BYTES as u64 {
            let expected = PREAMBLE_BYTES as u64;
            return Err(PackedLogError::Truncated {
                path: path.to_owned(),
                expected,
                found,
            });
        }
        let content = mapped_file::map(&file).map_err(read_error)?;
        let data_start = check_preamble(path, &content)?;
        let header = read_header(path, &content[PREAMBLE_BYTES..data_start])?;
        let layout = layout(&header.summary);
        let sections = sections(&header.summary, layout, data_start);
        check_sections(path, &content, &header, &sections)?;
        let shape = shape(&header.summary).ok_or_else(|| PackedLogError::Header {
            path: path.to_owned(),
        })?;
        Ok(Self {
            shape,
            layout,
            header,
            sections,
            content,
            path: path.to_owned(),
        })
    }

    /// Rows, clicks and columns.
    pub fn describe(&self) -> &LogSummary {
        &self.header.summary
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl ClickLog for PackedLog {
    fn shape(&self) -> &LogShape {
        &self.shape
    }

    fn len(&self, split: Split) -> usize {
        self.header.summary.splits[split].rows as usize
    }

    fn fill(&self, split: Split, rows: &[u32], batch: &mut Batch) {
        batch.clear();
        let section = &self.content[self.sections[split].clone()];
        let bytes = self.layout.bytes();
        for &row in rows {
            let record = &section[row as usize * bytes..][..bytes];
            let (label, values) = record
                .as_chunks()
                .0
                .split_first()
                .expect("a label comes first");
            let (dense, indices) = values.split_at(self.layout.dense);
            batch.labels.push(f32::from_le_bytes(*label));
            batch
                .dense
                .extend(dense.iter().map(|bytes| f32::from_le_bytes(*bytes)));
            batch
                .indices
                .extend(indices.iter().map(|bytes| u32::from_le_bytes(*bytes)));
        }
        if self.layout.dense == 0 {
            batch.dense.resize(rows.len(), 0.0);
        }
    }

    fn fingerprint(&self) -> &str {
        &self.header.fingerprint
    }
}

/// Where the records start.
fn check_preamble(path: &Path, content: &[u8]) -> Result<usize, PackedLogError> {
    let path = || path.to_owned();
    if content[..8] != MAGIC {
        return Err(PackedLogError::Magic { path: path() });
    }
    let word = |at: usize| u32::from_le_bytes(content[at..at + 4].try_into().expect("four bytes"));
    if word(8) != FORMAT_VERSION {
        let (expected, found) = (FORMAT_VERSION, word(8));
        return Err(PackedLogError::Version {
            path: path(),
            expected,
            found,
        });
    }
    let data_bytes = u64::from_le_bytes(content[16..24].try_into().expect("eight bytes"));
    let data_start = PREAMBLE_BYTES as u64 + u64::from(word(12));
    let expected = data_start.saturating_add(data_bytes);
    let found = content.len() as u64;
    if found < expected {
        return Err(PackedLogError::Truncated {
            path: path(),
            expected,
            found,
        });
    }
    if found > expected {
        return Err(PackedLogError::TooLong {
            path: path(),
            expected,
            found,
        });
    }
    let data_start = data_start as usize;
    let digest = blake3::hash(&content[PREAMBLE_BYTES..data_start]);
    if digest.as_bytes()[..] != content[24..56] {
        return Err(PackedLogError::Checksum {
            path: path(),
            part: "header",
        });
    }
    Ok(data_start)
}

fn read_header(path: &Path, text: &[u8]) -> Result<PackedHeader, PackedLogError> {
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| toml::from_str(text).ok())
        .ok_or_else(|| PackedLogError::Header {
            path: path.to_owned(),
        })
}

fn check_sections(
    path: &Path,
    content: &[u8],
    header: &PackedHeader,
    sections: &BySplit<Range<usize>>,
) -> Result<(), PackedLogError> {
    if sections.test.end != content.len() {
        return Err(PackedLogError::Header {
            path: path.to_owned(),
        });
    }
    for split in Split::ALL {
        let digest = blake3::hash(&content[sections[split].clone()]);
        if digest.to_hex().as_str() != header.digests[split] {
            return Err(PackedLogError::Checksum {
                path: path.to_owned(),
                part: split.name(),
            });
        }
    }
    Ok(())
}

/// The shape of a sample; absent if a column lacks what its kind needs.
fn shape(summary: &LogSummary) -> Option<LogShape> {
    let table_rows: Option<Vec<u32>> = summary
        .categorical
        .iter()
        .map(|column| column.table_rows)
        .collect();
    let table_rows = table_rows.filter(|rows| !rows.is_empty())?;
    Some(LogShape {
        dense_dim: summary.dense.len().max(1),
        table_rows,
    })
}

pub(crate) fn layout(summary: &LogSummary) -> RecordLayout {
    RecordLayout {
        dense: summary.dense.len(),
        categorical: summary.categorical.len(),
    }
}

/// Bytes of the file at which the records of each split stand.
pub(crate) fn sections(
    summary: &LogSummary,
    layout: RecordLayout,
    data_start: usize,
) -> BySplit<Range<usize>> {
    let mut start = data_start;
    BySplit::from_fn(|split| {
        let rows = summary.splits[split].rows as usize;
        let end = rows.saturating_mul(layout.bytes()).saturating_add(start);
        let section = start..end;
        start = end;
        section
    })
}
