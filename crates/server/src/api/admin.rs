//! Requests and responses of administration.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{IndexInfo, ProductCard};

/// The index before and after a reload.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReloadResponse {
    /// Whether it is another index.
    pub(crate) changed: bool,
    /// The index that was served before.
    pub(crate) previous_index: IndexInfo,
    /// The index that is served now.
    pub(crate) index: IndexInfo,
}

/// A product and photos of it, as a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described: the form is read field by field")]
pub(crate) struct UpsertForm {
    /// The product, as JSON. For a product of the index, `id` alone leaves its card as it is.
    product: ProductInput,
    /// The photos' files; one field for each.
    #[schema(value_type = Option<Vec<String>>, format = Binary)]
    photo: Vec<Vec<u8>>,
}

/// A product by the columns of a manifest; further columns are kept as they are. Columns that name files on
/// the server are refused.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described: the catalogue parses manifests' columns")]
pub(crate) struct ProductInput {
    /// Unique in the index.
    #[schema(example = "oak-chair")]
    id: String,
    /// What shoppers call it; required unless `id` is the only column.
    #[schema(example = "참나무 의자")]
    name: Option<String>,
    /// Nested categories are separated by `/`.
    category: Option<String>,
    /// The current price, in `currency`.
    price: Option<f64>,
    /// The price without the discount, in `currency`.
    list_price: Option<f64>,
    /// The currency's code or sign.
    currency: Option<String>,
    /// Percent off the list price, 0 to 100.
    discount: Option<f64>,
    /// Mean stars of its reviews.
    rating: Option<f64>,
    /// Number of its reviews.
    review_count: Option<u64>,
    /// How and when it is delivered, in words.
    delivery: Option<String>,
    /// Its page in the shop.
    url: Option<String>,
    /// The web address of its catalogue image.
    image: Option<String>,
    /// Its description.
    description: Option<String>,
}

/// The product and its photos after an upsert.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UpsertResponse {
    /// The product as it is now.
    pub(crate) product: ProductCard,
    /// Whether the product is new in the index.
    pub(crate) created: bool,
    /// The photos that were sent, in their order.
    pub(crate) photos: Vec<UpsertedPhoto>,
    /// The index that is served now.
    pub(crate) index: IndexInfo,
}

/// A photo after an upsert.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct UpsertedPhoto {
    /// Whether it was added.
    pub(crate) status: PhotoStatus,
    /// Its id, by which it can be removed; none if it was rejected.
    #[schema(example = "0123456789abcdef01234567")]
    pub(crate) id: Option<String>,
    /// Path of its thumbnail.
    #[schema(example = "/v1/photos/0123456789abcdef01234567")]
    pub(crate) thumbnail_url: Option<String>,
    /// Why it was rejected.
    #[schema(example = "the file is empty (0 bytes): copy the photo again")]
    pub(crate) reason: Option<String>,
}

/// Whether a photo was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PhotoStatus {
    /// It is new.
    Added,
    /// The product had it already, or it was sent twice.
    Duplicate,
    /// It cannot be used.
    Rejected,
}

/// Products and photos to remove.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RemoveRequest {
    /// Ids of products, which are removed with all their photos.
    #[schema(example = json!(["oak-chair"]))]
    pub(crate) products: Vec<String>,
    /// Ids of photos, as in responses; the same photo of every product is removed.
    #[schema(example = json!(["0123456789abcdef01234567"]))]
    pub(crate) photos: Vec<String>,
}

/// What was removed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RemoveResponse {
    /// Number of products removed.
    pub(crate) removed_products: u64,
    /// Number of photos removed, those of the products included.
    pub(crate) removed_photos: u64,
    /// The index that is served now.
    pub(crate) index: IndexInfo,
}
