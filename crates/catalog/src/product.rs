use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::RowProblem;
use crate::row::Row;

/// What a product card shows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Product {
    /// Unique in a catalogue.
    pub id: String,
    /// What shoppers call it.
    pub name: String,
    /// Nested categories are separated by `/`.
    pub category: Option<String>,
    /// What it costs now, in `currency`.
    pub price: Option<f64>,
    /// What it costs without the discount, in `currency`.
    pub list_price: Option<f64>,
    /// The currency's code or sign.
    pub currency: Option<String>,
    /// Percent off the list price, 0 to 100.
    pub discount: Option<f64>,
    /// Mean stars of its reviews.
    pub rating: Option<f64>,
    /// Number of its reviews.
    pub review_count: Option<u64>,
    /// How and when it is delivered, in words.
    pub delivery: Option<String>,
    /// Its page in the shop.
    pub url: Option<String>,
    /// Its catalogue picture: a path relative to the catalogue's root, or a web address.
    pub image: Option<String>,
    /// What it is, in words.
    pub description: Option<String>,
    /// The manifest's other columns, as they are.
    #[serde(with = "crate::extra")]
    pub extra: BTreeMap<String, Value>,
}

impl Product {
    /// A product from the columns of a manifest, none of which names photos; see [`Self::columns`].
    ///
    /// # Errors
    /// [`RowProblem`], of a column that is missing or has a wrong value.
    pub fn from_columns(columns: Map<String, Value>) -> Result<Self, RowProblem> {
        Row { columns: columns.into_iter().collect(), separator: None }.product()
    }

    /// What is known of it by the columns of a manifest, the other ones beside those that have a meaning;
    /// its photos are not among them.
    pub fn columns(&self) -> Map<String, Value> {
        // A struct of texts and numbers always is an object.
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
    /// Path relative to the catalogue's root, parts separated by `/`; absolute if the manifest says
    /// so.
    pub path: String,
    /// The part of the data it is kept for, if the catalogue is split.
    pub split: Option<Split>,
}

/// A part of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Indexed and trained on.
    Train,
    /// For choosing settings.
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
