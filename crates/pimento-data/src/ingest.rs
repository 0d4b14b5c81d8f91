//! Text files to packed logs.
//!
//! Text is read once: rows become records in a temporary file, with numbers for values that are
//! not embedding rows yet. When all labels are known the rows are split, values are counted in
//! training rows only, and the records are written to their split with their final rows. Memory
//! grows with the distinct values of a vocabulary and by a few bytes per row.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use crate::{
    BySplit, ClickLog, ColumnSummary, DataError, DataSchema, LogInputs, LogSummary, PackedLog,
    PackedLogError, Split, SplitSummary,
    columns::Columns,
    encoder::{Encoder, Tables},
    packed_log::FORMAT_VERSION,
    packed_writer::PackedWriter,
    row_reader::{RowReader, open},
    spool::Spool,
};

const BUFFER_BYTES: usize = 1 << 20;
const ROWS_PER_REPORT: u64 = 1 << 16;

/// How far [`open_or_build`] has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Input files are compared with those of the cache.
    Hashing {
        /// Bytes read so far.
        bytes: u64,
        /// Bytes of all files.
        total: u64,
    },
    /// Text is read.
    Reading {
        /// Rows read so far.
        rows: u64,
    },
    /// The packed log is written.
    Packing {
        /// Rows written so far.
        rows: u64,
        /// Rows of the log.
        total: u64,
    },
}

