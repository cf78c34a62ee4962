use std::collections::{BTreeMap, HashMap};

use crate::{Neighbour, RankedProduct};

/// Nearest photos whose mean similarity is a [signal](signals).
const NEAREST: usize = 5;

/// What a classifier says of a query.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Opinion {
    /// The share, 0 to 1, that it gives to each product that it knows, in an order that is always the same, as
    /// sums depend on it. What it gives to things that
    /// are no product here is missing from their sum.
    pub shares: BTreeMap<u32, f32>,
}

impl Opinion {
    /// How much of its shares goes to products that are here, 0 to 1.
    pub(crate) fn mass(&self) -> f32 {
        self.shares.values().sum()
    }
}

/// Ranks products by the weighted mean of classifiers' opinions and the neighbours' vote: the ensembles of
/// the study. A search [pools](crate::pool) them.
///
/// `weights` are the classifiers', then the vote's: 1 in all. A product that a classifier does not know,
/// because it came later, loses nothing by that: the classifier is taken to say of it what the vote
/// says, and to share out the rest among those that it knows.
///
/// Every product of the vote or of an opinion is in the result, with the vote's evidence.
pub fn mean(voted: &[RankedProduct], opinions: &[Opinion], weights: &[f32]) -> Vec<RankedProduct> {
    let mut scores: HashMap<u32, f32> = HashMap::new();
    let of_vote = weights.last().copied().unwrap_or(1.0);
    for ranked in voted {
        *scores.entry(ranked.product).or_default() += of_vote * ranked.score;
    }
    for (opinion, &weight) in opinions.iter().zip(weights) {
        let strangers = voted.iter().filter(|ranked| !opinion.shares.contains_key(&ranked.product));
        let mut left = 1.0;
        for ranked in strangers {
            *scores.entry(ranked.product).or_default() += weight * ranked.score;
            left -= ranked.score;
        }
        let mass = opinion.mass().max(f32::MIN_POSITIVE);
        for (&product, share) in &opinion.shares {
            *scores.entry(product).or_default() += weight * left * share / mass;
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

/// Scores below this are all the same, in [`signals`].
const LEAST: f32 = 1e-4;

/// Number of [`signals`].
pub const SIGNALS: usize = 4;

/// What tells how sure an answer is: the logarithms of the odds of the best product against all others
/// and against the second, the similarity of the nearest photo and the mean of the nearest five.
pub fn signals(ranked: &[RankedProduct], neighbours: &[Neighbour]) -> [f32; SIGNALS] {
    let score = |place: usize| ranked.get(place).map_or(0.0, |ranked| ranked.score);
    let nearest = &neighbours[..neighbours.len().min(NEAREST)];
    let sum: f32 = nearest.iter().map(|neighbour| neighbour.similarity).sum();
    let log_odds = |for_it: f32, against: f32| (for_it.max(LEAST) / against.max(LEAST)).ln();
    [
        log_odds(score(0), 1.0 - score(0)),
        log_odds(score(0), score(1)),
        nearest.first().map_or(-1.0, |neighbour| neighbour.similarity),
        sum / nearest.len().max(1) as f32,
    ]
}

/// How much of their shares the classifiers that know the best product give to things that are sold, 0 to
/// 1; 1 if none knows it. The rest went to things that they know and that are not sold.
pub fn heard(ranked: &[RankedProduct], opinions: &[Opinion]) -> f32 {
    let Some(best) = ranked.first() else { return 1.0 };
    let know = opinions.iter().filter(|opinion| opinion.shares.contains_key(&best.product));
    let masses: Vec<f32> = know.map(|opinion| opinion.mass().min(1.0)).collect();
    if masses.is_empty() { 1.0 } else { masses.iter().sum::<f32>() / masses.len() as f32 }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::Evidence;

    pub(crate) fn voted(shares: &[(u32, f32)]) -> Vec<RankedProduct> {
        let ranked = |&(product, score): &(u32, f32)| RankedProduct {
            product,
            score,
            evidence: vec![Evidence { photo: 10 * product, similarity: score }],
        };
        shares.iter().map(ranked).collect()
    }

    pub(crate) fn opinion(shares: &[(u32, f32)]) -> Opinion {
        Opinion { shares: shares.iter().copied().collect() }
    }

    fn scores(ranked: &[RankedProduct]) -> Vec<(u32, f32)> {
        ranked.iter().map(|r| (r.product, (1000.0 * r.score).round() / 1000.0)).collect()
    }

    #[test]
    fn what_all_agree_on_comes_first_and_scores_add_up() {
        let fused = mean(
            &voted(&[(1, 0.6), (2, 0.4)]),
            &[opinion(&[(1, 0.2), (2, 0.7), (3, 0.1)])],
            &[0.5, 0.5],
        );
        assert_eq!(scores(&fused), [(2, 0.55), (1, 0.4), (3, 0.05)]);
        assert_eq!(fused[0].evidence[0].photo, 20);
        assert!(fused[2].evidence.is_empty(), "nobody's neighbour");
    }

    #[test]
    fn a_product_that_came_later_is_not_punished() {
        let known = opinion(&[(1, 0.9), (2, 0.1)]);
        let fused = mean(&voted(&[(7, 0.8), (1, 0.2)]), &[known], &[0.7, 0.3]);
        assert_eq!(scores(&fused), [(7, 0.8), (1, 0.186), (2, 0.014)]);
    }

    #[test]
    fn shares_of_other_things_are_left_out_and_told() {
        let opinions = [opinion(&[(1, 0.3), (2, 0.1)])];
        let fused = mean(&voted(&[(1, 1.0)]), &opinions, &[1.0, 0.0]);
        assert_eq!(scores(&fused), [(1, 0.75), (2, 0.25)]);
        let neighbour = |similarity| Neighbour { photo: 1, product: 1, similarity };
        let told = signals(&fused, &[neighbour(0.9), neighbour(0.7)]);
        let wanted = [3f32.ln(), 3f32.ln(), 0.9, 0.8];
        assert!(told.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-6), "{told:?}");
        assert!(signals(&[], &[]).iter().all(|signal| signal.is_finite()));
        assert!((heard(&fused, &opinions) - 0.4).abs() < 1e-6);
        assert_eq!(heard(&voted(&[(9, 1.0)]), &opinions), 1.0, "a product that came later");
    }

    #[test]
    fn without_classifiers_the_vote_stays_as_it_is() {
        let vote = voted(&[(4, 0.5), (2, 0.3), (9, 0.2)]);
        assert_eq!(mean(&vote, &[], &[1.0]), vote);
    }
}
