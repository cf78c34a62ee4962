//! What confidence is computed from: quantities that mean the same in every catalogue, whatever its products, its number
//! of photos and its network. Similarities count only against those of the other products (cohort normalisation, as the
//! adaptive s-norm of speaker verification: Matějka et al., "Analysis of score normalization in multilingual speaker
//! recognition", 2017).

use crate::{Neighbour, RankedProduct};

/// Number of [`confidence_features`].
pub const CONFIDENCE_FEATURES: usize = 5;

/// Scores below this are all the same to [`confidence_features`].
const LEAST_SCORE: f32 = 1e-4;

/// The most similar other products that make the near cohort.
const NEAR_COHORT: usize = 20;

/// Added to a cohort's standard deviation: few products have a small one by chance.
const LEAST_SPREAD: f32 = 0.02;

/// The nearest photos whose agreement counts.
const AGREEING: usize = 10;

/// The similarity of a query to a product's prototype.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProductSimilarity {
    /// Which product.
    pub product: u32,
    /// Cosine similarity, -1 to 1.
    pub similarity: f32,
}

/// The features of an answer: the log odds of the best product against all others and against the second; how many
/// standard deviations its prototype is more similar than those of all others, and than the nearest twenty; and the
/// fraction, 0 to 1, of the ten nearest photos that show it, of those that can.
///
/// `neighbours` come best first, `photos_of_best` is the number of photos of the first product that could be among them.
pub fn confidence_features(
    ranked: &[RankedProduct],
    neighbours: &[Neighbour],
    similarities: &[ProductSimilarity],
    photos_of_best: usize,
) -> [f32; CONFIDENCE_FEATURES] {
    let Some(best) = ranked.first() else { return [0.0; CONFIDENCE_FEATURES] };
    let second = ranked.get(1).map_or(0.0, |second| second.score);
    let log_odds =
        |for_it: f32, against: f32| (for_it.max(LEAST_SCORE) / against.max(LEAST_SCORE)).ln();
    let similarity = best_similarity(ranked, similarities);
    let mut others: Vec<f32> = similarities
        .iter()
        .filter(|one| one.product != best.product)
        .map(|one| one.similarity)
        .collect();
    let of_all = normalised(similarity, &others);
    if others.len() > NEAR_COHORT {
        others.select_nth_unstable_by(NEAR_COHORT, |a, b| b.total_cmp(a));
        others.truncate(NEAR_COHORT);
    }
    let nearest = &neighbours[..neighbours.len().min(AGREEING)];
    let showing = nearest.iter().filter(|near| near.product == best.product).count();
    let could = nearest.len().min(photos_of_best).max(1);
    [
        log_odds(best.score, 1.0 - best.score),
        log_odds(best.score, second),
        of_all,
        normalised(similarity, &others),
        (showing as f32 / could as f32).min(1.0),
    ]
}

/// The similarity of the first product's prototype; -1 if it has none.
pub fn best_similarity(ranked: &[RankedProduct], similarities: &[ProductSimilarity]) -> f32 {
    let best = ranked.first().map(|best| best.product);
    let found = similarities.iter().find(|one| Some(one.product) == best);
    found.map_or(-1.0, |one| one.similarity)
}

/// How many standard deviations of a cohort a similarity is above its mean; 0 for a cohort of fewer than two.
fn normalised(similarity: f32, cohort: &[f32]) -> f32 {
    if cohort.len() < 2 {
        return 0.0;
    }
    let count = cohort.len() as f32;
    let mean = cohort.iter().sum::<f32>() / count;
    let spread = (cohort.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / count).sqrt();
    (similarity - mean) / (spread + LEAST_SPREAD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class_scores::tests::voted;

    fn similarities(list: &[(u32, f32)]) -> Vec<ProductSimilarity> {
        list.iter()
            .map(|&(product, similarity)| ProductSimilarity { product, similarity })
            .collect()
    }

    #[test]
    fn features_compare_the_first_product_with_the_others() {
        let neighbour = |product| Neighbour { photo: 1, product, similarity: 0.9 };
        let ranked = voted(&[(1, 0.75), (2, 0.25)]);
        let neighbours = [neighbour(1), neighbour(1), neighbour(2), neighbour(2)];
        let similarities = similarities(&[(1, 0.8), (2, 0.4), (3, 0.2)]);
        let features = confidence_features(&ranked, &neighbours, &similarities, 2);
        let wanted = [3f32.ln(), 3f32.ln(), (0.8 - 0.3) / 0.12, (0.8 - 0.3) / 0.12, 1.0];
        assert!(features.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-4), "{features:?}");
        let half = confidence_features(&ranked, &neighbours, &similarities, 30)[4];
        assert!((half - 0.5).abs() < 1e-6, "the product has more photos than the two: {half}");
    }

    #[test]
    fn the_near_cohort_is_the_twenty_most_similar() {
        let mut list = vec![(0, 0.9)];
        list.extend((1..=20).map(|product| (product, 0.5 + 0.01 * (product % 2) as f32)));
        list.extend((21..200).map(|product| (product, -0.5)));
        let features = confidence_features(&voted(&[(0, 1.0)]), &[], &similarities(&list), 1);
        assert!((features[3] - (0.9 - 0.505) / 0.025).abs() < 0.1, "{features:?}");
        assert!(features[2] < features[3], "{features:?}");
    }

    #[test]
    fn of_nothing_they_are_finite() {
        assert!(confidence_features(&[], &[], &[], 0).iter().all(|feature| feature.is_finite()));
        let alone = confidence_features(&voted(&[(1, 1.0)]), &[], &similarities(&[(1, 0.5)]), 0);
        assert!(alone.iter().all(|feature| feature.is_finite()), "{alone:?}");
        assert_eq!(best_similarity(&voted(&[(5, 1.0)]), &[]), -1.0);
    }
}
