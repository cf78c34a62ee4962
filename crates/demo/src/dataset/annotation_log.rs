//! The annotations of an unfinished shop, appended to a file as photos are drawn, so that a run can go on.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::annotations::PhotoAnnotations;
use super::folder::write_file;
use super::paths::{ANNOTATIONS, PARTIAL_ANNOTATIONS};
use crate::error::DemoError;

/// The annotations of photos by path, from earlier runs. An incomplete line is ignored.
pub(super) fn read(folder: &Path) -> Result<HashMap<String, PhotoAnnotations>, DemoError> {
    let mut known = HashMap::new();
    for name in [ANNOTATIONS, PARTIAL_ANNOTATIONS] {
        let path = folder.join(name);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(source) => return Err(DemoError::Unreadable { path, source }),
        };
        let lines = bytes.split(|&byte| byte == b'\n');
        let photos = lines.filter_map(|line| serde_json::from_slice::<PhotoAnnotations>(line).ok());
        known.extend(photos.map(|photo| (photo.photo.clone(), photo)));
    }
    Ok(known)
}

/// JSON Lines.
pub(super) fn to_lines(photos: &[PhotoAnnotations]) -> Result<String, DemoError> {
    let mut text = String::new();
    for photo in photos {
        let line = serde_json::to_string(photo).map_err(|e| DemoError::Encode(e.to_string()))?;
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}

/// The annotations of the photos drawn so far, in memory and in a file.
pub(super) struct AnnotationLog {
    path: PathBuf,
    state: Mutex<(File, HashMap<String, PhotoAnnotations>)>,
}

impl AnnotationLog {
    /// Writes what is known and opens the file for appending. Writing it anew removes an incomplete last line.
    pub(super) fn open(
        folder: &Path,
        known: HashMap<String, PhotoAnnotations>,
    ) -> Result<Self, DemoError> {
        let path = folder.join(PARTIAL_ANNOTATIONS);
        let mut photos: Vec<PhotoAnnotations> = known.values().cloned().collect();
        photos.sort_by(|a, b| a.photo.cmp(&b.photo));
        write_file(&path, to_lines(&photos)?.as_bytes())?;
        let file = OpenOptions::new().append(true).open(&path);
        let file = file.map_err(|source| DemoError::unwritable(&path, source))?;
        Ok(Self { path, state: Mutex::new((file, known)) })
    }

    pub(super) fn append(&self, photo: PhotoAnnotations) -> Result<(), DemoError> {
        let line = to_lines(std::slice::from_ref(&photo))?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let written = state.0.write_all(line.as_bytes());
        written.map_err(|source| DemoError::unwritable(&self.path, source))?;
        state.1.insert(photo.photo.clone(), photo);
        Ok(())
    }

    /// All annotations by path. The file stays.
    pub(super) fn finish(self) -> HashMap<String, PhotoAnnotations> {
        self.state.into_inner().unwrap_or_else(PoisonError::into_inner).1
    }
}

/// Removes the file once the final annotations are written.
pub(super) fn remove(folder: &Path) -> Result<(), DemoError> {
    let path = folder.join(PARTIAL_ANNOTATIONS);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(DemoError::unwritable(&path, error))
        }
        _ => Ok(()),
    }
}
