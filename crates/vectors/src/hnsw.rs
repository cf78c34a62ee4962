mod by_hnsw_rs;
mod recall;

use std::cell::RefCell;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::candidates::{Candidate, Walker};
use crate::exact::exact;
use crate::graph::{Graph, Growing};
use crate::vectors::Query;
use crate::{Hit, VectorError, VectorStore, Vectors, best_first, rows_of};

/// How a graph is built and searched (Malkov and Yashunin, "Efficient and robust approximate nearest
/// neighbor search using Hierarchical Navigable Small World graphs", 2016).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HnswParams {
    /// Links a point keeps on each layer, twice as many on the lowest; 2 to 255. Default 16.
    pub m: u16,
    /// Candidates looked at when a point is inserted. Default 200.
    pub ef_construction: u16,
    /// Candidates kept during a search, at least as many as neighbours are asked for. Default 128.
    pub ef_search: u16,
}

impl Default for HnswParams {
    fn default() -> Self {
        Self { m: 16, ef_construction: 200, ef_search: 128 }
    }
}

impl HnswParams {
    /// Within what graphs are kept and built with; hnsw_rs, too, would take an `m` of 256 for 0.
    fn bounded(self) -> Self {
        let m = self.m.clamp(2, 255);
        Self { m, ef_construction: self.ef_construction.max(m), ef_search: self.ef_search.max(1) }
    }
}

/// Finds neighbours by walking a graph: nearly always right, fast however many vectors there are.
///
/// The walk compares bytes; what it finds is compared in full. Where so much is asked for that a walk would
/// take longer than to compare everything, everything is compared.
///
/// Vectors that are the same bit for bit share one node. Otherwise a photo that many customers
/// uploaded would fill its neighbours' lists with itself and cut the graph in two.
#[derive(Debug, Clone)]
pub struct HnswStore {
    vectors: Arc<Vectors>,
    graph: Arc<Graph>,
    params: HnswParams,
    /// The group of each vector, if there are groups.
    groups: Option<Arc<[u32]>>,
}

/// Vectors for every candidate kept, up to which a scan takes no longer than a walk
/// (`benches/runs/2026-11-27-vectors-xeon-2-cores`).
const COMPARED: usize = 4;

/// More candidates than this are no longer kept in a short list.
const MOST_CANDIDATES: usize = 1024;

impl HnswStore {
    /// Builds the graph on all cores; the same vectors make the same graph. `progress` is told how many
    /// vectors are in it, now and then.
    pub fn build(
        vectors: Arc<Vectors>,
        params: HnswParams,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Self {
        let params = params.bounded();
        let graph = Growing::of_all(&vectors, params, progress).finish();
        progress(vectors.len());
        Self { graph: Arc::new(graph), vectors, params, groups: None }
    }

    /// This store without the vectors for which `keep` has `false`, and with `more`, of shape
    /// `(n, dim)`, behind those that are kept. Searches answer as of a store built of these, but for
    /// what the graph misses of either. `progress` is told how many vectors are in the new graph.
    ///
    /// # Errors
    /// [`VectorError`] for one of `more` that is not finite or has no direction.
    ///
    /// # Panics
    /// When `keep` has another length than there are vectors.
    pub fn changed(
        &self,
        keep: &[bool],
        more: Vec<f32>,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<Self, VectorError> {
        let vectors = Arc::new(self.vectors.changed(keep, more)?);
        let mut kept = 0;
        let row_now: Vec<Option<u32>> = keep
            .iter()
            .map(|&keep| {
                kept += u32::from(keep);
                keep.then(|| kept - 1)
            })
            .collect();
        // Where little is left of the old graph, a new one is no slower and no worse.
        if vectors.len() - kept as usize > kept as usize / 2 || (kept as usize) < keep.len() / 4 {
            return Ok(Self::build(vectors, self.params, progress));
        }
        let mut growing = Growing::from_graph(&self.graph, &vectors, self.params, &row_now);
        growing.add(kept..vectors.len() as u32, progress);
        let graph = Arc::new(growing.finish());
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
        Ok(Self { vectors, graph, params: params.bounded(), groups: None })
    }

    /// The same store, told of each vector's group.
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

    /// The parameters in force.
    pub fn params(&self) -> HnswParams {
        self.params
    }

    /// The same store with other candidates kept during a search; see [`HnswParams::ef_search`].
    pub fn with_ef_search(&self, ef_search: u16) -> Self {
        let params = HnswParams { ef_search, ..self.params }.bounded();
        Self { params, ..self.clone() }
    }

    /// [`VectorStore::search`], by the graph however many vectors there are.
    ///
    /// # Errors
    /// As [`VectorStore::search`].
    pub fn search_by_graph(&self, query: &[f32], k: usize) -> Result<Vec<Hit>, VectorError> {
        Ok(self.by_graph(&self.vectors.query(query)?, k))
    }

    fn by_graph(&self, query: &Query, k: usize) -> Vec<Hit> {
        thread_local!(static WALKER: RefCell<Walker> = RefCell::default());
        let ef = usize::from(self.params.ef_search).max(k).min(self.graph.len());
        WALKER.with_borrow_mut(|walker| {
            self.graph.walk(&self.vectors, query.code(), ef, walker);
            let found: Vec<Candidate> = walker.found().collect();
            self.in_full(query, &found, k)
        })
    }

    /// The `k` nearest of what a walk found, best first, as similar as they are in full.
    fn in_full(&self, query: &Query, found: &[Candidate], k: usize) -> Vec<Hit> {
        let Some(kth) = found.get(k.wrapping_sub(1)).or(found.last()).filter(|_| k > 0) else {
            return Vec::new();
        };
        // Both it and a candidate may be wrong; this much more seldom than once in a thousand.
        let limit = kth.similarity - 4.5 * self.vectors.usually_wrong(query);
        let close = &found[..found.partition_point(|candidate| candidate.similarity >= limit)];
        close.iter().for_each(|candidate| self.vectors.prefetch(candidate.row));
        let mut hits: Vec<Hit> = Vec::with_capacity(close.len());
        for candidate in close {
            let similarity = self.vectors.similarity(query, candidate.row);
            let rows = std::iter::once(candidate.row).chain(self.graph.copies(candidate.row));
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
        if ef > MOST_CANDIDATES || self.len() <= COMPARED * ef {
            return Ok(exact(&self.vectors, &query, k));
        }
        Ok(self.by_graph(&query, k))
    }

    fn search_exact(&self, query: &[f32], k: usize) -> Result<Vec<Hit>, VectorError> {
        Ok(exact(&self.vectors, &self.vectors.query(query)?, k))
    }

    /// Compares with all of them: a walk that may not use most of what it finds finds little, and slowly.
    fn search_filtered(
        &self,
        query: &[f32],
        allowed: &[bool],
        k: usize,
    ) -> Result<Vec<Hit>, VectorError> {
        let rows = rows_of(self.groups.as_deref(), allowed, self.len());
        self.vectors.nearest_among(query, rows, k)
    }

    fn rows(&self, rows: &[u32]) -> Result<Vec<Vec<f32>>, VectorError> {
        Ok(rows.iter().map(|&row| self.vectors.row(row)).collect())
    }
}
