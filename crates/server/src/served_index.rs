//! The index that is served, with the lookups and summaries that requests need beside a search.

mod summary;

use std::collections::HashMap;
use std::sync::Arc;

use lookalike_base::hex;
use lookalike_catalog::nfc;
use lookalike_engine::{CombinedDetector, EngineError, ObjectDetector, OnnxDetector, Searcher};
use sha2::{Digest, Sha256};

use crate::api::{Category, IndexInfo, ModelInfo, ModelPart, PriceRange};
use crate::urls::photo_id;

/// A best match is weak below the similarity to the nearest other photo that this fraction of the index's own
/// photos have.
const WEAK_QUANTILE: f64 = 0.02;

pub(crate) struct ServedIndex {
    pub(crate) searcher: Searcher,
    pub(crate) detector: Arc<dyn ObjectDetector>,
    /// See [`lookalike_engine::Index::verdict_id`].
    pub(crate) verdict_id: String,
    pub(crate) index: IndexInfo,
    pub(crate) model: ModelInfo,
    pub(crate) categories: Vec<Category>,
    pub(crate) price_range: Option<PriceRange>,
    /// A best match below this similarity is weak; unknown for an index with one photo.
    pub(crate) weak_below: Option<f32>,
    /// Origins of product images on the web, for the page's content security policy.
    pub(crate) image_origins: Vec<String>,
    products: HashMap<String, u32>,
    photos: HashMap<String, u32>,
}

impl ServedIndex {
    /// Objects in photos are found by the activation map of the index's network, and by a detector if there
    /// is one.
    pub(crate) fn new(
        searcher: Searcher,
        detector: Option<Arc<OnnxDetector>>,
    ) -> Result<Self, EngineError> {
        let map = searcher.activation_detector();
        let detector: Arc<dyn ObjectDetector> = match detector {
            Some(detector) => Arc::new(CombinedDetector::new(detector, map)),
            None => Arc::new(map),
        };
        let index = searcher.index();
        let parts = index.model().parts.iter().map(|part| ModelPart {
            backbone: part.identity.backbone.clone(),
            weights_sha256: part.identity.weights_sha256.clone(),
            preprocess: part.identity.preprocess.clone(),
            weight: part.weight,
        });
        let model = ModelInfo {
            name: index.model().name(),
            embedding_dim: index.model().embedding_dim(),
            parts: parts.collect(),
        };
        let info = IndexInfo {
            id: index_id(&searcher, &model),
            created_at: index.created_at(),
            products: index.products_with_photos(),
            photos: index.photos().len(),
        };
        let products = (0u32..).zip(index.products());
        let photos = (0u32..).zip(index.photos());
        Ok(Self {
            categories: summary::categories(&searcher),
            price_range: summary::price_range(summary::searchable(&searcher)),
            weak_below: searcher.usual_similarity(WEAK_QUANTILE)?,
            image_origins: summary::image_origins(&searcher),
            products: products.map(|(at, product)| (nfc(&product.id).into_owned(), at)).collect(),
            photos: photos.map(|(row, photo)| (photo_id(&photo.sha256), row)).collect(),
            verdict_id: index.verdict_id(),
            index: info,
            model,
            detector,
            searcher,
        })
    }

    /// Position of a product, by its id.
    pub(crate) fn product(&self, id: &str) -> Option<u32> {
        self.products.get(&*nfc(id)).copied()
    }

    /// Row of a photo, by its id.
    pub(crate) fn photo(&self, id: &str) -> Option<u32> {
        self.photos.get(id).copied()
    }
}

/// Identifies an index: 12 hexadecimal digits of a checksum over its photos, products, time and weights.
fn index_id(searcher: &Searcher, model: &ModelInfo) -> String {
    let index = searcher.index();
    let mut checksum = Sha256::new();
    checksum.update(index.created_at().to_le_bytes());
    for photo in index.photos() {
        checksum.update(photo.product.to_le_bytes());
        checksum.update(photo.sha256);
    }
    for product in index.products() {
        checksum.update(format!("{product:?}"));
    }
    for part in &model.parts {
        checksum.update(part.weights_sha256.as_bytes());
    }
    hex::encode(&checksum.finalize()[..6])
}
