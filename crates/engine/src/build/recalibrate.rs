//! Fits an index's confidence again after much of it has changed.

use std::path::Path;

use lookalike_catalog::Catalog;
use lookalike_rank::CalibrationSet;

use crate::encode::{EmbeddingCache, Encoder};
use crate::error::EngineError;
use crate::index::Index;
use crate::progress::Progress;
use crate::ranking::fit;

/// Fits the ranking and the confidence again if they are [stale](crate::FittedOn::is_stale), from embeddings in the
/// cache. Returns whether it did: not where the cache lacks a photo, and not for an index in a store, whose vectors are
/// not at hand.
pub(super) fn recalibrate(
    index: &mut Index,
    cache: &Path,
    encoder: &Encoder,
    catalog: &Catalog,
    progress: &dyn Progress,
) -> Result<bool, EngineError> {
    let content = index.content();
    // An index with too few photos to fit anything on may have enough by now.
    let is_due = content.ranking.fitted_on.is_none_or(|fitted| fitted.is_stale());
    if !is_due || index.remote().is_some() {
        return Ok(false);
    }
    let cache = EmbeddingCache::open(cache, &content.model)?;
    let embeddings: Option<Vec<Vec<f32>>> =
        content.photos.iter().map(|photo| cache.whole(&content.model, &photo.sha256)).collect();
    let Some(embeddings) = embeddings else { return Ok(false) };
    drop(cache);
    let (ranking, calibration_set) =
        fit(content, &embeddings.concat(), encoder, catalog, progress)?;
    let is_fitted = ranking.fitted_on.is_some();
    if is_fitted {
        // The metric is the same, so features mean the same: real queries still count.
        let CalibrationSet { queries, unsold, .. } = content.calibration_set.clone();
        index.set_ranking(ranking);
        index.set_calibration(CalibrationSet { queries, unsold, ..calibration_set });
    }
    Ok(is_fitted)
}
