//! How sure a search is of its first product, and whether the query shows anything that is sold: logistic
//! calibration (Platt, "Probabilistic outputs for support vector machines", 1999) of a few features of a ranking.

use serde::{Deserialize, Serialize};

use crate::no_match::RejectionThreshold;
use crate::{Logistic, Neighbour, RankedProduct};

/// Nearest photos whose mean similarity is a [feature](confidence_features).
const NEAREST: usize = 5;

/// Scores below this are all the same to [`confidence_features`].
const LEAST: f32 = 1e-4;

/// Number of [`confidence_features`].
pub const CONFIDENCE_FEATURES: usize = 4;

/// What confidence is computed from: the log odds of the best product against all others and against the second, the
/// similarity of the nearest photo and the mean similarity of the nearest five.
pub fn confidence_features(
    ranked: &[RankedProduct],
    neighbours: &[Neighbour],
) -> [f32; CONFIDENCE_FEATURES] {
    let score = |position: usize| ranked.get(position).map_or(0.0, |ranked| ranked.score);
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

/// Turns [`confidence_features`] into probabilities, and decides whether a query shows anything that is sold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfidenceCalibrator {
    /// The probability that the first product is the right one.
    correct: Logistic,
    /// The probability that the query shows a product that is sold.
    sold: Logistic,
    /// Below it there is no match.
    threshold: RejectionThreshold,
}

/// How sure a search is of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The probability, 0 to 1, that the first product is the right one, if the query shows a product that is sold.
    pub confidence: f32,
    /// The probability, 0 to 1, that the query shows a product that is sold, if half of all queries do.
    pub sold: f32,
    /// Whether it counts as sold: 95 % of the photos of products that are sold do.
    pub is_match: bool,
}

impl ConfidenceCalibrator {
    /// Fits a calibrator on the [`confidence_features`] of photos of products that are sold, each with whether the
    /// first product was the right one, and of photos of products that are not. The classifiers' mass is taken to be
    /// all covered.
    ///
    /// The latter may be photos of the same products, searched for in an index without them (leave one product out):
    /// then no photos of products that are not sold are needed. `None` without photos of either kind.
    pub fn fit(
        sold: &[([f32; CONFIDENCE_FEATURES], bool)],
        unsold: &[[f32; CONFIDENCE_FEATURES]],
    ) -> Option<Self> {
        if sold.is_empty() || unsold.is_empty() {
            return None;
        }
        let correct: Vec<_> =
            sold.iter().map(|(features, correct)| (features.to_vec(), *correct)).collect();
        // The smaller class is repeated until both weigh about the same.
        let ours = sold.iter().map(|(features, _)| (features.to_vec(), true));
        let others = unsold.iter().map(|features| (features.to_vec(), false));
        let (few, many) = (sold.len().min(unsold.len()), sold.len().max(unsold.len()));
        let times = (many as f64 / few as f64).round().max(1.0) as usize;
        let (ours, others): (Vec<_>, Vec<_>) = (ours.collect(), others.collect());
        let (short, long) = if sold.len() < unsold.len() { (ours, others) } else { (others, ours) };
        let all: Vec<_> = (0..times).flat_map(|_| short.clone()).chain(long).collect();
        let fitted = Logistic::fit(&all);
        let of_sold = sold.iter().map(|(features, _)| fitted.probability(features)).collect();
        let threshold = RejectionThreshold::fit(of_sold);
        Some(Self { correct: Logistic::fit(&correct), sold: fitted, threshold })
    }

    /// The verdict on an answer, by its [`confidence_features`] and by the classifiers'
    /// [`covered_mass`](crate::covered_mass), 0 to 1.
    pub fn verdict(&self, features: &[f32; CONFIDENCE_FEATURES], covered_mass: f32) -> Verdict {
        let sold = self.sold.probability(features) * covered_mass;
        let confidence = self.correct.probability(features);
        Verdict { confidence, sold, is_match: self.threshold.accepts(sold) }
    }

    /// Whether its parameters are usable; those read from a file may not be.
    pub fn is_sound(&self) -> bool {
        self.correct.is_sound(CONFIDENCE_FEATURES)
            && self.sold.is_sound(CONFIDENCE_FEATURES)
            && self.threshold.is_sound()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::class_scores::tests::voted;

    /// Features of an answer whose similarity and score rise with `sure`, 0 to 1.
    fn answer(sure: f32) -> [f32; CONFIDENCE_FEATURES] {
        [sure, 0.8 * sure, 0.3 + 0.6 * sure, 0.2 + 0.6 * sure]
    }

    #[test]
    fn features_are_log_odds_and_similarities() {
        let neighbour = |similarity| Neighbour { photo: 1, product: 1, similarity };
        let ranked = voted(&[(1, 0.75), (2, 0.25)]);
        let features = confidence_features(&ranked, &[neighbour(0.9), neighbour(0.7)]);
        let wanted = [3f32.ln(), 3f32.ln(), 0.9, 0.8];
        assert!(features.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-6), "{features:?}");
        assert!(confidence_features(&[], &[]).iter().all(|feature| feature.is_finite()));
    }

    #[test]
    fn sure_answers_are_matches_and_unsure_ones_are_not() {
        let sold: Vec<_> =
            (0..200).map(|n| (answer(0.4 + 0.003 * n as f32), n % 10 != 0 || n > 100)).collect();
        let unsold: Vec<_> = (0..50).map(|n| answer(0.012 * n as f32)).collect();
        let calibrator = ConfidenceCalibrator::fit(&sold, &unsold).expect("photos of both kinds");
        assert!(calibrator.is_sound());
        let verdict = |sure: f32, covered| calibrator.verdict(&answer(sure), covered);
        let (high, low) = (verdict(0.95, 1.0), verdict(0.1, 1.0));
        assert!(high.is_match && !low.is_match);
        assert!(high.confidence > 0.9 && high.confidence > low.confidence, "{high:?} {low:?}");
        let other = verdict(0.95, 0.05);
        assert!(!other.is_match, "the classifiers put their mass elsewhere: {other:?}");
        assert!(high.sold > 0.9 && low.sold < 0.1, "{high:?} {low:?}");
        let accepted = |(features, _): &&([f32; CONFIDENCE_FEATURES], bool)| {
            calibrator.verdict(features, 1.0).is_match
        };
        let accepted = sold.iter().filter(accepted).count();
        assert!((190..=192).contains(&accepted), "{accepted} of 200");
    }

    #[test]
    fn without_photos_of_either_kind_there_is_no_calibrator() {
        assert_eq!(ConfidenceCalibrator::fit(&[], &[answer(0.1)]), None);
        assert_eq!(ConfidenceCalibrator::fit(&[(answer(0.9), true)], &[]), None);
    }
}
