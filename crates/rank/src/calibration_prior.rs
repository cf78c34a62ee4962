//! What is known of confidence before a catalogue is seen: fitted once on made-up catalogues of groceries, garments and
//! drawn home goods, with one photo a product to hundreds, by networks that know the products and networks that do
//! not. Printed by
//!
//! ```text
//! cargo run --release --example calibration_prior -- GROCERY-STORE CLOTHING WEIGHTS...
//! ```

use crate::LogisticPrior;
use crate::confidence_features::CONFIDENCE_FEATURES;
use crate::no_match::NOVELTY_FEATURES;

/// A prior of the probability that the first product is right.
pub type ConfidencePrior = LogisticPrior<CONFIDENCE_FEATURES, { CONFIDENCE_FEATURES + 1 }>;

/// Of catalogues whose products have several photos.
pub(crate) const SEVERAL_PHOTOS: ConfidencePrior = LogisticPrior {
    scales: [
        (4.0141, 2.0797),
        (5.5616, 3.1388),
        (3.5611, 1.8521),
        (3.8437, 2.1523),
        (0.8466, 0.2316),
    ],
    mean: [0.6133, 0.6019, -0.2183, 1.2180, -0.0148, 2.5771],
    covariance: [
        [0.6381, -0.4737, -0.1811, 0.0719, -0.0786, 0.3164],
        [-0.4737, 0.6956, 0.0905, -0.3310, 0.0188, 0.0757],
        [-0.1811, 0.0905, 0.6494, -0.6688, 0.0454, -0.2513],
        [0.0719, -0.3310, -0.6688, 1.0783, -0.0132, -0.0467],
        [-0.0786, 0.0188, 0.0454, -0.0132, 0.0299, -0.0717],
        [0.3164, 0.0757, -0.2513, -0.0467, -0.0717, 0.5353],
    ],
};

/// Of catalogues whose products have one photo each. All of the nearest photos that can agree do: that feature says
/// nothing.
pub(crate) const ONE_PHOTO: ConfidencePrior = LogisticPrior {
    scales: [(1.6651, 2.1308), (2.9030, 2.6976), (3.0680, 1.3511), (3.0569, 1.6753), (1.0, 1.0)],
    mean: [1.1652, -0.0965, 0.1324, 0.4745, 0.0, 0.3601],
    covariance: [
        [0.5212, -0.2536, -0.4364, 0.1162, 0.0, 0.0223],
        [-0.2536, 0.1778, 0.2993, -0.1980, 0.0, -0.0127],
        [-0.4364, 0.2993, 2.5514, -1.9643, 0.0, 0.1702],
        [0.1162, -0.1980, -1.9643, 1.7496, 0.0, -0.1211],
        [0.0, 0.0, 0.0, 0.0, 4.0012, 0.0],
        [0.0223, -0.0127, 0.1702, -0.1211, 0.0, 0.0522],
    ],
};

/// How much each of the [novelty features](crate::NoveltyFeatures) moves the log odds of being sold, by a spread.
pub(crate) const SOLD_WEIGHTS: [f32; NOVELTY_FEATURES] = [0.529, 0.365];
