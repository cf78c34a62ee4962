//! Products, photos and splits.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A product, with what its product card shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Product {
    /// Unique in a catalogue. In Unicode's form C, as the name and the category.
    pub id: String,
    /// Its name for shoppers.
    pub name: String,
    /// Nested categories are separated by `/`.
    pub category: Option<String>,
    /// Its current price, in `currency`.
    pub price: Option<f64>,
    /// Its price before the discount, in `currency`.
    pub list_price: Option<f64>,
    /// The currency's code or symbol.
    pub currency: Option<String>,
    /// Percent off the list price, 0 to 100.
    pub discount: Option<f64>,
    /// The mean rating of its reviews, in stars.
    pub rating: Option<f64>,
    /// Number of its reviews.
    pub review_count: Option<u64>,
    /// How and when it is delivered, as text.
    pub delivery: Option<String>,
    /// Its page in the shop.
    pub url: Option<String>,
    /// Its catalogue picture: a path relative to the catalogue's root, or a web address.
    pub image: Option<String>,
    /// Its description, as text.
    pub description: Option<String>,
    /// The manifest's other columns, unchanged. [`Self::stock`] reads some of them.
    #[serde(with = "crate::extra")]
    pub extra: BTreeMap<String, Value>,
}

impl Product {
    /// Its columns in a manifest, the extra ones included, without those of photos.
    pub fn columns(&self) -> Map<String, Value> {
        // A struct serialises to an object.
        let Ok(Value::Object(mut columns)) = serde_json::to_value(self) else { return Map::new() };
        columns.remove("extra");
        columns.retain(|_, value| !value.is_null());
        columns.extend(self.extra.iter().map(|(column, value)| (column.clone(), value.clone())));
        columns
    }
}

/// One photo of a product.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Photo {
    /// Position of its product in [`crate::Catalog::products`].
    pub product: u32,
    /// Its path relative to the catalogue's root, with `/` between its parts; absolute if it is so in the manifest; or a
    /// [web address](Self::is_web_address).
    pub path: String,
    /// Its split, if the catalogue has splits.
    pub split: Option<Split>,
    /// Who took it.
    pub source: PhotoSource,
}

/// Where a photo comes from: pictures of a shop and photos of its customers look unlike each other.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum PhotoSource {
    /// A customer's photo, such as one of a review.
    #[default]
    Review,
    /// A picture of the shop's own: [`Product::image`], or a further one of a feed.
    Catalogue,
}

/// A split of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Indexed and trained on.
    Train,
    /// Validation: for choosing settings.
    Val,
    /// For the final figure only.
    Test,
}

impl Split {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Train, Self::Val, Self::Test];

    /// `train`, `val` or `test`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Split {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name.to_ascii_lowercase().as_str() {
            "train" | "training" => Ok(Self::Train),
            "val" | "valid" | "validation" => Ok(Self::Val),
            "test" | "testing" => Ok(Self::Test),
            _ => Err(format!("no split is called '{name}': choose one of train, val, test")),
        }
    }
}
