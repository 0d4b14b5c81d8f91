//! Rows of text files, plain or gzip.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use flate2::bufread::MultiGzDecoder;

use crate::{DataError, DataSchema, Place, columns::Columns, fields::Fields};

const BUFFER_BYTES: usize = 1 << 20;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const GZIP_MAGIC: &[u8] = b"\x1f\x8b";

/// Reads files as one stream of rows that have the same columns.
pub(crate) struct RowReader<'a> {
    schema: &'a DataSchema,
    fields: Fields,
    columns: Option<Columns>,
    /// The first file and, if it has one, its header line.
    first: Option<(PathBuf, Vec<u8>)>,
}

/// A line that has as many fields as there are columns.
pub(crate) struct Row<'a> {
    pub(crate) fields: &'a Fields,
    pub(crate) columns: &'a Columns,
    path: &'a Path,
    line: u64,
}

/// The lines of a file.
struct Lines<'a> {
    path: &'a Path,
    content: Box<dyn BufRead>,
    is_gzip: bool,
    /// Lines read.
    line: u64,
}

impl<'a> RowReader<'a> {
    pub(crate) fn new(schema: &'a DataSchema) -> Self {
        Self {
            schema,
            fields: Fields::default(),
            columns: None,
            first: None,
        }
    }

    /// The columns, once a file was read.
    pub(crate) fn columns(&self) -> Option<&Columns> {
        self.columns.as_ref()
    }

    /// Hands every row of the file to `visit`.
    pub(crate) fn read(
        &mut self,
        path: &Path,
        mut visit: impl FnMut(&Row<'_>) -> Result<(), DataError>,
    ) -> Result<(), DataError> {
        let mut lines = Lines::open(path)?;
        if self.schema.header {
            self.read_header(&mut lines)?;
        }
        let lines_before = lines.line;
        while lines.next(self.fields.line_mut())? {
            let line = lines.line;
            self.split(path, line)?;
            if self.columns.is_none() {
                let count = self.fields.len();
                self.columns = Some(Columns::resolve(self.schema, path, None, count)?);
            }
            let columns = self.columns.as_ref().expect("resolved at the first row");
            if self.fields.len() != columns.count {
                return Err(self.field_count(path, line, columns.count));
            }
            visit(&Row {
                fields: &self.fields,
                columns,
                path,
                line,
            })?;
        }
        if lines.line == lines_before {
            return Err(DataError::Empty {
                path: path.to_owned(),
            });
        }
        Ok(())
    }

    fn read_header(&mut self, lines: &mut Lines<'_>) -> Result<(), DataError> {
        let path = lines.path;
        if !lines.next(self.fields.line_mut())? {
            return Err(DataError::Empty {
                path: path.to_owned(),
            });
        }
        let header = self.fields.line_mut().clone();
        if let Some((first, other)) = &self.first {
            if *other != header {
                let first = first.clone();
                return Err(DataError::HeaderDiffers {
                    path: path.to_owned(),
                    first,
                });
            }
            return Ok(());
        }
        self.split(path, 1)?;
        let names = self.fields.to_texts();
        let count = names.len();
        self.columns = Some(Columns::resolve(self.schema, path, Some(names), count)?);
        self.first = Some((path.to_owned(), header));
        Ok(())
    }

    fn split(&mut self, path: &Path, line: u64) -> Result<(), DataError> {
        self.fields
            .split(self.schema.separator.as_bytes())
            .map_err(|position| {
                let name = self
                    .columns
                    .as_ref()
                    .and_then(|columns| columns.names.as_ref());
                DataError::Quote {
                    place: Box::new(Place {
                        path: path.to_owned(),
                        line,
                        column: Some(position + 1),
                        name: name.and_then(|names| names.get(position).cloned()),
                    }),
                }
            })
    }

    fn field_count(&self, path: &Path, line: u64, expected: usize) -> DataError {
        DataError::FieldCount {
            place: Box::new(Place {
                path: path.to_owned(),
                line,
                column: None,
                name: None,
            }),
            expected,
            found: self.fields.len(),
            separator: self.schema.separator.clone(),
        }
    }
}

impl Row<'_> {
    /// Where the field at a position is, for a message.
    pub(crate) fn place(&self, position: usize) -> Place {
        Place {
            path: self.path.to_owned(),
            line: self.line,
            column: Some(position + 1),
            name: self
                .columns
                .names
                .as_ref()
                .map(|names| names[position].clone()),
        }
    }

    /// The field at a position as text for a message.
    pub(crate) fn text(&self, position: usize) -> String {
        String::from_utf8_lossy(self.fields.get(position)).into_owned()
    }
}

impl<'a> Lines<'a> {
    fn open(path: &'a Path) -> Result<Self, DataError> {
        let read_error = |source| DataError::Read {
            path: path.to_owned(),
            source,
        };
        let file = open(path)?;
        let mut plain = BufReader::with_capacity(BUFFER_BYTES, file);
        let is_gzip = plain
            .fill_buf()
            .map_err(read_error)?
            .starts_with(GZIP_MAGIC);
        let content: Box<dyn BufRead> = if is_gzip {
            Box::new(BufReader::with_capacity(
                BUFFER_BYTES,
                MultiGzDecoder::new(plain),
            ))
        } else {
            Box::new(plain)
        };
        Ok(Self {
            path,
            content,
            is_gzip,
            line: 0,
        })
    }

    /// Replaces `line` by the next line, without its end and without a byte-order mark; false at
    /// the end of the file.
    fn next(&mut self, line: &mut Vec<u8>) -> Result<bool, DataError> {
        line.clear();
        let bytes = self.content.read_until(b'\n', line).map_err(|source| {
            let path = self.path.to_owned();
            if self.is_gzip && source.kind() == io::ErrorKind::UnexpectedEof {
                DataError::TruncatedGzip {
                    path,
                    line: self.line,
                }
            } else {
                DataError::Read { path, source }
            }
        })?;
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        }
        if self.line == 0 && line.starts_with(BYTE_ORDER_MARK) {
            line.drain(..BYTE_ORDER_MARK.len());
        }
        self.line += u64::from(bytes > 0);
        Ok(bytes > 0)
    }
}

/// Opens a file to read it; a missing one has its own error.
pub(crate) fn open(path: &Path) -> Result<File, DataError> {
    File::open(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => DataError::NotFound {
            path: path.to_owned(),
        },
        _ => DataError::Read {
            path: path.to_owned(),
            source,
        },
    })
}
