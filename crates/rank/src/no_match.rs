//! When an answer is "no match": novelty detection. A query is compared with photos that the index's products are known
//! to be found by, in two quantities, each in their own units: how much of its embedding lies in the subspace that the
//! catalogue's photos span, and how similar its first product is. What few of those photos fall below is no match
//! (an inductive conformal test: Vovk, Gammerman and Shafer, "Algorithmic learning in a random world", 2005).

use serde::{Deserialize, Serialize};

use crate::calibration_prior::{SOLD_WEIGHTS, SOLD_WEIGHTS_ONE_PHOTO};

/// The fraction of the photos of sold products, found right, that may be rejected falsely.
const FALSE_REJECTIONS: f64 = 0.035;

/// Photos of things that are not sold from which that fraction is chosen, by the fewest errors.
const LEAST_UNSOLD: usize = 20;

/// The largest fraction that may be chosen, in percent.
const MOST_REJECTIONS: u32 = 10;

/// Photos that were found right, with fewer of which all photos are taken.
const LEAST_RIGHT: usize = 10;

/// A normal distribution's standard deviation, as a multiple of the median absolute deviation.
const DEVIATIONS: f32 = 1.4826;

/// Added to the spreads: few photos have a small one by chance.
const LEAST_SPREAD: f32 = 0.01;

/// Where quantities in units of their spread are clamped. A query that lies deeper in the subspace than most says no more:
/// so does a product of the same kind that is not sold.
const CLAMPED: [(f32, f32); NOVELTY_FEATURES] = [(-6.0, 0.0), (-6.0, 3.0)];

/// By so many spreads are photos of a source of which nothing is known taken to lie further outside the subspace.
const UNKNOWN_SOURCE: f32 = 1.25;

/// Number of [`NoveltyFeatures`].
pub const NOVELTY_FEATURES: usize = 2;

/// What tells a photo of a product that is sold from others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NoveltyFeatures {
    /// How much of the query's embedding lies in the principal subspace of the catalogue's photos: the length of its
    /// projection, 0 to 1.
    pub in_subspace: f32,
    /// Cosine similarity of the query to the first product's prototype, -1 to 1.
    pub similarity: f32,
}

/// Tells photos of products that are sold from others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct NoveltyDetector {
    /// Median and spread of each feature over photos that were found right.
    units: [(f32, f32); NOVELTY_FEATURES],
    /// How much each feature moves the log odds of being sold, by a spread.
    weights: [f32; NOVELTY_FEATURES],
    /// The log odds of being sold that all but 3.5 % of those photos reach.
    threshold: f32,
}

/// What the photos that a detector is fitted on are to the queries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ReferencePhotos {
    /// Whether they are views of products' only photos, searched for among those: they are more similar than queries are.
    pub(crate) of_one_photo_each: bool,
    /// Whether queries come from a source of which nothing is known.
    pub(crate) of_another_source: bool,
}

impl NoveltyDetector {
    /// Fits a detector on photos of products that are sold, each with whether its product was found first, and, where
    /// there are any, on photos of things that are not. `None` of no photo of the former.
    pub(crate) fn fit(
        photos: &[(NoveltyFeatures, bool)],
        unsold: &[NoveltyFeatures],
        reference: ReferencePhotos,
    ) -> Option<Self> {
        let right: Vec<_> = photos.iter().filter(|(_, right)| *right).map(|(f, _)| *f).collect();
        let known = match right.len() < LEAST_RIGHT {
            true => photos.iter().map(|(features, _)| *features).collect(),
            false => right,
        };
        if known.is_empty() {
            return None;
        }
        let units = [0, 1].map(|at| {
            let middle = median(known.iter().map(|one| one.values()[at]).collect());
            let spread =
                median(known.iter().map(|one| (one.values()[at] - middle).abs()).collect());
            (middle, DEVIATIONS * spread + LEAST_SPREAD)
        });
        let weights =
            if reference.of_one_photo_each { SOLD_WEIGHTS_ONE_PHOTO } else { SOLD_WEIGHTS };
        let mut detector = Self { units, weights, threshold: 0.0 };
        let mut odds: Vec<f32> = known.iter().map(|one| detector.log_odds(one)).collect();
        odds.sort_unstable_by(f32::total_cmp);
        let at = |fraction: f64| odds[(fraction * odds.len() as f64) as usize];
        let allowance = if reference.of_another_source { UNKNOWN_SOURCE * weights[0] } else { 0.0 };
        detector.threshold = at(FALSE_REJECTIONS) - allowance;
        if unsold.len() >= LEAST_UNSOLD {
            let unsold: Vec<f32> = unsold.iter().map(|one| detector.log_odds(one)).collect();
            let errors = |fraction: &f64| {
                let accepted = unsold.iter().filter(|odds| **odds >= at(*fraction)).count();
                fraction + accepted as f64 / unsold.len() as f64
            };
            let fractions = (1..=MOST_REJECTIONS).map(|percent| f64::from(percent) / 100.0);
            let best = fractions.min_by(|a, b| errors(a).total_cmp(&errors(b)));
            detector.threshold = best.map_or(detector.threshold, at);
        }
        Some(detector)
    }

    /// The probability, 0 to 1, that a query shows a product that is sold. The prior odds are such that it is 0.5 at the
    /// threshold below which there is no match.
    pub(crate) fn probability(&self, features: &NoveltyFeatures) -> f32 {
        let odds = self.log_odds(features) - self.threshold;
        1.0 / (1.0 + (-odds).exp())
    }

