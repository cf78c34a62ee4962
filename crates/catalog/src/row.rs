//! One line of a manifest, of any format.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::errors::shown;
use crate::names::{Files, nfc};
use crate::patterns::{PhotoSet, with_slashes};
use crate::values::{self, Amount};
use crate::{Product, RowProblem, Split, cells, is_web_address};

impl Product {
    /// A product from the columns of a manifest without those of photos; the inverse of [`Self::columns`].
    ///
    /// # Errors
    /// [`RowProblem`], of a column that is missing or has an invalid value.
    pub fn from_columns(columns: Map<String, Value>) -> Result<Self, RowProblem> {
        Row { columns: columns.into_iter().collect(), ..Row::default() }.product()
    }
}

/// Columns by name. Reading a column removes it; the rest are extra columns.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) columns: BTreeMap<String, Value>,
    /// Whether a text may have several photos; JSON has lists for that.
    pub(crate) is_table: bool,
    /// The currency of prices that do not say theirs.
    pub(crate) currency: Option<&'static str>,
}

/// A product with its photos, and the catalogue pictures beside [`Product::image`].
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) product: Product,
    pub(crate) photos: PhotoSet,
    pub(crate) pictures: PhotoSet,
}

impl Row {
    /// The line's product and its photos. `needs_photos`: whether it is wrong without a column of photos.
    pub(crate) fn read(mut self, files: &Files, needs_photos: bool) -> Result<Entry, RowProblem> {
        let photos = self.photos(files, needs_photos)?;
        let mut pictures = PhotoSet::default();
        for pattern in self.list("additional_images", files)? {
            pictures.add(files, &pattern, None)?;
        }
        let mut further = Vec::new();
        if self.is_table
            && let Some(Value::String(image)) = self.columns.get_mut("image")
        {
            // Shops name all pictures of a product in one cell: the first is the one that is shown.
            let mut images = cells::items(image, |path| files.exists(path)).into_iter();
            *image = images.next().unwrap_or_default();
            further.extend(images);
        }
        for pattern in further {
            pictures.add(files, &pattern, None)?;
        }
        let mut product = self.product()?;
        if let Some(image) = &mut product.image
            && !is_web_address(image)
        {
            *image = files.on_disk(&with_slashes(files, image));
        }
        Ok(Entry { product, photos, pictures })
    }

    /// The product of the columns.
    pub(crate) fn product(mut self) -> Result<Product, RowProblem> {
        let mut needed =
            |column: &str| self.name(column)?.ok_or_else(|| RowProblem::Missing(column.to_owned()));
        let (id, name) = (needed("id")?, needed("name")?);
        let (price, list_price) = (self.amount("price")?, self.amount("list_price")?);
        let currency = self.currency(price, list_price)?;
        Ok(Product {
            id,
            name,
            category: self.name("category")?,
            price: price.map(|amount| amount.value),
            list_price: list_price.map(|amount| amount.value),
            currency,
            discount: self.read_with(
                "discount",
                "in percent, 0 to 100",
                values::percent,
                |number| number.as_f64().filter(|percent| (0.0..=100.0).contains(percent)),
            )?,
            rating: self.read_with(
                "rating",
                "stars like 4.5 or 4.5/5, 0 or more",
                values::stars,
                |number| number.as_f64().filter(|stars| *stars >= 0.0),
            )?,
            review_count: self.read_with(
                "review_count",
                "a whole number like 1,234, 0 or more",
                values::count,
                |number| number.as_u64().or_else(|| values::whole(number.as_f64()?)),
            )?,
            delivery: self.text("delivery")?,
            url: self.text("url")?,
            image: self.text("image")?,
            description: self.text("description")?,
            extra: self.columns.into_iter().filter(|(_, value)| !is_empty(value)).collect(),
        })
    }

    fn photos(&mut self, files: &Files, needs_photos: bool) -> Result<PhotoSet, RowProblem> {
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
            for pattern in self.list(&column, files)? {
                photos.add(files, &pattern, split)?;
            }
        }
        // A product without photos is valid; a manifest without the column is a mistake.
        if has_photos_column || !needs_photos {
            Ok(photos)
        } else {
            Err(RowProblem::NoPhotosColumn)
        }
    }

    /// The currency of the column, or else that of the prices' texts.
    fn currency(
        &mut self,
        price: Option<Amount>,
        list_price: Option<Amount>,
    ) -> Result<Option<String>, RowProblem> {
        let said = self.text("currency")?;
        let of = |amount: Option<Amount>| amount.and_then(|amount| amount.currency);
        let found = [
            ("currency", said.as_deref().and_then(values::currency)),
            ("price", of(price)),
            ("list_price", of(list_price)),
        ];
        let mut found = found.iter().filter_map(|(column, code)| Some((*column, (*code)?)));
        if let Some((first, wanted)) = found.next() {
            for (column, code) in found {
                if !values::is_same_currency(code, wanted) {
                    return Err(RowProblem::TwoCurrencies {
                        column: column.to_owned(),
                        found: code.to_owned(),
                        other: first.to_owned(),
                        wanted: wanted.to_owned(),
                    });
                }
            }
            return Ok(Some(said.unwrap_or_else(|| wanted.to_owned())));
        }
        let has_price = price.is_some() || list_price.is_some();
        Ok(said.or(self.currency.filter(|_| has_price).map(str::to_owned)))
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

    /// A text that others are compared with.
    fn name(&mut self, column: &str) -> Result<Option<String>, RowProblem> {
        Ok(self.text(column)?.map(|text| nfc(&text).into_owned()))
    }

    fn amount(&mut self, column: &str) -> Result<Option<Amount>, RowProblem> {
        let wanted = "an amount like 12900, 12,900원 or $12.90, 0 or more";
        self.read_with(column, wanted, values::amount, |number| {
            let value = number.as_f64().filter(|amount| *amount >= 0.0)?;
            Some(Amount { value, currency: None })
        })
    }

    fn read_with<T>(
        &mut self,
        column: &str,
        wanted: &'static str,
        of_text: impl Fn(&str) -> Option<T>,
        of_number: impl Fn(&serde_json::Number) -> Option<T>,
    ) -> Result<Option<T>, RowProblem> {
        let Some(value) = self.take(column) else { return Ok(None) };
        let read = match &value {
            Value::Number(number) => of_number(number),
            Value::String(text) => of_text(text),
            _ => None,
        };
        read.map(Some).ok_or_else(|| bad(column, wanted, &value))
    }

    fn list(&mut self, column: &str, files: &Files) -> Result<Vec<String>, RowProblem> {
        let Some(value) = self.take(column) else { return Ok(Vec::new()) };
        let items: Option<Vec<String>> = match &value {
            Value::String(text) if self.is_table => {
                Some(cells::items(text, |path| files.exists(path)))
            }
            Value::String(text) => Some(vec![text.clone()]),
            Value::Array(items) => items.iter().map(|i| i.as_str().map(str::to_owned)).collect(),
            _ => None,
        };
        let wanted = "a path, a pattern, or a list of them";
        let items = items.ok_or_else(|| bad(column, wanted, &value))?;
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
        Value::String(text) => shown(text),
        other => shown(&other.to_string()),
    };
    RowProblem::BadValue { column: column.to_owned(), wanted, value }
}
