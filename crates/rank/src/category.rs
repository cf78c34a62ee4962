//! Products ranked with their categories in mind.

use std::collections::HashMap;

use crate::RankedProduct;

/// Ranks products by their own share and the share of their category, multiplied: where the first two of
/// a ranking are of different kinds, the one whose kind has more of the rest comes first.
///
/// `category` numbers a product's category; a product without one is a category of its own. Scores are 0 to
/// 1 and 1 in all.
pub fn by_category(
    ranked: &[RankedProduct],
    category: impl Fn(u32) -> Option<u32>,
) -> Vec<RankedProduct> {
    let mut shares: HashMap<u32, f32> = HashMap::new();
    for one in ranked {
        if let Some(category) = category(one.product) {
            *shares.entry(category).or_default() += one.score;
        }
    }
    let weighed = |one: &RankedProduct| {
        let share = category(one.product).map_or(one.score, |category| shares[&category]);
        RankedProduct { score: one.score * share, ..one.clone() }
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
    fn a_kind_that_has_more_of_the_rest_comes_first() {
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
