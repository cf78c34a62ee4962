//! A photo's way through a search, from top to bottom: decode -> embed -> neighbours -> fuse -> calibrate,
//! and whether it is a copy of a photo of the index.

use std::time::{Duration, Instant};

use lookalike_photo::{DecodedPhoto, PerceptualHash, RgbImage};
use lookalike_rank::{
    CONFIDENCE_FEATURES, ClassScores, Evidence, Neighbour, NoveltyFeatures, ProductSimilarity,
    RankedProduct, Verdict, log_linear_pool, vote,
};
use lookalike_vectors::Hit;
use sha2::{Digest, Sha256};

use super::copies::QueryIdentity;
use super::filter::Filter;
use super::query::{AnswerFeatures, Query, ScoreParts, SearchResult, Timings};
use super::searcher::Searcher;
use crate::encode::{EMPTY_EMBEDDING, QueryEmbedding};
use crate::error::{EngineError, PhotoRef};
use crate::ranking::{calibration_features, prototype_scores, restrict};

/// All products with a score for a query, and what they were scored by.
pub(crate) struct Scored {
    /// The nearest photos, the nearest first.
    pub(crate) neighbours: Vec<Neighbour>,
    /// Their vote.
    pub(crate) voted: Vec<RankedProduct>,
    /// Each classifier's scores, and last the prototypes'.
    pub(crate) class_scores: Vec<ClassScores>,
    /// All of them fused, the best product first.
    pub(crate) ranked: Vec<RankedProduct>,
    /// What its verdict is computed from.
    pub(crate) confidence_features: [f32; CONFIDENCE_FEATURES],
    pub(crate) novelty_features: NoveltyFeatures,
    /// How sure the first is, where the index could learn it.
    pub(crate) verdict: Option<Verdict>,
}

impl Searcher {
    /// Searches for the products that photos show.
    ///
    /// # Errors
    /// [`EngineError::Photo`] for no photo, or one that cannot be used; [`EngineError::Filter`].
    pub fn search(&self, query: &Query<'_>) -> Result<SearchResult, EngineError> {
        query.filter.check(self.index().products())?;
        let metric = &self.index().content().metric;
        let mut timings = Timings::default();
        let mut embeddings = Vec::with_capacity(query.photos.len());
        let (mut identities, mut missing) = (Vec::new(), 0f32);
        // One photo after the other: a large one with its views takes much memory.
        for (position, bytes) in query.photos.iter().enumerate() {
            let photo = PhotoRef::OfQuery { position, of: query.photos.len() };
            let refused = |reason| EngineError::Photo { photo: photo.clone(), reason };
            let views = timed(&mut timings.decode, || self.decode_views(bytes, query));
            let (views, of_this) = views.map_err(refused)?;
            missing = of_this.max(missing);
            // A part of a photo is no copy of a whole one.
            if let Some(whole) = views.last().filter(|_| query.crop.is_none()) {
                let perceptual_hash = PerceptualHash::of(whole);
                identities
                    .push(QueryIdentity { sha256: Sha256::digest(bytes).into(), perceptual_hash });
            }
            let embedding =
                timed(&mut timings.embed, || self.encoder().embed_views(&views, metric))?;
            embeddings.push(embedding.ok_or_else(|| refused(EMPTY_EMBEDDING.to_owned()))?);
        }
        let embedding = QueryEmbedding::mean(embeddings).ok_or_else(|| EngineError::Photo {
            photo: PhotoRef::AllOfQuery,
            reason: "there is no photo, or the photos have nothing in common".to_owned(),
        })?;
        let result = timed(&mut timings.search, || {
            self.rank(&embedding, &identities, query.filter, query.top)
        })?;
        Ok(SearchResult { timings, missing, ..result })
    }

