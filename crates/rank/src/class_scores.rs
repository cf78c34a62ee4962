//! What a classifier gives a query: a probability for each product that it knows.

use std::collections::BTreeMap;

use crate::RankedProduct;

/// A classifier's probabilities of the products of an index.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClassScores {
    /// The probability, 0 to 1, of each product that the classifier knows. Ordered, because floating point sums
    /// depend on the order. Classes that are no product of the index are left out, so the sum may be below 1.
    pub probabilities: BTreeMap<u32, f32>,
}

impl ClassScores {
    /// The sum of the probabilities: how much of the classifier's mass is on products of the index, 0 to 1.
    pub(crate) fn mass(&self) -> f32 {
        self.probabilities.values().sum()
    }
}

/// How much of their probability mass the classifiers that know the best product put on products of the index, 0 to
/// 1; 1 if none of them knows it. The rest went to classes that are not in the index.
pub fn covered_mass(ranked: &[RankedProduct], scores: &[ClassScores]) -> f32 {
    let Some(best) = ranked.first() else { return 1.0 };
    let know = scores.iter().filter(|scores| scores.probabilities.contains_key(&best.product));
    let masses: Vec<f32> = know.map(|scores| scores.mass().min(1.0)).collect();
    if masses.is_empty() { 1.0 } else { masses.iter().sum::<f32>() / masses.len() as f32 }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Evidence;

    pub(crate) fn voted(scores: &[(u32, f32)]) -> Vec<RankedProduct> {
        let ranked = |&(product, score): &(u32, f32)| RankedProduct {
            product,
            score,
            evidence: vec![Evidence { photo: 10 * product, similarity: score }],
        };
        scores.iter().map(ranked).collect()
    }

    pub(crate) fn class_scores(probabilities: &[(u32, f32)]) -> ClassScores {
        ClassScores { probabilities: probabilities.iter().copied().collect() }
    }

    #[test]
    fn mass_on_classes_outside_the_index_is_not_covered() {
        let scores = [class_scores(&[(1, 0.3), (2, 0.1)])];
        assert!((covered_mass(&voted(&[(1, 1.0)]), &scores) - 0.4).abs() < 1e-6);
        assert_eq!(covered_mass(&voted(&[(9, 1.0)]), &scores), 1.0, "a product that came later");
    }
}
