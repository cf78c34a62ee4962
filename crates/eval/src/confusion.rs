//! Accuracy by product, and confusions: the pairs of products that are most often mistaken for each other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::TopK;

/// The result of one query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The photo's name.
    pub photo: &'a str,
    /// The product that it shows, the ground truth.
    pub truth: u32,
    /// The product ranked first; `None` if none was ranked.
    pub predicted: Option<u32>,
    /// The rank of the true product, from 0; `None` if it was not ranked.
    pub rank: Option<usize>,
}

/// The accuracy for one product.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ProductAccuracy {
    /// The product.
    pub product: u32,
    /// Number of queries that show it.
    pub queries: u64,
    /// Top-1 accuracy over them, 0 to 1.
    pub top1: f64,
    /// Top-3 accuracy over them, 0 to 1.
    pub top3: f64,
}

/// One product that is mistaken for another: an off-diagonal cell of the confusion matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Confusion {
    /// The product that the photos show, the ground truth.
    pub truth: u32,
    /// The product that was ranked first.
    pub predicted: u32,
    /// Number of such queries.
    pub count: u64,
    /// Their fraction of the queries that show `truth`, 0 to 1.
    pub fraction: f64,
    /// Names of some of their photos, in alphabetical order.
    pub examples: Vec<String>,
    /// The alphabetically first name of a query photo that shows `predicted`, if there is one, for comparison.
    pub predicted_example: Option<String>,
}

/// The accuracy of each product that a query shows, by ascending product.
pub fn per_product(outcomes: &[Outcome<'_>]) -> Vec<ProductAccuracy> {
    let mut products = BTreeMap::<u32, TopK>::new();
    for outcome in outcomes {
        products.entry(outcome.truth).or_default().add(outcome.rank);
    }
    let accuracy = |(product, top): (u32, TopK)| ProductAccuracy {
        product,
        queries: top.queries(),
        top1: top.accuracy(1),
        top3: top.accuracy(3),
    };
    products.into_iter().map(accuracy).collect()
}

/// The `pairs` most frequent confusions, with up to `examples` photos each.
///
/// The most queries first; of equally many, the largest fraction of the true product's queries first, then by
/// ascending product. A query without a ranking is in no confusion.
pub fn worst_confusions(outcomes: &[Outcome<'_>], pairs: usize, examples: usize) -> Vec<Confusion> {
    let mut by_truth = BTreeMap::<u32, Vec<&str>>::new();
    let mut mistaken = BTreeMap::<(u32, u32), Vec<&str>>::new();
    for outcome in outcomes {
        by_truth.entry(outcome.truth).or_default().push(outcome.photo);
        if let Some(predicted) = outcome.predicted.filter(|&predicted| predicted != outcome.truth) {
            mistaken.entry((outcome.truth, predicted)).or_default().push(outcome.photo);
        }
    }
    let mut found: Vec<_> = mistaken
        .into_iter()
        .map(|((truth, predicted), mut photos)| {
            photos.sort_unstable();
            let queries = by_truth.get(&truth).map_or(photos.len(), Vec::len);
            Confusion {
                truth,
                predicted,
                count: photos.len() as u64,
                fraction: photos.len() as f64 / queries as f64,
                examples: photos.into_iter().take(examples).map(str::to_owned).collect(),
                predicted_example: by_truth
                    .get(&predicted)
                    .and_then(|photos| photos.iter().min())
                    .map(|&photo| photo.to_owned()),
            }
        })
        .collect();
    // A stable sort: equals stay in the order of their products.
    found.sort_by(|a, b| b.count.cmp(&a.count).then(b.fraction.total_cmp(&a.fraction)));
    found.truncate(pairs);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(photo: &str, truth: u32, predicted: u32, rank: Option<usize>) -> Outcome<'_> {
        Outcome { photo, truth, predicted: Some(predicted), rank }
    }

    fn outcomes() -> Vec<Outcome<'static>> {
        vec![
            outcome("d", 2, 1, Some(1)),
            outcome("c", 2, 1, None),
            outcome("b", 2, 2, Some(0)),
            outcome("a", 2, 3, Some(4)),
            outcome("e", 1, 2, Some(2)),
            outcome("g", 4, 2, None),
            Outcome { photo: "f", truth: 9, predicted: None, rank: None },
        ]
    }

    #[test]
    fn accuracy_by_product() {
        let expected = [(1, 1, 0.0, 1.0), (2, 4, 0.25, 0.5), (4, 1, 0.0, 0.0), (9, 1, 0.0, 0.0)];
        let found = per_product(&outcomes());
        let found: Vec<_> = found.iter().map(|p| (p.product, p.queries, p.top1, p.top3)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn worst_pairs_first() {
        let found = worst_confusions(&outcomes(), 10, 1);
        let pairs: Vec<_> =
            found.iter().map(|c| (c.truth, c.predicted, c.count, c.fraction)).collect();
        // All queries of 1 and 4 are mistaken for 2, and a quarter of the queries of 2 for 3.
        let expected = [(2, 1, 2, 0.5), (1, 2, 1, 1.0), (4, 2, 1, 1.0), (2, 3, 1, 0.25)];
        assert_eq!(pairs, expected);
        assert_eq!(found[0].examples, ["c"]);
        assert_eq!(found[0].predicted_example.as_deref(), Some("e"));
        assert_eq!(found[3].predicted_example, None);
        assert_eq!(worst_confusions(&outcomes(), 1, 5).len(), 1);
        assert_eq!(worst_confusions(&outcomes(), 1, 5)[0].examples, ["c", "d"]);
    }

    #[test]
    fn order_of_queries_changes_nothing() {
        let mut reversed = outcomes();
        reversed.reverse();
        assert_eq!(worst_confusions(&reversed, 10, 3), worst_confusions(&outcomes(), 10, 3));
        assert_eq!(per_product(&reversed), per_product(&outcomes()));
    }
}
