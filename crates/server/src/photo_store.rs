//! Photos that were added over HTTP: files beside the index, named by their content.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use lookalike_base::{atomic_write, hex};
use lookalike_engine::{Index, IndexedPhoto};
use lookalike_photo::PhotoFormat;

/// Name of the folder beside an index that holds the photos.
const FOLDER: &str = "photos";

pub(crate) struct PhotoStore {
    folder: PathBuf,
}

impl PhotoStore {
    pub(crate) fn beside(index: &Path) -> Self {
        let folder = index.join(FOLDER);
        // Paths in an index are absolute, or relative to the catalogue's root.
        Self { folder: std::path::absolute(&folder).unwrap_or(folder) }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The name of a photo's file: its checksum, with the extension of its format.
    pub(crate) fn name(sha256: &[u8; 32], format: PhotoFormat) -> String {
        format!("{}.{}", hex::encode(sha256), extension(format))
    }

    /// Writes a photo's file, whole or not at all. Returns whether it is new.
    pub(crate) fn insert(&self, name: &str, bytes: &[u8]) -> io::Result<bool> {
        let file = self.folder.join(name);
        if fs::read(&file).is_ok_and(|stored| stored == bytes) {
            return Ok(false);
        }
        fs::create_dir_all(&self.folder)?;
        atomic_write(&file, |out| out.write_all(bytes))?;
        Ok(true)
    }

    /// Deletes a photo's file, if there is one.
    pub(crate) fn delete(&self, name: &str) {
        match fs::remove_file(self.folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!("the photo {name} was not deleted: {error}");
            }
            _ => {}
        }
    }

    /// The name of an indexed photo's file in this store, if it is here. The folder of the path in the index
    /// does not count: the index may have been moved, together with this store.
    pub(crate) fn name_of(&self, photo: &IndexedPhoto) -> Option<String> {
        let name = Path::new(&photo.path).file_name()?.to_str()?;
        let is_here = name.split('.').next()? == hex::encode(&photo.sha256)
            && self.folder.join(name).is_file();
        is_here.then(|| name.to_owned())
    }

    /// Where the file of an indexed photo is.
    pub(crate) fn file_of(&self, index: &Index, photo: &IndexedPhoto) -> PathBuf {
        match self.name_of(photo) {
            Some(name) => self.folder.join(name),
            None => index.root().join(&photo.path),
        }
    }
}

/// The extension of a photo's file.
pub(crate) fn extension(format: PhotoFormat) -> &'static str {
    match format {
        PhotoFormat::Heic => "heic",
        PhotoFormat::Jpeg => "jpg",
        PhotoFormat::Tiff => "tiff",
        other => other.media_type().rsplit('/').next().unwrap_or("photo"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lookalike_catalog::PhotoSource;
    use lookalike_photo::PerceptualHash;

    #[test]
    fn files_are_named_by_content_and_whole() {
        let index = tempfile::tempdir().expect("a folder");
        let store = PhotoStore::beside(index.path());
        let name = PhotoStore::name(&[0xab; 32], PhotoFormat::Jpeg);
        assert_eq!(name, format!("{}.jpg", "ab".repeat(32)));
        assert!(PhotoStore::name(&[0; 32], PhotoFormat::WebP).ends_with("0.webp"));
        assert!(store.insert(&name, b"photo").expect("written"));
        assert!(!store.insert(&name, b"photo").expect("read"), "it is stored already");
        fs::write(store.folder().join(&name), b"phot").expect("written");
        assert!(store.insert(&name, b"photo").expect("written"), "a damaged file is replaced");
        let photo = |path: &str| IndexedPhoto {
            product: 0,
            path: path.to_owned(),
            split: None,
            source: PhotoSource::Review,
            sha256: [0xab; 32],
            perceptual_hash: PerceptualHash::default(),
        };
        let moved = photo(&format!("/moved/since/{name}"));
        assert_eq!(store.name_of(&moved).as_deref(), Some(name.as_str()));
        assert_eq!(store.name_of(&photo("chairs/1.jpg")), None);
        store.delete(&name);
        assert_eq!(store.name_of(&moved), None);
        assert_eq!(fs::read_dir(store.folder()).expect("a folder").count(), 0);
    }
}
