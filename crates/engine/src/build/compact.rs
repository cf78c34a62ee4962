//! Rebuilds an index's graph, and its metric if the embedding cache is complete.

use std::path::Path;
use std::sync::Arc;

use lookalike_catalog::PhotoSource;
use lookalike_rank::CalibrationSet;
use lookalike_vectors::Vectors;

use super::graph::{link, now};
use crate::encode::EmbeddingCache;
use crate::error::EngineError;
use crate::index::{Content, Index};
use crate::metric::{Metric, TrainingPhotos, metric_priors};
use crate::progress::Progress;
use crate::ranking::Ranking;

/// Rebuilds the graph. If the embedding cache has all of the index's photos, the metric is learnt again, too, and
/// embeddings of other photos are dropped from the cache. If a projection can be learnt that could not be before (or the
/// other way round), the fitted ranking no longer holds and is dropped until the next build.
///
/// # Errors
/// [`EngineError::EmbeddingCache`] when the cache cannot be read or written, [`EngineError::VectorsInStore`].
pub fn compact(
    index: &Index,
    embedding_cache: Option<&Path>,
    progress: &dyn Progress,
) -> Result<Index, EngineError> {
    if index.remote().is_some() {
        return Err(EngineError::VectorsInStore);
    }
    let old = index.content();
    let mut metric = old.metric.clone();
    let mut vectors = Arc::clone(&old.vectors);
    if let Some(folder) = embedding_cache.filter(|folder| folder.is_dir()) {
        let cache = EmbeddingCache::open(folder, &old.model)?;
        let sha256s: Vec<[u8; 32]> = old.photos.iter().map(|photo| photo.sha256).collect();
        let whole = |sha256| cache.whole(&old.model, sha256);
        if let Some(rows) = sha256s.iter().map(whole).collect::<Option<Vec<_>>>() {
            let all: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
            let products: Vec<u32> = old.photos.iter().map(|photo| photo.product).collect();
            let priors = metric_priors(&old.model);
            let sources: Vec<PhotoSource> = old.photos.iter().map(|photo| photo.source).collect();
            let training =
                TrainingPhotos { embeddings: &all, products: &products, sources: &sources };
            metric = Metric::fit(&old.model, &priors, &training, old.metric.dims())?;
            vectors =
                Arc::new(Vectors::normalised(metric.dim(), metric.apply_all(&all, &sources))?);
        }
        cache.retain(&sha256s.into_iter().collect())?;
    }
    // A ranking that was fitted with another kind of metric does not hold.
    let (ranking, calibration_set) = match metric.is_learnt() == old.metric.is_learnt() {
        true => (old.ranking.clone(), old.calibration_set.clone()),
        false => (Ranking::plain(old.model.parts.len()), CalibrationSet::default()),
    };
    let store = link(vectors, old.hnsw, progress)?;
    Ok(Index::from_content(Content {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        created_at: now(),
        products: old.products.clone(),
        photos: old.photos.clone(),
        metric,
        ranking,
        calibration_set,
        hnsw: store.params(),
        graph: Arc::clone(store.graph()),
        vectors: Arc::clone(store.vectors()),
        ..old.clone()
    }))
}
