//! Keeps related photos on one side of a split: by a column of the manifest or a part of their paths.

use lookalike_catalog::{Catalog, Photo};
use regex::Regex;
use serde_json::Value;

use crate::CurateError;

/// What related photos have in common, such as the customer who sent them.
#[derive(Debug, Clone)]
pub enum GroupBy {
    /// A column of the manifest: photos of products with the same value.
    Column(String),
    /// A regular expression on photos' paths: photos in which its capture groups, or the whole match where it has
    /// none, are the same text.
    Path(Regex),
}

impl GroupBy {
    /// A column, if any product has one of that name, else a regular expression.
    ///
    /// # Errors
    /// [`CurateError::GroupBy`] when it is neither, or matches no photo's path.
    pub fn new(by: &str, catalog: &Catalog) -> Result<Self, CurateError> {
        if catalog.products.iter().any(|product| product.columns().contains_key(by)) {
            return Ok(Self::Column(by.to_owned()));
        }
        let failed = |problem: String| CurateError::GroupBy { by: by.to_owned(), problem };
        let regex = Regex::new(by).map_err(|error| {
            let message = error.to_string();
            let last = message.lines().last().unwrap_or_default().trim().to_owned();
            failed(format!("it is malformed ({last})"))
        })?;
        if !catalog.photos.iter().any(|photo| regex.is_match(&photo.path)) {
            return Err(failed("it matches no photo's path".to_owned()));
        }
        Ok(Self::Path(regex))
    }

    /// The key of a photo's group; none for a photo in no group.
    pub(crate) fn key_of(&self, catalog: &Catalog, photo: &Photo) -> Option<String> {
        match self {
            Self::Column(column) => {
                let product = catalog.products.get(photo.product as usize)?;
                match product.columns().remove(column)? {
                    Value::String(text) => Some(text),
                    other => Some(other.to_string()),
                }
            }
            Self::Path(regex) => {
                let found = regex.captures(&photo.path)?;
                let first = usize::from(found.len() > 1);
                let parts = found.iter().skip(first).flatten().map(|part| part.as_str());
                Some(parts.collect::<Vec<_>>().join("\u{0}"))
            }
        }
    }
}
