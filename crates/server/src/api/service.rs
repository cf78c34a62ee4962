//! What the server says of itself.

use serde::Serialize;
use utoipa::ToSchema;

/// Which index answers.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct IndexIdentity {
    /// Another index has another one.
    #[schema(example = "9f86d081884c")]
    pub(crate) id: String,
    /// When it was built, in seconds since 1970-01-01, UTC.
    pub(crate) created: u64,
    /// Products that can be found.
    pub(crate) products: usize,
    /// Photos.
    pub(crate) photos: usize,
}

/// What made the embeddings.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ModelIdentity {
    /// Its networks' names.
    #[schema(example = "mobilenet_v3")]
    pub(crate) name: String,
    /// Numbers in an embedding.
    pub(crate) embedding_dim: usize,
    /// Its networks.
    pub(crate) parts: Vec<ModelPart>,
}

/// One network of a model.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct ModelPart {
    /// Its name.
    pub(crate) backbone: String,
    /// Checksum of its weights file.
    pub(crate) weights_sha256: String,
    /// How photos are prepared for it.
    pub(crate) preprocess: String,
    /// Its share in the similarity of two photos.
    pub(crate) share: f32,
}

/// What is served, and what a client must keep to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Service {
    /// The index.
    pub(crate) index: IndexIdentity,
    /// What made its embeddings.
    pub(crate) model: ModelIdentity,
    /// The categories with products, each with those above it.
    pub(crate) categories: Vec<Category>,
    /// What products cost; nothing where none has a price, or prices are in several currencies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) prices: Option<Prices>,
    /// What a request may cost.
    pub(crate) limits: ServiceLimits,
}

/// What products cost.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Prices {
    /// The lowest price.
    pub(crate) lowest: f64,
    /// The highest price.
    pub(crate) highest: f64,
    /// Its code, or however the shop writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "KRW")]
    pub(crate) currency: Option<String>,
}

/// A category.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Category {
    /// Its name, with those above it.
    #[schema(example = "furniture/chairs")]
    pub(crate) name: String,
    /// Products in it and below it.
    pub(crate) products: usize,
}

/// What a request may cost.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceLimits {
    /// Largest photo in bytes.
    pub(crate) photo_bytes: usize,
    /// Largest request in bytes.
    pub(crate) body_bytes: usize,
    /// Most pixels of a photo.
    pub(crate) photo_pixels: u64,
    /// Most photos in a request.
    pub(crate) photos: usize,
    /// Most products in an answer.
    pub(crate) top: usize,
}

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Health {
    /// `ok`, or `stopping`.
    #[schema(value_type = String, example = "ok")]
    pub(crate) status: &'static str,
    /// Products that can be found.
    pub(crate) products: usize,
    /// Photos in the index.
    pub(crate) photos: usize,
    /// The networks' names.
    pub(crate) model: String,
}
