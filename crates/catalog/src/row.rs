//! One line of a manifest, of either format.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::patterns::PhotoSet;
use crate::{Product, RowProblem, Split};

impl Product {
    /// A product from the columns of a manifest without those of photos; the inverse of [`Self::columns`].
    ///
    /// # Errors
    /// [`RowProblem`], of a column that is missing or has an invalid value.
    pub fn from_columns(columns: Map<String, Value>) -> Result<Self, RowProblem> {
        Row { columns: columns.into_iter().collect(), separator: None }.product()
    }
}

/// Columns by name. Reading a column removes it; the rest are extra columns.
pub(crate) struct Row {
    pub(crate) columns: BTreeMap<String, Value>,
    /// The separator of several photos in one text; JSON has lists for that.
    pub(crate) separator: Option<char>,
}

impl Row {
    /// The line's product and its photos.
    pub(crate) fn read(
        mut self,
        root: &Path,
        needs_photos: bool,
    ) -> Result<(Product, PhotoSet), RowProblem> {
        let photos = self.photos(root, needs_photos)?;
        Ok((self.product()?, photos))
    }

    /// The product of the columns.
    pub(crate) fn product(mut self) -> Result<Product, RowProblem> {
        Ok(Product {
            id: self.text("id")?.ok_or(RowProblem::Missing("id"))?,
            name: self.text("name")?.ok_or(RowProblem::Missing("name"))?,
            category: self.text("category")?,
            price: self.number("price")?,
            list_price: self.number("list_price")?,
            currency: self.text("currency")?,
            discount: self.percent("discount")?,
            rating: self.number("rating")?,
            review_count: self.count("review_count")?,
            delivery: self.text("delivery")?,
            url: self.text("url")?,
            image: self.text("image")?,
            description: self.text("description")?,
            extra: self.columns.into_iter().filter(|(_, value)| !is_empty(value)).collect(),
        })
    }

    fn photos(&mut self, root: &Path, needs_photos: bool) -> Result<PhotoSet, RowProblem> {
        let split =
            match self.text("split")? {
                Some(name) => Some(name.parse().map_err(|_| {
                    bad("split", "train, val or test", &Value::String(name.clone()))
                })?),
                None => None,
            };
        let mut photos = PhotoSet::default();
        let has_photos_column = self.columns.keys().any(|column| {
            column.strip_prefix("photos").is_some_and(|rest| {
                rest.is_empty()
                    || Split::ALL.iter().any(|s| rest.strip_prefix('_') == Some(s.name()))
            })
        });
        let by_split = Split::ALL.map(|split| (format!("photos_{split}"), Some(split)));
        for (column, split) in [("photos".to_owned(), split)].into_iter().chain(by_split) {
            for pattern in self.list(&column)? {
                photos.add(root, &pattern, split)?;
            }
        }
        // A product without photos is valid; a manifest without the column is a mistake.
        if has_photos_column || !needs_photos {
            Ok(photos)
        } else {
            Err(RowProblem::NoPhotosColumn)
        }
    }

    /// Removes a value; an empty cell counts as missing.
    fn take(&mut self, column: &str) -> Option<Value> {
        self.columns.remove(column).filter(|value| !is_empty(value))
    }

    fn text(&mut self, column: &str) -> Result<Option<String>, RowProblem> {
        match self.take(column) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim().to_owned())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(other) => Err(bad(column, "text", &other)),
        }
    }

    fn number(&mut self, column: &str) -> Result<Option<f64>, RowProblem> {
        let Some(value) = self.take(column) else { return Ok(None) };
        let number = match &value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if number.is_finite() && number >= 0.0 => Ok(Some(number)),
            _ => Err(bad(column, "a number like 12900 or 4.5, 0 or more", &value)),
        }
    }

    fn percent(&mut self, column: &str) -> Result<Option<f64>, RowProblem> {
        match self.number(column)? {
            Some(number) if number > 100.0 => {
                Err(bad(column, "in percent, 0 to 100", &Value::from(number)))
            }
            number => Ok(number),
        }
    }

    fn count(&mut self, column: &str) -> Result<Option<u64>, RowProblem> {
        let Some(value) = self.take(column) else { return Ok(None) };
        let number = match &value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.trim().parse().ok(),
            _ => None,
        };
        number.map(Some).ok_or_else(|| bad(column, "a whole number, 0 or more", &value))
    }

    fn list(&mut self, column: &str) -> Result<Vec<String>, RowProblem> {
        let Some(value) = self.take(column) else { return Ok(Vec::new()) };
        let wanted = "a path, a pattern, or a list of them";
        let items: Vec<String> = match (&value, self.separator) {
            (Value::String(text), Some(separator)) => {
                text.split(separator).map(|item| item.trim().to_owned()).collect()
            }
            (Value::String(text), None) => vec![text.clone()],
            (Value::Array(items), _) => items
                .iter()
                .map(|item| item.as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .ok_or_else(|| bad(column, wanted, &value))?,
            _ => return Err(bad(column, wanted, &value)),
        };
        Ok(items.into_iter().filter(|item| !item.is_empty()).collect())
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

fn bad(column: &str, wanted: &'static str, value: &Value) -> RowProblem {
    let value = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    RowProblem::BadValue { column: column.to_owned(), wanted, value }
}
