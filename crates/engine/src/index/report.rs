//! What became of the photos of a build; the index keeps it.

use lookalike_catalog::Skipped;
use serde::{Deserialize, Serialize};

/// What became of the photos of a build.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BuildReport {
    /// Photos that the catalogue has for the splits that were indexed, with those that it could not list.
    pub listed: u64,
    /// Photos in the index.
    pub indexed: u64,
    /// Photos left out because the same product has the very same file already.
    pub duplicates: u64,
    /// Photos in the index whose embeddings came from the cache.
    pub cached: u64,
    /// Photos of other splits.
    pub other_splits: u64,
    /// Photos that could not be used, with the reason.
    pub skipped: Vec<Skipped>,
    /// Ids of products without a photo in the index: no search can find them.
    pub products_without_photos: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}
