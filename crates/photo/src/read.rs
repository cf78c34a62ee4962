use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::{DecodeLimits, PhotoError};

/// Reads a photo's file, one byte beyond `limits` at most: [`crate::decode`] refuses a longer one.
///
/// # Errors
/// [`PhotoError::Unreadable`] and [`PhotoError::NotAFile`].
pub fn read(file: &Path, limits: &DecodeLimits) -> Result<Vec<u8>, PhotoError> {
    let failed = |error: io::Error| PhotoError::Unreadable { reason: error.to_string() };
    let metadata = fs::metadata(file).map_err(failed)?;
    // Reading a pipe or a device might block for ever.
    if !metadata.is_file() {
        return Err(PhotoError::NotAFile);
    }
    let mut bytes = Vec::with_capacity(metadata.len().min(limits.max_bytes) as usize);
    let opened = File::open(file).map_err(failed)?;
    opened.take(limits.max_bytes + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}
