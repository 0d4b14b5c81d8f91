//! Writes a packed log, whole or not at all.

use std::{
    fs::File,
    io::{self, Seek, SeekFrom, Write},
    path::Path,
};

use tempfile::NamedTempFile;

use crate::{
    BySplit, LogSummary, Split,
    packed_log::{FORMAT_VERSION, MAGIC, PREAMBLE_BYTES, PackedHeader, layout, sections},
};

const BUFFER_BYTES: usize = 1 << 20;
const HEADER_ALIGNMENT: usize = 64;

/// A packed log under a temporary name.
pub(crate) struct PackedWriter {
    file: NamedTempFile,
    header: PackedHeader,
    sections: BySplit<SectionWriter>,
    data_bytes: u64,
}

/// The records of a split, on their way to their part of the file.
struct SectionWriter {
    file: File,
    buffer: Vec<u8>,
    hasher: blake3::Hasher,
}

impl PackedWriter {
    /// A packed log of that many rows and such columns, to be filled row by row.
    pub(crate) fn new(folder: &Path, fingerprint: &str, summary: LogSummary) -> io::Result<Self> {
        let no_digest = || "0".repeat(2 * blake3::OUT_LEN);
        let digests = BySplit::from_fn(|_| no_digest());
        let header = PackedHeader {
            fingerprint: fingerprint.to_owned(),
            digests,
            summary,
        };
        // Digests have a fixed length, so the header will be as long as it is now.
        let data_start = PREAMBLE_BYTES + header_text(&header).len();
        let ranges = sections(&header.summary, layout(&header.summary), data_start);
        let file = NamedTempFile::new_in(folder)?;
        let open = |split| SectionWriter::new(file.reopen()?, ranges[split].start as u64);
        let sections = BySplit {
            train: open(Split::Train)?,
            validation: open(Split::Validation)?,
            test: open(Split::Test)?,
        };
        let data_bytes = (ranges.test.end - data_start) as u64;
        Ok(Self {
            file,
            header,
            sections,
            data_bytes,
        })
    }

    pub(crate) fn push(&mut self, split: Split, record: &[u8]) -> io::Result<()> {
        self.sections[split].push(record)
    }

    /// Gives the file its name.
    pub(crate) fn finish(mut self, path: &Path) -> io::Result<()> {
        for split in Split::ALL {
            self.header.digests[split] = self.sections[split].finish()?;
        }
        let text = header_text(&self.header);
        let mut start = Vec::with_capacity(PREAMBLE_BYTES + text.len());
        start.extend_from_slice(&MAGIC);
        start.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        start.extend_from_slice(&(text.len() as u32).to_le_bytes());
        start.extend_from_slice(&self.data_bytes.to_le_bytes());
        start.extend_from_slice(blake3::hash(text.as_bytes()).as_bytes());
        start.resize(PREAMBLE_BYTES, 0);
        start.extend_from_slice(text.as_bytes());
        let file = self.file.as_file_mut();
        file.rewind()?;
        file.write_all(&start)?;
        file.sync_all()?;
        self.file.persist(path)?;
        Ok(())
    }
}

impl SectionWriter {
    fn new(mut file: File, start: u64) -> io::Result<Self> {
        file.seek(SeekFrom::Start(start))?;
        let buffer = Vec::with_capacity(2 * BUFFER_BYTES);
        Ok(Self {
            file,
            buffer,
            hasher: blake3::Hasher::new(),
        })
    }

    fn push(&mut self, record: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(record);
        if self.buffer.len() < BUFFER_BYTES {
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hasher.update(&self.buffer);
        self.file.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(())
    }

    fn finish(&mut self) -> io::Result<String> {
        self.flush()?;
        Ok(self.hasher.finalize().to_hex().to_string())
    }
}

/// The header as TOML, filled up with line ends.
fn header_text(header: &PackedHeader) -> String {
    let mut text = toml::to_string(header).expect("a header has only TOML values");
    let length = text.len().next_multiple_of(HEADER_ALIGNMENT);
    text.extend(std::iter::repeat_n('\n', length - text.len()));
    text
}
