//! Index files of formats that are no longer written.

use std::sync::Arc;

use lookalike_catalog::Product;
use lookalike_vectors::{Graph, HnswParams, Vectors};
use serde::{Deserialize, Serialize};

use crate::index::Content;
use crate::metric::Metric;
use crate::ranking::Ranking;
use crate::{BuildOptions, BuildReport, IndexedPhoto, Model};

/// [`Content`] in format 3, its fields in their order.
#[derive(Serialize, Deserialize)]
pub(crate) struct Content3 {
    program: String,
    created: u64,
    model: Model,
    root: String,
    products: Vec<Product>,
    photos: Vec<IndexedPhoto>,
    report: BuildReport,
    /// The mean that was subtracted from embeddings.
    centring: Vec<f32>,
    ranking: Ranking,
    hnsw: HnswParams,
    graph: Arc<Graph>,
}

impl From<Content3> for Content {
    fn from(old: Content3) -> Self {
        let Content3 { program, created, model, root, products, photos, report, .. } = old;
        let Content3 { centring, mut ranking, hnsw, graph, .. } = old;
        // Prototypes had no say.
        let vote = ranking.weights.len().saturating_sub(1);
        ranking.weights.insert(vote, 0.0);
        Self {
            program,
            created,
            model,
            root,
            products,
            photos,
            report,
            metric: Metric::subtracting(centring, BuildOptions::default().directions),
            ranking,
            hnsw,
            graph,
            vectors: Arc::new(Vectors::default()),
        }
    }
}
