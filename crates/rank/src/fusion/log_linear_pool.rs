//! The weighted product of classifiers' probabilities and the neighbours' vote: a logarithmic opinion pool (Genest
//! and Zidek, "Combining probability distributions", 1986), whose weights are fitted by maximum likelihood.

use std::collections::HashMap;

use crate::{ClassScores, RankedProduct};

/// The least probability that a source counts with, so that no source can veto a product.
const FLOOR: f32 = 0.01;

/// Steps of [`fit_log_linear_pool`].
const STEPS: usize = 400;

/// Ranks products by the product of all sources' probabilities, each to the power of its weight: a product that one
/// source holds impossible does not come first because another is sure of it.
///
/// `weights` are the classifiers', then the vote's. A classifier without probabilities or of weight 0 is left out;
/// without any classifier, the vote stays as it is. A product that a classifier does not know (it was added after the
/// classifier was trained) is not penalised: it keeps its score from the vote, and the classifier's probabilities are
/// scaled to what is left. Scores are 0 to 1 and 1 in all; every product of the vote or of a classifier
/// has one, with the vote's evidence.
pub fn log_linear_pool(
    voted: &[RankedProduct],
    class_scores: &[ClassScores],
    weights: &[f32],
) -> Vec<RankedProduct> {
    // A classifier of weight 0 does not add its products, either.
    let class_scores: Vec<ClassScores> = class_scores
        .iter()
        .zip(weights)
        .map(
            |(scores, &weight)| if weight == 0.0 { ClassScores::default() } else { scores.clone() },
        )
        .collect();
    let logs = LogProbabilities::new(voted, &class_scores);
    if logs.classifiers == 0 {
        return voted.to_vec();
    }
    let scores = logs.scores(weights);
    let evidence: HashMap<u32, &RankedProduct> =
        voted.iter().map(|ranked| (ranked.product, ranked)).collect();
    let mut ranked: Vec<RankedProduct> = logs
        .products
        .iter()
        .zip(scores)
        .map(|(&product, score)| RankedProduct {
            product,
            score,
            evidence: evidence.get(&product).map(|r| r.evidence.clone()).unwrap_or_default(),
        })
        .collect();
    let nearest = |ranked: &RankedProduct| ranked.evidence.first().map_or(-1.0, |e| e.similarity);
    ranked.sort_by(|a, b| {
        let by_score = b.score.total_cmp(&a.score);
        by_score.then(nearest(b).total_cmp(&nearest(a))).then(a.product.cmp(&b.product))
    });
    ranked
}

/// The weights with which [`log_linear_pool`] gives the right products the highest likelihood: 0 to 20.
///
/// Each query is its vote, its class scores and its product; all have as many class scores. The log likelihood is
/// concave, so gradient ascent finds its maximum. Of no queries, all weigh 1.
pub fn fit_log_linear_pool(queries: &[(&[RankedProduct], &[ClassScores], u32)]) -> Vec<f32> {
    let usable: Vec<(LogProbabilities, usize)> = queries
        .iter()
        .filter_map(|(voted, class_scores, truth)| {
            let logs = LogProbabilities::new(voted, class_scores);
            let truth = logs.products.iter().position(|product| product == truth)?;
            Some((logs, truth))
        })
        .collect();
    let sources = queries.first().map_or(1, |(_, class_scores, _)| class_scores.len() + 1);
    let mut weights = vec![1.0f32; sources];
    let mut squares = vec![1e-6f64; sources];
    for _ in 0..STEPS {
        let mut gradient = vec![0.0f64; sources];
        for (logs, truth) in &usable {
            let scores = logs.scores(&weights);
            for (source, gradient) in gradient.iter_mut().enumerate() {
                let logs = &logs.logs[source];
                let mean: f32 = scores.iter().zip(logs).map(|(score, log)| score * log).sum();
                *gradient += f64::from(logs[*truth] - mean);
            }
        }
        // Steps by Adagrad (Duchi et al., 2011): no rate to choose.
        for source in 0..sources {
            let slope = gradient[source] / usable.len().max(1) as f64;
            squares[source] += slope * slope;
            let step = 0.3 * slope / squares[source].sqrt();
            weights[source] = (weights[source] + step as f32).clamp(0.0, 20.0);
        }
    }
    weights
}

/// The logarithm of each product's probability by each source.
struct LogProbabilities {
    products: Vec<u32>,
    /// For each classifier, then for the vote, of each product.
    logs: Vec<Vec<f32>>,
    /// How many classifiers have probabilities.
    classifiers: usize,
}

