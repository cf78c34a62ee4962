//! What the server says of itself: index, model, categories, limits, health.

use serde::Serialize;
use utoipa::ToSchema;

/// An index.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct IndexInfo {
    /// Differs for every index and changes with every update.
    #[schema(example = "9f86d081884c")]
    pub(crate) id: String,
    /// When it was built, in seconds since 1970-01-01 UTC.
    pub(crate) created_at: u64,
    /// Number of products with photos.
    pub(crate) products: usize,
    /// Number of photos.
    pub(crate) photos: usize,
}

/// The model that computes embeddings.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ModelInfo {
    /// The names of its networks.
    #[schema(example = "mobilenet_v3")]
    pub(crate) name: String,
    /// Dimensions of an embedding.
    pub(crate) embedding_dim: usize,
    /// Its networks.
    pub(crate) parts: Vec<ModelPart>,
}

/// One network of a model.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ModelPart {
    /// Its architecture.
    pub(crate) backbone: String,
    /// SHA-256 of its weights file.
    pub(crate) weights_sha256: String,
    /// Version of the preprocessing of photos.
    pub(crate) preprocess: String,
    /// Its weight in the similarity of two photos.
    pub(crate) weight: f32,
}

/// What is served, and the limits on requests.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceInfo {
    /// The index.
    pub(crate) index: IndexInfo,
    /// The model that computed its embeddings.
    pub(crate) model: ModelInfo,
    /// The categories with products, and their parents.
    pub(crate) categories: Vec<Category>,
    /// The range of prices; absent where no product has a price, or prices are in several currencies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) price_range: Option<PriceRange>,
    /// Limits on requests.
    pub(crate) limits: ServiceLimits,
}

/// The range of prices.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct PriceRange {
    /// The lowest price.
    pub(crate) min: f64,
    /// The highest price.
    pub(crate) max: f64,
    /// The currency's code or sign, as the shop writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "KRW")]
    pub(crate) currency: Option<String>,
}

/// A category.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Category {
    /// Its name, after those of its parents.
    #[schema(example = "furniture/chairs")]
    pub(crate) name: String,
    /// Number of products in it and below it.
    pub(crate) products: usize,
}

/// Limits on requests.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceLimits {
    /// Largest photo, in bytes.
    pub(crate) max_photo_bytes: usize,
    /// Largest request, in bytes.
    pub(crate) max_body_bytes: usize,
    /// Most pixels of a photo.
    pub(crate) max_photo_pixels: u64,
    /// Most photos in a request.
    pub(crate) max_photos: usize,
    /// Most products in a response.
    pub(crate) max_results: usize,
}

/// The server's health.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`, `busy` or `stopping`.
    #[schema(value_type = String, example = "ok")]
    pub(crate) status: &'static str,
    /// Number of products with photos.
    pub(crate) products: usize,
    /// Number of photos in the index.
    pub(crate) photos: usize,
    /// The names of the model's networks.
    pub(crate) model: String,
}
