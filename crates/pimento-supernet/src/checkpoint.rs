//! Weights on their way to and from a file.
//!
//! Layout, all numbers little-endian: magic, format version (u32), fingerprints of space and data
//! (length as u32, UTF-8), seed (u64), steps done (u64), number of values (u64), whether there
//! are momenta (u8), values, accumulators and momenta as 32-bit floats (embedding tables by field, where
//! tables are compressed by kind and part, then layers by address, then learned ranges by place), and the BLAKE3 digest of everything before it.

use std::io::{self, Read, Write};

use thiserror::Error;

use crate::{
    optimizer::{Optimizer, Parameter},
    supernet::Supernet,
    weights::StoredLayer,
};

const MAGIC: &[u8; 16] = b"pimento-supernet";
const VERSION: u32 = 2;
/// Floats that are converted at once.
const CHUNK: usize = 1 << 16;

/// What a checkpoint belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Fingerprint of everything that shapes the weights.
    pub space: String,
    /// Fingerprint of the click log.
    pub data: String,
    /// Seed of the run.
    pub seed: u64,
}

/// Why a checkpoint cannot be used.
#[derive(Debug, Error)]
pub enum CheckpointError {
    /// Reading failed.
    #[error("cannot read: {0}")]
    Read(#[from] io::Error),
    /// The file does not begin as a checkpoint does.
    #[error("not a checkpoint of a supernet")]
    NotACheckpoint,
    /// Written by another release.
    #[error("format version {found}, expected {VERSION}: train again with this release")]
    Version {
        /// Version in the file.
        found: u32,
    },
    /// The checkpoint belongs to something else.
    #[error("belongs to another {what} (`{found}`, expected `{expected}`): use its own run")]
    Other {
        /// Which part differs: `space`, `click log` or `seed`.
        what: &'static str,
        /// Fingerprint in the file.
        found: String,
        /// Fingerprint of this run.
        expected: String,
    },
    /// The sizes do not fit although the fingerprints do.
    #[error("holds {found} values, expected {expected}")]
    Size {
        /// Values in the file.
        found: u64,
        /// Values of this supernet.
        expected: u64,
    },
    /// The content is not what was written.
    #[error("damaged: its checksum does not match; delete it and train again")]
    Damaged,
}

impl Supernet {
    /// Writes the weights after `step` steps and their optimiser state.
    pub fn write(&self, identity: &Identity, step: u64, writer: &mut impl Write) -> io::Result<()> {
        let mut writer = HashingWriter {
            inner: writer,
            hasher: blake3::Hasher::new(),
        };
        writer.write_all(MAGIC)?;
        writer.write_all(&VERSION.to_le_bytes())?;
        for text in [&identity.space, &identity.data] {
            writer.write_all(&(text.len() as u32).to_le_bytes())?;
            writer.write_all(text.as_bytes())?;
        }
        for number in [identity.seed, step, self.value_count()] {
            writer.write_all(&number.to_le_bytes())?;
        }
        writer.write_all(&[u8::from(self.has_momenta())])?;
        for values in self.all_values() {
            write_floats(&mut writer, values)?;
        }
        let digest = writer.hasher.finalize();
        writer.inner.write_all(digest.as_bytes())
    }

    /// Replaces the weights by those of a checkpoint with the same identity and returns the steps
    /// done. On an error the weights are unusable and must be initialised again.
    pub fn read(
        &mut self,
        identity: &Identity,
        reader: &mut impl Read,
    ) -> Result<u64, CheckpointError> {
        let mut reader = HashingReader {
            inner: reader,
            hasher: blake3::Hasher::new(),
        };
        if &reader
            .array::<16>()
            .map_err(|_| CheckpointError::NotACheckpoint)?
            != MAGIC
        {
            return Err(CheckpointError::NotACheckpoint);
        }
        let found = u32::from_le_bytes(reader.array()?);
        if found != VERSION {
            return Err(CheckpointError::Version { found });
        }
        check("space", &reader.text()?, &identity.space)?;
        check("click log", &reader.text()?, &identity.data)?;
        let seed = u64::from_le_bytes(reader.array()?);
        check("seed", &seed.to_string(), &identity.seed.to_string())?;
        let step = u64::from_le_bytes(reader.array()?);
        let found = u64::from_le_bytes(reader.array()?);
        if reader.array()? == [1] {
            self.weights.prepare(Optimizer::Adam);
            self.embeddings.prepare(Optimizer::Adam);
            self.ranges.prepare(Optimizer::Adam);
        }
        let expected = self.value_count();
        if found != expected {
            return Err(CheckpointError::Size { found, expected });
        }
        for values in self.all_values_mut() {
            read_floats(&mut reader, values)?;
        }
        let digest = reader.hasher.finalize();
        let mut stored = [0; 32];
        reader.inner.read_exact(&mut stored)?;
        if stored == *digest.as_bytes() {
            Ok(step)
        } else {
            Err(CheckpointError::Damaged)
        }
    }