    /// Ranks the products that pass a filter by an embedding. The timings are left open.
    pub(super) fn rank(
        &self,
        embedding: &QueryEmbedding,
        identities: &[QueryIdentity],
        filter: &Filter,
        top: usize,
    ) -> Result<SearchResult, EngineError> {
        let products = self.index().products();
        let allowed: Option<Vec<bool>> = (!filter.is_open())
            .then(|| products.iter().map(|product| filter.admits(product)).collect());
        let allowed = allowed.as_deref();
        let scored = self.score(embedding, allowed, top)?;
        let (confidence, novelty) = (scored.confidence_features, scored.novelty_features);
        let Scored { neighbours, voted, class_scores, mut ranked, mut verdict, .. } = scored;
        let mut copy_of = None;
        for identity in identities {
            copy_of = self.copy_of(identity, &embedding.vector, allowed)?;
            if let Some(copy) = &copy_of {
                verdict = self.judge_copy(copy, &mut ranked, verdict);
                break;
            }
        }
        let mut ranked = self.with_evidence(ranked, &embedding.vector, top)?;
        if let Some(copy) = copy_of.filter(|copy| copy.is_same_file) {
            self.show_same_file(copy.photo, &mut ranked);
        }
        let parts = score_parts(&ranked, &voted, &class_scores);
        let features = (verdict.is_some() && copy_of.is_none())
            .then_some(AnswerFeatures { confidence, novelty });
        Ok(SearchResult { copy_of, features, ..self.result(neighbours, ranked, parts, verdict) })
    }

    /// Neighbours, fuse, calibrate: all products with a score, and how sure the first is.
    pub(crate) fn score(
        &self,
        embedding: &QueryEmbedding,
        allowed: Option<&[bool]>,
        top: usize,
    ) -> Result<Scored, EngineError> {
        let (neighbours, voted) = self.nearest(&embedding.vector, allowed, top)?;
        let similarities = self.similarities(embedding, allowed);
        let class_scores = self.class_scores(embedding, &similarities, allowed);
        let weights = &self.index().content().ranking.weights;
        let ranked = log_linear_pool(&voted, &class_scores, weights);
        let nearest = &neighbours[..neighbours.len().min(self.options().vote.neighbours)];
        let photos = ranked.first().map_or(0, |best| self.photos_of(best.product));
        let (confidence_features, novelty_features) = calibration_features(
            &ranked,
            nearest,
            &similarities,
            photos,
            embedding.in_subspace,
            weights,
        );
        let calibrator = self.index().content().ranking.calibrator.as_ref();
        let verdict = calibrator.map(|one| one.verdict(&confidence_features, &novelty_features));
        Ok(Scored {
            neighbours,
            voted,
            class_scores,
            ranked,
            confidence_features,
            novelty_features,
            verdict,
        })
    }

    /// Decode: the views of the part of a photo that is searched for, and the share of the photo that its file does not
    /// have; or why the photo cannot be used.
    fn decode_views(
        &self,
        bytes: &[u8],
        query: &Query<'_>,
    ) -> Result<(Vec<RgbImage>, f32), String> {
        let fraction = query.crop.map_or(1.0, |crop| crop.min_side());
        let photo = self.encoder().decode_query(bytes, &query.limits, fraction);
        let DecodedPhoto { pixels, missing, .. } = photo.map_err(|error| error.to_string())?;
        let picture = query.crop.map(|crop| crop.apply(&pixels)).unwrap_or(pixels);
        Ok((query.views.of(picture), missing))
    }

    /// Neighbours: the nearest photos to a vector, of the `allowed` products only, and their vote on `top` products,
    /// if there are so many.
    pub(crate) fn nearest(
        &self,
        vector: &[f32],
        allowed: Option<&[bool]>,
        top: usize,
    ) -> Result<(Vec<Neighbour>, Vec<RankedProduct>), EngineError> {
        let photos = self.index().photos();
        let mut fetched = match (allowed, self.index().remote()) {
            // A filtered search compares all of them anyway.
            (Some(_), None) => photos.len(),
            _ => self.options().vote.neighbours.max(top),
        };
        loop {
            let hits = match allowed {
                None => self.store().search(vector, fetched)?,
                Some(allowed) => self.store().search_filtered(vector, allowed, fetched)?,
            };
            let neighbours: Vec<Neighbour> = hits
                .iter()
                .map(|hit| Neighbour {
                    photo: hit.row,
                    product: photos[hit.row as usize].product,
                    similarity: hit.similarity,
                })
                .collect();
            let ranked = vote(&neighbours, |product| self.photos_of(product), &self.options().vote);
            // The nearest photos may all show one product; the next products are further out.
            if ranked.len() >= top || hits.len() < fetched || fetched >= photos.len() {
                return Ok((neighbours, ranked));
            }
            fetched = (fetched * 4).min(photos.len());
        }
    }

