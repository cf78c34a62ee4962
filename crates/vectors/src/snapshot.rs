//! One file on disk that is either the old state or the new one, never half of either.
//!
//! The only module that knows bincode. Layout, all integers and numbers little-endian:
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | magic `LOOKALIK` |
//! | 4 | format version of the content |
//! | 4 | oldest format version whose readers can read this file |
//! | any | payload: bincode 2, its standard configuration |
//! | 4 each | words of 4 bytes, as they are in memory: what is large is read without being decoded |
//! | 8 | length of the payload |
//! | 8 | how many words there are |
//! | 4 | CRC-32 (IEEE) of everything before |
//! | 4 | closing magic `END.` |

mod read;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use read::{Payload, decode, read};

const MAGIC: &[u8; 8] = b"LOOKALIK";
const END: &[u8; 4] = b"END.";
const HEADER: u64 = 16;
const FOOTER: u64 = 24;

/// Version of the content's layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// What this program writes.
    pub current: u32,
    /// The oldest that this program reads.
    pub oldest_read: u32,
    /// The oldest program format that can read what this program writes.
    pub oldest_reader: u32,
}

/// Why a snapshot cannot be read or written. Each message is one line that says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum SnapshotError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} is not a Lookalike index: name another file, or build an index", path.display())]
    NotASnapshot { path: PathBuf },
    #[error(
        "{} has the index format {found}; this program reads {oldest} to {newest}: {}",
        path.display(),
        if found > newest { "update the program, or build the index again" } else { "build the index again" }
    )]
    OtherVersion { path: PathBuf, found: u32, oldest: u32, newest: u32 },
    #[error("{} is cut short: build the index again, or restore a copy", path.display())]
    HalfWritten { path: PathBuf },
    #[error("{} is damaged ({reason}): build the index again, or restore a copy", path.display())]
    Damaged { path: PathBuf, reason: String },
    #[error(
        "another build is writing {}: wait for it, or write elsewhere with --out",
        path.display()
    )]
    Locked { path: PathBuf },
    #[error("cannot write {}: {source}; an index that was there is unchanged", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
}

/// The right to write a snapshot, which one process has at a time. It ends when this is dropped or
/// the process ends, however it ends.
#[derive(Debug)]
pub struct WriteLock {
    path: PathBuf,
    _file: File,
}

impl WriteLock {
    /// Takes the lock on the snapshot at `path` and creates the folder it is to lie in.
    ///
    /// # Errors
    /// [`SnapshotError::Locked`] when another process has it, [`SnapshotError::Unwritable`] when the
    /// folder cannot be written to.
    pub fn take(path: &Path) -> Result<Self, SnapshotError> {
        let unwritable = |source| SnapshotError::Unwritable { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(unwritable)?;
        }
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(beside(path, "lock"))
            .map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _file: file }),
            Err(fs::TryLockError::WouldBlock) => {
                Err(SnapshotError::Locked { path: path.to_owned() })
            }
            Err(fs::TryLockError::Error(source)) => Err(unwritable(source)),
        }
    }

    /// Writes `content` and `bytes` beside the old snapshot and swaps them in once they are safely on
    /// disk.
    ///
    /// Returns the size of the file in bytes.
    ///
    /// # Errors
    /// [`SnapshotError::Unwritable`], for example on a full disk. The old snapshot is then unchanged.
    ///
    /// # Panics
    /// When `bytes` are no multiple of 4.
    pub fn write<T: Serialize>(
        &self,
        format: Format,
        content: &T,
        bytes: &[u8],
    ) -> Result<u64, SnapshotError> {
        let partial = beside(&self.path, "partial");
        let written = write_file(&partial, format, content, bytes)
            .and_then(|bytes| fs::rename(&partial, &self.path).map(|()| bytes));
        match written {
            Ok(bytes) => {
                // The new name is on disk only once its folder is. Not every system can do this;
                // where it cannot, the old snapshot may come back after a power cut.
                if let Some(folder) = self.path.parent() {
                    let folder =
                        if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
                    let _ = File::open(folder).and_then(|folder| folder.sync_all());
                }
                Ok(bytes)
            }
            Err(source) => {
                let _ = fs::remove_file(&partial);
                Err(SnapshotError::Unwritable { path: self.path.clone(), source })
            }
        }
    }
}

/// `lookalike.index` to `lookalike.index.lock`.
fn beside(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

fn write_file<T: Serialize>(
    path: &Path,
    format: Format,
    content: &T,
    bytes: &[u8],
) -> io::Result<u64> {
    let file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let (file, bytes) = write_to(file, format, content, bytes)?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    file.sync_all()?;
    Ok(bytes)
}

/// A snapshot as bytes, for where there are no files; [`decode`] reads them.
///
/// # Errors
/// serde's, of content that cannot be written.
pub fn encode<T: Serialize>(format: Format, content: &T) -> io::Result<Vec<u8>> {
    Ok(write_to(Vec::new(), format, content, &[])?.0)
}

fn write_to<W: Write, T: Serialize>(
    out: W,
    format: Format,
    content: &T,
    bytes: &[u8],
) -> io::Result<(W, u64)> {
    let mut out = Checksummed::new(out);
    out.write_all(MAGIC)?;
    out.write_all(&format.current.to_le_bytes())?;
    out.write_all(&format.oldest_reader.to_le_bytes())?;
    bincode::serde::encode_into_std_write(content, &mut out, bincode::config::standard()).map_err(
        |error| match error {
            bincode::error::EncodeError::Io { inner, .. } => inner,
            other => io::Error::other(other),
        },
    )?;
    let payload = out.bytes - HEADER;
    assert!(bytes.len().is_multiple_of(4), "whole words");
    out.write_all(bytes)?;
    out.write_all(&payload.to_le_bytes())?;
    out.write_all(&(bytes.len() as u64 / 4).to_le_bytes())?;
    let (checksum, bytes) = (out.crc.clone().finalize(), out.bytes);
    out.write_all(&checksum.to_le_bytes())?;
    out.write_all(END)?;
    Ok((out.inner, bytes + 8))
}

/// Counts and checks what passes through.
struct Checksummed<W> {
    inner: W,
    crc: crc32fast::Hasher,
    bytes: u64,
}

impl<W> Checksummed<W> {
    fn new(inner: W) -> Self {
        Self { inner, crc: crc32fast::Hasher::new(), bytes: 0 }
    }
}

impl<W: Write> Write for Checksummed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.crc.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
