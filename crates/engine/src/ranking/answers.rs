//! Answers to photos whose products are known, to fit a ranking's weights and confidence on.

use std::sync::Arc;

use lookalike_rank::{
    CONFIDENCE_FEATURES, ClassScores, KnownAnswer, Neighbour, NoveltyFeatures, ProductSimilarity,
    RankedProduct, VoteParams, best_similarity, confidence_features, log_linear_pool, vote,
};
use lookalike_vectors::Vectors;

use super::SAME_PHOTO;
use super::classifiers::Classifiers;
use super::prototypes::{Prototypes, prototype_scores};
use crate::encode::QueryEmbedding;
use crate::error::EngineError;
use crate::index::{Content, IndexedPhoto};
use crate::metric::dot;

/// Mean weights of a pool below this count as this much.
const LEAST_SHARPNESS: f32 = 0.1;

/// A photo whose product is known.
pub(super) struct Sample {
    pub(super) truth: u32,
    /// Its position, if it is one of the index's own photos and is left out of the search.
    pub(super) left_out: Option<u32>,
    pub(super) embedding: QueryEmbedding,
}

/// An index's photos by some metric, to search for samples among.
pub(super) struct Gallery<'a> {
    photos: &'a [IndexedPhoto],
    vectors: Arc<Vectors>,
    prototypes: Prototypes,
    counts: Vec<u32>,
    classifiers: &'a Classifiers,
}

/// What is found for a sample, before it is fused.
pub(super) struct Found {
    pub(super) voted: Vec<RankedProduct>,
    neighbours: Vec<Neighbour>,
    similarities: Vec<ProductSimilarity>,
    pub(super) class_scores: Vec<ClassScores>,
}

impl<'a> Gallery<'a> {
    pub(super) fn new(
        content: &'a Content,
        vectors: Arc<Vectors>,
        classifiers: &'a Classifiers,
    ) -> Self {
        let products = content.products.len();
        let prototypes = Prototypes::new(products, &content.photos, &vectors);
        let counts = photo_counts(products, &content.photos);
        Self { photos: &content.photos, vectors, prototypes, counts, classifiers }
    }

    /// Searches for a sample.
    pub(super) fn find(&self, sample: &Sample) -> Result<Found, EngineError> {
        let (voted, neighbours) = self.vote_on(sample)?;
        let own = sample.left_out.map(|row| (sample.truth, self.vectors.row(row)));
        let own = own.as_ref().map(|(truth, row)| (*truth, &row[..]));
        let similarities = self.prototypes.similarities(&sample.embedding.vector, own, |_| true);
        let mut class_scores = self.classifiers.class_scores(&sample.embedding.class_probabilities);
        class_scores.push(prototype_scores(&similarities));
        Ok(Found { voted, neighbours, similarities, class_scores })
    }

    /// The features of the answer to a sample, and whether it is right, by a ranking's weights.
    pub(super) fn answer(&self, sample: &Sample, found: &Found, weights: &[f32]) -> KnownAnswer {
        let ranked = log_linear_pool(&found.voted, &found.class_scores, weights);
        let best = ranked.first().map(|best| best.product);
        let is_right = best == Some(sample.truth);
        let photos = best.map_or(0, |best| self.photos_of(best, sample));
        let (confidence, novelty) = calibration_features(
            &ranked,
            &found.neighbours,
            &found.similarities,
            photos,
            sample.embedding.in_subspace,
            weights,
        );
        KnownAnswer { confidence, novelty, is_right }
    }

    /// How many photos of a product could be found.
    fn photos_of(&self, product: u32, sample: &Sample) -> usize {
        let is_left_out = product == sample.truth && sample.left_out.is_some();
        self.counts[product as usize] as usize - usize::from(is_left_out)
    }

    /// The vote on a sample, and its neighbours.
    fn vote_on(
        &self,
        sample: &Sample,
    ) -> Result<(Vec<RankedProduct>, Vec<Neighbour>), EngineError> {
        let params = VoteParams::default();
        let rows = (0..self.photos.len() as u32).filter(|row| Some(*row) != sample.left_out);
        // Twice as many as vote, in case copies of an own photo have to be left out.
        let hits =
            self.vectors.search_rows(&sample.embedding.vector, rows, 2 * params.neighbours)?;
        let own = sample.left_out.map(|row| self.vectors.row(row));
        let is_copy = |row: u32| {
            own.as_ref().is_some_and(|own| dot(own, &self.vectors.row(row)) > SAME_PHOTO)
        };
        let neighbours: Vec<Neighbour> = hits
            .into_iter()
            .filter(|hit| !is_copy(hit.row))
            .map(|hit| Neighbour {
                photo: hit.row,
                product: self.photos[hit.row as usize].product,
                similarity: hit.similarity,
            })
            .take(params.neighbours)
            .collect();
        let photos_of = |product| self.photos_of(product, sample);
        Ok((vote(&neighbours, photos_of, &params), neighbours))
    }
}

/// What a verdict is computed from. `photos` is the number of photos of the first product that could be found, `weights`
/// are those of the pool that made the ranking: twice the weights make twice the log odds, which say no more.
pub(crate) fn calibration_features(
    ranked: &[RankedProduct],
    neighbours: &[Neighbour],
    similarities: &[ProductSimilarity],
    photos: usize,
    in_subspace: f32,
    weights: &[f32],
) -> ([f32; CONFIDENCE_FEATURES], NoveltyFeatures) {
    let similarity = best_similarity(ranked, similarities);
    let mut confidence = confidence_features(ranked, neighbours, similarities, photos);
    let sharpness = weights.iter().sum::<f32>() / weights.len().max(1) as f32;
    let log_odds = &mut confidence[..2];
    log_odds.iter_mut().for_each(|odds| *odds /= sharpness.max(LEAST_SHARPNESS));
    (confidence, NoveltyFeatures { in_subspace, similarity })
}

/// How many photos each product has.
pub(crate) fn photo_counts<'a>(
    products: usize,
    photos: impl IntoIterator<Item = &'a IndexedPhoto>,
) -> Vec<u32> {
    let mut counts = vec![0; products];
    photos.into_iter().for_each(|photo| counts[photo.product as usize] += 1);
    counts
}
