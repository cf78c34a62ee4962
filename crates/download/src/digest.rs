//! Size and SHA-256 of a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use lookalike_base::hex;
use sha2::Sha256;

/// A file's checksum and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// SHA-256: 64 hexadecimal digits in lower case.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// Size and SHA-256 of the file at `path`. It is read once, from beginning to end.
///
/// # Errors
/// The file cannot be read.
pub fn digest(path: &Path) -> io::Result<Digest> {
    let mut hasher = Hasher::default();
    hasher.update_from(File::open(path)?)?;
    Ok(hasher.finish())
}

/// Computes a [`Digest`] piece by piece.
#[derive(Default)]
pub(crate) struct Hasher {
    sha256: Sha256,
    pub(crate) bytes: u64,
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        sha2::Digest::update(&mut self.sha256, bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Reads `from` to its end.
    pub(crate) fn update_from(&mut self, mut from: impl Read) -> io::Result<()> {
        let mut buffer = vec![0; 1 << 18];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => self.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn finish(self) -> Digest {
        let sha256 = hex::encode(&sha2::Digest::finalize(self.sha256));
        Digest { sha256, bytes: self.bytes }
    }
}
