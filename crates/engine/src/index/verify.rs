//! Checks that an index answers as it should.

use std::path::Path;

use lookalike_eval::recall_at_k;
use lookalike_vectors::Hit;
use serde::Serialize;

use super::Index;
use crate::error::EngineError;

/// Photos that are searched for at most.
const SAMPLE: usize = 500;

/// What [`verify`] found. An index whose file is damaged cannot be opened at all.
#[derive(Debug, Clone, Serialize)]
pub struct Verification {
    /// Photos that were searched for.
    pub sampled: usize,
    /// How many of them a search for their own vector did not find. Any is a fault.
    pub lost: usize,
    /// Fraction of the true 10 nearest neighbours that the graph finds, 0 to 1.
    pub recall_at_10: f64,
    /// Photos whose files no longer exist. Searches still work; pages lack pictures.
    pub missing_files: usize,
    /// Whether the weights files still exist.
    pub weights_found: bool,
}

impl Verification {
    /// Whether the index answers as it should.
    pub fn is_sound(&self) -> bool {
        self.lost == 0 && self.recall_at_10 >= 0.95
    }
}

/// Checks that every vector is sound, and measures the recall of the graph.
///
/// # Errors
/// [`EngineError`], when an embedding or the graph is unusable.
pub fn verify(index: &Index) -> Result<Verification, EngineError> {
    let content = index.content();
    content.vectors.check()?;
    let store = index.store()?;
    let graph = index.remote().is_none().then(|| index.graph_store()).transpose()?;
    let search_graph = |query: &[f32]| match &graph {
        Some(graph) => graph.search_graph(query, 10),
        None => store.search(query, 10),
    };
    let rows: Vec<u32> =
        (0..store.len() as u32).step_by(store.len().div_ceil(SAMPLE).max(1)).collect();
    let (mut lost, mut recall) = (0, 0.0);
    for query in store.rows(&rows)? {
        let found = search_graph(&query)?;
        let rows = |hits: &[Hit]| hits.iter().map(|h| h.row).collect::<Vec<_>>();
        recall += recall_at_k(&rows(&store.search_exact(&query, 10)?), &rows(&found));
        // A copy of the same embedding under another row is as good.
        lost += usize::from(!found.first().is_some_and(|hit| hit.similarity > 0.9999));
    }
    let sampled = rows.len();
    let missing = |path: &str| !index.root().join(Path::new(path)).is_file();
    Ok(Verification {
        sampled,
        lost,
        recall_at_10: if sampled == 0 { 1.0 } else { recall / sampled as f64 },
        missing_files: content.photos.iter().filter(|photo| missing(&photo.path)).count(),
        weights_found: index.model().weights_found(),
    })
}