    /// The similarities of the prototypes of the `allowed` products.
    fn similarities(
        &self,
        embedding: &QueryEmbedding,
        allowed: Option<&[bool]>,
    ) -> Vec<ProductSimilarity> {
        let is_allowed = |product: u32| allowed.is_none_or(|allowed| allowed[product as usize]);
        self.prototypes().similarities(&embedding.vector, None, is_allowed)
    }

    /// The scores of each network's classifier, and last those of the prototypes, as if the `allowed` products were
    /// the only ones.
    fn class_scores(
        &self,
        embedding: &QueryEmbedding,
        similarities: &[ProductSimilarity],
        allowed: Option<&[bool]>,
    ) -> Vec<ClassScores> {
        let is_allowed = |product: u32| allowed.is_none_or(|allowed| allowed[product as usize]);
        let mut scores = self.classifiers().class_scores(&embedding.class_probabilities);
        scores.iter_mut().for_each(|scores| restrict(scores, is_allowed));
        scores.push(prototype_scores(similarities));
        scores
    }

    /// The first `top` products, each with its photos most like the query.
    pub(super) fn with_evidence(
        &self,
        mut ranked: Vec<RankedProduct>,
        vector: &[f32],
        top: usize,
    ) -> Result<Vec<RankedProduct>, EngineError> {
        ranked.truncate(top);
        for one in &mut ranked {
            // A product that only a classifier named has no photo among the neighbours.
            if one.evidence.is_empty() {
                let mut allowed = vec![false; self.index().products().len()];
                allowed[one.product as usize] = true;
                let hits =
                    self.store().search_filtered(vector, &allowed, self.options().evidence)?;
                let evidence = |hit: Hit| Evidence { photo: hit.row, similarity: hit.similarity };
                one.evidence = hits.into_iter().map(evidence).collect();
            }
            one.evidence.truncate(self.options().evidence);
        }
        // A product without photos has nothing to show.
        ranked.retain(|one| !one.evidence.is_empty());
        Ok(ranked)
    }

    /// A result whose timings are left open.
    pub(super) fn result(
        &self,
        mut neighbours: Vec<Neighbour>,
        ranked: Vec<RankedProduct>,
        score_parts: Vec<ScoreParts>,
        verdict: Option<Verdict>,
    ) -> SearchResult {
        neighbours.truncate(self.options().vote.neighbours.max(1));
        let timings = Timings::default();
        let (features, copy_of) = (None, None);
        let missing = 0.0;
        SearchResult {
            ranked,
            score_parts,
            neighbours,
            verdict,
            features,
            copy_of,
            missing,
            timings,
        }
    }
}

/// The parts of ranked products' scores: from the vote, and from class scores, the classifiers' and then the
/// prototypes'.
pub(super) fn score_parts(
    ranked: &[RankedProduct],
    voted: &[RankedProduct],
    class_scores: &[ClassScores],
) -> Vec<ScoreParts> {
    let of_one = |ranked: &RankedProduct| {
        let product = ranked.product;
        let probability = |scores: &ClassScores| scores.probabilities.get(&product).copied();
        let classifiers = class_scores.split_last().map_or(&[][..], |(_, classifiers)| classifiers);
        ScoreParts {
            vote: voted.iter().find(|r| r.product == product).map_or(0.0, |r| r.score),
            prototype: class_scores.last().and_then(probability),
            classifiers: classifiers.iter().map(probability).collect(),
        }
    };
    ranked.iter().map(of_one).collect()
}

/// Does something, and adds the time that it took.
fn timed<T>(total: &mut Duration, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = work();
    *total += started.elapsed();
    done
}