    /// The features in units of their spread, 0 at their median.
    pub(crate) fn in_units(&self, features: &NoveltyFeatures) -> [f32; NOVELTY_FEATURES] {
        let values = features.values();
        std::array::from_fn(|at| {
            let (middle, spread) = self.units[at];
            ((values[at] - middle) / spread).clamp(CLAMPED[at].0, CLAMPED[at].1)
        })
    }

    fn log_odds(&self, features: &NoveltyFeatures) -> f32 {
        self.in_units(features).iter().zip(self.weights).map(|(value, weight)| weight * value).sum()
    }

    /// Whether it is usable; one read from a file may not be.
    pub(crate) fn is_sound(&self) -> bool {
        let unit = |(middle, spread): &(f32, f32)| middle.is_finite() && *spread > 0.0;
        self.units.iter().all(unit)
            && self.weights.iter().all(|weight| weight.is_finite())
            && self.threshold.is_finite()
    }
}

impl NoveltyFeatures {
    fn values(&self) -> [f32; NOVELTY_FEATURES] {
        [self.in_subspace, self.similarity]
    }
}

fn median(mut values: Vec<f32>) -> f32 {
    values.sort_unstable_by(f32::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(in_subspace: f32, similarity: f32) -> NoveltyFeatures {
        NoveltyFeatures { in_subspace, similarity }
    }

    fn fit(
        photos: &[(NoveltyFeatures, bool)],
        unsold: &[NoveltyFeatures],
    ) -> Option<NoveltyDetector> {
        NoveltyDetector::fit(photos, unsold, ReferencePhotos::default())
    }

    /// Photos of products that are sold, with a spread of a tenth around 0.8 and 0.6.
    fn photos(count: usize) -> Vec<(NoveltyFeatures, bool)> {
        let photo = |n: usize| {
            let (a, b) = ((n * 7 % count) as f32, (n * 3 % count) as f32);
            (features(0.7 + 0.2 * a / count as f32, 0.5 + 0.2 * b / count as f32), true)
        };
        (0..count).map(photo).collect()
    }

    #[test]
    fn one_photo_in_thirty_is_falsely_rejected() {
        let photos = photos(200);
        let detector = fit(&photos, &[]).expect("photos");
        let is_match = |features: &NoveltyFeatures| detector.probability(features) >= 0.5;
        assert_eq!(photos.iter().filter(|(photo, _)| !is_match(photo)).count(), 7);
        assert!(detector.is_sound());
        assert!(!is_match(&features(0.3, 0.6)), "another kind of thing");
        assert!(!is_match(&features(0.75, 0.1)), "the same kind, but none of these");
        assert!(is_match(&features(0.8, 0.6)));
    }

    #[test]
    fn photos_of_what_is_not_sold_move_the_threshold() {
        let photos = photos(200);
        let rejected = |unsold: &[NoveltyFeatures]| {
            let detector = fit(&photos, unsold).expect("photos");
            photos.iter().filter(|(photo, _)| detector.probability(photo) < 0.5).count()
        };
        let (near, far) = (vec![features(0.72, 0.55); 30], vec![features(0.1, 0.0); 30]);
        assert!(rejected(&near) > rejected(&[]), "they are hard to tell apart");
        assert!(rejected(&far) < rejected(&[]), "they are easy to tell apart");
        assert_eq!(rejected(&near[..5]), rejected(&[]), "too few");
    }

    #[test]
    fn a_product_of_the_same_kind_is_told_by_its_similarity() {
        let detector = fit(&photos(200), &[]).expect("photos");
        let sold =
            |in_subspace, similarity| detector.probability(&features(in_subspace, similarity));
        assert!(sold(0.99, 0.3) < 0.5, "it lies in the subspace, and is like none of these");
        assert_eq!(sold(0.99, 0.6), sold(0.85, 0.6));
    }

    #[test]
    fn what_the_photos_cannot_tell_counts_less() {
        let photos = photos(200);
        let fit = |reference| NoveltyDetector::fit(&photos, &[], reference).expect("photos");
        let usual = ReferencePhotos::default();
        let of_one = fit(ReferencePhotos { of_one_photo_each: true, ..usual });
        let elsewhere = fit(ReferencePhotos { of_another_source: true, ..usual });
        let usual = fit(usual);
        // Views of a photo are more similar to it than another photo of the product is.
        let new_photo = features(0.8, 0.2);
        assert!(usual.probability(&new_photo) < 0.5 && of_one.probability(&new_photo) > 0.5);
        let from_elsewhere = features(0.69, 0.6);
        assert!(elsewhere.probability(&from_elsewhere) > usual.probability(&from_elsewhere));
    }

    #[test]
    fn photos_that_were_found_wrong_do_not_count_where_there_are_others() {
        let mut photos = photos(100);
        let before = fit(&photos, &[]).expect("photos");
        photos.extend((0..50).map(|_| (features(0.1, 0.0), false)));
        assert_eq!(fit(&photos, &[]), Some(before));
        assert!(fit(&photos[145..], &[]).is_some(), "none is right: all count");
        assert_eq!(fit(&[], &[]), None);
    }

    #[test]
    fn photos_that_are_all_the_same_give_numbers() {
        let same = vec![(features(1.0, 1.0), true); 12];
        let detector = fit(&same, &[]).expect("photos");
        assert!(detector.is_sound());
        assert!((detector.probability(&features(1.0, 1.0)) - 0.5).abs() < 1e-6);
        assert!(detector.probability(&features(0.0, 0.0)) < 0.5);
    }
}
