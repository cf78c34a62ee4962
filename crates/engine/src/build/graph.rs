//! Vectors to a graph, with progress.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use lookalike_vectors::{HnswParams, HnswStore, Vectors};

use crate::error::EngineError;
use crate::progress::{LINK, Phase, Progress};

/// The recall, 0 to 1, that a search has to reach on the index's own photos.
const RECALL: f64 = 0.99;

/// Builds the graph of vectors, and finds how many candidates a search has to keep for [`RECALL`].
pub(super) fn link(
    vectors: Arc<Vectors>,
    hnsw: HnswParams,
    progress: &dyn Progress,
) -> Result<HnswStore, EngineError> {
    let linked = AtomicUsize::new(0);
    progress.begin(Phase::items(LINK, vectors.len() as u64));
    let store = HnswStore::build(vectors, hnsw, &|done| advance(progress, &linked, done));
    let store = store.with_recall(RECALL)?;
    progress.end();
    Ok(store)
}

/// Advances progress by a count that threads report out of order.
pub(super) fn advance(progress: &dyn Progress, counted: &AtomicUsize, done: usize) {
    let before = counted.fetch_max(done, Ordering::Relaxed);
    progress.advance(done.saturating_sub(before) as u64);
}

/// Seconds since 1970-01-01, UTC.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
