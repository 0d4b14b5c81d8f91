//! The one unsafe call of the crate.

use std::{fs::File, io};

use memmap2::Mmap;

/// The content of `file`, mapped into memory. The file must not be changed in place while it is
/// mapped; files of a cache never are, since they are written under another name and renamed.
#[expect(
    unsafe_code,
    reason = "the operating system cannot promise that no one changes the file"
)]
pub(crate) fn map(file: &File) -> io::Result<Mmap> {
    // SAFETY: the mapping is read-only, and packed logs are replaced by renaming, never rewritten.
    unsafe { Mmap::map(file) }
}
