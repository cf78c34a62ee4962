//! [`HnswStore`]: approximate nearest neighbours by an HNSW graph.

mod ef_search;

use std::cell::RefCell;
use std::sync::Arc;

use crate::exact::exact;
use crate::graph::Graph;
use crate::params::HnswParams;
use crate::search_layer::{Candidate, SearchContext};
use crate::vectors::Query;
use crate::{Hit, VectorError, VectorStore, Vectors, best_first, rows_of};

/// Approximate nearest neighbours by an HNSW graph.
///
/// The graph search compares int8 codes; the candidates it finds are rescored with all 16 bits. A search compares
/// every vector where that takes no longer: in small stores, and for large `k`.
///
/// Identical vectors share one node. Otherwise a photo that many customers uploaded would fill its neighbours'
/// links with itself and disconnect the graph.
#[derive(Debug, Clone)]
pub struct HnswStore {
    vectors: Arc<Vectors>,
    graph: Arc<Graph>,
    params: HnswParams,
    /// The group of each vector, if there are groups.
    groups: Option<Arc<[u32]>>,
}

/// A scan takes no longer than a graph search up to so many vectors for each of `ef` candidates
/// (`benches/runs/2026-11-27-vectors-xeon-2-cores`).
const SCAN_PER_CANDIDATE: usize = 4;

/// The largest `ef` of a graph search; its candidate list is for short lists.
const MAX_EF: usize = 1024;