    fn value_count(&self) -> u64 {
        self.all_values().map(|values| values.len() as u64).sum()
    }

    fn has_momenta(&self) -> bool {
        let mut tables = self.embeddings.parameters();
        tables.any(|table| !table.momenta.is_empty())
    }

    fn all_values(&self) -> impl Iterator<Item = &[f32]> {
        let layers = self.weights.layers.values();
        let parameters = layers.flat_map(StoredLayer::parameters);
        let tables = self.embeddings.parameters();
        let ranges = self.ranges.sites.values();
        tables
            .chain(parameters)
            .chain(ranges)
            .flat_map(Parameter::parts)
    }

    fn all_values_mut(&mut self) -> impl Iterator<Item = &mut [f32]> {
        self.parameters_mut().flat_map(Parameter::parts_mut)
    }

    /// Everything that is trained, with its state.
    pub(crate) fn parameters_mut(&mut self) -> impl Iterator<Item = &mut Parameter> {
        let layers = self.weights.layers.values_mut();
        let parameters = layers.flat_map(StoredLayer::parameters_mut);
        let tables = self.embeddings.parameters_mut();
        let ranges = self.ranges.sites.values_mut();
        tables.chain(parameters).chain(ranges)
    }
}

fn check(what: &'static str, found: &str, expected: &str) -> Result<(), CheckpointError> {
    if found == expected {
        return Ok(());
    }
    Err(CheckpointError::Other {
        what,
        found: found.to_owned(),
        expected: expected.to_owned(),
    })
}

struct HashingWriter<'a, W> {
    inner: &'a mut W,
    hasher: blake3::Hasher,
}

impl<W: Write> HashingWriter<'_, W> {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.inner.write_all(bytes)
    }
}

struct HashingReader<'a, R> {
    inner: &'a mut R,
    hasher: blake3::Hasher,
}

impl<R: Read> HashingReader<'_, R> {
    fn read_exact(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.inner.read_exact(bytes)?;
        self.hasher.update(bytes);
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn text(&mut self) -> Result<String, CheckpointError> {
        let length = u32::from_le_bytes(self.array()?);
        if length > 1 << 12 {
            return Err(CheckpointError::Damaged);
        }
        let mut bytes = vec![0; length as usize];
        self.read_exact(&mut bytes)?;
        String::from_utf8(bytes).map_err(|_| CheckpointError::Damaged)
    }
}

fn write_floats<W: Write>(writer: &mut HashingWriter<'_, W>, values: &[f32]) -> io::Result<()> {
    let mut bytes = Vec::with_capacity(4 * CHUNK.min(values.len()));
    for chunk in values.chunks(CHUNK) {
        bytes.clear();
        bytes.extend(chunk.iter().flat_map(|value| value.to_le_bytes()));
        writer.write_all(&bytes)?;
    }
    Ok(())
}

fn read_floats<R: Read>(reader: &mut HashingReader<'_, R>, values: &mut [f32]) -> io::Result<()> {
    let mut bytes = vec![0; 4 * CHUNK.min(values.len())];
    for chunk in values.chunks_mut(CHUNK) {
        let bytes = &mut bytes[..4 * chunk.len()];
        reader.read_exact(bytes)?;
        for (value, bytes) in chunk.iter_mut().zip(bytes.chunks_exact(4)) {
            *value = f32::from_le_bytes(bytes.try_into().expect("chunks of four bytes"));
        }
    }
    Ok(())
}