/// The packed log of these files under this schema, from `cache_dir` if it is there, else built
/// and put there. The key is the content of the files, the schema and the format version; names
/// and times of files do not matter.
pub fn open_or_build(
    inputs: &LogInputs,
    schema: &DataSchema,
    cache_dir: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<PackedLog, DataError> {
    let fingerprint = fingerprint(inputs, schema, progress)?;
    let path = cache_dir.join(format!("{fingerprint}.packed"));
    if !path.exists() {
        build(inputs, schema, &fingerprint, &path, progress)?;
    }
    let log = PackedLog::open(&path)?;
    if log.fingerprint() != fingerprint {
        return Err(PackedLogError::OtherInputs { path }.into());
    }
    Ok(log)
}

/// Rows of a log on their way.
struct Rows {
    spool: Spool,
    clicks: Vec<bool>,
    /// Split of each row, if the files say so.
    given: Vec<Split>,
    columns: Columns,
}

fn build(
    inputs: &LogInputs,
    schema: &DataSchema,
    fingerprint: &str,
    path: &Path,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), DataError> {
    let folder = path.parent().expect("a file of the cache is in its folder");
    let write_error = |source| DataError::WriteCache {
        path: folder.to_owned(),
        source,
    };
    fs::create_dir_all(folder).map_err(write_error)?;
    let mut encoder = Encoder::new(schema);
    let mut rows = read_rows(inputs, schema, folder, &mut encoder, progress)?;
    let splits = match inputs {
        LogInputs::Single(_) => schema.split.assign(&rows.clicks),
        LogInputs::Split { .. } => std::mem::take(&mut rows.given),
    };
    let counts = count_splits(&splits, &rows.clicks)?;
    let tables = build_tables(&encoder, &mut rows.spool, &splits).map_err(write_error)?;
    let summary = summarise(&encoder, &rows.columns, &tables, counts);
    let writer = PackedWriter::new(folder, fingerprint, summary).map_err(write_error)?;
    write(
        &encoder,
        &tables,
        &mut rows.spool,
        &splits,
        writer,
        progress,
    )
    .and_then(|writer| writer.finish(path))
    .map_err(write_error)
}

fn read_rows(
    inputs: &LogInputs,
    schema: &DataSchema,
    folder: &Path,
    encoder: &mut Encoder<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Rows, DataError> {
    let write_error = |source| DataError::WriteCache {
        path: folder.to_owned(),
        source,
    };
    let mut spool = Spool::new(folder, encoder.layout().bytes()).map_err(write_error)?;
    let mut reader = RowReader::new(schema);
    let (mut clicks, mut given, mut record) = (Vec::new(), Vec::new(), Vec::new());
    for (split, files) in inputs.parts() {
        let rows_before = clicks.len();
        for file in files {
            reader.read(file, |row| {
                clicks.push(encoder.encode(row, &mut record)?);
                spool.push(&record).map_err(write_error)?;
                let rows = clicks.len() as u64;
                if rows > u64::from(u32::MAX) {
                    return Err(DataError::TooMany { what: "rows" });
                }
                if rows.is_multiple_of(ROWS_PER_REPORT) {
                    progress(Progress::Reading { rows });
                }
                Ok(())
            })?;
        }
        given.extend(
            split
                .into_iter()
                .flat_map(|split| std::iter::repeat_n(split, clicks.len() - rows_before)),
        );
    }
    progress(Progress::Reading {
        rows: clicks.len() as u64,
    });
    let columns = reader
        .columns()
        .expect("every part has a file with rows")
        .clone();
    Ok(Rows {
        spool,
        clicks,
        given,
        columns,
    })
}

fn count_splits(splits: &[Split], clicks: &[bool]) -> Result<BySplit<SplitSummary>, DataError> {
    let mut counts = BySplit::<SplitSummary>::default();
    for (&split, &is_click) in splits.iter().zip(clicks) {
        counts[split].rows += 1;
        counts[split].clicks += u64::from(is_click);
    }
    match Split::ALL
        .into_iter()
        .find(|&split| counts[split].rows == 0)
    {
        Some(split) => Err(DataError::EmptySplit {
            split,
            rows: splits.len() as u64,
        }),
        None => Ok(counts),
    }
}

fn build_tables(encoder: &Encoder<'_>, spool: &mut Spool, splits: &[Split]) -> io::Result<Tables> {
    let mut counts = encoder.no_counts();
    if counts.iter().any(|counts| !counts.is_empty()) {
        spool.visit(splits, |split, record| {
            if split == Split::Train {
                encoder.count(record, &mut counts);
            }
            Ok(())
        })?;
    }
    Ok(encoder.tables(&counts))
}

fn summarise(
    encoder: &Encoder<'_>,
    columns: &Columns,
    tables: &Tables,
    splits: BySplit<SplitSummary>,
) -> LogSummary {
    let (missing_dense, missing_categorical) = encoder.missing();
    let column = |position: usize, table_rows, missing| ColumnSummary {
        name: columns.name(position),
        table_rows,
        missing: Some(missing),
    };
    let dense = columns.dense.iter().zip(missing_dense);
    let categorical = columns
        .categorical
        .iter()
        .zip(&tables.rows)
        .zip(missing_categorical);
    LogSummary {
        splits,
        dense: dense
            .map(|(&position, &missing)| column(position, None, missing))
            .collect(),
        categorical: categorical
            .map(|((&position, &rows), &missing)| column(position, Some(rows), missing))
            .collect(),
    }
}

fn write(
    encoder: &Encoder<'_>,
    tables: &Tables,
    spool: &mut Spool,
    splits: &[Split],
    mut writer: PackedWriter,
    progress: &mut dyn FnMut(Progress),
) -> io::Result<PackedWriter> {
    let (layout, total) = (encoder.layout(), splits.len() as u64);
    let mut rows = 0_u64;
    spool.visit(splits, |split, record| {
        tables.assign_rows(layout, record);
        writer.push(split, record)?;
        rows += 1;
        if rows.is_multiple_of(ROWS_PER_REPORT) || rows == total {
            progress(Progress::Packing { rows, total });
        }
        Ok(())
    })?;
    Ok(writer)
}

fn fingerprint(
    inputs: &LogInputs,
    schema: &DataSchema,
    progress: &mut dyn FnMut(Progress),
) -> Result<String, DataError> {
    let total = total_bytes(inputs)?;
    let mut bytes = 0;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&FORMAT_VERSION.to_le_bytes());
    let schema = schema.to_toml();
    hasher.update(&(schema.len() as u64).to_le_bytes());
    hasher.update(schema.as_bytes());
    for (split, files) in inputs.parts() {
        let part = split.map_or("log", Split::name);
        if files.is_empty() {
            return Err(DataError::NoFiles { part });
        }
        hasher.update(part.as_bytes());
        hasher.update(&(files.len() as u64).to_le_bytes());
        for path in files {
            let digest = hash_file(path, |read| {
                bytes += read;
                progress(Progress::Hashing { bytes, total });
            })?;
            hasher.update(digest.as_bytes());
        }
    }
    Ok(hasher.finalize().to_hex().to_string())
}

fn total_bytes(inputs: &LogInputs) -> Result<u64, DataError> {
    let bytes = |path: &PathBuf| {
        let metadata = open(path)?.metadata();
        metadata
            .map(|metadata| metadata.len())
            .map_err(|source| DataError::Read {
                path: path.clone(),
                source,
            })
    };
    inputs
        .parts()
        .into_iter()
        .flat_map(|(_, files)| files)
        .map(bytes)
        .sum()
}

fn hash_file(path: &Path, mut report: impl FnMut(u64)) -> Result<blake3::Hash, DataError> {
    let mut file = open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let read = file.read(&mut buffer).map_err(|source| DataError::Read {
            path: path.to_owned(),
            source,
        })?;
        if read == 0 {
            return Ok(hasher.finalize());
        }
        hasher.update(&buffer[..read]);
        report(read as u64);
    }
}
