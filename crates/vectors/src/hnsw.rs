use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use hnsw_rs::prelude::{Distance, Hnsw};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::graph::{Editor, Graph, GraphBuilder};
use crate::vectors::dot;
use crate::{Hit, VectorError, VectorStore, Vectors, best_first};

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
    /// Within what hnsw_rs takes: an `m` of 256 would become 0 there.
    fn bounded(self) -> Self {
        let m = self.m.clamp(2, 255);
        Self { m, ef_construction: self.ef_construction.max(m), ef_search: self.ef_search.max(1) }
    }
}

/// Finds neighbours by walking a graph: nearly always right, fast however many vectors there are.
///
/// The graph is built by hnsw_rs and then copied flat: neighbour lists side by side, no locks, a
/// small part of the memory. It knows the vectors by their rows, so they are stored once.
///
/// Vectors that are the same bit for bit share one node. Otherwise a photo that many customers
/// uploaded would fill its neighbours' lists with itself and cut the graph in two.
#[derive(Debug, Clone)]
pub struct HnswStore {
    vectors: Arc<Vectors>,
    graph: Arc<Graph>,
    params: HnswParams,
}

/// Looks the vectors up by row, so that hnsw_rs holds numbers instead of copies.
struct ByRow(Arc<Vectors>);

impl Distance<u32> for ByRow {
    fn eval(&self, a: &[u32], b: &[u32]) -> f32 {
        // hnsw_rs wants no negative distances; rounding makes some.
        (1.0 - dot(self.0.row(a[0]), self.0.row(b[0]))).max(0.0)
    }
}

/// hnsw_rs's own bound on the number of layers.
const MAX_LAYERS: usize = 16;

/// Points inserted between two reports of progress.
const REPORT_EVERY: usize = 1000;

impl HnswStore {
    /// Builds the graph on all cores. `progress` is told how many vectors are in it, now and then.
    pub fn build(
        vectors: Arc<Vectors>,
        params: HnswParams,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Self {
        let params = params.bounded();
        let copies = group_copies(&vectors);
        let hnsw = Hnsw::new(
            usize::from(params.m),
            copies.len().max(1),
            MAX_LAYERS,
            usize::from(params.ef_construction),
            ByRow(Arc::clone(&vectors)),
        );
        let insert = |(node, rows): (usize, &Vec<u32>)| hnsw.insert_slice((&rows[..1], node));
        let nodes: Vec<_> = copies.iter().enumerate().collect();
        // The first one alone: points that find the graph empty get no links.
        let (first, rest) = nodes.split_at(nodes.len().min(1));
        first.iter().copied().for_each(insert);
        let mut done = first.len();
        for chunk in rest.chunks(REPORT_EVERY) {
            chunk.par_iter().copied().for_each(insert);
            done += chunk.len();
            progress(done);
        }

        let mut builder = GraphBuilder::new(copies);
        // hnsw_rs's iterator panics on an empty graph.
        let points = (done > 0).then(|| hnsw.get_point_indexation()).into_iter().flatten();
        for point in points {
            let top = usize::from(point.get_point_id().0);
            // Above a point's own layer, hnsw_rs notes where it passed by; those are no links.
            for (layer, links) in point.get_neighborhood_id().iter().take(top + 1).enumerate() {
                let links = links.iter().map(|link| link.get_origin_id() as u32).collect();
                builder.add(point.get_origin_id() as u32, layer, links);
            }
        }
        drop(hnsw);
        let graph = Arc::new(builder.finish(&vectors));
        progress(vectors.len());
        Self { vectors, graph, params }
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
        let kept = kept as usize;
        // Where little is left of the old graph, building on all cores is faster and no worse.
        if vectors.len() - kept > kept / 2 || kept < keep.len() / 4 {
            return Ok(Self::build(vectors, self.params, progress));
        }
        let mut editor = Editor::new(&self.graph, &vectors, self.params, &row_now);
        for row in kept..vectors.len() {
            editor.insert(row as u32);
            if row % REPORT_EVERY == 0 {
                progress(row);
            }
        }
        let graph = Arc::new(editor.finish());
        progress(vectors.len());
        Ok(Self { vectors, graph, params: self.params })
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
        Ok(Self { vectors, graph, params: params.bounded() })
    }

    /// The graph, to be stored.
    pub fn graph(&self) -> &Arc<Graph> {
        &self.graph
    }

    /// The parameters in force.
    pub fn params(&self) -> HnswParams {
        self.params
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
        let nodes = self.graph.search(&self.vectors, &query, ef.min(self.graph.len()));
        let mut hits: Vec<Hit> = Vec::with_capacity(nodes.len());
        for (node, similarity) in nodes.into_iter().take(k) {
            let rows = self.graph.rows(node).iter();
            hits.extend(rows.map(|&row| Hit { row, similarity }));
        }
        hits.sort_unstable_by(best_first);
        hits.truncate(k);
        Ok(hits)
    }
}

/// The rows of every different vector, in the order of the first of each.
fn group_copies(vectors: &Vectors) -> Vec<Vec<u32>> {
    let mut groups: Vec<Vec<u32>> = Vec::with_capacity(vectors.len());
    let mut groups_by_hash: HashMap<u64, Vec<usize>> = HashMap::new();
    for row in 0..vectors.len() as u32 {
        let vector = vectors.row(row);
        let mut hasher = DefaultHasher::new();
        // Adding zero makes -0.0 the same as 0.0.
        vector.iter().for_each(|x| hasher.write_u32((x + 0.0).to_bits()));
        let alike = groups_by_hash.entry(hasher.finish()).or_default();
        match alike.iter().find(|&&group| vectors.row(groups[group][0]) == vector) {
            Some(&group) => groups[group].push(row),
            None => {
                alike.push(groups.len());
                groups.push(vec![row]);
            }
        }
    }
    groups
}