impl HnswStore {
    /// Builds the graph on all cores by [`HnswParams::builder`]. `progress` gets the number of vectors that are in
    /// the graph so far.
    pub fn build(
        vectors: Arc<Vectors>,
        params: HnswParams,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Self {
        let params = params.clamped();
        let graph = Graph::build(&vectors, params, progress);
        progress(vectors.len());
        Self { graph: Arc::new(graph), vectors, params, groups: None }
    }

    /// This store without the vectors for which `keep` has `false`, and with `more`, of shape `(n, dim)`, behind
    /// those that are kept. The graph is changed, or rebuilt where little of it would be left. `progress` gets the
    /// number of vectors that are in the new graph so far.
    ///
    /// # Errors
    /// [`VectorError`] for one of `more` that is not finite or has no direction.
    ///
    /// # Panics
    /// When `keep` has another length than there are vectors.
    pub fn updated(
        &self,
        keep: &[bool],
        more: Vec<f32>,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Self, VectorError> {
        let vectors = Arc::new(self.vectors.updated(keep, more)?);
        let mut kept = 0;
        let new_rows: Vec<Option<u32>> = keep
            .iter()
            .map(|&keep| {
                kept += u32::from(keep);
                keep.then(|| kept - 1)
            })
            .collect();
        // Where little is left of the old graph, a new one takes no longer and is no worse.
        if vectors.len() - kept as usize > kept as usize / 2 || (kept as usize) < keep.len() / 4 {
            return Ok(Self::build(vectors, self.params, progress));
        }
        let graph = Arc::new(self.graph.updated(&vectors, self.params, &new_rows, kept, progress));
        progress(vectors.len());
        Ok(Self { vectors, graph, params: self.params, groups: None })
    }

    /// The vectors.
    pub fn vectors(&self) -> &Arc<Vectors> {
        &self.vectors
    }

    /// A store from a graph that was built before, over the same vectors.
    ///
    /// # Errors
    /// [`VectorError::Graph`] when the graph does not fit the vectors.
    pub fn from_graph(
        vectors: Arc<Vectors>,
        graph: Arc<Graph>,
        params: HnswParams,
    ) -> Result<Self, VectorError> {
        graph.check(vectors.len())?;
        Ok(Self { vectors, graph, params: params.clamped(), groups: None })
    }

    /// The same store with a group for each vector, for [`VectorStore::search_filtered`].
    ///
    /// # Panics
    /// When there are not as many groups as vectors.
    pub fn with_groups(self, groups: Arc<[u32]>) -> Self {
        assert_eq!(groups.len(), self.vectors.len(), "a group for each vector");
        Self { groups: Some(groups), ..self }
    }

    /// The graph, to be stored.
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// The parameters, as they were clamped.
    pub fn params(&self) -> HnswParams {
        self.params
    }

    /// The same store with another [`HnswParams::ef_search`].
    pub fn with_ef_search(&self, ef_search: u16) -> Self {
        let params = HnswParams { ef_search, ..self.params }.clamped();
        Self { params, ..self.clone() }
    }

    /// [`VectorStore::search`] by the graph, however few vectors there are.
    ///
    /// # Errors
    /// As [`VectorStore::search`].
    pub fn search_graph(&self, query: &[f32], k: usize) -> Result<Vec<Hit>, VectorError> {
        Ok(self.graph_search(&self.vectors.query(query)?, k))
    }

    fn graph_search(&self, query: &Query, k: usize) -> Vec<Hit> {
        thread_local!(static CONTEXT: RefCell<SearchContext> = RefCell::default());
        let ef = usize::from(self.params.ef_search).max(k).min(self.graph.len());
        CONTEXT.with_borrow_mut(|context| {
            self.graph.search(&self.vectors, query.code(), ef, context);
            let found: Vec<Candidate> = context.found().collect();
            self.rescore(query, &found, k)
        })
    }

    /// The `k` nearest of what a graph search found, best first, by their full similarities.
    fn rescore(&self, query: &Query, found: &[Candidate], k: usize) -> Vec<Hit> {
        let Some(kth) = found.get(k.wrapping_sub(1)).or(found.last()).filter(|_| k > 0) else {
            return Vec::new();
        };
        // Both its similarity and a candidate's have an error; it exceeds this less than once in a thousand.
        let limit = kth.similarity - 4.5 * self.vectors.code_error_std(query);
        let close = &found[..found.partition_point(|candidate| candidate.similarity >= limit)];
        close.iter().for_each(|candidate| self.vectors.prefetch(candidate.row));
        let mut hits: Vec<Hit> = Vec::with_capacity(close.len());
        for candidate in close {
            let similarity = self.vectors.similarity(query, candidate.row);
            let rows = std::iter::once(candidate.row).chain(self.graph.duplicates(candidate.row));
            hits.extend(rows.map(|row| Hit { row, similarity }));
        }
        hits.sort_unstable_by(best_first);
        hits.truncate(k);
        hits
    }
}

impl VectorStore for HnswStore {
    fn len(&self) -> usize {
        self.vectors.len()
    }

    fn dim(&self) -> usize {
        self.vectors.dim()
    }

    fn search(&self, query: &[f32], k: usize) -> Result<Vec<Hit>, VectorError> {
        let query = self.vectors.query(query)?;
        let ef = usize::from(self.params.ef_search).max(k);
        if ef > MAX_EF || self.len() <= SCAN_PER_CANDIDATE * ef {
            return Ok(exact(&self.vectors, &query, k));
        }
        Ok(self.graph_search(&query, k))
    }

    fn search_exact(&self, query: &[f32], k: usize) -> Result<Vec<Hit>, VectorError> {
        Ok(exact(&self.vectors, &self.vectors.query(query)?, k))
    }

    /// Compares with all of them: a graph search that must drop most candidates finds few, and slowly.
    fn search_filtered(
        &self,
        query: &[f32],
        allowed: &[bool],
        k: usize,
    ) -> Result<Vec<Hit>, VectorError> {
        let rows = rows_of(self.groups.as_deref(), allowed, self.len());
        self.vectors.search_rows(query, rows, k)
    }

    fn rows(&self, rows: &[u32]) -> Result<Vec<Vec<f32>>, VectorError> {
        Ok(rows.iter().map(|&row| self.vectors.row(row)).collect())
    }
}
