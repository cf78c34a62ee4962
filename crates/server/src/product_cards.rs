//! Search results of the engine as responses of the API: product cards, matches, evidence, explanations.

use std::time::Duration;

use lookalike_engine::{ObjectResult, ScoreParts, SearchResult};
use lookalike_photo::BBox;
use lookalike_rank::RankedProduct;

use lookalike_catalog::is_web_address;

use crate::api;
use crate::api::Verdict;
use crate::served_index::ServedIndex;
use crate::urls::{photo_id, product_image_path, thumbnail_path, without_folders};

/// Photos in the details of a product.
const PRODUCT_PHOTOS: usize = 12;

/// Milliseconds, rounded to microseconds.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

fn bbox(bbox: BBox) -> api::BBox {
    let BBox { left, top, right, bottom } = bbox;
    api::BBox { x: left, y: top, width: right - left, height: bottom - top }
}

impl ServedIndex {
    pub(crate) fn verdict(&self, found: &SearchResult) -> Verdict {
        let Some(nearest) = found.neighbours.first() else { return Verdict::None };
        // The calibrated limit where the index has one. Without it, and for filtered searches, the similarity
        // decides.
        let is_weak = match found.verdict {
            Some(verdict) => !verdict.is_match,
            None => self.weak_below.is_some_and(|weak| nearest.similarity < weak),
        };
        if is_weak { Verdict::Weak } else { Verdict::Likely }
    }

    /// An object in a photo, and the products most like it.
    pub(crate) fn object(&self, object: &ObjectResult) -> api::DetectedObject {
        api::DetectedObject {
            bbox: bbox(object.object.bbox),
            repeats: object.repeats.iter().map(|repeat| bbox(*repeat)).collect(),
            label: object.object.label.clone(),
            detection_confidence: object
                .object
                .confidence
                .filter(|_| object.object.label.is_some()),
            verdict: self.verdict(&object.result),
            confidence: object.result.verdict.map(|verdict| verdict.confidence),
            matches: self.matches(&object.result, false),
        }
    }

    /// The ranked products; `explain` adds what their scores are made of.
    pub(crate) fn matches(&self, found: &SearchResult, explain: bool) -> Vec<api::Match> {
        let to_match = |(at, ranked): (usize, &RankedProduct)| {
            let evidence = ranked.evidence.iter().map(|evidence| api::EvidencePhoto {
                photo: self.photo_name(evidence.photo),
                similarity: evidence.similarity,
                source: self.searcher.index().photos()[evidence.photo as usize].source,
                thumbnail_url: self.thumbnail_url(evidence.photo),
            });
            let parts = found.score_parts.get(at).filter(|_| explain);
            api::Match {
                rank: at + 1,
                score: ranked.score,
                similarity: ranked.evidence.first().map_or(0.0, |best| best.similarity),
                score_parts: parts.map(score_parts),
                product: self.card(ranked.product, ranked.evidence.first().map(|e| e.photo)),
                evidence: evidence.collect(),
            }
        };
        found.ranked.iter().enumerate().map(to_match).collect()
    }

    /// The neighbours of a search, with their votes (softmax of similarity over temperature).
    pub(crate) fn explanation(&self, found: &SearchResult) -> api::Explanation {
        let vote = &self.searcher.options().vote;
        let nearest = found.neighbours.first().map_or(0.0, |nearest| nearest.similarity);
        let weight = |similarity: f32| f64::from((similarity - nearest) / vote.temperature).exp();
        let total: f64 = found.neighbours.iter().map(|n| weight(n.similarity)).sum();
        let neighbours = found.neighbours.iter().map(|neighbour| api::Neighbour {
            product_id: self.searcher.index().products()[neighbour.product as usize].id.clone(),
            photo: self.photo_name(neighbour.photo),
            similarity: neighbour.similarity,
            vote: weight(neighbour.similarity) / total,
            thumbnail_url: self.thumbnail_url(neighbour.photo),
        });
        api::Explanation {
            neighbours: neighbours.collect(),
            vote_neighbours: vote.neighbours,
            vote_temperature: vote.temperature,
            weak_below: self.weak_below,
        }
    }

    /// A product's card; `photo` is shown where the catalogue has no image of the product.
    pub(crate) fn card(&self, product: u32, photo: Option<u32>) -> api::ProductCard {
        let product = &self.searcher.index().products()[product as usize];
        let image_url = match &product.image {
            // Anything else, such as `javascript:`, would run when it is clicked.
            Some(image) if is_web_address(image) => Some(image.clone()),
            Some(_) => Some(product_image_path(&product.id)),
            None => photo.map(|row| self.thumbnail_url(row)),
        };
        api::ProductCard {
            id: product.id.clone(),
            name: product.name.clone(),
            category: product.category.clone(),
            price: product.price,
            list_price: product.list_price,
            currency: product.currency.clone(),
            discount: product.discount,
            rating: product.rating,
            review_count: product.review_count,
            delivery: product.delivery.clone(),
            url: product.url.clone(),
            image: product.image.as_deref().map(without_folders),
            description: product.description.clone(),
            extra: product.extra.clone(),
            image_url,
        }
    }

    pub(crate) fn product_details(&self, product: u32) -> api::ProductDetails {
        let photos = (0u32..).zip(self.searcher.index().photos());
        let rows: Vec<u32> =
            photos.filter(|(_, photo)| photo.product == product).map(|(row, _)| row).collect();
        let photo = |&row: &u32| api::ProductPhoto {
            photo: self.photo_name(row),
            thumbnail_url: self.thumbnail_url(row),
        };
        api::ProductDetails {
            product: self.card(product, rows.first().copied()),
            photo_count: rows.len(),
            photos: rows.iter().take(PRODUCT_PHOTOS).map(photo).collect(),
        }
    }

    pub(crate) fn photo_name(&self, row: u32) -> String {
        without_folders(&self.searcher.index().photos()[row as usize].path)
    }

    fn thumbnail_url(&self, row: u32) -> String {
        thumbnail_path(&photo_id(&self.searcher.index().photos()[row as usize].sha256))
    }
}

fn score_parts(parts: &ScoreParts) -> api::ScoreParts {
    api::ScoreParts {
        vote: parts.vote,
        prototype: parts.prototype,
        classifiers: parts.classifiers.clone(),
    }
}
