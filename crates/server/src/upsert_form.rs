//! The form of an upsert: a product as JSON, and photos of it.

use axum::body::Bytes;
use axum::extract::Request;
use axum::extract::multipart::Multipart;
use lookalike_catalog::{Product, RowProblem, is_web_address};
use serde_json::{Map, Value};

use crate::parse_error::without_input;
use crate::problem::Problem;
use crate::settings::Limits;
use crate::upload;

/// Largest JSON of a product, in bytes.
const MAX_PRODUCT_BYTES: usize = 64 << 10;

/// Columns of a manifest that name files on the server; clients may not.
const FILE_COLUMNS: [&str; 5] = ["photos", "photos_train", "photos_val", "photos_test", "split"];

/// A product and photos to upsert.
#[derive(Debug)]
pub(crate) struct Upsert {
    pub(crate) product: UpsertedProduct,
    pub(crate) photos: Vec<Bytes>,
}

/// The product of an upsert.
#[derive(Debug, PartialEq)]
pub(crate) enum UpsertedProduct {
    /// A whole product: a new one, or one whose card is replaced.
    Full(Box<Product>),
    /// The id of a product in the index, whose card stays.
    Id(String),
}

/// Reads a form: one product, and photos up to the limit.
pub(crate) async fn read(limits: &Limits, request: Request) -> Result<Upsert, Problem> {
    let mut form: Multipart = upload::form(limits, request).await?;
    let (mut product, mut photos) = (None, Vec::new());
    while let Some(mut field) = upload::next_field(limits, &mut form).await? {
        match field.name() {
            Some("product") if product.is_none() => {
                product = Some(parse(&upload::field_bytes(limits, &mut field).await?)?);
            }
            Some("photo") => {
                if photos.len() == limits.max_photos {
                    return Err(upload::too_many(limits));
                }
                photos.push(upload::field_bytes(limits, &mut field).await?);
            }
            _ => {
                let detail = "a form has one field `product`, JSON, and fields `photo`, files";
                return Err(Problem::bad_request(detail));
            }
        }
    }
    let missing = "the field `product` is missing: {\"id\": \"oak-chair\", \"name\": \"...\"}";
    Ok(Upsert { product: product.ok_or_else(|| Problem::bad_request(missing))?, photos })
}

fn parse(json: &[u8]) -> Result<UpsertedProduct, Problem> {
    let wrong = |reason: &dyn std::fmt::Display| Problem::bad_request(format!("product: {reason}"));
    if json.len() > MAX_PRODUCT_BYTES {
        return Err(wrong(&format_args!("more than {} KiB", MAX_PRODUCT_BYTES >> 10)));
    }
    let columns: Map<String, Value> =
        serde_json::from_slice(json).map_err(|error| wrong(&without_input(&error.to_string())))?;
    if let Some(column) = FILE_COLUMNS.into_iter().find(|&column| columns.contains_key(column)) {
        let reason = format_args!("'{column}' is for manifests: send photos as the fields `photo`");
        return Err(wrong(&reason));
    }
    if let (1, Some(id)) = (columns.len(), columns.get("id")) {
        let id = id.as_str().map(str::trim).filter(|id| !id.is_empty());
        return match id {
            Some(id) => Ok(UpsertedProduct::Id(id.to_owned())),
            None => Err(wrong(&"the id is a text that is not empty")),
        };
    }
    let product = Product::from_columns(columns).map_err(|problem| match problem {
        // Without what was sent.
        RowProblem::BadValue { column, wanted: values, .. } => {
            wrong(&format_args!("'{column}' must be {values}"))
        }
        RowProblem::Missing(_) => wrong(&problem),
        RowProblem::TwoCurrencies { .. } => wrong(&"its prices are in two currencies"),
        _ => wrong(&"a column has a value that cannot be used"),
    })?;
    // A path would be read from the server's disk and served to everybody.
    if product.image.as_deref().is_some_and(|image| !is_web_address(image)) {
        return Err(wrong(&"'image' is a web address: https://..."));
    }
    Ok(UpsertedProduct::Full(Box::new(product)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_a_manifests_row_without_files() {
        let product =
            parse(r#"{"id": "a/b", "name": "의자", "price": "12900", "size": 3}"#.as_bytes());
        let Ok(UpsertedProduct::Full(product)) = product else { panic!("not {product:?}") };
        assert_eq!((product.price, &product.extra["size"]), (Some(12900.0), &3.into()));
        assert_eq!(parse(br#"{"id": " a "}"#).ok(), Some(UpsertedProduct::Id("a".to_owned())));
        for wrong in [
            r#"{"name": "x"}"#,
            r#"{"id": "", "name": "x"}"#,
            r#"{"id": ""}"#,
            r#"{"id": 7}"#,
            r#"{"id": "a", "name": "x", "price": -1}"#,
            r#"{"id": "a", "name": "x", "photos": "/etc/*"}"#,
            r#"{"id": "a", "name": "x", "photos_test": []}"#,
            r#"{"id": "a", "name": "x", "image": "/etc/motd.png"}"#,
            r#"{"id": "a", "name": "x", "image": "file:///etc/motd.png"}"#,
            r#"["id"]"#,
            "",
        ] {
            let refused = parse(wrong.as_bytes()).expect_err(wrong);
            assert_eq!(refused.status().as_u16(), 400, "{wrong}");
        }
        let long = format!(r#"{{"id": "a", "name": "{}"}}"#, "x".repeat(MAX_PRODUCT_BYTES));
        assert!(parse(long.as_bytes()).is_err());
    }
}
