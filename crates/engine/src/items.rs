//! Several things in one photo: each is found, looked at by itself, and has products of its own.

use std::time::{Duration, Instant};

use lookalike_backbone::map_on_cores;
use lookalike_detect::{ActivationDetector, DetectedObject, ObjectDetector};
use lookalike_photo::{BBox, DecodeLimits, RgbImage, decode};

use crate::encoder::SEES_NOTHING;
use crate::linear::dot;
use crate::{EngineError, Filter, Found, Searcher, Timings, Views};

/// Candidates that are looked at, the first of the finder's.
const LOOKED_AT: usize = 40;
/// Candidates whose intersection over union is larger are one.
const SAME_BOX: f32 = 0.8;
/// Things that a photo has at most.
const MOST: usize = 12;
/// A candidate of which a larger share lies in one that was taken, or that holds a larger share of it, is the same
/// thing, or a part of it; the same, where that is their intersection over union.
const APART: f32 = 0.5;
/// What of two candidates for one thing makes one the better: found on photos made of 2 to 6 of Grocery Store's
/// validation photos and on photos of several products of the made-up shop
/// (`benches/runs/2026-11-29-items-epyc-2-cores`).
const BY_SIZE: f32 = 0.1;
const BY_DETECTOR: f32 = 0.2;
/// Things with the same first product whose cosine similarity is larger are copies of each other.
const ALIKE: f32 = 0.8;

/// What to search for in a photo that may show several things.
#[derive(Clone, Copy)]
pub struct ItemsQuery<'a> {
    /// The bytes of the photo's file.
    pub photo: &'a [u8],
    /// What finds the things in it.
    pub finder: &'a dyn ObjectDetector,
    /// Which products may be found.
    pub filter: &'a Filter,
    /// From how many sides each thing is looked at.
    pub views: Views,
    /// How many products for each thing, at most.
    pub top: usize,
    /// What a photo may cost.
    pub limits: DecodeLimits,
}

/// A thing in a photo, and the products most like it.
#[derive(Debug, Clone)]
pub struct FoundItem {
    /// Where it is, and what kind of thing, if the finder knows.
    pub item: DetectedObject,
    /// Where else in the photo the same thing is.
    pub copies: Vec<BBox>,
    /// The products.
    pub found: Found,
    /// Of length 1.
    vector: Vec<f32>,
}

impl FoundItem {
    /// Everywhere that it is.
    pub fn areas(&self) -> impl Iterator<Item = BBox> + '_ {
        std::iter::once(self.item.bbox).chain(self.copies.iter().copied())
    }
}

/// The things in a photo.
#[derive(Debug, Clone)]
pub struct FoundItems {
    /// Each of them, the one that is found best first.
    pub items: Vec<FoundItem>,
    /// The products most like the photo as a whole.
    pub whole: Found,
    /// How long finding them took.
    pub detect: Duration,
    /// How long the rest took, all things together.
    pub timings: Timings,
}

impl Searcher {
    /// Finds things by the map of one of the networks that embed photos: it needs nothing more.
    pub fn activation_detector(&self) -> ActivationDetector {
        self.encoder().activation_detector()
    }

    /// Searches for each of the things in a photo. Where the finder finds none, the photo is one.
    ///
    /// # Errors
    /// [`EngineError::Photo`] of a photo that cannot be used; [`EngineError::Filter`];
    /// [`EngineError::Detect`].
    pub fn find_items(&self, query: &ItemsQuery<'_>) -> Result<FoundItems, EngineError> {
        let begun = Instant::now();
        query.filter.check(self.index().products())?;
        let refused = |reason| EngineError::Photo { name: "the photo".to_owned(), reason };
        let photo = decode(query.photo, &query.limits).map_err(|e| refused(e.to_string()))?.pixels;
        let decoded = begun.elapsed();
        let found = self.find_items_of(&photo, query)?;
        let mut found = found.ok_or_else(|| refused(SEES_NOTHING.to_owned()))?;
        found.timings.decode = decoded;
        Ok(found)
    }

    /// [`Self::find_items`] of an upright photo; `None` where nothing is seen in it.
    pub(crate) fn find_items_of(
        &self,
        photo: &RgbImage,
        query: &ItemsQuery<'_>,
    ) -> Result<Option<FoundItems>, EngineError> {
        let begun = Instant::now();
        let candidates = candidates(query.finder.detect(photo)?);
        let detect = begun.elapsed();
        let plain = ItemsQuery { views: Views::Plain, ..*query };
        let mut timings = Timings::default();
        let found = self.look_at_items(photo, candidates, &plain, &mut timings)?;
        let mut items = chosen(found);
        if query.views != Views::Plain {
            let places = items.into_iter().map(|one| one.item).collect();
            items = self.look_at_items(photo, places, query, &mut timings)?;
        }
        let all = DetectedObject::WHOLE_PHOTO;
        let whole = self.look_at_items(photo, vec![all], query, &mut timings)?.pop();
        let whole = whole.map(|one| one.found);
        Ok(whole.map(|whole| FoundItems { items: merged(items), whole, detect, timings }))
    }

