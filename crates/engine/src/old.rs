//! Index files of formats that are no longer written.

use std::sync::Arc;

use lookalike_catalog::Product;
use lookalike_vectors::{HnswParams, OldGraph, Vectors};
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
    graph: OldGraph,
}

/// [`Content`] in format 4, its fields in their order.
#[derive(Serialize, Deserialize)]
pub(crate) struct Content4 {
    program: String,
    created: u64,
    model: Model,
    root: String,
    products: Vec<Product>,
    photos: Vec<IndexedPhoto>,
    report: BuildReport,
    metric: Metric,
    ranking: Ranking,
    hnsw: HnswParams,
    graph: OldGraph,
}

impl TryFrom<Content3> for Content {
    type Error = String;

    fn try_from(old: Content3) -> Result<Self, String> {
        let Content3 { program, created, model, root, products, photos, report, .. } = old;
        let Content3 { centring, mut ranking, hnsw, graph, .. } = old;
        // Prototypes had no say.
        let vote = ranking.weights.len().saturating_sub(1);
        ranking.weights.insert(vote, 0.0);
        let metric = Metric::subtracting(centring, BuildOptions::default().directions);
        Content4 {
            program,
            created,
            model,
            root,
            products,
            photos,
            report,
            metric,
            ranking,
            hnsw,
            graph,
        }
        .try_into()
    }
}

impl TryFrom<Content4> for Content {
    type Error = String;

    fn try_from(old: Content4) -> Result<Self, String> {
        let Content4 { program, created, model, root, products, photos, report, .. } = old;
        let Content4 { metric, ranking, hnsw, graph, .. } = old;
        let graph = Arc::new(graph.into_graph().map_err(|error| error.to_string())?);
        let vectors = Arc::new(Vectors::default());
        Ok(Self {
            program,
            created,
            model,
            root,
            products,
            photos,
            report,
            metric,
            ranking,
            hnsw,
            graph,
            vectors,
        })
    }
}
