//! Whether the photos nearest to a query show its product.

use serde::{Deserialize, Serialize};

/// The photos found for one query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Neighbours {
    /// The product of each photo found, the nearest photo first; a product may come repeatedly.
    pub products: Vec<u32>,
    /// How many photos of the query's product could have been found.
    pub relevant: usize,
}

/// Retrieval metrics over many queries; all but the counts are 0 to 1.
///
/// Queries of whose product there was no photo to find are in none of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retrieval {
    /// Number of queries that had something to find.
    pub queries: u64,
    /// Photos looked at for a query: the length of the longest list.
    pub depth: usize,
    /// Share of the queries whose nearest photo shows their product.
    pub recall1: f64,
    /// Share of the queries with at least one photo of their product among the nearest 5.
    pub recall5: f64,
    /// The same for the nearest 10. A list may be shorter.
    pub recall10: f64,
    /// Mean of the queries' [`average_precision`] to `depth`.
    pub map: f64,
}

/// Average precision of one list of `products`, the nearest first, to `depth`; 0 to 1.
///
/// With P(k) the share of right photos among the first k, and r(k) 1 if the k-th is right and 0 if not,
///
/// ```text
/// AP = Σ P(k) r(k) / min(relevant, depth)      k = 1 … depth
/// ```
///
/// after T. Weyand et al., "Google Landmarks Dataset v2", CVPR 2020, where it is mAP@100's. Unlike the average precision of whole rankings it does not count photos as missed for
/// which the list had no room. The depth is the same for all queries, so a list gains nothing by ending
/// early. `None` if there was nothing to find. If more are found than `relevant` says, those found count.
pub fn average_precision(
    products: &[u32],
    truth: u32,
    relevant: usize,
    depth: usize,
) -> Option<f64> {
    let mut found = 0_usize;
    let mut sum = 0.0;
    for (place, _) in
        products.iter().take(depth).enumerate().filter(|&(_, &product)| product == truth)
    {
        found += 1;
        sum += found as f64 / (place + 1) as f64;
    }
    let possible = relevant.min(depth).max(found);
    (possible > 0).then(|| sum / possible as f64)
}

/// The metrics of queries, each a true product and what was found; `None` if there are no queries.
///
/// Recall@k is that of retrieval with one right answer to find (H. Jégou et al., "Product Quantization
/// for Nearest Neighbor Search", PAMI 2011): is there at least one right photo among the first k?
pub fn retrieval(queries: &[(u32, &Neighbours)]) -> Option<Retrieval> {
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
    Some(Retrieval {
        queries: recalled.queries(),
        depth,
        recall1: recalled.accuracy(1),
        recall5: recalled.accuracy(5),
        recall10: recalled.accuracy(10),
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
        let all = retrieval(&queries).expect("there are queries");
        assert_eq!((all.queries, all.depth), (3, 4));
        assert_eq!((all.recall1, all.recall5, all.recall10), (2.0 / 3.0, 1.0, 1.0));
        let expected = ((1.0 + 2.0 / 3.0 + 3.0 / 4.0) / 3.0 + 1.0 / 3.0 + 1.0 / 3.0) / 3.0;
        assert!((all.map - expected).abs() < 1e-12, "{}", all.map);
        assert_eq!(retrieval(&[]), None);
    }
}
