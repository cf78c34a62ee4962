//! What an index file holds.

use std::sync::Arc;

use lookalike_catalog::{PhotoSource, Product, Split};
use lookalike_photo::PerceptualHash;
use lookalike_rank::CalibrationSet;
use lookalike_vectors::snapshot::Format;
use lookalike_vectors::{Graph, HnswParams, Vectors};
use serde::{Deserialize, Serialize};

use super::report::BuildReport;
use crate::encode::Model;
use crate::metric::Metric;
use crate::ranking::Ranking;

/// Raise `current` when [`Content`] changes; `index/README.md` lists the versions.
pub(super) const FORMAT: Format = Format { current: 1, oldest_read: 1, oldest_reader: 1 };

/// What an index file holds, in this order.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Content {
    /// Version of the program that wrote it.
    pub(crate) program: String,
    /// Seconds since 1970-01-01, UTC.
    pub(crate) created_at: u64,
    pub(crate) model: Model,
    /// The folder that photo paths are relative to.
    pub(crate) root: String,
    pub(crate) products: Vec<Product>,
    /// In the order of the vectors' rows.
    pub(crate) photos: Vec<IndexedPhoto>,
    pub(crate) build_report: BuildReport,
    pub(crate) metric: Metric,
    pub(crate) ranking: Ranking,
    /// What its calibrator was fitted on: kept, so that it can be fitted again with more.
    pub(crate) calibration_set: CalibrationSet,
    pub(crate) hnsw: HnswParams,
    pub(crate) graph: Arc<Graph>,
    /// Stored behind the rest as raw bytes, so that opening an index need not decode them.
    #[serde(skip)]
    pub(crate) vectors: Arc<Vectors>,
}

/// A photo in an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexedPhoto {
    /// Position of its product in [`Index::products`](crate::Index::products).
    pub product: u32,
    /// Path relative to [`Index::root`](crate::Index::root).
    pub path: String,
    /// The split that it belongs to, if the catalogue has splits.
    pub split: Option<Split>,
    /// Whether it is a customer's photo or the shop's own picture.
    pub source: PhotoSource,
    /// Checksum of its file.
    pub sha256: [u8; 32],
    /// Its perceptual hash: that of a copy at another size or quality is nearly the same.
    pub perceptual_hash: PerceptualHash,
}

impl Content {
    /// How many of its photos are catalogue pictures.
    pub(crate) fn catalogue_pictures(&self) -> usize {
        self.photos.iter().filter(|photo| photo.source == PhotoSource::Catalogue).count()
    }

    /// What is inconsistent, if anything.
    pub(crate) fn misfit(&self, vectors: usize) -> Option<String> {
        if self.photos.len() != vectors {
            return Some("photos and embeddings differ in number".into());
        }
        if self.build_report.products_without_photos.len() > self.products.len() {
            return Some("more products lack photos than there are".into());
        }
        if let Some(reason) = self.ranking.misfit(self.model.parts.len()) {
            return Some(reason);
        }
        if self.photos.iter().any(|photo| photo.product as usize >= self.products.len()) {
            return Some("a photo belongs to no product".into());
        }
        None
    }
}
