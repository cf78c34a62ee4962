//! Administration: what is asked, and what is answered.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{IndexIdentity, ProductCard};

/// The index before and after it was loaded again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Reloaded {
    /// Whether it is another one.
    pub(crate) changed: bool,
    /// What was served before.
    pub(crate) before: IndexIdentity,
    /// What is served now.
    pub(crate) now: IndexIdentity,
}

/// A product and photos of it, in a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described: the form is read piece by piece")]
pub(crate) struct AdditionInForm {
    /// The product, as JSON. Of a product that is there, `id` alone leaves the rest as it is.
    product: NewProduct,
    /// The photos' files; the same field once for each.
    #[schema(value_type = Option<Vec<String>>, format = Binary)]
    photo: Vec<Vec<u8>>,
}

/// A product by the columns of a manifest; a column of another name is kept as it is. Photos and paths
/// on the server are no part of it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described: what it means is the manifest's business")]
pub(crate) struct NewProduct {
    /// Unique in the index.
    #[schema(example = "oak-chair")]
    id: String,
    /// What shoppers call it; needed unless `id` is all there is.
    #[schema(example = "참나무 의자")]
    name: Option<String>,
    /// Nested categories are separated by `/`.
    category: Option<String>,
    /// What it costs now, in `currency`.
    price: Option<f64>,
    /// What it costs without the discount, in `currency`.
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
    /// The web address of its catalogue picture.
    image: Option<String>,
    /// What it is, in words.
    description: Option<String>,
}

/// What became of a product and its photos.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Added {
    /// The product as it is now.
    pub(crate) product: ProductCard,
    /// Whether it was not there before.
    pub(crate) is_new: bool,
    /// The photos that were sent, in their order.
    pub(crate) photos: Vec<AddedPhoto>,
    /// The index that is served now.
    pub(crate) now: IndexIdentity,
}

/// What became of a photo.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AddedPhoto {
    /// What became of it.
    pub(crate) result: AddedAs,
    /// Its id, by which it can be removed; of one that was refused, none.
    #[schema(example = "0123456789abcdef01234567")]
    pub(crate) id: Option<String>,
    /// Where to get it.
    #[schema(example = "/v1/photos/0123456789abcdef01234567")]
    pub(crate) thumbnail: Option<String>,
    /// Why it was refused.
    #[schema(example = "the file is empty (0 bytes): copy the photo again")]
    pub(crate) reason: Option<String>,
}

/// What became of a photo.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AddedAs {
    /// It is new.
    Added,
    /// The product had it already, or it was sent twice.
    Known,
    /// It cannot be used.
    Refused,
}

/// What to remove.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Removal {
    /// Ids of products, which go with all their photos.
    #[schema(example = json!(["oak-chair"]))]
    pub(crate) products: Vec<String>,
    /// Ids of photos, as answers name them; the same photo of every product goes.
    #[schema(example = json!(["0123456789abcdef01234567"]))]
    pub(crate) photos: Vec<String>,
}

/// What was removed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Removed {
    /// Number of products.
    pub(crate) products: u64,
    /// Number of photos, those of the products among them.
    pub(crate) photos: u64,
    /// The index that is served now.
    pub(crate) now: IndexIdentity,
}
