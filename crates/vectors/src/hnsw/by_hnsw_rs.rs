use std::sync::Arc;

use hnsw_rs::prelude::{Distance, Hnsw};
use rayon::prelude::*;

use super::{HnswParams, HnswStore};
use crate::Vectors;
use crate::graph::Growing;

/// hnsw_rs's own bound on the number of layers.
const MOST_LAYERS: usize = 16;

/// Points inserted between two reports of progress.
const REPORT_EVERY: usize = 1000;

/// Looks vectors of bytes up by their rows, so that hnsw_rs holds numbers instead of copies.
struct ByRow(Arc<Vectors>);

impl Distance<u32> for ByRow {
    fn eval(&self, a: &[u32], b: &[u32]) -> f32 {
        // hnsw_rs wants no negative distances; rounding makes some.
        (1.0 - self.0.nearly_one(self.0.code(a[0]), b[0])).max(0.0)
    }
}

impl HnswStore {
    /// As [`Self::build`], but hnsw_rs makes the graph. It finds as much, takes several times as long, and
    /// makes another graph each time (`benches/runs`).
    pub fn build_by_hnsw_rs(
        vectors: Arc<Vectors>,
        params: HnswParams,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Self {
        let params = params.bounded();
        let mut growing = Growing::empty(&vectors, params, 0);
        let nodes = growing.note_all();
        let hnsw = Hnsw::new(
            usize::from(params.m),
            nodes.len().max(1),
            MOST_LAYERS,
            usize::from(params.ef_construction),
            ByRow(Arc::clone(&vectors)),
        );
        let insert = |&row: &u32| hnsw.insert_slice((&[row], row as usize));
        // The first one alone: points that find the graph empty get no links.
        let (first, rest) = nodes.split_at(nodes.len().min(1));
        first.iter().for_each(insert);
        for (chunk, done) in rest.chunks(REPORT_EVERY).zip((1..).step_by(REPORT_EVERY)) {
            chunk.par_iter().for_each(insert);
            progress(done + chunk.len());
        }
        // hnsw_rs's iterator panics on an empty graph.
        let points = (!nodes.is_empty()).then(|| hnsw.get_point_indexation()).into_iter().flatten();
        for point in points {
            let top = usize::from(point.get_point_id().0);
            // Above a point's own layer, hnsw_rs notes where it passed by; those are no links.
            for (layer, links) in point.get_neighborhood_id().iter().take(top + 1).enumerate() {
                let links: Vec<u32> =
                    links.iter().map(|link| link.get_origin_id() as u32).collect();
                let links =
                    growing.at_most(growing.most(layer), point.get_origin_id() as u32, links);
                growing.put(layer, point.get_origin_id() as u32, links);
            }
        }
        drop(hnsw);
        growing.choose_entry();
        let graph = Arc::new(growing.finish());
        progress(vectors.len());
        Self { vectors, graph, params, groups: None }
    }
}
