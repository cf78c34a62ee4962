//! What clients ask.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use utoipa::{IntoParams, ToSchema};

/// How to search.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SimilarParams {
    /// How many products to name.
    #[serde(default = "default_top")]
    #[param(minimum = 1, default = 5)]
    pub(crate) top: usize,
    /// Only products of this category and of those below it.
    #[param(example = "furniture/chairs")]
    pub(crate) category: Option<String>,
    /// Only products at this price or above it.
    pub(crate) price_min: Option<f64>,
    /// Only products at this price or below it.
    pub(crate) price_max: Option<f64>,
    /// Only products with this value in this column of the manifest, or several such, separated by commas.
    #[serde(rename = "where")]
    #[param(rename = "where", example = "colour=oak,brand=Haus")]
    pub(crate) columns: Option<String>,
    /// Only products in stock, by the manifest's column `in_stock`, `stock` or `availability`.
    #[serde(default)]
    #[param(default = false)]
    pub(crate) in_stock: bool,
    /// What of each photo is looked at: `plain` is the photo, `mirrored` its mirror image, too, `middle` its
    /// middle, too, `both` all of these. More takes longer.
    #[param(default = "middle")]
    pub(crate) views: Option<String>,
    /// The part of each upright photo that shows the thing: `x,y,width,height` in shares from 0 to 1.
    #[param(example = "0.25,0.25,0.5,0.5")]
    pub(crate) crop: Option<String>,
    /// Whether to find the things in the photo, too, and name the products most like each. Takes several times as
    /// long; of one photo only, and without `crop`.
    #[serde(default)]
    #[param(default = false)]
    pub(crate) items: bool,
    /// Whether to tell how the answer came about.
    #[serde(default)]
    #[param(default = false)]
    pub(crate) explain: bool,
}

/// How many products.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TopParams {
    /// How many products to name.
    #[serde(default = "default_top")]
    #[param(minimum = 1, default = 5)]
    pub(crate) top: usize,
}

/// How large a picture.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PictureParams {
    /// Longest side in pixels; the next larger of a few sizes is sent, and nothing is enlarged.
    #[serde(default = "default_size")]
    #[param(minimum = 1, maximum = 1024, default = 256)]
    pub(crate) size: u32,
}

fn default_top() -> usize {
    5
}

fn default_size() -> u32 {
    256
}

/// Photos in JSON.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PhotosInJson {
    /// The files' bytes in base64, with or without a `data:` address before them.
    #[schema(min_items = 1)]
    #[serde(deserialize_with = "few")]
    pub(crate) photos: Vec<String>,
}

/// Texts in JSON that are looked at, at most: above any limit that a person would set, and so few that they
/// take no memory to speak of beside the body.
const MOST_TEXTS: usize = 1000;

/// A list of no more than [`MOST_TEXTS`]: an empty text takes three bytes in JSON and ten times that in memory.
fn few<'de, D: Deserializer<'de>>(list: D) -> Result<Vec<String>, D::Error> {
    struct Few;
    impl<'de> Visitor<'de> for Few {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a list of photos")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
            let mut texts = Vec::new();
            while let Some(text) = list.next_element()? {
                if texts.len() == MOST_TEXTS {
                    let reason = format!("more than {MOST_TEXTS} photos");
                    return Err(serde::de::Error::custom(reason));
                }
                texts.push(text);
            }
            Ok(texts)
        }
    }
    list.deserialize_seq(Few)
}

/// Photos in a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described: the form is read piece by piece")]
pub(crate) struct PhotosInForm {
    /// The files; the same field once for each.
    #[schema(value_type = Vec<String>, format = Binary)]
    photo: Vec<Vec<u8>>,
}
