//! An index: a catalogue's photos, embedded and linked, with all that a search needs.

mod file_format;
mod info;
mod location;
mod remote;
mod report;
mod verify;

use std::path::Path;
use std::sync::Arc;

use lookalike_base::hex;
use lookalike_catalog::{CataloguePictures, Product, nfc};
use lookalike_rank::{CalibrationSet, ConfidenceCalibrator};
use lookalike_vectors::{HnswStore, VectorStore};
use sha2::{Digest, Sha256};

use crate::encode::{Encoder, Model};
use crate::error::EngineError;
use crate::ranking::{Prototypes, Ranking};

pub(crate) use file_format::Content;
pub use file_format::IndexedPhoto;
pub use info::IndexInfo;
pub use location::{INDEX_FILE, IndexLocation, IndexLock};
pub(crate) use remote::Remote;
pub use report::BuildReport;
pub use verify::{Verification, verify};

/// A catalogue's photos, embedded and linked, ready to be searched.
pub struct Index {
    content: Content,
    /// The store that has the vectors, if one does: the content then has none, and no graph.
    remote: Option<Remote>,
}

impl Index {
    pub(crate) fn from_content(content: Content) -> Self {
        Self { content, remote: None }
    }

    pub(crate) fn in_store(content: Content, remote: Remote) -> Self {
        Self { content, remote: Some(remote) }
    }

    /// Position of a product, by its id, however its letters are composed (Unicode NFC or NFD).
    pub fn product_by_id(&self, id: &str) -> Option<u32> {
        let id = nfc(id);
        let position = self.products().iter().position(|product| nfc(&product.id) == id);
        position.map(|position| position as u32)
    }

    pub(crate) fn remote(&self) -> Option<&Remote> {
        self.remote.as_ref()
    }

    pub(crate) fn content(&self) -> &Content {
        &self.content
    }

    /// The products, with and without photos.
    pub fn products(&self) -> &[Product] {
        &self.content.products
    }

    /// Number of products that a search can find: those with a photo.
    pub fn products_with_photos(&self) -> usize {
        self.content.products.len() - self.content.build_report.products_without_photos.len()
    }

    /// The photos, in the order of their vectors.
    pub fn photos(&self) -> &[IndexedPhoto] {
        &self.content.photos
    }

    /// Whether it has the products' catalogue pictures, along with customers' photos or in their place.
    pub fn catalogue_pictures(&self) -> CataloguePictures {
        match self.content.catalogue_pictures() {
            0 => CataloguePictures::Shown,
            all if all == self.content.photos.len() => CataloguePictures::Only,
            _ => CataloguePictures::Along,
        }
    }

    /// What became of the photos during the build.
    pub fn build_report(&self) -> &BuildReport {
        &self.content.build_report
    }

    /// The answers to photos of known products that its confidence was fitted on.
    pub fn calibration_set(&self) -> &CalibrationSet {
        &self.content.calibration_set
    }

    /// How products are ranked.
    pub fn ranking(&self) -> &Ranking {
        &self.content.ranking
    }

    /// Makes photos' paths relative to another folder.
    pub(crate) fn set_root(&mut self, root: &Path, relative: impl Fn(&str) -> String) {
        self.content.photos.iter_mut().for_each(|photo| photo.path = relative(&photo.path));
        self.content.root = root.to_string_lossy().into_owned();
    }

    /// Notes what the last change did, and how long it took.
    pub(crate) fn set_last_change(&mut self, cached: u64, seconds: f64) {
        let report = &mut self.content.build_report;
        (report.cached, report.seconds) = (cached, seconds);
    }

    pub(crate) fn set_ranking(&mut self, ranking: Ranking) {
        self.content.ranking = ranking;
    }

    /// Fits the confidence on other answers.
    pub(crate) fn set_calibration(&mut self, set: CalibrationSet) {
        let ranking = &mut self.content.ranking;
        ranking.calibrator = ConfidenceCalibrator::fit(&set);
        if let Some(fitted) = &mut ranking.fitted_on {
            fitted.queries = set.queries.len() as u32;
        }
        self.content.calibration_set = set;
    }

    /// Identifies how verdicts' features are computed, by 16 hexadecimal digits: those of indexes with different ids must
    /// not be mixed. Photos that are added or removed do not change it, a rebuild may.
    pub fn verdict_id(&self) -> String {
        let mut checksum = Sha256::new();
        self.content.metric.update_checksum(&mut checksum);
        self.content.ranking.weights.iter().for_each(|w| checksum.update(w.to_le_bytes()));
        for part in &self.content.model.parts {
            checksum.update(part.identity.weights_sha256.as_bytes());
            checksum.update(part.identity.preprocess.as_bytes());
        }
        hex::encode(&checksum.finalize()[..8])
    }

    /// Whether a search has a verdict, and can reject photos of products that are not sold: only where the build had
    /// enough photos to fit that.
    pub fn is_calibrated(&self) -> bool {
        self.content.ranking.calibrator.is_some()
    }

    /// The folder that photo paths are relative to.
    pub fn root(&self) -> &Path {
        Path::new(&self.content.root)
    }

    /// What made the embeddings.
    pub fn model(&self) -> &Model {
        &self.content.model
    }

    /// When it was built, in seconds since 1970-01-01, UTC.
    pub fn created_at(&self) -> u64 {
        self.content.created_at
    }

    /// Checks that an encoder's embeddings can be compared with this index's.
    ///
    /// # Errors
    /// [`EngineError::OtherModel`] with the first difference.
    pub fn check_model(&self, encoder: &Encoder) -> Result<(), EngineError> {
        match self.content.model.difference(encoder.model()) {
            None => Ok(()),
            Some((what, index, now)) => Err(EngineError::OtherModel { what, index, now }),
        }
    }

    /// The vectors in memory, and their graph.
    pub(crate) fn graph_store(&self) -> Result<HnswStore, EngineError> {
        let Content { vectors, graph, hnsw, photos, .. } = &self.content;
        let store = HnswStore::from_graph(Arc::clone(vectors), Arc::clone(graph), *hnsw)?;
        Ok(store.with_groups(photos.iter().map(|photo| photo.product).collect()))
    }

    /// Length of the vectors that a search compares.
    pub fn vector_dim(&self) -> usize {
        self.content.metric.dim()
    }

    /// The store of the index's vectors: row `n` is photo `n` of [`Self::photos`], grouped by product.
    ///
    /// # Errors
    /// [`EngineError::Vector`] when graph and vectors do not fit.
    pub fn store(&self) -> Result<Arc<dyn VectorStore>, EngineError> {
        Ok(match &self.remote {
            None => Arc::new(self.graph_store()?),
            Some(remote) => Arc::new(remote.rows(&self.content)),
        })
    }

    /// The products' prototypes.
    pub(crate) fn prototypes(&self) -> Prototypes {
        let Content { products, photos, vectors, metric, .. } = &self.content;
        match &self.remote {
            None => Prototypes::new(products.len(), photos, vectors),
            Some(remote) => Prototypes::of_sums(metric.dim(), remote.sums.clone()),
        }
    }
}
