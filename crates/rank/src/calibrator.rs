//! How sure a search is of its first product, and whether the query shows anything that is sold. The probability that the
//! first product is right is a logistic regression (Platt, "Probabilistic outputs for support vector machines", 1999)
//! whose prior comes from many catalogues (empirical Bayes), moved by photos of this one.

use serde::{Deserialize, Serialize};

use crate::calibration_prior::{ConfidencePrior, ONE_PHOTO, SEVERAL_PHOTOS};
use crate::no_match::{NOVELTY_FEATURES, NoveltyDetector, NoveltyFeatures, ReferencePhotos};
use crate::{CONFIDENCE_FEATURES, Logistic};

/// The probability of being sold below which there is no match.
const NO_MATCH: f32 = 0.5;

/// Real queries that say as much as all else that is known of a catalogue.
const MANY_QUERIES: f64 = 30.0;

/// The confidence in a product whose indexed photo the query is a copy of.
const COPY_CONFIDENCE: f32 = 0.99;

/// An answer to a photo of a product that is sold, of which is known whether it is right.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KnownAnswer {
    /// See [`crate::confidence_features`].
    pub confidence: [f32; CONFIDENCE_FEATURES],
    /// What tells its photo from photos of products that are not sold.
    pub novelty: NoveltyFeatures,
    /// Whether the right product came first.
    pub is_right: bool,
}

/// What a calibrator is fitted on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CalibrationSet {
    /// Answers to learn from how often the first product is right.
    pub answers: Vec<KnownAnswer>,
    /// How much each of them counts against the prior: 1 for one to a new photo.
    pub weight: f64,
    /// Whether most products have a single photo: such catalogues have a prior of their own.
    pub one_photo_each: bool,
    /// Whether queries come from a source of which nothing is known: from customers, where there are only catalogue
    /// pictures.
    pub unknown_source: bool,
    /// Reference answers: what photos of products that are sold look like.
    /// A query that falls below nearly all of them is no match.
    pub reference: Vec<KnownAnswer>,
    /// Answers to real queries. The more there are, the less all others count.
    pub queries: Vec<KnownAnswer>,
    /// Real queries for things that are not sold.
    pub unsold: Vec<NoveltyFeatures>,
}

/// Turns features of an answer into a verdict.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConfidenceCalibrator {
    /// The probability that the first product is the right one.
    correct: Logistic,
    /// Tells photos of products that are sold from others.
    novelty: NoveltyDetector,
}

/// How sure a search is of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The probability, 0 to 1, that the first product is the right one. Where there is a match, it takes for granted that
    /// the query shows a product that is sold; where there is none, it is no more than [`Self::sold`].
    pub confidence: f32,
    /// The probability, 0 to 1, that the query shows a product that is sold.
    pub sold: f32,
    /// Whether it counts as sold: where [`Self::sold`] is 0.5 or more. 96.5 % of the photos of products that are sold, and
    /// found, do.
    pub is_match: bool,
}

impl ConfidenceCalibrator {
    /// Fits a calibrator. `None` without answers to learn from what is sold.
    pub fn fit(calibration_set: &CalibrationSet) -> Option<Self> {
        let prior = if calibration_set.one_photo_each { &ONE_PHOTO } else { &SEVERAL_PHOTOS };
        Self::fit_with_prior(calibration_set, prior)
    }

    /// Fits a calibrator with another prior than the one that ships with this crate.
    pub fn fit_with_prior(
        calibration_set: &CalibrationSet,
        prior: &ConfidencePrior,
    ) -> Option<Self> {
        let CalibrationSet { answers, weight, reference, queries, unsold, .. } = calibration_set;
        let CalibrationSet { one_photo_each, unknown_source, .. } = *calibration_set;
        let weight = weight * MANY_QUERIES / (MANY_QUERIES + queries.len() as f64);
        let sample = |weight| move |one: &KnownAnswer| (one.confidence, one.is_right, weight);
        let samples: Vec<_> =
            answers.iter().map(sample(weight)).chain(queries.iter().map(sample(1.0))).collect();
        let has_queries = queries.len() >= MANY_QUERIES as usize;
        let reference = if has_queries { queries } else { reference };
        let of = ReferencePhotos {
            of_one_photo_each: one_photo_each && !has_queries,
            of_another_source: unknown_source && !has_queries,
        };
        let reference: Vec<_> = reference.iter().map(|one| (one.novelty, one.is_right)).collect();
        Some(Self {
            novelty: NoveltyDetector::fit(&reference, unsold, of)?,
            correct: Logistic::fit(&samples, prior),
        })
    }

    /// The verdict on an answer.
    pub fn verdict(
        &self,
        confidence: &[f32; CONFIDENCE_FEATURES],
        novelty: &NoveltyFeatures,
    ) -> Verdict {
        let sold = self.novelty.probability(novelty);
        let confidence = self.correct.probability(confidence);
        let is_match = sold >= NO_MATCH;
        // What is not sold is not the first product, either.
        Verdict {
            confidence: if is_match { confidence } else { confidence.min(sold) },
            sold,
            is_match,
        }
    }

