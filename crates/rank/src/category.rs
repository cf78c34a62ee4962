//! Products ranked by their own score times their category's: evaluations measure it beside what a search uses.

use std::collections::HashMap;

use crate::RankedProduct;

/// Ranks products by their own score times the sum of the scores of their category.
///
/// `category` maps a product to its category's number; a product without one is a category of its own. Scores are 0
/// to 1 and 1 in all.
pub fn by_category(
    ranked: &[RankedProduct],
    category: impl Fn(u32) -> Option<u32>,
) -> Vec<RankedProduct> {
    let mut sums: HashMap<u32, f32> = HashMap::new();
    for one in ranked {
        if let Some(category) = category(one.product) {
            *sums.entry(category).or_default() += one.score;
        }
    }
    let weighed = |one: &RankedProduct| {
        let sum = category(one.product).map_or(one.score, |category| sums[&category]);
        RankedProduct { score: one.score * sum, ..one.clone() }
    };
    let mut weighed: Vec<RankedProduct> = ranked.iter().map(weighed).collect();
    let all: f32 = weighed.iter().map(|one| one.score).sum();
    if all > 0.0 {
        weighed.iter_mut().for_each(|one| one.score /= all);
    }
    // Stable: what ties stays in the order it had.
    weighed.sort_by(|a, b| b.score.total_cmp(&a.score));
    weighed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_with_more_of_the_rest_comes_first() {
        let ranked = |scores: &[f32]| -> Vec<RankedProduct> {
            let each = (0u32..).zip(scores);
            each.map(|(product, &score)| RankedProduct { product, score, evidence: Vec::new() })
                .collect()
        };
        // Product 0 is alone in its category, 1 and 2 share theirs.
        let found = by_category(&ranked(&[0.4, 0.35, 0.25]), |product| Some(product.min(1)));
        let order: Vec<u32> = found.iter().map(|one| one.product).collect();
        assert_eq!(order, [1, 0, 2]);
        assert!((found.iter().map(|one| one.score).sum::<f32>() - 1.0).abs() < 1e-6);
        let without = by_category(&ranked(&[0.5, 0.3, 0.2]), |_| None);
        assert_eq!(without.iter().map(|one| one.product).collect::<Vec<_>>(), [0, 1, 2]);
        assert!((without[0].score - 0.25 / 0.38).abs() < 1e-6, "{without:?}");
        assert!(by_category(&[], |_| None).is_empty());
    }
}
