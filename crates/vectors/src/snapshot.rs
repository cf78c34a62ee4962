//! Snapshots: one checksummed file that is replaced atomically, so that it is the old state or the new one.
//!
//! The only module that knows bincode. The layout, all values little-endian:
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | magic `LKLINDEX` |
//! | 4 | format version of the content |
//! | 4 | oldest format version whose readers can read this file |
//! | any | payload: bincode 2, its standard configuration |
//! | 4 each | words, as they are in memory: large data is read without being decoded |
//! | 8 | length of the payload in bytes |
//! | 8 | number of words |
//! | 4 | CRC-32 (IEEE) of everything before |
//! | 4 | closing magic `END.` |

mod read;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use lookalike_base::{rename, with_added_extension};
use serde::Serialize;

pub use read::{Payload, decode, read};

const MAGIC: &[u8; 8] = b"LKLINDEX";
/// The magic of files that programs before 0.1.0 wrote, in five formats; no release reads them.
const MAGIC_BEFORE_0_1_0: &[u8; 8] = b"LOOKALIK";
const END: &[u8; 4] = b"END.";
const HEADER: u64 = 16;
const FOOTER: u64 = 24;

/// Versions of the content's layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// The version that this program writes.
    pub current: u32,
    /// The oldest version that this program reads.
    pub oldest_read: u32,
    /// The oldest version whose readers can read what this program writes.
    pub oldest_reader: u32,
}

/// Why a snapshot cannot be read or written. Each message is one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum SnapshotError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} is not a Lookalike index: name another file, or build an index", path.display())]
    NotASnapshot { path: PathBuf },
    #[error(
        "{} has an index format from before 0.1.0, which is no longer read: build the index again",
        path.display()
    )]
    BeforeRelease { path: PathBuf },
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
    #[error("another build is writing {}: wait for it to end, then try again", path.display())]
    Locked { path: PathBuf },
    #[error("cannot write {}: {source}; an index that was there is unchanged", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
}

/// The lock on writing a snapshot, which one process holds at a time. It ends when this is dropped or the process
/// ends, however it ends.
#[derive(Debug)]
pub struct WriteLock {
    path: PathBuf,
    _file: File,
}

impl WriteLock {
    /// Takes the lock on the snapshot at `path`. Creates its folder.
    ///
    /// # Errors
    /// [`SnapshotError::Locked`] when another process holds it, [`SnapshotError::Unwritable`] when the folder
    /// cannot be written to.
    pub fn take(path: &Path) -> Result<Self, SnapshotError> {
        let unwritable = |source| SnapshotError::Unwritable { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(unwritable)?;
        }
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(with_added_extension(path, "lock"))
            .map_err(unwritable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _file: file }),
            Err(fs::TryLockError::WouldBlock) => {
                Err(SnapshotError::Locked { path: path.to_owned() })
            }
            Err(fs::TryLockError::Error(source)) => Err(unwritable(source)),
        }
    }

    /// Writes `content` and `bytes` into a file beside the old snapshot, syncs it and renames it. That file always
    /// has the same name, so that interrupted writes leave one of them at most.
    ///
    /// Returns the size of the snapshot in bytes.
    ///
    /// # Errors
    /// [`SnapshotError::Unwritable`], for example on a full disk. The old snapshot is then unchanged.
    ///
    /// # Panics
    /// When the number of `bytes` is no multiple of 4.
    pub fn write<T: Serialize>(
        &self,
        format: Format,
        content: &T,
        bytes: &[u8],
    ) -> Result<u64, SnapshotError> {
        let partial = with_added_extension(&self.path, "partial");
        let written = write_file(&partial, format, content, bytes)
            .and_then(|bytes| rename(&partial, &self.path).map(|()| bytes));
        written.map_err(|source| {
            let _ = fs::remove_file(&partial);
            SnapshotError::Unwritable { path: self.path.clone(), source }
        })
    }
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

/// A snapshot as bytes, for stores that are no files; [`decode`] reads them.
///
/// # Errors
/// serde's, of content that cannot be serialised.
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

/// A writer that counts the bytes and computes their checksum.
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
