//! Responses of searches, and of products.

use std::collections::BTreeMap;

use lookalike_catalog::PhotoSource;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{IndexInfo, ModelInfo};
use crate::problem::Problem;

/// The products most similar to the query, the best first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SearchResponse {
    /// What was searched for: `the photo`, `the photos`, or a product's id.
    pub(crate) query: String,
    /// Whether the query is likely to be a product of the index.
    pub(crate) verdict: Verdict,
    /// Calibrated probability that the first match is the right product, 0 to 1; below 0.5 for a weak verdict. Absent
    /// where the index is not calibrated.
    pub(crate) confidence: Option<f32>,
    /// The photo of the index that the photo is a copy of, if it is one: its file's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) copy_of: Option<String>,
    /// About how much of the photo its file does not have, in percent, if it is cut short or damaged: the answer rests on
    /// the rest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) missing_percent: Option<u32>,
    /// Names this answer to `/v1/feedback`; where the server takes feedback, and there is something to learn from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) answer_id: Option<String>,
    /// The products.
    pub(crate) matches: Vec<Match>,
    /// The objects in the photo, the most similar to a product first; with `objects=true` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) objects: Option<Vec<DetectedObject>>,
    /// Time from the request's headers to the response, in milliseconds.
    pub(crate) took_ms: f64,
    /// The phases of that time.
    pub(crate) timings_ms: Timings,
    /// The index that was searched.
    pub(crate) index: IndexInfo,
    /// The model that computed the embeddings.
    pub(crate) model: ModelInfo,
    /// The neighbours behind the matches; with `explain=true` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) explanation: Option<Explanation>,
}

/// Whether the query is likely to be a product of the index, by a limit that was calibrated when the index
/// was built. Where it was not, and for a search by product, the limit is on similarity, from the
/// similarities of the index's own photos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Verdict {
    /// It is likely to be a product of the index.
    Likely,
    /// Probably no product of the index: the matches are only the nearest.
    Weak,
    /// There are no matches, for example in an unknown category.
    None,
}

/// An object in a photo.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DetectedObject {
    /// Its bounding box.
    pub(crate) bbox: BBox,
    /// Bounding boxes of further objects in the photo that show the same product.
    pub(crate) repeats: Vec<BBox>,
    /// Its class, if the server has a detector that knows it.
    #[schema(example = "chair")]
    pub(crate) label: Option<String>,
    /// The detector's confidence that there is an object, 0 to 1.
    pub(crate) detection_confidence: Option<f32>,
    /// Whether the object is likely to be a product of the index.
    pub(crate) verdict: Verdict,
    /// Calibrated probability that the first match is the right product, 0 to 1, as for the whole photo.
    pub(crate) confidence: Option<f32>,
    /// The products most similar to it.
    pub(crate) matches: Vec<Match>,
}

/// A bounding box in an upright photo, in fractions of its sides from 0 to 1, as `crop` takes it.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct BBox {
    /// Its left edge.
    pub(crate) x: f32,
    /// Its upper edge.
    pub(crate) y: f32,
    /// Its width.
    pub(crate) width: f32,
    /// Its height.
    pub(crate) height: f32,
}

/// A product similar to the query.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Match {
    /// Its rank, counted from 1.
    pub(crate) rank: usize,
    /// Its probability by the neighbours' vote, the prototypes and the classifiers, 0 to 1.
    pub(crate) score: f32,
    /// Cosine similarity of its most similar photo, -1 to 1.
    pub(crate) similarity: f32,
    /// The parts of its score; with `explain=true` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) score_parts: Option<ScoreParts>,
    /// The product itself.
    pub(crate) product: ProductCard,
    /// Its photos most similar to the query, the most similar first.
    pub(crate) evidence: Vec<EvidencePhoto>,
}

/// The parts of a match's score, which are combined as a log-linear pool.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ScoreParts {
    /// Its fraction of the neighbours' vote, 0 to 1.
    pub(crate) vote: f32,
    /// Its probability by the similarity to the product's prototype, the mean of its photos, 0 to 1; null
    /// where others are much nearer.
    pub(crate) prototype: Option<f32>,
    /// Its probability by each network's classifier; null where a classifier does not know the product.
    pub(crate) classifiers: Vec<Option<f32>>,
}

/// A product, as a shop's card shows it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProductCard {
    /// Unique in the index.
    pub(crate) id: String,
    /// What shoppers call it.
    #[schema(example = "참나무 의자")]
    pub(crate) name: String,
    /// Nested categories are separated by `/`.
    pub(crate) category: Option<String>,
    /// The current price, in `currency`.
    #[schema(example = 129000)]
    pub(crate) price: Option<f64>,
    /// The price without the discount, in `currency`.
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
    /// Its catalogue image, as in the manifest.
    pub(crate) image: Option<String>,
    /// Its description.
    pub(crate) description: Option<String>,
    /// The manifest's other columns, as they are.
    pub(crate) extra: BTreeMap<String, Value>,
    /// Where to load an image of it: a path of this server, or an address on the web.
    #[schema(example = "/v1/products/oak-chair/image")]
    pub(crate) image_url: Option<String>,
}

/// A photo of the product that is similar to the query.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EvidencePhoto {
    /// Its path in the catalogue.
    pub(crate) photo: String,
    /// Cosine similarity to the query, -1 to 1.
    pub(crate) similarity: f32,
    /// `review` for a customer's photo, `catalogue` for the shop's own picture.
    #[schema(value_type = String, example = "review")]
    pub(crate) source: PhotoSource,
    /// Path of its thumbnail, with `?size=` for another size.
    #[schema(example = "/v1/photos/0123456789abcdef01234567")]
    pub(crate) thumbnail_url: String,
}

/// The phases of a search, in milliseconds.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct Timings {
    /// Reading the request: waiting for the photos to arrive.
    pub(crate) read: f64,
    /// Waiting for a worker.
    pub(crate) queue: f64,
    /// Decoding files to pixels.
    pub(crate) decode: f64,
    /// Detecting the objects in the photo.
    pub(crate) detect: f64,
    /// Computing embeddings.
    pub(crate) embed: f64,
    /// Searching for neighbours and ranking products.
    pub(crate) search: f64,
}

/// How the matches came about.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Explanation {
    /// The neighbours that voted, the nearest first.
    pub(crate) neighbours: Vec<Neighbour>,
    /// Number of neighbours that vote: the k of the k nearest neighbours.
    pub(crate) vote_neighbours: usize,
    /// A vote weighs `exp(similarity / temperature)`.
    pub(crate) vote_temperature: f32,
    /// A best match below this similarity is weak, where the index is not calibrated.
    pub(crate) weak_below: Option<f32>,
}

/// A photo of the index that voted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Neighbour {
    /// Id of the product that it shows.
    pub(crate) product_id: String,
    /// Its path in the catalogue.
    pub(crate) photo: String,
    /// Cosine similarity to the query, -1 to 1.
    pub(crate) similarity: f32,
    /// Its fraction of all votes, 0 to 1.
    pub(crate) vote: f64,
    /// Path of its thumbnail.
    pub(crate) thumbnail_url: String,
}

/// The results of independent photos, in their order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchResponse {
    /// One for each photo.
    pub(crate) results: Vec<BatchResult>,
}

/// The result of one photo of a batch, or why there is none.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum BatchResult {
    /// The result.
    Result(Box<SearchResponse>),
    /// Why there is none.
    Problem(Problem),
}

/// A product and its photos.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProductDetails {
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
    /// Its path in the catalogue.
    pub(crate) photo: String,
    /// Path of its thumbnail.
    pub(crate) thumbnail_url: String,
}
