//! What a classifier gives a query: a probability for each product that it knows.

use std::collections::BTreeMap;

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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{Evidence, RankedProduct};

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
}