    /// Novelty features in units of their spread over the photos that it was fitted on, 0 at their median.
    pub fn novelty_in_units(&self, novelty: &NoveltyFeatures) -> [f32; NOVELTY_FEATURES] {
        self.novelty.in_units(novelty)
    }

    /// Whether its parameters are usable; those read from a file may not be.
    pub fn is_sound(&self) -> bool {
        self.correct.is_sound(CONFIDENCE_FEATURES) && self.novelty.is_sound()
    }
}

impl Verdict {
    /// The verdict where the query is a copy of an indexed photo: its product is sold. `is_first` says whether that
    /// product, and no other, comes first.
    pub fn of_copy(self, is_first: bool) -> Self {
        let confidence =
            if is_first { self.confidence.max(COPY_CONFIDENCE) } else { self.confidence };
        Self { confidence, sold: 1.0, is_match: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer whose features rise with `sure`, 0 to 1.
    fn answer(sure: f32, is_right: bool) -> KnownAnswer {
        let novelty = NoveltyFeatures { in_subspace: 0.5 + 0.5 * sure, similarity: sure };
        let confidence = [6.0 * sure - 2.0, 5.0 * sure, 4.0 * sure, 4.0 * sure, sure];
        KnownAnswer { confidence, novelty, is_right }
    }

    fn fit(answers: &[KnownAnswer], reference: &[KnownAnswer]) -> Option<ConfidenceCalibrator> {
        let (answers, reference) = (answers.to_vec(), reference.to_vec());
        let set = CalibrationSet { answers, weight: 1.0, reference, ..CalibrationSet::default() };
        ConfidenceCalibrator::fit(&set)
    }

    fn calibrator() -> ConfidenceCalibrator {
        let known: Vec<_> =
            (0..200).map(|n| answer(0.4 + 0.003 * n as f32, n % 10 != 0 || n > 100)).collect();
        fit(&known, &known).expect("photos")
    }

    #[test]
    fn sure_answers_are_matches_and_unsure_ones_are_not() {
        let calibrator = calibrator();
        assert!(calibrator.is_sound());
        let verdict = |sure: f32| {
            let answer = answer(sure, true);
            calibrator.verdict(&answer.confidence, &answer.novelty)
        };
        let (high, low) = (verdict(0.95), verdict(0.1));
        assert!(high.is_match && !low.is_match);
        assert!(high.confidence > 0.9 && high.confidence > low.confidence, "{high:?} {low:?}");
        assert!(high.sold > 0.5 && low.sold < 0.3, "{high:?} {low:?}");
    }

    #[test]
    fn no_match_is_never_said_with_a_high_confidence() {
        let calibrator = calibrator();
        // All photos vote for one product, yet the photo is unlike anything that is sold.
        let (sure, alien) = (answer(1.0, true), answer(0.0, false));
        let verdict = calibrator.verdict(&sure.confidence, &alien.novelty);
        assert!(!verdict.is_match && verdict.confidence <= verdict.sold, "{verdict:?}");
        assert!(verdict.confidence < 0.5);
    }

    #[test]
    fn a_copy_of_an_indexed_photo_is_always_a_match() {
        let verdict = Verdict { confidence: 0.2, sold: 0.1, is_match: false };
        let (first, shared) = (verdict.of_copy(true), verdict.of_copy(false));
        assert!(first.is_match && first.confidence >= 0.99 && first.sold == 1.0);
        assert!(shared.is_match && shared.confidence == 0.2, "two products have the photo");
    }

    #[test]
    fn real_queries_count_more_than_views_of_own_photos() {
        let own: Vec<_> = (0..200).map(|n| answer(0.5 + 0.0025 * n as f32, true)).collect();
        // Real queries look the same and are right half of the time.
        let queries: Vec<_> =
            (0..200).map(|n| answer(0.5 + 0.0025 * n as f32, n % 2 == 0)).collect();
        let confidence = |queries: &[KnownAnswer]| {
            let calibrator = ConfidenceCalibrator::fit(&CalibrationSet {
                answers: own.clone(),
                weight: 0.3,
                reference: own.clone(),
                queries: queries.to_vec(),
                ..CalibrationSet::default()
            });
            let one = answer(0.75, true);
            let calibrator = calibrator.expect("photos");
            calibrator.verdict(&one.confidence, &one.novelty).confidence
        };
        let (none, few, all) = (confidence(&[]), confidence(&queries[..20]), confidence(&queries));
        assert!(none > few && few > all, "{none} {few} {all}");
        assert!((all - 0.5).abs() < 0.15, "{all}");
    }

    #[test]
    fn without_photos_there_is_no_calibrator() {
        assert_eq!(fit(&[], &[]), None);
        let few = fit(&[], &[answer(0.9, true)]).expect("the prior alone");
        assert!(few.is_sound());
    }
}
