//! What is known of confidence before a catalogue is seen: fitted once on made-up catalogues of groceries, garments and
//! drawn home goods, with one photo a product to hundreds, by networks that know the products and networks that do
//! not. Printed by
//!
//! ```text
//! cargo run --release --example calibration_prior -- DATA-SETS SCRATCH --draws 3 FROZEN-WEIGHTS
//! ```

use crate::LogisticPrior;
use crate::confidence_features::CONFIDENCE_FEATURES;
use crate::no_match::NOVELTY_FEATURES;

/// A prior of the probability that the first product is right.
pub type ConfidencePrior = LogisticPrior<CONFIDENCE_FEATURES, { CONFIDENCE_FEATURES + 1 }>;

/// Of catalogues whose products have several photos.
pub(crate) const SEVERAL_PHOTOS: ConfidencePrior = LogisticPrior {
    scales: [
        (3.9828, 2.0891),
        (5.5243, 3.1428),
        (3.6396, 1.8951),
        (3.9164, 2.1913),
        (0.8354, 0.2383),
    ],
    mean: [0.4230, 0.7739, -0.1617, 1.1860, 0.0944, 2.6471],
    covariance: [
        [0.6850, -0.4304, -0.0943, -0.0985, -0.0640, 0.3431],
        [-0.4304, 0.6241, -0.0006, -0.1994, 0.0163, 0.0743],
        [-0.0943, -0.0006, 0.5979, -0.5954, 0.0230, -0.2174],
        [-0.0985, -0.1994, -0.5954, 1.0050, 0.0059, -0.0866],
        [-0.0640, 0.0163, 0.0230, 0.0059, 0.0220, -0.0445],
        [0.3431, 0.0743, -0.2174, -0.0866, -0.0445, 0.5117],
    ],
};

/// Of catalogues whose products have one photo each. All of the nearest photos that can agree do: that feature says
/// nothing.
pub(crate) const ONE_PHOTO: ConfidencePrior = LogisticPrior {
    scales: [
        (2.3288, 2.2805),
        (3.6908, 3.0686),
        (3.5461, 1.8439),
        (3.5208, 2.2405),
        (1.0000, 1.0000),
    ],
    mean: [0.9042, 0.0896, 1.0712, -0.1178, 0.0000, 0.9165],
    covariance: [
        [0.4072, -0.1995, -0.2254, 0.0402, 0.0000, 0.1353],
        [-0.1995, 0.1951, 0.1648, -0.2130, 0.0000, -0.0207],
        [-0.2254, 0.1648, 2.0067, -1.5421, 0.0000, 0.2504],
        [0.0402, -0.2130, -1.5421, 1.5431, 0.0000, -0.2700],
        [0.0000, 0.0000, 0.0000, 0.0000, 4.0012, 0.0000],
        [0.1353, -0.0207, 0.2504, -0.2700, 0.0000, 0.1569],
    ],
};

/// How much each of the [novelty features](crate::NoveltyFeatures) moves the log odds of being sold, by a spread.
pub(crate) const SOLD_WEIGHTS: [f32; NOVELTY_FEATURES] = [1.28, 0.69];

/// The same where a product's only photo is searched for by views of itself: their similarity says little of new photos'.
pub(crate) const SOLD_WEIGHTS_ONE_PHOTO: [f32; NOVELTY_FEATURES] = [1.0, 0.2];
