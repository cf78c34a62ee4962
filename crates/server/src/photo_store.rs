//! Photos that came over HTTP and are part of the index: files in its folder, named by their content.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use lookalike_engine::{Index, IndexedPhoto};
use lookalike_photo::PhotoFormat;

use crate::served::hex;

/// Name of the folder beside an index that holds them.
const FOLDER: &str = "photos";

pub(crate) struct PhotoStore {
    folder: PathBuf,
}

impl PhotoStore {
    pub(crate) fn beside(index: &Path) -> Self {
        let folder = index.join(FOLDER);
        // Paths in an index are relative to where its photos were, or whole.
        Self { folder: std::path::absolute(&folder).unwrap_or(folder) }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the file of a photo is called.
    pub(crate) fn name(sha256: &[u8; 32], format: PhotoFormat) -> String {
        let ending = match format {
            PhotoFormat::Jpeg => "jpg",
            PhotoFormat::Tiff => "tiff",
            other => other.media_type().rsplit('/').next().unwrap_or("photo"),
        };
        format!("{}.{ending}", hex(sha256))
    }

    /// Keeps a photo, of which there is never half a file. Returns whether it is new.
    pub(crate) fn keep(&self, name: &str, bytes: &[u8]) -> io::Result<bool> {
        let (file, partial) =
            (self.folder.join(name), self.folder.join(format!(".{name}.partial")));
        if fs::read(&file).is_ok_and(|there| there == bytes) {
            return Ok(false);
        }
        fs::create_dir_all(&self.folder)?;
        let written = File::create(&partial).and_then(|mut out| {
            out.write_all(bytes)?;
            out.sync_all()
        });
        if let Err(error) = written.and_then(|()| fs::rename(&partial, &file)) {
            let _ = fs::remove_file(&partial);
            return Err(error);
        }
        // The name is on disk once the folder is; not every system can do this.
        let _ = File::open(&self.folder).and_then(|folder| folder.sync_all());
        Ok(true)
    }

    /// Removes a photo's file, if there is one.
    pub(crate) fn forget(&self, name: &str) {
        match fs::remove_file(self.folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("the photo {name} was not removed: {error}");
            }
            _ => {}
        }
    }

    /// The name of an indexed photo's file here, if it is one of ours: whoever moves the index's folder
    /// moves them with it, whatever path the index remembers.
    pub(crate) fn name_of(&self, photo: &IndexedPhoto) -> Option<String> {
        let name = Path::new(&photo.path).file_name()?.to_str()?;
        let is_ours =
            name.split('.').next()? == hex(&photo.sha256) && self.folder.join(name).is_file();
        is_ours.then(|| name.to_owned())
    }

    /// Where the file of an indexed photo is.
    pub(crate) fn file_of(&self, index: &Index, photo: &IndexedPhoto) -> PathBuf {
        match self.name_of(photo) {
            Some(name) => self.folder.join(name),
            None => index.root().join(&photo.path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_content_and_whole() {
        let index = tempfile::tempdir().expect("a folder");
        let store = PhotoStore::beside(index.path());
        let name = PhotoStore::name(&[0xab; 32], PhotoFormat::Jpeg);
        assert_eq!(name, format!("{}.jpg", "ab".repeat(32)));
        assert!(PhotoStore::name(&[0; 32], PhotoFormat::WebP).ends_with("0.webp"));
        assert!(store.keep(&name, b"photo").expect("written"));
        assert!(!store.keep(&name, b"photo").expect("there"), "it is there");
        fs::write(store.folder().join(&name), b"phot").expect("written");
        assert!(store.keep(&name, b"photo").expect("written"), "mended");
        let photo = |path: &str| IndexedPhoto {
            product: 0,
            path: path.to_owned(),
            split: None,
            sha256: [0xab; 32],
        };
        let elsewhere = photo(&format!("/moved/since/{name}"));
        assert_eq!(store.name_of(&elsewhere).as_deref(), Some(name.as_str()));
        assert_eq!(store.name_of(&photo("chairs/1.jpg")), None);
        store.forget(&name);
        assert_eq!(store.name_of(&elsewhere), None);
        assert_eq!(fs::read_dir(store.folder()).expect("a folder").count(), 0);
    }
}
