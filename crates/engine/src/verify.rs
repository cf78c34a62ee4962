use std::path::Path;

use lookalike_vectors::{ExactStore, VectorStore};
use serde::Serialize;
use std::sync::Arc;

use lookalike_eval::recall_at_k;

use crate::{EngineError, Index};

/// Photos that are searched for at most.
const SAMPLE: usize = 500;

/// What a thorough look at an index found. An index whose file is damaged cannot be opened at all.
#[derive(Debug, Clone, Serialize)]
pub struct Verification {
    /// Photos that were searched for.
    pub sampled: usize,
    /// How many of them the graph did not find by themselves. More than none is a fault.
    pub lost: usize,
    /// Share of the true 10 nearest neighbours that the graph finds, 0 to 1.
    pub recall_at_10: f64,
    /// Photos whose files are no longer where they were. Searches still work; pages lack pictures.
    pub missing_files: usize,
    /// Whether the weights are still where they were.
    pub weights_found: bool,
}

impl Verification {
    /// Whether the index answers as it should.
    pub fn is_sound(&self) -> bool {
        self.lost == 0 && self.recall_at_10 >= 0.95
    }
}

/// Checks that every embedding is sound and that the graph finds what it should.
///
/// # Errors
/// [`EngineError`], when an embedding or the graph is unusable.
pub fn verify(index: &Index) -> Result<Verification, EngineError> {
    let content = index.content();
    content.vectors.check()?;
    let store = index.store()?;
    let exact = ExactStore::new(Arc::clone(&content.vectors));
    let count = content.vectors.len();
    let step = count.div_ceil(SAMPLE).max(1);
    let (mut sampled, mut lost, mut recall) = (0, 0, 0.0);
    for row in (0..count as u32).step_by(step) {
        let query = content.vectors.row(row);
        let found = store.search_by_graph(&query, 10)?;
        let rows = |hits: &[lookalike_vectors::Hit]| hits.iter().map(|h| h.row).collect::<Vec<_>>();
        recall += recall_at_k(&rows(&exact.search(&query, 10)?), &rows(&found));
        sampled += 1;
        // A copy of the same embedding under another row is as good.
        lost += usize::from(!found.first().is_some_and(|hit| hit.similarity > 0.9999));
    }
    let missing = |path: &str| !index.root().join(Path::new(path)).is_file();
    Ok(Verification {
        sampled,
        lost,
        recall_at_10: if sampled == 0 { 1.0 } else { recall / sampled as f64 },
        missing_files: content.photos.iter().filter(|photo| missing(&photo.path)).count(),
        weights_found: index.model().weights_found(),
    })
}
