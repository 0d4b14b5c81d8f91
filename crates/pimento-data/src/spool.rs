//! Records on their way from text to a packed log.

use std::{
    fs::File,
    io::{self, BufReader, BufWriter, Read, Seek, Write},
    path::Path,
};

const BUFFER_BYTES: usize = 1 << 20;

/// Records in a nameless temporary file: memory does not grow with the log.
pub(crate) struct Spool {
    file: BufWriter<File>,
    record_bytes: usize,
}

impl Spool {
    pub(crate) fn new(folder: &Path, record_bytes: usize) -> io::Result<Self> {
        let file = tempfile::tempfile_in(folder)?;
        Ok(Self {
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
            record_bytes,
        })
    }

    pub(crate) fn push(&mut self, record: &[u8]) -> io::Result<()> {
        debug_assert_eq!(record.len(), self.record_bytes);
        self.file.write_all(record)
    }

    /// Hands the record of each item of `splits` to `visit`, in the order in which they came.
    pub(crate) fn visit<T: Copy>(
        &mut self,
        items: &[T],
        mut visit: impl FnMut(T, &mut [u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        self.file.flush()?;
        let mut file = self.file.get_ref();
        file.rewind()?;
        let mut content = BufReader::with_capacity(BUFFER_BYTES, file);
        let mut record = vec![0; self.record_bytes];
        for &item in items {
            content.read_exact(&mut record)?;
            visit(item, &mut record)?;
        }
        Ok(())
    }
}
