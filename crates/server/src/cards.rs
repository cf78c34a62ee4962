//! Positions in an index to what clients are shown.

use std::time::Duration;

use lookalike_engine::{Found, FoundItem, Reasons};
use lookalike_photo::BBox;
use lookalike_rank::RankedProduct;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::api;
use crate::api::Verdict;
use crate::served::{Served, is_web, photo_id, without_folders};

/// What stays as it is in an address (RFC 3986's unreserved characters).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Photos of a product that its page names.
const PHOTOS: usize = 12;

pub(crate) fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Where to get a photo, by its id.
pub(crate) fn thumbnail_of(photo: &str) -> String {
    format!("/v1/photos/{photo}")
}

fn item_box(area: BBox) -> api::ItemBox {
    let BBox { left, top, right, bottom } = area;
    api::ItemBox { x: left, y: top, width: right - left, height: bottom - top }
}

impl Served {
    pub(crate) fn verdict(&self, found: &Found) -> Verdict {
        let Some(nearest) = found.neighbours.first() else { return Verdict::None };
        // What the index learnt when it was built; of an index that could not, and of a search among
        // some products only, similarity has to do.
        let is_weak = match found.verdict {
            Some(judged) => !judged.is_match,
            None => self.weak_below.is_some_and(|weak| nearest.similarity < weak),
        };
        if is_weak { Verdict::Weak } else { Verdict::Likely }
    }

    /// A thing in a photo.
    pub(crate) fn item(&self, one: &FoundItem) -> api::Item {
        api::Item {
            place: item_box(one.item.area),
            copies: one.copies.iter().map(|area| item_box(*area)).collect(),
            label: one.item.label.clone(),
            detected: one.item.confidence.filter(|_| one.item.label.is_some()),
            verdict: self.verdict(&one.found),
            confidence: one.found.verdict.map(|judged| judged.confidence),
            matches: self.matches(&one.found.ranked),
        }
    }

    pub(crate) fn matches(&self, ranked: &[RankedProduct]) -> Vec<api::Match> {
        let card = |(rank, ranked): (usize, &RankedProduct)| {
            let evidence = ranked.evidence.iter().map(|evidence| api::EvidencePhoto {
                photo: self.photo_name(evidence.photo),
                similarity: evidence.similarity,
                thumbnail: self.thumbnail(evidence.photo),
            });
            api::Match {
                rank,
                score: ranked.score,
                similarity: ranked.evidence.first().map_or(0.0, |best| best.similarity),
                product: self.card(ranked.product, ranked.evidence.first().map(|e| e.photo)),
                evidence: evidence.collect(),
            }
        };
        (1..).zip(ranked).map(card).collect()
    }

    pub(crate) fn explanation(&self, found: &Found) -> api::Explanation {
        let vote = &self.searcher.options().vote;
        let nearest = found.neighbours.first().map_or(0.0, |nearest| nearest.similarity);
        let weight = |similarity: f32| f64::from((similarity - nearest) / vote.temperature).exp();
        let total: f64 = found.neighbours.iter().map(|n| weight(n.similarity)).sum();
        let neighbours = found.neighbours.iter().map(|neighbour| api::Neighbour {
            product: self.searcher.index().products()[neighbour.product as usize].id.clone(),
            photo: self.photo_name(neighbour.photo),
            similarity: neighbour.similarity,
            vote: weight(neighbour.similarity) / total,
            thumbnail: self.thumbnail(neighbour.photo),
        });
        let scores = |(ranked, reasons): (&RankedProduct, &Reasons)| api::Reasons {
            product: self.searcher.index().products()[ranked.product as usize].id.clone(),
            vote: reasons.vote,
            prototype: reasons.prototype,
            classifiers: reasons.classifiers.clone(),
        };
        api::Explanation {
            neighbours: neighbours.collect(),
            voters: vote.neighbours,
            temperature: vote.temperature,
            weak_below: self.weak_below,
            scores: found.ranked.iter().zip(&found.reasons).map(scores).collect(),
        }
    }

    /// A product's card; `photo` stands in where the catalogue has no picture of it.
    pub(crate) fn card(&self, product: u32, photo: Option<u32>) -> api::ProductCard {
        let product = &self.searcher.index().products()[product as usize];
        let picture = match &product.image {
            Some(image) if is_web(image) => Some(image.clone()),
            Some(_) => {
                let id = utf8_percent_encode(&product.id, SEGMENT);
                Some(format!("/v1/products/{id}/picture"))
            }
            None => photo.map(|row| self.thumbnail(row)),
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
            picture,
        }
    }

    pub(crate) fn product_page(&self, product: u32) -> api::ProductPage {
        let photos = (0u32..).zip(self.searcher.index().photos());
        let rows: Vec<u32> =
            photos.filter(|(_, photo)| photo.product == product).map(|(row, _)| row).collect();
        let photo = |&row: &u32| api::ProductPhoto {
            photo: self.photo_name(row),
            thumbnail: self.thumbnail(row),
        };
        api::ProductPage {
            product: self.card(product, rows.first().copied()),
            photo_count: rows.len(),
            photos: rows.iter().take(PHOTOS).map(photo).collect(),
        }
    }

    fn photo_name(&self, row: u32) -> String {
        without_folders(&self.searcher.index().photos()[row as usize].path)
    }

    fn thumbnail(&self, row: u32) -> String {
        thumbnail_of(&photo_id(&self.searcher.index().photos()[row as usize].sha256))
    }
}
