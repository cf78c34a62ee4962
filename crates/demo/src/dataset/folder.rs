//! The folder of a shop: marked with its settings, so that an interrupted run can go on and other files are never
//! overwritten.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write as _};
use std::path::Path;

use lookalike_base::{atomic_write, temporary_beside};
use serde::{Deserialize, Serialize};

use super::paths::{ANNOTATIONS, MANIFEST, PARTIAL_ANNOTATIONS, SETTINGS};
use crate::error::DemoError;
use crate::settings::Settings;

/// Raised whenever the same settings give other photos than before.
const VERSION: u32 = 1;

/// The content of the settings file.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Marker {
    version: u32,
    #[serde(flatten)]
    settings: Settings,
}

/// Marks a folder with a shop's settings, or checks that it has the same mark.
pub(super) fn claim(folder: &Path, settings: &Settings) -> Result<(), DemoError> {
    create(folder)?;
    let file = folder.join(SETTINGS);
    let marker = Marker { version: VERSION, settings: settings.clone() };
    match fs::read(&file) {
        Ok(bytes) => {
            let Ok(there) = serde_json::from_slice::<Marker>(&bytes) else {
                return Err(DemoError::NotOurs { path: file });
            };
            if there == marker {
                return Ok(());
            }
            let differs = [
                ("version", u64::from(there.version), u64::from(VERSION)),
                ("seed", there.settings.seed, settings.seed),
                ("photos", there.settings.photos.into(), settings.photos.into()),
                ("side", there.settings.side.into(), settings.side.into()),
            ]
            .into_iter()
            .filter(|(_, there, here)| there != here)
            .map(|(name, there, here)| format!("{name} {there} there, {here} now"))
            .collect::<Vec<_>>()
            .join("; ");
            Err(DemoError::OtherSettings { folder: folder.to_owned(), differs })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            for name in ["photos", "catalogue", MANIFEST, ANNOTATIONS, PARTIAL_ANNOTATIONS] {
                let path = folder.join(name);
                if path.symlink_metadata().is_ok() {
                    return Err(DemoError::NotOurs { path });
                }
            }
            let text =
                serde_json::to_vec(&marker).map_err(|e| DemoError::unwritable(&file, e.into()))?;
            write_file(&file, &text)
        }
        Err(source) => Err(DemoError::Unreadable { path: file, source }),
    }
}

/// Creates a folder if it is missing.
pub(super) fn create(folder: &Path) -> Result<(), DemoError> {
    fs::create_dir_all(folder).map_err(|source| DemoError::unwritable(folder, source))
}

/// Writes a file atomically.
pub(super) fn write_file(file: &Path, bytes: &[u8]) -> Result<(), DemoError> {
    let written: io::Result<()> = atomic_write(file, |out| out.write_all(bytes));
    written.map_err(|source| DemoError::unwritable(file, source))
}

/// Writes a photo under a temporary name and renames it. It is not synced, which would take longer than drawing it: a
/// photo that a power cut leaves incomplete is found by [`is_whole_jpeg`] and drawn again.
pub(super) fn write_photo(file: &Path, bytes: &[u8]) -> Result<(), DemoError> {
    let write = || -> io::Result<()> {
        let mut temporary = temporary_beside(file)?;
        temporary.write_all(bytes)?;
        temporary.persist(file)?;
        Ok(())
    };
    write().map_err(|source| DemoError::unwritable(file, source))
}

/// Whether a file begins and ends as a JPEG does.
pub(super) fn is_whole_jpeg(file: &Path) -> bool {
    let ends = || -> io::Result<bool> {
        let mut file = File::open(file)?;
        let (mut first, mut last) = ([0; 2], [0; 2]);
        file.read_exact(&mut first)?;
        file.seek(SeekFrom::End(-2))?;
        file.read_exact(&mut last)?;
        Ok(first == [0xFF, 0xD8] && last == [0xFF, 0xD9])
    };
    ends().unwrap_or(false)
}