impl LogProbabilities {
    fn new(voted: &[RankedProduct], class_scores: &[ClassScores]) -> Self {
        let vote: HashMap<u32, f32> = voted.iter().map(|r| (r.product, r.score)).collect();
        let known = class_scores.iter().flat_map(|scores| scores.probabilities.keys());
        let mut products: Vec<u32> = vote.keys().chain(known).copied().collect();
        products.sort_unstable();
        products.dedup();
        let of_vote = |product: &u32| vote.get(product).copied().unwrap_or(0.0);
        let mut logs: Vec<Vec<f32>> = Vec::with_capacity(class_scores.len() + 1);
        for scores in class_scores {
            let probabilities = &scores.probabilities;
            if probabilities.is_empty() {
                logs.push(vec![0.0; products.len()]);
                continue;
            }
            let unknown = products.iter().filter(|p| !probabilities.contains_key(p));
            let left = 1.0 - unknown.map(of_vote).sum::<f32>();
            let mass = scores.mass().max(f32::MIN_POSITIVE);
            let probability = |product: &u32| match probabilities.get(product) {
                Some(probability) => left * probability / mass,
                None => of_vote(product),
            };
            logs.push(products.iter().map(|p| probability(p).max(FLOOR).ln()).collect());
        }
        logs.push(products.iter().map(|product| of_vote(product).max(FLOOR).ln()).collect());
        let with = |scores: &&ClassScores| !scores.probabilities.is_empty();
        let classifiers = class_scores.iter().filter(with).count();
        Self { products, logs, classifiers }
    }

    /// The softmax of the weighted sums of logarithms.
    fn scores(&self, weights: &[f32]) -> Vec<f32> {
        let mut sums = vec![0.0f32; self.products.len()];
        for (logs, weight) in self.logs.iter().zip(weights) {
            sums.iter_mut().zip(logs).for_each(|(sum, log)| *sum += weight * log);
        }
        let most = sums.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        sums.iter_mut().for_each(|sum| *sum = (*sum - most).exp());
        let all: f32 = sums.iter().sum();
        sums.iter_mut().for_each(|sum| *sum /= all);
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class_scores::tests::{class_scores, voted};

    fn best(ranked: &[RankedProduct]) -> u32 {
        ranked[0].product
    }

    #[test]
    fn what_both_hold_likely_beats_what_one_is_sure_of() {
        let vote = voted(&[(1, 0.60), (2, 0.40)]);
        let classifier = [class_scores(&[(3, 0.7), (2, 0.3), (1, 0.0)])];
        let pooled = log_linear_pool(&vote, &classifier, &[1.0, 1.0]);
        assert_eq!(best(&pooled), 2);
        assert!((pooled.iter().map(|r| r.score).sum::<f32>() - 1.0).abs() < 1e-5);
        assert_eq!(pooled[0].evidence[0].photo, 20);
        assert_eq!(pooled.len(), 3);
    }

    #[test]
    fn a_product_that_came_later_is_not_punished() {
        let known = class_scores(&[(1, 0.9), (2, 0.1)]);
        assert_eq!(best(&log_linear_pool(&voted(&[(7, 0.8), (1, 0.2)]), &[known], &[1.0, 1.0])), 7);
    }

    #[test]
    fn without_classifiers_the_vote_stays_as_it_is() {
        let vote = voted(&[(4, 0.5), (2, 0.3), (9, 0.2)]);
        assert_eq!(log_linear_pool(&vote, &[], &[1.0]), vote);
        assert_eq!(log_linear_pool(&vote, &[ClassScores::default()], &[1.0, 1.0]), vote);
        let many: Vec<(u32, f32)> = (0..250).map(|product| (product, 0.004)).collect();
        assert_eq!(log_linear_pool(&vote, &[class_scores(&many)], &[0.0, 1.0]), vote);
        assert_eq!(log_linear_pool(&[], &[], &[1.0]), []);
    }

    #[test]
    fn a_classifier_that_is_right_gets_weight_and_a_vote_that_guesses_gets_none() {
        // The classifier is right, if not very sure; the vote names something else every time.
        let votes: Vec<_> =
            (0..30u32).map(|n| voted(&[((n * 7) % 5, 0.8), (n % 5, 0.2)])).collect();
        let scores: Vec<_> = (0..30u32)
            .map(|n| {
                let probability = |p: u32| (p, if p == n % 5 { 0.4 } else { 0.15 });
                [class_scores(&(0..5).map(probability).collect::<Vec<_>>())]
            })
            .collect();
        let queries: Vec<_> =
            (0..30u32).map(|n| (&votes[n as usize][..], &scores[n as usize][..], n % 5)).collect();
        let weights = fit_log_linear_pool(&queries);
        assert!(weights[0] > 2.0 && weights[0] > 3.0 * weights[1], "{weights:?}");
        for (vote, scores, truth) in queries {
            assert_eq!(best(&log_linear_pool(vote, scores, &weights)), truth);
        }
        assert_eq!(fit_log_linear_pool(&[]), [1.0]);
    }
}
