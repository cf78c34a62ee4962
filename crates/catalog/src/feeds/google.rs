//! Google Merchant Center's product data: <https://support.google.com/merchants/answer/7052112>.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::cells::items;
use crate::columns::{clean, key};
use crate::manifest::{Lines, cells};
use crate::row::Row;
use crate::table::Table;

/// Attributes that have another name here.
const NAMES: &[(&str, &str)] = &[
    ("title", "name"),
    ("link", "url"),
    ("image_link", "image"),
    ("additional_image_link", "additional_images"),
    ("product_type", "category"),
];

/// Whether a table's header is that of a feed.
pub(crate) fn is_header<'n>(names: impl Iterator<Item = &'n str>) -> bool {
    let keys: Vec<String> = names.take(200).map(key).collect();
    let has = |name: &str| keys.iter().any(|key| key == name);
    let also = ["link", "price", "availability", "condition", "gtin", "brand"];
    has("id") && has("title") && has("imagelink") && also.iter().any(|name| has(name))
}

/// The column of an attribute.
pub(crate) fn column(attribute: &str) -> String {
    let name = clean(attribute).to_lowercase().replace([' ', '-'], "_");
    let name = name.strip_prefix("g:").unwrap_or(&name);
    NAMES.iter().find(|(own, _)| *own == name).map_or(name, |(_, column)| column).to_owned()
}

/// Adds a feed's products. Returns whether there is none.
pub(crate) fn read(lines: &mut Lines, table: &mut Table<'_>, header: &csv::StringRecord) -> bool {
    let names: Vec<String> = header.iter().map(column).collect();
    for (name, given) in names.iter().zip(header) {
        if name != given {
            lines.given.insert(name.clone(), clean(given));
        }
    }
    let mut is_empty = true;
    while let Some((line, record)) = table.next() {
        is_empty = false;
        let row = record
            .and_then(|record| cells(&record, names.len()))
            .map(|cells| row(names.iter().zip(&cells).map(|(name, cell)| (name.as_str(), cell))));
        lines.add(line, row);
    }
    is_empty
}

/// A product's row of its attributes' columns. Of several values, the first is taken, but of pictures and of attributes
/// without a meaning here.
pub(crate) fn row<'v>(values: impl Iterator<Item = (&'v str, &'v str)>) -> Row {
    let mut columns: BTreeMap<String, Value> = BTreeMap::new();
    for (column, value) in values {
        let value = value.trim();
        if value.is_empty() || column.is_empty() {
            continue;
        }
        if column == "additional_images" {
            let more = items(value, |_| false).into_iter().map(Value::String);
            match columns.entry(column.to_owned()).or_insert_with(|| Value::Array(Vec::new())) {
                Value::Array(pictures) => pictures.extend(more),
                other => *other = Value::Array(more.collect()),
            }
            continue;
        }
        columns.entry(column.to_owned()).or_insert_with(|| Value::String(value.to_owned()));
    }
    // What is paid is the sale price.
    if let Some(sale) = columns.remove("sale_price")
        && let Some(list) = columns.insert("price".to_owned(), sale)
    {
        columns.insert("list_price".to_owned(), list);
    }
    if let Some(category) = category(&columns) {
        columns.insert("category".to_owned(), Value::String(category));
    }
    Row { columns, is_table: true, currency: None }
}

/// The shop's own category, or else Google's, unless that is only a number.
fn category(columns: &BTreeMap<String, Value>) -> Option<String> {
    let text = |column: &str| columns.get(column).and_then(Value::as_str);
    let names = |text: &&str| text.chars().any(char::is_alphabetic);
    let path = text("category").or_else(|| text("google_product_category").filter(names))?;
    Some(nested(path))
}

/// `A > B` as `A/B`.
pub(crate) fn nested(path: &str) -> String {
    let parts = path.split('>').map(str::trim).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn feeds_are_known_by_their_header() {
        for (header, is) in [
            ("id,title,description,link,image_link,price", true),
            ("ID,Title,Image Link,Availability", true),
            ("id,title,price", false),
            ("id,name,photos,image_link,price", false),
        ] {
            assert_eq!(is_header(header.split(',')), is, "{header}");
        }
    }

    #[test]
    fn attributes_become_columns() {
        let values = [
            ("id", "1"),
            ("price", "15900 KRW"),
            ("sale_price", "12900 KRW"),
            ("category", "가구 > 의자"),
            ("category", "세일"),
            ("additional_images", "https://a.kr/1,2.jpg,https://a.kr/2.jpg"),
            ("additional_images", "https://a.kr/3.jpg"),
            ("gtin", ""),
        ];
        let columns = json!(row(values.into_iter()).columns);
        assert_eq!(
            columns,
            json!({
                "id": "1", "price": "12900 KRW", "list_price": "15900 KRW", "category": "가구/의자",
                "additional_images":
                    ["https://a.kr/1,2.jpg", "https://a.kr/2.jpg", "https://a.kr/3.jpg"],
            })
        );
        let of_google = |category| {
            let row = row([("google_product_category", category)].into_iter());
            row.columns.get("category").cloned()
        };
        assert_eq!(of_google("Furniture > Chairs"), Some(json!("Furniture/Chairs")));
        assert_eq!(of_google("443"), None);
        assert_eq!(column("Additional Image Link"), "additional_images");
    }
}
