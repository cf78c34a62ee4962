//! Retrieval metrics: recall@k and mean average precision of the photos nearest to a query.

use serde::{Deserialize, Serialize};

/// The photos retrieved for one query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// The product of each retrieved photo, the nearest first; a product may come repeatedly.
    pub products: Vec<u32>,
    /// Number of relevant photos: those of the query's product in the index.
    pub relevant: usize,
}

/// Retrieval metrics over many queries; all but the counts are 0 to 1. Queries without relevant photos are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RetrievalMetrics {
    /// Number of queries with relevant photos.
    pub queries: u64,
    /// Photos retrieved for a query: the length of the longest list.
    pub depth: usize,
    /// Recall@1: the fraction of queries whose nearest photo shows their product.
    pub recall_at_1: f64,
    /// Recall@5: the fraction of queries with at least one photo of their product among the nearest 5.
    pub recall_at_5: f64,
    /// Recall@10. A list may be shorter.
    pub recall_at_10: f64,
    /// Mean of the queries' [`average_precision`] to `depth`.
    pub map: f64,
}

/// Average precision of one list of `products`, the nearest first, to `depth`; 0 to 1.
///
/// With P(k) the precision of the first k photos, and r(k) 1 if the k-th is relevant and 0 if not,
///
/// ```text
/// AP = Σ P(k) r(k) / min(relevant, depth)      k = 1 … depth
/// ```
///
/// after T. Weyand et al., "Google Landmarks Dataset v2", CVPR 2020, equation of mAP@100. Unlike the average precision of
/// whole rankings it does not count photos as missed for which the list had no room. The depth is the same for all
/// queries, so a list gains nothing by ending early. `None` without relevant photos. If more are retrieved than
/// `relevant` says, those retrieved count.
pub fn average_precision(
    products: &[u32],
    truth: u32,
    relevant: usize,
    depth: usize,
) -> Option<f64> {
    let mut found = 0_usize;
    let mut sum = 0.0;
    for (rank, _) in
        products.iter().take(depth).enumerate().filter(|&(_, &product)| product == truth)
    {
        found += 1;
        sum += found as f64 / (rank + 1) as f64;
    }
    let possible = relevant.min(depth).max(found);
    (possible > 0).then(|| sum / possible as f64)
}

/// The metrics of queries, each a true product and what was found; `None` without queries.
///
/// Recall@k is that of retrieval with one right answer to find (H. Jégou et al., "Product Quantization
/// for Nearest Neighbor Search", PAMI 2011): is there at least one right photo among the first k?
pub fn retrieval_metrics(queries: &[(u32, &Neighbours)]) -> Option<RetrievalMetrics> {
    let depth = queries.iter().map(|(_, found)| found.products.len()).max()?;
    let mut recalled = crate::TopK::default();
    let mut precision = 0.0;
    for (truth, found) in queries {
        let first = found.products.iter().position(|product| product == truth);
        if found.relevant == 0 && first.is_none() {
            continue;
        }
        recalled.add(first);
        precision +=
            average_precision(&found.products, *truth, found.relevant, depth).unwrap_or(0.0);
    }
    Some(RetrievalMetrics {
        queries: recalled.queries(),
        depth,
        recall_at_1: recalled.accuracy(1),
        recall_at_5: recalled.accuracy(5),
        recall_at_10: recalled.accuracy(10),
        map: precision / recalled.queries().max(1) as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(value: Option<f64>, expected: f64) -> bool {
        value.is_some_and(|value| (value - expected).abs() < 1e-12)
    }

    #[test]
    fn precision_by_hand() {
        // Right in places 1 and 3: precisions 1/1 and 2/3.
        let found = [1, 2, 1, 3];
        assert!(close(average_precision(&found, 1, 3, 4), (1.0 + 2.0 / 3.0) / 3.0));
        assert!(close(average_precision(&found, 1, 2, 4), (1.0 + 2.0 / 3.0) / 2.0));
        // Ten could be found, but the list had room for four.
        assert!(close(average_precision(&found, 1, 10, 4), (1.0 + 2.0 / 3.0) / 4.0));
        // Only the first two places count.
        assert!(close(average_precision(&found, 1, 10, 2), 0.5));
        assert!(close(average_precision(&found, 9, 2, 4), 0.0));
        assert_eq!(average_precision(&found, 9, 0, 4), None);
        assert!(close(average_precision(&[1, 1], 1, 1, 2), 1.0));
    }

    #[test]
    fn a_short_list_gains_nothing() {
        let whole = Neighbours { products: vec![1, 2, 1, 1], relevant: 3 };
        let short = Neighbours { products: vec![1], relevant: 3 };
        let nothing_to_find = Neighbours { products: vec![2, 2], relevant: 0 };
        let late = Neighbours { products: vec![2, 3, 4, 2], relevant: 1 };
        let queries = [(1, &whole), (1, &short), (9, &nothing_to_find), (4, &late)];
        let all = retrieval_metrics(&queries).expect("there are queries");
        assert_eq!((all.queries, all.depth), (3, 4));
        assert_eq!((all.recall_at_1, all.recall_at_5, all.recall_at_10), (2.0 / 3.0, 1.0, 1.0));
        let expected = ((1.0 + 2.0 / 3.0 + 3.0 / 4.0) / 3.0 + 1.0 / 3.0 + 1.0 / 3.0) / 3.0;
        assert!((all.map - expected).abs() < 1e-12, "{}", all.map);
        assert_eq!(retrieval_metrics(&[]), None);
    }
}
