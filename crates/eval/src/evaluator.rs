//! Metrics of one method of ranking products, over many queries.

use serde::{Deserialize, Serialize};

use crate::{
    Calibration, Confusion, Interval, Neighbours, Outcome, ProductAccuracy, RetrievalMetrics, TopK,
    calibration, per_product, retrieval_metrics, wilson_interval, worst_confusions,
};

/// Largest k of [`RankingMetrics::accuracy_at_k`].
const MAX_K: usize = 10;
/// Bins of the calibration error, as in Guo et al. 2017.
const BINS: usize = 15;
/// Confusions kept, and photos kept of each.
const CONFUSIONS: usize = 20;
const EXAMPLES: usize = 3;

/// One query: the true product, and the ranking.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The photo's name.
    pub photo: String,
    /// The product that it shows, the ground truth.
    pub truth: u32,
    /// Products with their scores, the best first; scores are 0 to 1 and sum to at most 1. The first
    /// score is the confidence of the answer.
    pub ranking: Vec<(u32, f32)>,
    /// The nearest photos, for methods that rank by them.
    pub neighbours: Option<Neighbours>,
}

/// Collects the queries of one method of ranking products.
#[derive(Debug, Clone, PartialEq)]
pub struct RankingEvaluator {
    name: String,
    queries: Vec<Query>,
}

/// Metrics of a method. All fractions are 0 to 1, and 0 without queries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RankingMetrics {
    /// The method's name.
    pub name: String,
    /// Number of queries.
    pub queries: u64,
    /// Top-1 accuracy: the fraction of queries whose product is ranked first.
    pub top1: f64,
    /// The 95 % confidence interval of `top1`.
    pub top1_interval: Interval,
    /// Top-3 accuracy.
    pub top3: f64,
    /// Top-5 accuracy.
    pub top5: f64,
    /// Top-k accuracy for k from 1 to 10.
    pub accuracy_at_k: Vec<f64>,
    /// Retrieval metrics, over the queries that came with neighbours; `None` if none did.
    pub retrieval: Option<RetrievalMetrics>,
    /// Calibration of the first scores, in 15 bins.
    pub calibration: Calibration,
    /// The accuracy of each product, by ascending product.
    pub per_product: Vec<ProductAccuracy>,
    /// The most frequent confusions, at most 20, the worst first.
    pub confusions: Vec<Confusion>,
}

impl RankingEvaluator {
    /// An evaluator without queries, of a method with this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), queries: Vec::new() }
    }

    /// Adds a query.
    pub fn add(&mut self, query: Query) {
        self.queries.push(query);
    }

    /// All metrics over the queries so far.
    pub fn metrics(&self) -> RankingMetrics {
        let outcomes: Vec<_> = self.queries.iter().map(Query::outcome).collect();
        let mut top = TopK::default();
        outcomes.iter().for_each(|outcome| top.add(outcome.rank));
        let right = outcomes.iter().filter(|outcome| outcome.rank == Some(0)).count() as u64;
        let confidences: Vec<_> = self
            .queries
            .iter()
            .zip(&outcomes)
            .map(|(query, outcome)| {
                let confidence = query.ranking.first().map_or(0.0, |&(_, score)| f64::from(score));
                (confidence, outcome.rank == Some(0))
            })
            .collect();
        let found: Vec<_> = self
            .queries
            .iter()
            .filter_map(|query| Some((query.truth, query.neighbours.as_ref()?)))
            .collect();
        RankingMetrics {
            name: self.name.clone(),
            queries: top.queries(),
            top1: top.accuracy(1),
            top1_interval: wilson_interval(right, top.queries()),
            top3: top.accuracy(3),
            top5: top.accuracy(5),
            accuracy_at_k: (1..=MAX_K).map(|k| top.accuracy(k)).collect(),
            retrieval: retrieval_metrics(&found),
            calibration: calibration(&confidences, BINS),
            per_product: per_product(&outcomes),
            confusions: worst_confusions(&outcomes, CONFUSIONS, EXAMPLES),
        }
    }
}

impl Query {
    fn outcome(&self) -> Outcome<'_> {
        Outcome {
            photo: &self.photo,
            truth: self.truth,
            predicted: self.ranking.first().map(|&(product, _)| product),
            rank: self.ranking.iter().position(|&(product, _)| product == self.truth),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(photo: &str, truth: u32, ranking: &[(u32, f32)]) -> Query {
        Query { photo: photo.to_owned(), truth, ranking: ranking.to_vec(), neighbours: None }
    }

    #[test]
    fn by_hand() {
        let mut evaluator = RankingEvaluator::new("made up");
        evaluator.add(query("a", 1, &[(1, 1.0)]));
        evaluator.add(query("b", 1, &[(2, 0.5), (3, 0.25), (1, 0.25)]));
        let six = [(2, 0.5), (3, 0.1), (4, 0.1), (5, 0.1), (6, 0.1), (1, 0.1)];
        evaluator.add(query("c", 1, &six));
        evaluator.add(query("d", 2, &[]));
        let metrics = evaluator.metrics();
        assert_eq!((metrics.name.as_str(), metrics.queries), ("made up", 4));
        assert_eq!((metrics.top1, metrics.top3, metrics.top5), (0.25, 0.5, 0.5));
        assert_eq!(
            metrics.accuracy_at_k,
            [0.25, 0.25, 0.5, 0.5, 0.5, 0.75, 0.75, 0.75, 0.75, 0.75]
        );
        assert_eq!(metrics.top1_interval, wilson_interval(1, 4));
        assert_eq!(metrics.retrieval, None);
        // Confidences 1, 0.5, 0.5 and 0; right, wrong, wrong, wrong.
        assert_eq!(metrics.calibration.ece, 0.25);
        assert_eq!(metrics.per_product.len(), 2);
        assert_eq!((metrics.confusions[0].predicted, metrics.confusions[0].count), (2, 2));
    }

    #[test]
    fn neighbours_count_only_where_given() {
        let mut evaluator = RankingEvaluator::new("nearest");
        evaluator.add(query("a", 1, &[(2, 1.0)]));
        let neighbours = Some(Neighbours { products: vec![2, 1], relevant: 1 });
        evaluator.add(Query { neighbours, ..query("b", 1, &[(1, 1.0)]) });
        let found = evaluator.metrics().retrieval.expect("one query has neighbours");
        assert_eq!(
            (found.queries, found.recall_at_1, found.recall_at_5, found.map),
            (1, 0.0, 1.0, 0.5)
        );
    }
}
