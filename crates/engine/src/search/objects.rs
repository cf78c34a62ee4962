//! Several objects in one photo: each is detected, cropped and searched for by itself. Of overlapping candidates, one
//! stays (greedy non-maximum suppression), by how similar its best product is.

use std::time::{Duration, Instant};

use lookalike_backbone::map_on_cores;
use lookalike_detect::{ActivationDetector, DetectedObject, ObjectDetector};
use lookalike_photo::{BBox, DecodeLimits, RgbImage, decode_damaged};

use super::filter::Filter;
use super::query::{SearchResult, Timings};
use super::searcher::Searcher;
use crate::encode::{EMPTY_EMBEDDING, Views};
use crate::error::{EngineError, PhotoRef};
use crate::metric::dot;

/// Candidates that are searched for, the detector's first.
const CANDIDATES: usize = 40;
/// Candidates whose intersection over union is larger are the same.
const SAME_BOX: f32 = 0.8;
/// Objects of a photo at most.
const MOST: usize = 12;
/// A candidate is suppressed where a larger fraction of it lies inside one that is kept, or the other way round: it is
/// the same object or a part of it. It is the same where their intersection over union is larger, too.
const OVERLAP: f32 = 0.5;
/// The weights of a candidate's size and of a detector's confidence in [`quality`]: tuned on photos made of 2 to 6 of Grocery Store's
/// validation photos and on photos of several products of the demo shop
/// (`benches/runs/2026-11-29-items-epyc-2-cores`).
const BY_SIZE: f32 = 0.1;
const BY_DETECTOR: f32 = 0.2;
/// Objects with the same first product whose cosine similarity is larger are repeats of each other.
const REPEATED: f32 = 0.8;

/// A photo that may show several objects, to search for each.
#[derive(Clone, Copy)]
pub struct ObjectsQuery<'a> {
    /// The bytes of the photo's file.
    pub photo: &'a [u8],
    /// What detects the objects in it.
    pub detector: &'a dyn ObjectDetector,
    /// Which products may be found.
    pub filter: &'a Filter,
    /// The views of each object that are embedded.
    pub views: Views,
    /// The number of products for each object, at most.
    pub top: usize,
    /// What the photo may cost to decode.
    pub limits: DecodeLimits,
}

/// An object in a photo, and the products most like it.
#[derive(Debug, Clone)]
pub struct ObjectResult {
    /// Its box, and its class if the detector knows classes.
    pub object: DetectedObject,
    /// The boxes of other objects in the photo that are the same product.
    pub repeats: Vec<BBox>,
    /// The products.
    pub result: SearchResult,
    /// Its embedding, of length 1.
    vector: Vec<f32>,
}

impl ObjectResult {
    /// Its box and those of its repeats.
    pub fn areas(&self) -> impl Iterator<Item = BBox> + '_ {
        std::iter::once(self.object.bbox).chain(self.repeats.iter().copied())
    }
}

/// The objects in a photo, and the photo as a whole.
#[derive(Debug, Clone)]
pub struct ObjectsResult {
    /// Each object, the best candidate first.
    pub objects: Vec<ObjectResult>,
    /// The products most like the photo as a whole.
    pub whole: SearchResult,
    /// How long detection took.
    pub detect: Duration,
    /// How long the rest took, all objects together.
    pub timings: Timings,
}

impl Searcher {
    /// A detector that uses the activation map of one of the networks that embed photos: it needs no weights of its own.
    pub fn activation_detector(&self) -> ActivationDetector {
        self.encoder().activation_detector()
    }

    /// Searches for each of the objects in a photo. Where the detector finds none, the whole photo is one.
    ///
    /// # Errors
    /// [`EngineError::Photo`] of a photo that cannot be used; [`EngineError::Filter`];
    /// [`EngineError::Detect`].
    pub fn search_objects(&self, query: &ObjectsQuery<'_>) -> Result<ObjectsResult, EngineError> {
        let begun = Instant::now();
        query.filter.check(self.index().products())?;
        let refused = |reason| {
            let photo = PhotoRef::OfQuery { position: 0, of: 1 };
            EngineError::Photo { photo, reason }
        };
        let photo = decode_damaged(query.photo, &query.limits, u32::MAX);
        let photo = photo.map_err(|error| refused(error.to_string()))?;
        let decoded = begun.elapsed();
        let found = self.search_objects_of(&photo.pixels, query)?;
        let mut found = found.ok_or_else(|| refused(EMPTY_EMBEDDING.to_owned()))?;
        found.timings.decode = decoded;
        found.whole.missing = photo.missing;
        Ok(found)
    }

    /// [`Self::search_objects`] of an upright photo; `None` where its embedding is degenerate.
    pub(crate) fn search_objects_of(
        &self,
        photo: &RgbImage,
        query: &ObjectsQuery<'_>,
    ) -> Result<Option<ObjectsResult>, EngineError> {
        let begun = Instant::now();
        let candidates = candidates(query.detector.detect(photo)?);
        let detect = begun.elapsed();
        let plain = ObjectsQuery { views: Views::Plain, ..*query };
        let mut timings = Timings::default();
        let found = self.search_boxes(photo, candidates, &plain, &mut timings)?;
        let mut objects = suppressed(found);
        if query.views != Views::Plain {
            let boxes = objects.into_iter().map(|one| one.object).collect();
            objects = self.search_boxes(photo, boxes, query, &mut timings)?;
        }
        let all = DetectedObject::WHOLE_PHOTO;
        let whole = self.search_boxes(photo, vec![all], query, &mut timings)?.pop();
        let whole = whole.map(|one| one.result);
        let objects = merged(objects);
        Ok(whole.map(|whole| ObjectsResult { objects, whole, detect, timings }))
    }

