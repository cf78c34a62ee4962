//! Neighbours and class probabilities in, ranked products out: each product once, with its evidence and a confidence.
//!
//! This crate knows nothing of where neighbours come from.
//!
//! ```
//! use lookalike_rank::{Neighbour, VoteParams, vote};
//!
//! let neighbour = |photo, product, similarity| Neighbour { photo, product, similarity };
//! // Product 7 is nearest, but both of product 3's photos are nearly as near.
//! let neighbours = [neighbour(10, 7, 0.80), neighbour(11, 3, 0.78), neighbour(12, 3, 0.77)];
//! let ranked = vote(&neighbours, |_product| 2, &VoteParams::default());
//! assert_eq!(ranked[0].product, 3);
//! assert_eq!(ranked[0].evidence.iter().map(|e| e.photo).collect::<Vec<_>>(), [11, 12]);
//! assert!((ranked[0].score + ranked[1].score - 1.0).abs() < 1e-6);
//! ```

mod calibration_prior;
mod calibrator;
mod category;
mod class_scores;
mod confidence_features;
mod fusion;
mod logistic;
mod no_match;
mod vote;

pub use calibration_prior::ConfidencePrior;
pub use calibrator::{CalibrationSet, ConfidenceCalibrator, KnownAnswer, Verdict};
pub use category::by_category;
pub use class_scores::ClassScores;
pub use confidence_features::{
    CONFIDENCE_FEATURES, ProductSimilarity, best_similarity, confidence_features,
};
pub use fusion::{fit_log_linear_pool, linear_pool, log_linear_pool};
pub use logistic::{Logistic, LogisticPrior};
pub use no_match::{NOVELTY_FEATURES, NoveltyFeatures};
pub use vote::{VoteParams, vote};

/// A photo near the query.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbour {
    /// Which photo.
    pub photo: u32,
    /// The product that it shows.
    pub product: u32,
    /// Cosine similarity to the query, -1 to 1.
    pub similarity: f32,
}

/// A photo that supports a product: one of its photos among the neighbours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// Which photo.
    pub photo: u32,
    /// Cosine similarity to the query, -1 to 1.
    pub similarity: f32,
}

/// A product in a ranking.
#[derive(Debug, Clone, PartialEq)]
pub struct RankedProduct {
    /// Which product.
    pub product: u32,
    /// Its score, 0 to 1; the scores of a ranking add up to 1. It is no probability: the query may show none of
    /// the products.
    pub score: f32,
    /// Its photos among the neighbours, most similar first.
    pub evidence: Vec<Evidence>,
}
