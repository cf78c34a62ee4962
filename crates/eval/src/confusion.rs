//! Which products are recognised, and which are taken for which.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::TopK;

/// What became of one query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The photo's name.
    pub photo: &'a str,
    /// The product it shows.
    pub truth: u32,
    /// The product ranked first; `None` if none was ranked.
    pub said: Option<u32>,
    /// The place of the product it shows, counted from 0; `None` if that was not ranked.
    pub place: Option<usize>,
}

/// How well one product is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ProductAccuracy {
    /// The product.
    pub product: u32,
    /// Number of queries that show it.
    pub queries: u64,
    /// Share of them with the product in first place, 0 to 1.
    pub top1: f64,
    /// Share of them with the product in one of the first three places, 0 to 1.
    pub top3: f64,
}

/// One product that is taken for another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Confusion {
    /// The product that the photos show.
    pub truth: u32,
    /// The product that was ranked first.
    pub said: u32,
    /// Number of queries for which this happened.
    pub count: u64,
    /// Their share of the queries that show `truth`, 0 to 1.
    pub share: f64,
    /// Names of some of their photos, in alphabetical order.
    pub examples: Vec<String>,
    /// The alphabetically first name of a query photo that shows `said`, if there is one: to compare with.
    pub said_example: Option<String>,
}

/// The accuracy of each product that a query shows, by ascending product.
pub fn per_product(outcomes: &[Outcome<'_>]) -> Vec<ProductAccuracy> {
    let mut products = BTreeMap::<u32, TopK>::new();
    for outcome in outcomes {
        products.entry(outcome.truth).or_default().add(outcome.place);
    }
    let accuracy = |(product, top): (u32, TopK)| ProductAccuracy {
        product,
        queries: top.queries(),
        top1: top.accuracy(1),
        top3: top.accuracy(3),
    };
    products.into_iter().map(accuracy).collect()
}

/// The worst `pairs` of products that were taken for one another, with up to `examples` photos each.
///
/// The most queries first; of equally many, the largest share of the true product's queries first, then
/// by ascending product. A query for which nothing was ranked is in no pair.
pub fn confused(outcomes: &[Outcome<'_>], pairs: usize, examples: usize) -> Vec<Confusion> {
    let mut shown = BTreeMap::<u32, Vec<&str>>::new();
    let mut wrong = BTreeMap::<(u32, u32), Vec<&str>>::new();
    for outcome in outcomes {
        shown.entry(outcome.truth).or_default().push(outcome.photo);
        if let Some(said) = outcome.said.filter(|&said| said != outcome.truth) {
            wrong.entry((outcome.truth, said)).or_default().push(outcome.photo);
        }
    }
    let mut found: Vec<_> = wrong
        .into_iter()
        .map(|((truth, said), mut photos)| {
            photos.sort_unstable();
            let queries = shown.get(&truth).map_or(photos.len(), Vec::len);
            Confusion {
                truth,
                said,
                count: photos.len() as u64,
                share: photos.len() as f64 / queries as f64,
                examples: photos.into_iter().take(examples).map(str::to_owned).collect(),
                said_example: shown
                    .get(&said)
                    .and_then(|photos| photos.iter().min())
                    .map(|&photo| photo.to_owned()),
            }
        })
        .collect();
    // A stable sort: what is equal stays in the order of its products.
    found.sort_by(|a, b| b.count.cmp(&a.count).then(b.share.total_cmp(&a.share)));
    found.truncate(pairs);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(photo: &str, truth: u32, said: u32, place: Option<usize>) -> Outcome<'_> {
        Outcome { photo, truth, said: Some(said), place }
    }

    fn outcomes() -> Vec<Outcome<'static>> {
        vec![
            outcome("d", 2, 1, Some(1)),
            outcome("c", 2, 1, None),
            outcome("b", 2, 2, Some(0)),
            outcome("a", 2, 3, Some(4)),
            outcome("e", 1, 2, Some(2)),
            outcome("g", 4, 2, None),
            Outcome { photo: "f", truth: 9, said: None, place: None },
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
        let found = confused(&outcomes(), 10, 1);
        let pairs: Vec<_> = found.iter().map(|c| (c.truth, c.said, c.count, c.share)).collect();
        // 1 and 4 taken for 2 is all of their queries, 2 taken for 3 a quarter of 2's.
        let expected = [(2, 1, 2, 0.5), (1, 2, 1, 1.0), (4, 2, 1, 1.0), (2, 3, 1, 0.25)];
        assert_eq!(pairs, expected);
        assert_eq!(found[0].examples, ["c"]);
        assert_eq!(found[0].said_example.as_deref(), Some("e"));
        assert_eq!(found[3].said_example, None);
        assert_eq!(confused(&outcomes(), 1, 5).len(), 1);
        assert_eq!(confused(&outcomes(), 1, 5)[0].examples, ["c", "d"]);
    }

    #[test]
    fn order_of_queries_changes_nothing() {
        let mut reversed = outcomes();
        reversed.reverse();
        assert_eq!(confused(&reversed, 10, 3), confused(&outcomes(), 10, 3));
        assert_eq!(per_product(&reversed), per_product(&outcomes()));
    }
}