    /// Searches for parts of a photo, without those whose embeddings are degenerate.
    fn search_boxes(
        &self,
        photo: &RgbImage,
        boxes: Vec<DetectedObject>,
        query: &ObjectsQuery<'_>,
        timings: &mut Timings,
    ) -> Result<Vec<ObjectResult>, EngineError> {
        let searched = map_on_cores(&boxes, |object| self.search_box(photo, object, query));
        let mut found = Vec::with_capacity(searched.len());
        for one in searched {
            let Some(one) = one? else { continue };
            timings.embed += one.result.timings.embed;
            timings.search += one.result.timings.search;
            found.push(one);
        }
        Ok(found)
    }

    /// Searches for a part of a photo; `None` where its embedding is degenerate.
    fn search_box(
        &self,
        photo: &RgbImage,
        object: &DetectedObject,
        query: &ObjectsQuery<'_>,
    ) -> Result<Option<ObjectResult>, EngineError> {
        let begun = Instant::now();
        let Some(crop) = object.bbox.crop() else { return Ok(None) };
        let views = query.views.of(crop.apply(photo));
        let metric = &self.index().content().metric;
        let embedding = self.encoder().embed_views(&views, metric)?;
        let Some(embedding) = embedding else { return Ok(None) };
        let embed = begun.elapsed();
        let result = self.rank(&embedding, &[], query.filter, query.top)?;
        let search = begun.elapsed().saturating_sub(embed);
        let timings = Timings { embed, search, ..Timings::default() };
        let result = SearchResult { timings, ..result };
        let (object, vector) = (object.clone(), embedding.vector);
        let one = ObjectResult { object, repeats: Vec::new(), result, vector };
        Ok((!one.result.ranked.is_empty()).then_some(one))
    }
}

/// What is searched for: the detector's objects without duplicates, or all of the photo where it finds none.
fn candidates(detected: Vec<DetectedObject>) -> Vec<DetectedObject> {
    let mut kept: Vec<DetectedObject> = Vec::new();
    for object in detected {
        if kept.len() < CANDIDATES && kept.iter().all(|k| k.bbox.iou(&object.bbox) <= SAME_BOX) {
            kept.push(object);
        }
    }
    if kept.is_empty() {
        kept.push(DetectedObject::WHOLE_PHOTO);
    }
    kept
}

/// The score by which candidates suppress each other: the similarity of the best product's nearest photo, raised for
/// larger boxes and by a detector's confidence. The ranking's own confidence chooses worse: parts of objects are
/// often recognised.
fn quality(one: &ObjectResult) -> f32 {
    let similarity = one.result.ranked.first().and_then(|best| best.evidence.first());
    let similarity = similarity.map_or(0.0, |evidence| evidence.similarity);
    let detected = one.object.confidence.filter(|_| one.object.label.is_some()).unwrap_or(0.0);
    similarity * one.object.bbox.area().powf(BY_SIZE) * (1.0 + BY_DETECTOR * detected)
}

/// Of candidates that overlap, the one of the highest [`quality`]: greedy non-maximum suppression.
fn suppressed(mut candidates: Vec<ObjectResult>) -> Vec<ObjectResult> {
    candidates.sort_by(|a, b| quality(b).total_cmp(&quality(a)));
    let mut kept: Vec<ObjectResult> = Vec::new();
    for one in candidates {
        let area = one.object.bbox;
        let overlaps = |other: &&mut ObjectResult| {
            let other = &other.object.bbox;
            area.fraction_inside(other) > OVERLAP || other.fraction_inside(&area) > OVERLAP
        };
        match kept.iter_mut().find(overlaps) {
            None => kept.push(one),
            // The label of a suppressed candidate holds for the better box of the same object.
            Some(other)
                if other.object.label.is_none() && other.object.bbox.iou(&area) > OVERLAP =>
            {
                (other.object.label, other.object.confidence) =
                    (one.object.label, one.object.confidence);
            }
            Some(_) => (),
        }
    }
    kept.truncate(MOST);
    kept
}

/// Objects that are the same product, as one with repeats.
fn merged(objects: Vec<ObjectResult>) -> Vec<ObjectResult> {
    let mut kept: Vec<ObjectResult> = Vec::new();
    for one in objects {
        let first = |one: &ObjectResult| one.result.ranked.first().map(|best| best.product);
        let is_repeat = |other: &&mut ObjectResult| {
            first(other) == first(&one) && dot(&other.vector, &one.vector) > REPEATED
        };
        match kept.iter_mut().find(is_repeat) {
            Some(other) => other.repeats.push(one.object.bbox),
            None => kept.push(one),
        }
    }
    kept
}
