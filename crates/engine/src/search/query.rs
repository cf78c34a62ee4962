//! What is searched for, and what a search returns.

use std::time::Duration;

use lookalike_photo::{Crop, DecodeLimits};
use lookalike_rank::{CONFIDENCE_FEATURES, Neighbour, NoveltyFeatures, RankedProduct, Verdict};
use serde::{Deserialize, Serialize};

use super::copies::CopyOf;
use super::filter::Filter;
use crate::encode::Views;

/// Photos to search for, and among which products.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// The bytes of one or several photos' files. All of them show one object: their embeddings are
    /// averaged.
    pub photos: &'a [&'a [u8]],
    /// The part of each photo that shows it; the whole if `None`.
    pub crop: Option<Crop>,
    /// Which products may be found.
    pub filter: &'a Filter,
    /// The views of each photo that are embedded.
    pub views: Views,
    /// The number of products to return, at most.
    pub top: usize,
    /// What a photo may cost to decode.
    pub limits: DecodeLimits,
}

/// What a search returns. Products and photos are positions in the index.
#[derive(Debug, Clone)]
pub struct SearchResult {
    /// The products, the best first.
    pub ranked: Vec<RankedProduct>,
    /// What their scores are made of, in their order.
    pub score_parts: Vec<ScoreParts>,
    /// The photos that voted, the nearest first.
    pub neighbours: Vec<Neighbour>,
    /// How sure the answer is, where the index could learn it; none of a search for similar products.
    pub verdict: Option<Verdict>,
    /// What the verdict was computed from; none without one, and where the photo is a copy of an indexed one.
    pub features: Option<AnswerFeatures>,
    /// The photo of the index that a photo searched for is a copy of, if it is one.
    pub copy_of: Option<CopyOf>,
    /// The share of a photo that its file does not have, 0 to 1: it is cut short or damaged. Of several photos, the
    /// largest.
    pub missing: f32,
    /// How long the parts of the search took.
    pub timings: Timings,
}

impl SearchResult {
    /// [`Self::missing`] in percent, at least 1; `None` if nothing is missing.
    pub fn missing_percent(&self) -> Option<u32> {
        (self.missing > 0.0).then(|| ((100.0 * self.missing).round() as u32).max(1))
    }
}

/// What the verdict on an answer was computed from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AnswerFeatures {
    /// See [`lookalike_rank::confidence_features`].
    pub confidence: [f32; CONFIDENCE_FEATURES],
    /// What tells a photo of a product that is sold from others.
    pub novelty: NoveltyFeatures,
}

/// What a product's score is made of: its probability by each source. [`crate::Ranking::weights`] says what each of
/// them weighs.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ScoreParts {
    /// By the vote of the nearest photos, 0 to 1.
    pub vote: f32,
    /// By the similarity to the product's prototype, 0 to 1; none where 256 other prototypes are nearer, and of a
    /// search for similar products.
    pub prototype: Option<f32>,
    /// By each network's classifier, 0 to 1; none of one that does not know the product.
    pub classifiers: Vec<Option<f32>>,
}

/// How long the parts of a search took.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timings {
    /// Photos' files to upright pixels.
    pub decode: Duration,
    /// Pixels to embeddings.
    pub embed: Duration,
    /// Embeddings to ranked products.
    pub search: Duration,
}
