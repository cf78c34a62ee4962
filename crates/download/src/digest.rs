//! Size and SHA-256 of a file.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::Sha256;

/// What identifies a file's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// SHA-256: 64 hexadecimal digits in lower case.
    pub sha256: String,
    /// Size.
    pub bytes: u64,
}

/// Size and SHA-256 of the file at `path`. It is read once, from beginning to end.
///
/// # Errors
/// The file cannot be read.
pub fn digest(path: &Path) -> io::Result<Digest> {
    let mut running = Running::default();
    running.absorb(File::open(path)?)?;
    Ok(running.finish())
}

/// A digest in the making.
#[derive(Default)]
pub(crate) struct Running {
    hasher: Sha256,
    pub(crate) bytes: u64,
}

impl Running {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        sha2::Digest::update(&mut self.hasher, bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Everything that `from` has left.
    pub(crate) fn absorb(&mut self, mut from: impl Read) -> io::Result<()> {
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
        let digits = sha2::Digest::finalize(self.hasher);
        let sha256 = digits.iter().map(|byte| format!("{byte:02x}")).collect();
        Digest { sha256, bytes: self.bytes }
    }
}
