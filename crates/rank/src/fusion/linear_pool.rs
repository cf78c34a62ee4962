//! The weighted mean of classifiers' probabilities and the neighbours' vote: a linear opinion pool (Stone, "The
//! opinion pool", 1961). Evaluations compare it with the [log-linear pool](crate::log_linear_pool) that a search
//! uses.

use std::collections::HashMap;

use crate::{ClassScores, RankedProduct};

/// Ranks products by the weighted mean of class scores and the neighbours' vote.
///
/// `weights` are the classifiers', then the vote's: 1 in all. A product that a classifier does not know (it was added
/// after the classifier was trained) is not penalised: it keeps its score from the vote, and the classifier's
/// probabilities are scaled to what is left.
///
/// Every product of the vote or of a classifier is in the result, with the vote's evidence.
pub fn linear_pool(
    voted: &[RankedProduct],
    class_scores: &[ClassScores],
    weights: &[f32],
) -> Vec<RankedProduct> {
    let mut scores: HashMap<u32, f32> = HashMap::new();
    let of_vote = weights.last().copied().unwrap_or(1.0);
    for ranked in voted {
        *scores.entry(ranked.product).or_default() += of_vote * ranked.score;
    }
    for (classes, &weight) in class_scores.iter().zip(weights) {
        let unknown =
            voted.iter().filter(|ranked| !classes.probabilities.contains_key(&ranked.product));
        let mut left = 1.0;
        for ranked in unknown {
            *scores.entry(ranked.product).or_default() += weight * ranked.score;
            left -= ranked.score;
        }
        let mass = classes.mass().max(f32::MIN_POSITIVE);
        for (&product, probability) in &classes.probabilities {
            *scores.entry(product).or_default() += weight * left * probability / mass;
        }
    }
    let mut evidence: HashMap<u32, &RankedProduct> =
        voted.iter().map(|ranked| (ranked.product, ranked)).collect();
    let mut fused: Vec<RankedProduct> = scores
        .into_iter()
        .map(|(product, score)| {
            let evidence = evidence.remove(&product).map(|ranked| ranked.evidence.clone());
            RankedProduct { product, score, evidence: evidence.unwrap_or_default() }
        })
        .collect();
    let nearest = |ranked: &RankedProduct| ranked.evidence.first().map_or(-1.0, |e| e.similarity);
    fused.sort_by(|a, b| {
        let by_score = b.score.total_cmp(&a.score);
        by_score.then(nearest(b).total_cmp(&nearest(a))).then(a.product.cmp(&b.product))
    });
    fused
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class_scores::tests::{class_scores, voted};

    fn scores(ranked: &[RankedProduct]) -> Vec<(u32, f32)> {
        ranked.iter().map(|r| (r.product, (1000.0 * r.score).round() / 1000.0)).collect()
    }

    #[test]
    fn what_all_agree_on_comes_first_and_scores_add_up() {
        let fused = linear_pool(
            &voted(&[(1, 0.6), (2, 0.4)]),
            &[class_scores(&[(1, 0.2), (2, 0.7), (3, 0.1)])],
            &[0.5, 0.5],
        );
        assert_eq!(scores(&fused), [(2, 0.55), (1, 0.4), (3, 0.05)]);
        assert_eq!(fused[0].evidence[0].photo, 20);
        assert!(fused[2].evidence.is_empty(), "nobody's neighbour");
    }

    #[test]
    fn a_product_that_came_later_is_not_punished() {
        let known = class_scores(&[(1, 0.9), (2, 0.1)]);
        let fused = linear_pool(&voted(&[(7, 0.8), (1, 0.2)]), &[known], &[0.7, 0.3]);
        assert_eq!(scores(&fused), [(7, 0.8), (1, 0.186), (2, 0.014)]);
    }

    #[test]
    fn mass_outside_the_index_is_left_out() {
        let fused =
            linear_pool(&voted(&[(1, 1.0)]), &[class_scores(&[(1, 0.3), (2, 0.1)])], &[1.0, 0.0]);
        assert_eq!(scores(&fused), [(1, 0.75), (2, 0.25)]);
    }

    #[test]
    fn without_classifiers_the_vote_stays_as_it_is() {
        let vote = voted(&[(4, 0.5), (2, 0.3), (9, 0.2)]);
        assert_eq!(linear_pool(&vote, &[], &[1.0]), vote);
    }
}
