//! Parameters and bodies of searches.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use utoipa::{IntoParams, ToSchema};

/// How to search.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SimilarParams {
    /// Number of products to return.
    #[serde(default = "default_top")]
    #[param(minimum = 1, default = 5)]
    pub(crate) top: usize,
    /// Filter: products of this category and of those below it.
    #[param(example = "furniture/chairs")]
    pub(crate) category: Option<String>,
    /// Filter: products at this price or above it.
    pub(crate) price_min: Option<f64>,
    /// Filter: products at this price or below it.
    pub(crate) price_max: Option<f64>,
    /// Filter: products with this value in this column of the manifest; several are separated by commas.
    #[serde(rename = "where")]
    #[param(rename = "where", example = "colour=oak,brand=Haus")]
    pub(crate) columns: Option<String>,
    /// Filter: products in stock, by the manifest's column `in_stock`, `stock` or `availability`.
    #[serde(default)]
    #[param(default = false)]
    pub(crate) in_stock: bool,
    /// Test-time augmentation, the views of a photo that are embedded and averaged: `plain` is the photo
    /// alone, `mirrored` adds its mirror image, `middle` its middle, `both` all of these. More views take
    /// longer.
    #[param(default = "middle")]
    pub(crate) views: Option<String>,
    /// Bounding box of the object in each upright photo: `x,y,width,height` in fractions of its sides from 0
    /// to 1.
    #[param(example = "0.25,0.25,0.5,0.5")]
    pub(crate) crop: Option<String>,
    /// Whether to detect the objects in the photo, and search for each. Takes several times as long; for a
    /// single photo, without `crop`.
    #[serde(default)]
    #[param(default = false)]
    pub(crate) objects: bool,
    /// Whether to return the parts of scores, and the neighbours.
    #[serde(default)]
    #[param(default = false)]
    pub(crate) explain: bool,
}

/// How many products.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TopParams {
    /// Number of products to return.
    #[serde(default = "default_top")]
    #[param(minimum = 1, default = 5)]
    pub(crate) top: usize,
}

/// How large an image.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ImageParams {
    /// Longest side in pixels. The next larger of a few sizes is returned; nothing is enlarged.
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
pub(crate) struct PhotosJson {
    /// The files' bytes in base64, with or without the head of a `data:` URL.
    #[schema(min_items = 1)]
    #[serde(deserialize_with = "bounded_list")]
    pub(crate) photos: Vec<String>,
}

/// Most strings that are parsed: above any sensible limit on photos, and few enough to take little memory.
const MAX_STRINGS: usize = 1000;

/// A list of at most [`MAX_STRINGS`]: an empty string takes three bytes in JSON and ten times that in memory.
fn bounded_list<'de, D: Deserializer<'de>>(list: D) -> Result<Vec<String>, D::Error> {
    struct BoundedList;
    impl<'de> Visitor<'de> for BoundedList {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a list of photos")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
            let mut strings = Vec::new();
            while let Some(string) = list.next_element()? {
                if strings.len() == MAX_STRINGS {
                    let reason = format!("more than {MAX_STRINGS} photos");
                    return Err(serde::de::Error::custom(reason));
                }
                strings.push(string);
            }
            Ok(strings)
        }
    }
    list.deserialize_seq(BoundedList)
}

/// What a photo showed: a product, or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FeedbackForm {
    /// The answer's `answer_id`.
    #[schema(example = "0123456789abcdef0123456789abcdef")]
    pub(crate) answer_id: String,
    /// The id of the product that the photo shows.
    #[serde(default)]
    #[schema(example = "oak-chair")]
    pub(crate) product: Option<String>,
    /// Whether it shows nothing that is sold. Not where the shopper only chose nothing.
    #[serde(default)]
    pub(crate) none: bool,
}

/// Photos in a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described: the form is read field by field")]
pub(crate) struct PhotosForm {
    /// The files; one field for each.
    #[schema(value_type = Vec<String>, format = Binary)]
    photo: Vec<Vec<u8>>,
}
