//! Paths of photos and pictures, relative to the folder of an index.

use std::path::Path;

use crate::encode::absolute;

/// A path relative to one folder as a path relative to another; absolute if it lies outside.
pub(super) fn relative_to_root(from: &Path, to: &Path, path: &str) -> String {
    let whole = absolute(&from.join(path));
    let inner = whole.strip_prefix(to).unwrap_or(&whole);
    let parts: Vec<_> = inner.iter().map(|part| part.to_string_lossy()).collect();
    if inner.is_relative() { parts.join("/") } else { inner.to_string_lossy().into_owned() }
}