    /// The products most like parts of a photo, without those in which nothing is seen.
    fn look_at_items(
        &self,
        photo: &RgbImage,
        places: Vec<DetectedObject>,
        query: &ItemsQuery<'_>,
        timings: &mut Timings,
    ) -> Result<Vec<FoundItem>, EngineError> {
        let looked = map_on_cores(&places, |item| self.look_at_item(photo, item, query));
        let mut found = Vec::with_capacity(looked.len());
        for looked in looked {
            let Some(one) = looked? else { continue };
            timings.embed += one.found.timings.embed;
            timings.search += one.found.timings.search;
            found.push(one);
        }
        Ok(found)
    }

    /// The products most like a part of a photo; `None` where nothing is seen in it.
    fn look_at_item(
        &self,
        photo: &RgbImage,
        item: &DetectedObject,
        query: &ItemsQuery<'_>,
    ) -> Result<Option<FoundItem>, EngineError> {
        let begun = Instant::now();
        let Some(crop) = item.bbox.crop() else { return Ok(None) };
        let pictures = query.views.of(crop.apply(photo));
        let metric = &self.index().content().metric;
        let Some(look) = self.encoder().look_at(&pictures, metric)? else { return Ok(None) };
        let embed = begun.elapsed();
        let vector = look.vector.clone();
        let found = self.ranked(look, query.filter, query.top)?;
        let search = begun.elapsed().saturating_sub(embed);
        let timings = Timings { embed, search, ..Timings::default() };
        let found = Found { timings, ..found };
        let one = FoundItem { item: item.clone(), copies: Vec::new(), found, vector };
        Ok((!one.found.ranked.is_empty()).then_some(one))
    }
}

/// What is worth looking at: what a finder gives, once each; all of the photo where it gives nothing.
fn candidates(found: Vec<DetectedObject>) -> Vec<DetectedObject> {
    let mut kept: Vec<DetectedObject> = Vec::new();
    for item in found {
        if kept.len() < LOOKED_AT && kept.iter().all(|k| k.bbox.iou(&item.bbox) <= SAME_BOX) {
            kept.push(item);
        }
    }
    if kept.is_empty() {
        kept.push(DetectedObject::WHOLE_PHOTO);
    }
    kept
}

/// How good a candidate is: how similar its best product's nearest photo is, and by how much it is larger than
/// others, or a detector is sure of it. How sure the ranking is of the product chooses worse: parts of things
/// are often recognised.
fn quality(one: &FoundItem) -> f32 {
    let similarity = one.found.ranked.first().and_then(|best| best.evidence.first());
    let similarity = similarity.map_or(0.0, |evidence| evidence.similarity);
    let detected = one.item.confidence.filter(|_| one.item.label.is_some()).unwrap_or(0.0);
    similarity * one.item.bbox.area().powf(BY_SIZE) * (1.0 + BY_DETECTOR * detected)
}

/// Of candidates that overlap, one for each thing.
fn chosen(mut candidates: Vec<FoundItem>) -> Vec<FoundItem> {
    candidates.sort_by(|a, b| quality(b).total_cmp(&quality(a)));
    let mut kept: Vec<FoundItem> = Vec::new();
    for one in candidates {
        let area = one.item.bbox;
        let overlaps = |other: &&mut FoundItem| {
            let other = &other.item.bbox;
            area.fraction_inside(other) > APART || other.fraction_inside(&area) > APART
        };
        match kept.iter_mut().find(overlaps) {
            None => kept.push(one),
            // What a detector calls it holds for a better box of the same thing.
            Some(other) if other.item.label.is_none() && other.item.bbox.iou(&area) > APART => {
                (other.item.label, other.item.confidence) = (one.item.label, one.item.confidence);
            }
            Some(_) => (),
        }
    }
    kept.truncate(MOST);
    kept
}

/// Things that are the same, as one.
fn merged(items: Vec<FoundItem>) -> Vec<FoundItem> {
    let mut kept: Vec<FoundItem> = Vec::new();
    for one in items {
        let first = |one: &FoundItem| one.found.ranked.first().map(|best| best.product);
        let is_copy = |other: &&mut FoundItem| {
            first(other) == first(&one) && dot(&other.vector, &one.vector) > ALIKE
        };
        match kept.iter_mut().find(is_copy) {
            Some(other) => other.copies.push(one.item.bbox),
            None => kept.push(one),
        }
    }
    kept
}
