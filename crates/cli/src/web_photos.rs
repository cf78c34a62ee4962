//! Photos that are not files of this machine: at web addresses, and on standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::Context;
use lookalike_catalog::{Catalog, CatalogError, OpenOptions, is_web_address};
use lookalike_download::{PhotoCache, PhotoLimits, Settings, fetch_photo};
use lookalike_engine::{EngineError, PhotoRef};
use lookalike_photo::DecodeLimits;
use tempfile::TempDir;

use crate::output::count;
use crate::progress;

/// Whether photos of this machine's own network may be searched for.
const PRIVATE: &str = "LOOKALIKE_PRIVATE_ADDRESSES";

/// Reads a catalogue, and fetches its photos that are at web addresses; those that cannot be had are skipped. Prints what was
/// understood of a manifest, where that is not plain.
///
/// # Errors
/// [`Catalog::open_with`]'s.
pub(crate) fn open_catalogue(
    source: &Path,
    root: Option<&Path>,
    options: OpenOptions,
    quiet: bool,
) -> Result<Catalog, CatalogError> {
    let mut catalog = Catalog::open_with(source, root, options)?;
    if let Some(read_as) = &catalog.read_as {
        eprintln!("{}: {read_as}", source.display());
    }
    fetch(&mut catalog, quiet);
    Ok(catalog)
}

/// Fetches the photos of a catalogue that are at web addresses; those that cannot be had are skipped.
pub(crate) fn fetch(catalog: &mut Catalog, quiet: bool) {
    let addresses: Vec<String> = catalog.addresses().into_iter().map(str::to_owned).collect();
    if addresses.is_empty() {
        return;
    }
    let names: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let cache = PhotoCache::new(Settings::from_env(), PhotoLimits::default());
    let found = cache.fetch_all(&names, &*progress::reporter(quiet));
    let missing = found.values().filter(|file| file.is_err()).count();
    if missing > 0 {
        let missing = count(missing as u64, "photo");
        eprintln!(
            "{missing} of {} web addresses could not be had: see the list of skipped photos",
            names.len()
        );
    }
    catalog.replace_addresses(&found);
}

/// Photos that are searched for, as files.
pub(crate) struct QueryPhotos {
    pub(crate) files: Vec<PathBuf>,
    /// What the user called each of them.
    names: Vec<String>,
    /// Of those that were no files before.
    _folder: Option<TempDir>,
}

impl QueryPhotos {
    /// Reads `-` and `/dev/stdin` from standard input, and fetches web addresses, of public hosts only.
    ///
    /// # Errors
    /// [`EngineError::Photo`] of what cannot be had.
    pub(crate) fn of(photos: &[PathBuf]) -> anyhow::Result<Self> {
        let names: Vec<String> = photos.iter().map(|photo| photo.display().to_string()).collect();
        let is_input = |name: &str| matches!(name, "-" | "/dev/stdin" | "/dev/fd/0");
        if !names.iter().any(|name| is_input(name) || is_web_address(name)) {
            return Ok(Self { files: photos.to_owned(), names, _folder: None });
        }
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let mut files = Vec::with_capacity(photos.len());
        for (number, (photo, name)) in photos.iter().zip(&names).enumerate() {
            let refused =
                |reason| EngineError::Photo { photo: PhotoRef::Named(name.clone()), reason };
            let bytes = if is_input(name) {
                standard_input().map_err(refused)?
            } else if is_web_address(name) {
                let is_allowed = std::env::var(PRIVATE).is_ok_and(|value| value == "allow");
                let limits = PhotoLimits { public_only: !is_allowed, ..PhotoLimits::default() };
                fetch_photo(name, Settings::from_env(), limits).map_err(refused)?
            } else {
                files.push(photo.clone());
                continue;
            };
            let file = folder.path().join(number.to_string());
            std::fs::write(&file, bytes).context("cannot write a temporary file")?;
            files.push(file);
        }
        Ok(Self { files, names, _folder: Some(folder) })
    }

    /// An error about one of the files, with what the user called it.
    pub(crate) fn named(&self, error: EngineError) -> EngineError {
        match error {
            EngineError::Photo { photo: PhotoRef::Named(file), reason } => {
                let of_file = |one: &PathBuf| one.display().to_string() == file;
                let at = self.files.iter().position(of_file);
                let name = at.map_or(file, |at| self.names[at].clone());
                EngineError::Photo { photo: PhotoRef::Named(name), reason }
            }
            other => other,
        }
    }

    /// What the user called them.
    pub(crate) fn query(&self) -> String {
        self.names.join(", ")
    }
}

fn standard_input() -> Result<Vec<u8>, String> {
    let most = DecodeLimits::default().max_bytes;
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(most + 1).read_to_end(&mut bytes);
    read.map_err(|error| format!("standard input: {error}"))?;
    Ok(bytes)
}
