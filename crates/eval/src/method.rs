//! One way to rank products, query by query, and what it is worth.

use serde::{Deserialize, Serialize};

use crate::{
    Calibration, Confusion, Interval, Neighbours, Outcome, ProductAccuracy, Retrieval, TopK,
    calibration, confused, per_product, retrieval, wilson,
};

/// Places that [`MethodResult::curve`] covers.
const CURVE: usize = 10;
/// Bins of the calibration error, as many as Guo et al. 2017 use.
const BINS: usize = 15;
/// Confused pairs kept, and photos kept of each.
const PAIRS: usize = 20;
const EXAMPLES: usize = 3;

/// One query: what it shows, and how the products were ranked.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// The photo's name.
    pub photo: String,
    /// The product that it shows.
    pub truth: u32,
    /// Products with their scores, the best first; scores are 0 to 1 and sum to at most 1. The first
    /// score is taken for the confidence of the answer.
    pub ranking: Vec<(u32, f32)>,
    /// The photos found, for methods that rank by them.
    pub neighbours: Option<Neighbours>,
}

/// One way to rank products, with all queries it was asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Method {
    name: String,
    queries: Vec<Query>,
}

/// What a method is worth. All shares are 0 to 1, and 0 of no queries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MethodResult {
    /// The method's name.
    pub name: String,
    /// Number of queries.
    pub queries: u64,
    /// Share of the queries with their product in first place.
    pub top1: f64,
    /// The 95 % confidence interval of `top1`.
    pub top1_interval: Interval,
    /// Share of the queries with their product in one of the first three places.
    pub top3: f64,
    /// The same for the first five.
    pub top5: f64,
    /// The same for the first k places, k from 1 to 10.
    pub curve: Vec<f64>,
    /// Retrieval metrics, over the queries that came with neighbours; `None` if none did.
    pub retrieval: Option<Retrieval>,
    /// Whether the first score tells how likely the answer is right. 15 bins.
    pub calibration: Calibration,
    /// The accuracy of each product, by ascending product.
    pub products: Vec<ProductAccuracy>,
    /// The products most often taken for others: at most 20 pairs, the worst first.
    pub confused: Vec<Confusion>,
}

impl Method {
    /// A method that was asked nothing yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), queries: Vec::new() }
    }

    /// Adds a query.
    pub fn add(&mut self, query: Query) {
        self.queries.push(query);
    }

    /// All metrics over the queries so far.
    pub fn result(&self) -> MethodResult {
        let outcomes: Vec<_> = self.queries.iter().map(Query::outcome).collect();
        let mut top = TopK::default();
        outcomes.iter().for_each(|outcome| top.add(outcome.place));
        let right = outcomes.iter().filter(|outcome| outcome.place == Some(0)).count() as u64;
        let confidences: Vec<_> = self
            .queries
            .iter()
            .zip(&outcomes)
            .map(|(query, outcome)| {
                let confidence = query.ranking.first().map_or(0.0, |&(_, score)| f64::from(score));
                (confidence, outcome.place == Some(0))
            })
            .collect();
        let found: Vec<_> = self
            .queries
            .iter()
            .filter_map(|query| Some((query.truth, query.neighbours.as_ref()?)))
            .collect();
        MethodResult {
            name: self.name.clone(),
            queries: top.queries(),
            top1: top.accuracy(1),
            top1_interval: wilson(right, top.queries()),
            top3: top.accuracy(3),
            top5: top.accuracy(5),
            curve: (1..=CURVE).map(|k| top.accuracy(k)).collect(),
            retrieval: retrieval(&found),
            calibration: calibration(&confidences, BINS),
            products: per_product(&outcomes),
            confused: confused(&outcomes, PAIRS, EXAMPLES),
        }
    }
}

impl Query {
    fn outcome(&self) -> Outcome<'_> {
        Outcome {
            photo: &self.photo,
            truth: self.truth,
            said: self.ranking.first().map(|&(product, _)| product),
            place: self.ranking.iter().position(|&(product, _)| product == self.truth),
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
        let mut method = Method::new("made up");
        method.add(query("a", 1, &[(1, 1.0)]));
        method.add(query("b", 1, &[(2, 0.5), (3, 0.25), (1, 0.25)]));
        let six = [(2, 0.5), (3, 0.1), (4, 0.1), (5, 0.1), (6, 0.1), (1, 0.1)];
        method.add(query("c", 1, &six));
        method.add(query("d", 2, &[]));
        let result = method.result();
        assert_eq!((result.name.as_str(), result.queries), ("made up", 4));
        assert_eq!((result.top1, result.top3, result.top5), (0.25, 0.5, 0.5));
        assert_eq!(result.curve, [0.25, 0.25, 0.5, 0.5, 0.5, 0.75, 0.75, 0.75, 0.75, 0.75]);
        assert_eq!(result.top1_interval, wilson(1, 4));
        assert_eq!(result.retrieval, None);
        // Confidences 1, 0.5, 0.5 and 0; right, wrong, wrong, wrong.
        assert_eq!(result.calibration.ece, 0.25);
        assert_eq!(result.products.len(), 2);
        assert_eq!((result.confused[0].said, result.confused[0].count), (2, 2));
    }

    #[test]
    fn neighbours_count_only_where_given() {
        let mut method = Method::new("nearest");
        method.add(query("a", 1, &[(2, 1.0)]));
        let neighbours = Some(Neighbours { products: vec![2, 1], relevant: 1 });
        method.add(Query { neighbours, ..query("b", 1, &[(1, 1.0)]) });
        let found = method.result().retrieval.expect("one query has neighbours");
        assert_eq!((found.queries, found.recall1, found.recall5, found.map), (1, 0.0, 1.0, 0.5));
    }
}
