//! The intake of builds and updates: photos of the wanted splits are selected, embedded through the cache, and
//! collected as rows without duplicates; photos that cannot be used are reported with their reasons.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use lookalike_catalog::{Catalog, Photo, Skipped, Split};

use super::split_selection::{empty_split, is_selected};
use crate::encode::{EmbeddingCache, Encoder, FileEmbedding};
use crate::error::EngineError;
use crate::index::IndexedPhoto;
use crate::progress::{EMBED, Phase, Progress};

/// The photos of a catalogue that go into an index.
pub(super) struct Intake<'a> {
    catalog: &'a Catalog,
    photos: Vec<&'a Photo>,
}

impl<'a> Intake<'a> {
    /// Selects the photos of some splits; of none, those of `train` and those without a split.
    ///
    /// # Errors
    /// [`EngineError::EmptySplit`].
    pub(super) fn select(catalog: &'a Catalog, splits: &[Split]) -> Result<Self, EngineError> {
        let photos = catalog.photos.iter();
        let photos: Vec<&Photo> = photos.filter(|photo| is_selected(photo.split, splits)).collect();
        match photos.is_empty() && !catalog.photos.is_empty() {
            true => Err(empty_split(catalog, splits)),
            false => Ok(Self { catalog, photos }),
        }
    }

    /// How many photos there are.
    pub(super) fn len(&self) -> usize {
        self.photos.len()
    }

    /// No rows yet, and the reasons of the photos that the catalogue could not list.
    pub(super) fn rows(&self) -> Rows {
        Rows { skipped: self.catalog.skipped.clone(), ..Rows::default() }
    }

    /// Embeds the photos on all cores, through the cache in a folder if one is given, and passes each to `then` in
    /// order: its embedding, or why it cannot be used.
    ///
    /// # Errors
    /// When a network fails, and [`EngineError::EmbeddingCache`].
    pub(super) fn embed(
        &self,
        encoder: &Encoder,
        cache: Option<&Path>,
        progress: &dyn Progress,
        mut then: impl FnMut(&Photo, Result<FileEmbedding, String>),
    ) -> Result<(), EngineError> {
        let cache =
            cache.map(|folder| EmbeddingCache::open(folder, encoder.model())).transpose()?;
        progress.begin(Phase::items(EMBED, self.photos.len() as u64));
        let files: Vec<PathBuf> = self.photos.iter().map(|p| self.catalog.file(p)).collect();
        let mut photos = self.photos.iter();
        encoder.embed_each(&files, cache.as_ref(), progress, |embedded| {
            if let Some(photo) = photos.next() {
                then(photo, embedded);
            }
            Ok(())
        })?;
        progress.end();
        if let Some(cache) = cache {
            cache.close();
        }
        Ok(())
    }
}

/// Photos and their vectors, as they go into an index.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) photos: Vec<IndexedPhoto>,
    /// One for each photo, one behind the other.
    pub(super) vectors: Vec<f32>,
    /// Photos that could not be used, with the reason.
    pub(super) skipped: Vec<Skipped>,
    /// Photos left out because their product has the same file already.
    pub(super) duplicates: u64,
    /// Photos whose embeddings came from the cache.
    pub(super) cached: u64,
    contents: HashSet<(u32, [u8; 32])>,
}

impl Rows {
    /// Adds a photo, unless its product has the same file already.
    pub(super) fn add(&mut self, photo: IndexedPhoto, vector: &[f32], is_cached: bool) {
        if !self.contents.insert((photo.product, photo.sha256)) {
            self.duplicates += 1;
            return;
        }
        self.cached += u64::from(is_cached);
        self.vectors.extend_from_slice(vector);
        self.photos.push(photo);
    }

    /// Reports a photo that cannot be used.
    pub(super) fn skip(&mut self, path: &str, reason: String) {
        self.skipped.push(Skipped { path: path.to_owned(), reason });
    }
}
