//! Index files of formats that are no longer written.

use std::sync::Arc;

use lookalike_catalog::Product;
use lookalike_vectors::{HnswParams, OldGraph, Vectors};
use serde::{Deserialize, Serialize};

use crate::index::Content;
use crate::metric::Metric;
use crate::ranking::Ranking;
use crate::{BuildOptions, BuildReport, IndexedPhoto, Model};

/// [`Content`] in formats 3 and 4, its fields in their order.
#[derive(Serialize, Deserialize)]
pub(crate) struct Older<M> {
    program: String,
    created: u64,
    model: Model,
    root: String,
    products: Vec<Product>,
    photos: Vec<IndexedPhoto>,
    report: BuildReport,
    metric: M,
    ranking: Ranking,
    hnsw: HnswParams,
    graph: OldGraph,
}

/// In place of the metric, the mean that was subtracted from embeddings.
pub(crate) type Content3 = Older<Vec<f32>>;

pub(crate) type Content4 = Older<Metric>;

impl TryFrom<Content3> for Content {
    type Error = String;

    fn try_from(mut old: Content3) -> Result<Self, String> {
        // Prototypes had no say.
        let vote = old.ranking.weights.len().saturating_sub(1);
        old.ranking.weights.insert(vote, 0.0);
        old.with_metric(|mean| Metric::subtracting(mean, BuildOptions::default().directions))
    }
}

impl TryFrom<Content4> for Content {
    type Error = String;

    fn try_from(old: Content4) -> Result<Self, String> {
        old.with_metric(|metric| metric)
    }
}

impl<M> Older<M> {
    fn with_metric(self, metric: impl FnOnce(M) -> Metric) -> Result<Content, String> {
        Ok(Content {
            program: self.program,
            created: self.created,
            model: self.model,
            root: self.root,
            products: self.products,
            photos: self.photos,
            report: self.report,
            metric: metric(self.metric),
            ranking: self.ranking,
            hnsw: self.hnsw,
            graph: Arc::new(self.graph.into_graph().map_err(|error| error.to_string())?),
            vectors: Arc::new(Vectors::default()),
        })
    }
}
