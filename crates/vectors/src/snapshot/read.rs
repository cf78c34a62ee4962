//! Reading of snapshots: on all cores, verified before anything is decoded.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crc32fast::Hasher;
use rayon::prelude::*;
use serde::de::DeserializeOwned;

use super::{END, FOOTER, Format, HEADER, MAGIC, MAGIC_BEFORE_0_1_0, SnapshotError};
use crate::AlignedBytes;

/// AlignedBytes that one core reads at a time.
const CHUNK: usize = 4 << 20;

/// Content that is not decoded yet.
pub struct Payload(AlignedBytes);

impl Payload {
    /// Decodes the content.
    ///
    /// # Errors
    /// Why it is no `T`.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, String> {
        const MIB: usize = 1 << 20;
        // A number may count as eight bytes although it takes one.
        match self.0.len().saturating_mul(8) {
            counted if counted <= MIB => self.decode_within::<T, MIB>(),
            counted if counted <= 16 * MIB => self.decode_within::<T, { 16 * MIB }>(),
            counted if counted <= 256 * MIB => self.decode_within::<T, { 256 * MIB }>(),
            counted if counted <= 4096 * MIB => self.decode_within::<T, { 4096 * MIB }>(),
            _ => self.decode_within::<T, { usize::MAX >> 1 }>(),
        }
    }

    /// Damaged content may claim a length beyond its end, and bincode allocates before it reads: the limit bounds
    /// that. bincode takes it as a constant only.
    fn decode_within<T: DeserializeOwned, const LIMIT: usize>(&self) -> Result<T, String> {
        let config = bincode::config::standard().with_limit::<LIMIT>();
        match bincode::serde::decode_from_slice(&self.0, config) {
            Ok((content, used)) if used == self.0.len() => Ok(content),
            Ok(_) => Err("more content than expected".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// Reads a snapshot: what `decode` makes of its format version and its content, and the bytes behind the content.
/// The checksum of the whole file is verified first.
///
/// # Errors
/// [`SnapshotError`]; [`SnapshotError::Damaged`] for what `decode` refuses.
pub fn read<T>(
    path: &Path,
    format: Format,
    decode: impl FnOnce(u32, &Payload) -> Result<T, String>,
) -> Result<(T, AlignedBytes), SnapshotError> {
    let unreadable = |source| SnapshotError::Unreadable { path: path.to_owned(), source };
    read_file(File::open(path).map_err(unreadable)?, path, format, decode)
}

/// [`read`] of what [`super::encode`] gave. Errors call it `name`.
///
/// # Errors
/// As [`read`].
pub fn decode<T>(
    name: &str,
    bytes: &[u8],
    format: Format,
    decode: impl FnOnce(u32, &Payload) -> Result<T, String>,
) -> Result<T, SnapshotError> {
    let name = Path::new(name);
    // There is one reader, and it reads files.
    let written = tempfile::tempfile().and_then(|mut file| {
        file.write_all(bytes)?;
        file.seek(SeekFrom::Start(0)).map(|_| file)
    });
    let unreadable = |source| SnapshotError::Unreadable { path: name.to_owned(), source };
    Ok(read_file(written.map_err(unreadable)?, name, format, decode)?.0)
}

fn read_file<T>(
    mut file: File,
    path: &Path,
    format: Format,
    decode: impl FnOnce(u32, &Payload) -> Result<T, String>,
) -> Result<(T, AlignedBytes), SnapshotError> {
    let unreadable = |source| SnapshotError::Unreadable { path: path.to_owned(), source };
    let half_written = || SnapshotError::HalfWritten { path: path.to_owned() };
    let damaged =
        |reason: &str| SnapshotError::Damaged { path: path.to_owned(), reason: reason.to_owned() };
    let size = file.metadata().map_err(unreadable)?.len();

    let mut header = Vec::new();
    (&mut file).take(HEADER).read_to_end(&mut header).map_err(unreadable)?;
    if header.starts_with(MAGIC_BEFORE_0_1_0) {
        return Err(SnapshotError::BeforeRelease { path: path.to_owned() });
    }
    if !header.starts_with(&MAGIC[..header.len().min(MAGIC.len())]) || header.is_empty() {
        return Err(SnapshotError::NotASnapshot { path: path.to_owned() });
    }
    if header.len() < HEADER as usize {
        return Err(half_written());
    }
    let number = |bytes: &[u8]| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let (written, oldest_reader) = (number(&header[8..]), number(&header[12..]));
    if written < format.oldest_read || oldest_reader > format.current {
        let (oldest, newest) = (format.oldest_read, format.current);
        return Err(SnapshotError::OtherVersion {
            path: path.to_owned(),
            found: written,
            oldest,
            newest,
        });
    }
    if size < HEADER + FOOTER {
        return Err(half_written());
    }

    let mut footer = [0; FOOTER as usize];
    file.seek(SeekFrom::End(-(FOOTER as i64))).map_err(unreadable)?;
    file.read_exact(&mut footer).map_err(unreadable)?;
    let (lengths, end) = footer.split_at(16);
    let length =
        |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, &byte| (sum << 8) | u64::from(byte));
    let (payload, count) = (length(&lengths[..8]), length(&lengths[8..]));
    let content = count.checked_mul(4).and_then(|words| words.checked_add(payload));
    if end[4..] != *END || content != Some(size - HEADER - FOOTER) {
        return Err(half_written());
    }

    file.seek(SeekFrom::Start(HEADER)).map_err(unreadable)?;
    let mut bytes = AlignedBytes::zeros(payload as usize);
    file.read_exact(&mut bytes).map_err(unreadable)?;
    let (behind, checksum) =
        read_bytes(&file, HEADER + payload, 4 * count as usize).map_err(unreadable)?;
    let mut crc = Hasher::new();
    crc.update(&header);
    crc.update(&bytes);
    crc.combine(&checksum);
    crc.update(lengths);
    if crc.finalize() != number(end) {
        return Err(damaged("its checksum does not match"));
    }
    match decode(written, &Payload(bytes)) {
        Ok(content) => Ok((content, behind)),
        Err(reason) => Err(damaged(&reason)),
    }
}

/// Reads `count` bytes of a file from `start` on all cores, and computes their checksum. It takes the opened file,
/// not a path: another file may have been renamed to that meanwhile.
fn read_bytes(file: &File, start: u64, count: usize) -> io::Result<(AlignedBytes, Hasher)> {
    let mut bytes = AlignedBytes::zeros(count);
    let checksums = bytes.par_chunks_mut(CHUNK).enumerate().map(|(at, chunk)| {
        read_exact_at(file, chunk, start + (at * CHUNK) as u64)?;
        let mut crc = Hasher::new();
        crc.update(chunk);
        Ok(crc)
    });
    let checksums: Vec<Hasher> = checksums.collect::<io::Result<_>>()?;
    let mut whole = Hasher::new();
    checksums.iter().for_each(|checksum| whole.combine(checksum));
    Ok((bytes, whole))
}

/// Reads from an offset of a file without moving its position, which threads share.
#[cfg(unix)]
fn read_exact_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

/// Reads from an offset of a file without moving its position, which threads share.
#[cfg(windows)]
fn read_exact_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                bytes = &mut bytes[read..];
                offset += read as u64;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_claims_more_than_is_there_is_refused_before_memory_is_allocated() {
        for length in [1u64 << 46, 1 << 62, u64::MAX] {
            let mut bytes = vec![253];
            bytes.extend(length.to_le_bytes());
            let mut payload = AlignedBytes::zeros(bytes.len());
            payload.copy_from_slice(&bytes);
            let refused = Payload(payload).decode::<String>().expect_err("refused");
            assert!(refused.contains("LimitExceeded") || refused.contains("limit"), "{refused}");
        }
    }
}
