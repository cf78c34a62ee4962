//! Graphs that the crate hnsw_rs builds: one insertion after the other, on all cores, behind locks.
//!
//! Only its links are taken over. It can neither delete nor continue with a stored graph, and its own files are not
//! checked, so that stored graphs and their changes are this crate's.

use std::sync::Arc;

use hnsw_rs::prelude::{Distance, Hnsw};
use rayon::prelude::*;

use super::LayersBuilder;
use super::layers_builder::MAX_LAYERS;
use crate::{HnswParams, Vectors};

/// Insertions between two reports of progress.
const REPORT_EVERY: usize = 1000;

/// Compares rows by their int8 codes, so that hnsw_rs holds rows instead of copies of vectors.
struct ByRow(Arc<Vectors>);

impl Distance<u32> for ByRow {
    fn eval(&self, a: &[u32], b: &[u32]) -> f32 {
        // hnsw_rs requires distances of 0 or more; rounding gives some below.
        (1.0 - self.0.code_similarity(self.0.code(a[0]), b[0])).max(0.0)
    }
}

impl<'a> LayersBuilder<'a> {
    /// Inserts all vectors by hnsw_rs.
    pub(super) fn with_hnsw_rs(
        vectors: &'a Arc<Vectors>,
        params: HnswParams,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Self {
        let mut builder = Self::empty(vectors, params, 0);
        let nodes = builder.register_all();
        let hnsw = Hnsw::new(
            usize::from(params.m),
            nodes.len().max(1),
            MAX_LAYERS,
            usize::from(params.ef_construction),
            ByRow(Arc::clone(vectors)),
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
            let node = point.get_origin_id() as u32;
            let level = usize::from(point.get_point_id().0);
            // hnsw_rs has entries above a point's level, too, which are no links.
            for (layer, links) in point.get_neighborhood_id().iter().take(level + 1).enumerate() {
                let links: Vec<u32> =
                    links.iter().map(|link| link.get_origin_id() as u32).collect();
                let links = builder.shrink(params.m_max(layer), node, links);
                builder.set_links(layer, node, links);
            }
        }
        drop(hnsw);
        builder.choose_entry_point();
        builder
    }
}
