//! Classifiers and neighbours heard together, as a logarithmic opinion pool.

use std::collections::HashMap;

use crate::{Opinion, RankedProduct};

/// The least share that an opinion counts as: nobody is so sure that nothing else can be heard.
const FLOOR: f32 = 0.01;

/// Steps of [`fit_pool`].
const STEPS: usize = 400;

/// Ranks products by the product of all opinions' shares, each to the power of its weight (Genest and
/// Zidek, "Combining probability distributions", 1986): what one of them holds impossible does not come
/// first because another is sure of it.
///
/// `weights` are the opinions', then the vote's. An opinion without shares, or of no weight, is not heard;
/// without any, the vote stays as it is. A product that a classifier does not know, because it came later, loses
/// nothing by that: the classifier is taken to say of it what the vote says, and to share out the rest
/// among those that it knows. Scores are 0 to 1 and 1 in all; every product of the vote or of an opinion
/// has one, with the vote's evidence.
pub fn pool(voted: &[RankedProduct], opinions: &[Opinion], weights: &[f32]) -> Vec<RankedProduct> {
    // What weighs nothing does not bring its products in, either.
    let opinions: Vec<Opinion> = opinions
        .iter()
        .zip(weights)
        .map(|(opinion, &weight)| if weight == 0.0 { Opinion::default() } else { opinion.clone() })
        .collect();
    let heard = Heard::new(voted, &opinions);
    if heard.opinions == 0 {
        return voted.to_vec();
    }
    let scores = heard.scores(weights);
    let evidence: HashMap<u32, &RankedProduct> =
        voted.iter().map(|ranked| (ranked.product, ranked)).collect();
    let mut ranked: Vec<RankedProduct> = heard
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

/// The weights with which [`pool`] gives the right products the highest likelihood.
///
/// Each query is its vote, its opinions and its product; all have as many opinions. The likelihood has one
/// highest point, which is climbed to by its gradient. Of no queries, all weigh 1.
pub fn fit_pool(queries: &[(&[RankedProduct], &[Opinion], u32)]) -> Vec<f32> {
    let heard: Vec<(Heard, usize)> = queries
        .iter()
        .filter_map(|(voted, opinions, truth)| {
            let heard = Heard::new(voted, opinions);
            let truth = heard.products.iter().position(|product| product == truth)?;
            Some((heard, truth))
        })
        .collect();
    let parts = queries.first().map_or(1, |(_, opinions, _)| opinions.len() + 1);
    let mut weights = vec![1.0f32; parts];
    let mut squares = vec![1e-6f64; parts];
    for _ in 0..STEPS {
        let mut gradient = vec![0.0f64; parts];
        for (heard, truth) in &heard {
            let scores = heard.scores(&weights);
            for (part, gradient) in gradient.iter_mut().enumerate() {
                let logs = &heard.logs[part];
                let mean: f32 = scores.iter().zip(logs).map(|(score, log)| score * log).sum();
                *gradient += f64::from(logs[*truth] - mean);
            }
        }
        // Steps by Adagrad (Duchi et al., 2011): no rate to choose.
        for part in 0..parts {
            let slope = gradient[part] / heard.len().max(1) as f64;
            squares[part] += slope * slope;
            let step = 0.3 * slope / squares[part].sqrt();
            weights[part] = (weights[part] + step as f32).clamp(0.0, 20.0);
        }
    }
    weights
}

/// The logarithms of what is said of each product.
struct Heard {
    products: Vec<u32>,
    /// For each opinion, then for the vote, of each product.
    logs: Vec<Vec<f32>>,
    /// How many opinions are heard.
    opinions: usize,
}

impl Heard {
    fn new(voted: &[RankedProduct], opinions: &[Opinion]) -> Self {
        let vote: HashMap<u32, f32> = voted.iter().map(|r| (r.product, r.score)).collect();
        let known = opinions.iter().flat_map(|opinion| opinion.shares.keys());
        let mut products: Vec<u32> = vote.keys().chain(known).copied().collect();
        products.sort_unstable();
        products.dedup();
        let of_vote = |product: &u32| vote.get(product).copied().unwrap_or(0.0);
        let mut logs: Vec<Vec<f32>> = Vec::with_capacity(opinions.len() + 1);
        for opinion in opinions {
            if opinion.shares.is_empty() {
                logs.push(vec![0.0; products.len()]);
                continue;
            }
            let strangers = products.iter().filter(|p| !opinion.shares.contains_key(p));
            let left = 1.0 - strangers.map(of_vote).sum::<f32>();
            let mass = opinion.mass().max(f32::MIN_POSITIVE);
            let share = |product: &u32| match opinion.shares.get(product) {
                Some(share) => left * share / mass,
                None => of_vote(product),
            };
            logs.push(products.iter().map(|product| share(product).max(FLOOR).ln()).collect());
        }
        logs.push(products.iter().map(|product| of_vote(product).max(FLOOR).ln()).collect());
        let heard = opinions.iter().filter(|opinion| !opinion.shares.is_empty()).count();
        Self { products, logs, opinions: heard }
    }

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
    use crate::fusion::tests::{opinion, voted};

    fn best(ranked: &[RankedProduct]) -> u32 {
        ranked[0].product
    }

    #[test]
    fn what_both_hold_likely_beats_what_one_is_sure_of() {
        let vote = voted(&[(1, 0.60), (2, 0.40)]);
        let classifier = [opinion(&[(3, 0.7), (2, 0.3), (1, 0.0)])];
        let pooled = pool(&vote, &classifier, &[1.0, 1.0]);
        assert_eq!(best(&pooled), 2);
        assert!((pooled.iter().map(|r| r.score).sum::<f32>() - 1.0).abs() < 1e-5);
        assert_eq!(pooled[0].evidence[0].photo, 20);
        assert_eq!(pooled.len(), 3);
    }

    #[test]
    fn a_product_that_came_later_is_not_punished() {
        let known = opinion(&[(1, 0.9), (2, 0.1)]);
        assert_eq!(best(&pool(&voted(&[(7, 0.8), (1, 0.2)]), &[known], &[1.0, 1.0])), 7);
    }

    #[test]
    fn without_opinions_the_vote_stays_as_it_is() {
        let vote = voted(&[(4, 0.5), (2, 0.3), (9, 0.2)]);
        assert_eq!(pool(&vote, &[], &[1.0]), vote);
        assert_eq!(pool(&vote, &[Opinion::default()], &[1.0, 1.0]), vote);
        let many: Vec<(u32, f32)> = (0..250).map(|product| (product, 0.004)).collect();
        assert_eq!(pool(&vote, &[opinion(&many)], &[0.0, 1.0]), vote);
        assert_eq!(pool(&[], &[], &[1.0]), []);
    }

    #[test]
    fn who_is_right_is_listened_to_and_who_guesses_is_not() {
        // The classifier is right, if not very sure; the vote names something else every time.
        let votes: Vec<_> =
            (0..30u32).map(|n| voted(&[((n * 7) % 5, 0.8), (n % 5, 0.2)])).collect();
        let opinions: Vec<_> = (0..30u32)
            .map(|n| {
                let share = |p: u32| (p, if p == n % 5 { 0.4 } else { 0.15 });
                [opinion(&(0..5).map(share).collect::<Vec<_>>())]
            })
            .collect();
        let queries: Vec<_> = (0..30u32)
            .map(|n| (&votes[n as usize][..], &opinions[n as usize][..], n % 5))
            .collect();
        let weights = fit_pool(&queries);
        assert!(weights[0] > 2.0 && weights[0] > 3.0 * weights[1], "{weights:?}");
        for (vote, opinions, truth) in queries {
            assert_eq!(best(&pool(vote, opinions, &weights)), truth);
        }
        assert_eq!(fit_pool(&[]), [1.0]);
    }
}
