//! What a search is answered.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{IndexIdentity, ModelIdentity};
use crate::problem::Problem;

/// The products most like what was asked about, the best first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Answer {
    /// What was asked about: `the photo`, `the photos`, or a product's id.
    pub(crate) query: String,
    /// How good the best match is.
    pub(crate) verdict: Verdict,
    /// How likely the first product is the right one, 0 to 1, if the thing is sold at all; where the
    /// index could learn that.
    pub(crate) confidence: Option<f32>,
    /// The products.
    pub(crate) matches: Vec<Match>,
    /// The things in the photo, if they were asked for, the one that is found best first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) items: Option<Vec<Item>>,
    /// Time from the request's head to the answer.
    pub(crate) milliseconds: f64,
    /// What that time was spent on.
    pub(crate) timings: Timings,
    /// The index that was searched.
    pub(crate) index: IndexIdentity,
    /// What made its embeddings.
    pub(crate) model: ModelIdentity,
    /// How the answer came about, if that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) explanation: Option<Explanation>,
}

/// How good the best match is, as the index learnt when it was built; where it could not, and of a search for
/// products like a product, by the similarities that the index's own photos have to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// The thing is sold.
    Likely,
    /// Probably nothing of the kind is sold: the matches are only the nearest there are.
    Weak,
    /// No product to name, such as in an unknown category.
    None,
}

/// A thing in a photo.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Item {
    /// Where it is.
    #[serde(rename = "box")]
    pub(crate) place: ItemBox,
    /// Where else in the photo the same thing is.
    pub(crate) copies: Vec<ItemBox>,
    /// What kind of thing it is, if the server has a detector that knows.
    #[schema(example = "chair")]
    pub(crate) label: Option<String>,
    /// How sure the detector is that there is a thing, 0 to 1.
    pub(crate) detected: Option<f32>,
    /// How good the best match is.
    pub(crate) verdict: Verdict,
    /// How likely the first product is the right one, 0 to 1, as above.
    pub(crate) confidence: Option<f32>,
    /// The products most like it.
    pub(crate) matches: Vec<Match>,
}

/// A part of an upright photo, in shares of its sides from 0 to 1: what `crop` takes.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct ItemBox {
    /// Its left edge.
    pub(crate) x: f32,
    /// Its upper edge.
    pub(crate) y: f32,
    /// Its width.
    pub(crate) width: f32,
    /// Its height.
    pub(crate) height: f32,
}

/// A product like the photo.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Match {
    /// Its place, counted from 1.
    pub(crate) rank: usize,
    /// Its share of the neighbours' vote and of what classifiers say, 0 to 1.
    pub(crate) score: f32,
    /// Cosine similarity of its most similar photo, -1 to 1.
    pub(crate) similarity: f32,
    /// The product itself.
    pub(crate) product: ProductCard,
    /// Its photos most like the query, the most similar first.
    pub(crate) evidence: Vec<EvidencePhoto>,
}

/// What a shop's card shows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProductCard {
    /// Unique in the index.
    pub(crate) id: String,
    /// What shoppers call it.
    #[schema(example = "참나무 의자")]
    pub(crate) name: String,
    /// Nested categories are separated by `/`.
    pub(crate) category: Option<String>,
    /// What it costs now, in `currency`.
    #[schema(example = 129000)]
    pub(crate) price: Option<f64>,
    /// What it costs without the discount, in `currency`.
    pub(crate) list_price: Option<f64>,
    /// The currency's code or sign.
    #[schema(example = "KRW")]
    pub(crate) currency: Option<String>,
    /// Percent off the list price, 0 to 100.
    pub(crate) discount: Option<f64>,
    /// Mean stars of its reviews.
    pub(crate) rating: Option<f64>,
    /// Number of its reviews.
    pub(crate) review_count: Option<u64>,
    /// How and when it is delivered, in words.
    pub(crate) delivery: Option<String>,
    /// Its page in the shop.
    pub(crate) url: Option<String>,
    /// Its catalogue picture as the manifest names it.
    pub(crate) image: Option<String>,
    /// What it is, in words.
    pub(crate) description: Option<String>,
    /// The manifest's other columns, as they are.
    pub(crate) extra: BTreeMap<String, Value>,
    /// Where to get a picture of it: from here, or from the web.
    #[schema(example = "/v1/products/oak-chair/picture")]
    pub(crate) picture: Option<String>,
}

/// A photo that speaks for a product.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EvidencePhoto {
    /// Its name in the catalogue.
    pub(crate) photo: String,
    /// Cosine similarity to the query, -1 to 1.
    pub(crate) similarity: f32,
    /// Where to get it, with `?size=` for another size.
    #[schema(example = "/v1/photos/0123456789abcdef01234567")]
    pub(crate) thumbnail: String,
}

/// What the time was spent on, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct Timings {
    /// Waiting for the photos to arrive.
    pub(crate) read: f64,
    /// Waiting for a free core.
    pub(crate) wait: f64,
    /// Files to pixels.
    pub(crate) decode: f64,
    /// Finding the things in the photo.
    pub(crate) detect: f64,
    /// Pixels to embeddings.
    pub(crate) embed: f64,
    /// Embeddings to products.
    pub(crate) search: f64,
}

/// How an answer came about.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Explanation {
    /// The photos that voted, the nearest first.
    pub(crate) neighbours: Vec<Neighbour>,
    /// How many of the nearest vote.
    pub(crate) voters: usize,
    /// A vote weighs `exp(similarity / temperature)`.
    pub(crate) temperature: f32,
    /// A best match below this similarity is called weak where the index could not learn when to say so.
    pub(crate) weak_below: Option<f32>,
    /// What the matches' scores are made of, in their order.
    pub(crate) scores: Vec<Reasons>,
}

/// What each way of telling products apart says of one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reasons {
    /// The product's id.
    pub(crate) product: String,
    /// Its share of the nearest photos' vote, 0 to 1.
    pub(crate) vote: f32,
    /// Its share by how near the mean of its photos is, 0 to 1; none where others are much nearer.
    pub(crate) prototype: Option<f32>,
    /// Its probability by each network's classifier; none of one that does not know the product.
    pub(crate) classifiers: Vec<Option<f32>>,
}

/// A photo that voted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Neighbour {
    /// The product that it shows.
    pub(crate) product: String,
    /// Its name in the catalogue.
    pub(crate) photo: String,
    /// Cosine similarity to the query, -1 to 1.
    pub(crate) similarity: f32,
    /// Its share of all votes, 0 to 1.
    pub(crate) vote: f64,
    /// Where to get it.
    pub(crate) thumbnail: String,
}

/// Answers to independent photos, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchAnswer {
    /// One for each photo.
    pub(crate) answers: Vec<BatchItem>,
}

/// The answer to one photo of a batch, or why there is none.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BatchItem {
    /// The answer.
    Answer(Box<Answer>),
    /// Why there is none.
    Problem(Problem),
}

/// A product, and the photos that show it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProductPage {
    /// The product.
    pub(crate) product: ProductCard,
    /// Number of its photos in the index.
    pub(crate) photo_count: usize,
    /// The first of its photos.
    pub(crate) photos: Vec<ProductPhoto>,
}

/// A photo of a product.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProductPhoto {
    /// Its name in the catalogue.
    pub(crate) photo: String,
    /// Where to get it.
    pub(crate) thumbnail: String,
}
