//! A product and photos of it that are to be added, as a form.

use axum::body::Bytes;
use axum::extract::Request;
use axum::extract::multipart::Multipart;
use lookalike_catalog::Product;
use serde_json::{Map, Value};

use crate::problem::Problem;
use crate::served::is_web;
use crate::settings::Limits;
use crate::upload;

/// Largest card, in bytes.
const CARD: usize = 64 << 10;

/// Columns of a manifest that name files of the server's: none of a client's business.
const OF_FILES: [&str; 5] = ["photos", "photos_train", "photos_val", "photos_test", "split"];

/// What is to be added.
#[derive(Debug)]
pub(crate) struct Addition {
    pub(crate) card: Card,
    pub(crate) photos: Vec<Bytes>,
}

/// What is said of a product.
#[derive(Debug, PartialEq)]
pub(crate) enum Card {
    /// All of it: a new product, or what takes the place of an old one's card.
    Whole(Box<Product>),
    /// Which one it is, and nothing else.
    Known(String),
}

/// Reads a form: one card, and photos up to the limit.
pub(crate) async fn read(limits: &Limits, request: Request) -> Result<Addition, Problem> {
    let mut form: Multipart = upload::form(limits, request).await?;
    let (mut card, mut photos) = (None, Vec::new());
    while let Some(mut field) = upload::next_field(limits, &mut form).await? {
        match field.name() {
            Some("product") if card.is_none() => {
                card = Some(parse(&upload::field_bytes(limits, &mut field).await?)?);
            }
            Some("photo") => {
                if photos.len() == limits.photos {
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
    Ok(Addition { card: card.ok_or_else(|| Problem::bad_request(missing))?, photos })
}

fn parse(json: &[u8]) -> Result<Card, Problem> {
    let wrong = |reason: &dyn std::fmt::Display| Problem::bad_request(format!("product: {reason}"));
    if json.len() > CARD {
        return Err(wrong(&format_args!("more than {} KiB", CARD >> 10)));
    }
    let columns: Map<String, Value> = serde_json::from_slice(json).map_err(|e| wrong(&e))?;
    if let Some(column) = OF_FILES.into_iter().find(|&column| columns.contains_key(column)) {
        let reason = format_args!("'{column}' is for manifests: send photos as the fields `photo`");
        return Err(wrong(&reason));
    }
    if let (1, Some(id)) = (columns.len(), columns.get("id")) {
        let id = id.as_str().map(str::trim).filter(|id| !id.is_empty());
        return match id {
            Some(id) => Ok(Card::Known(id.to_owned())),
            None => Err(wrong(&"the id is a text that is not empty")),
        };
    }
    let product = Product::from_columns(columns).map_err(|error| wrong(&error))?;
    // A path would be read from the server's disk and shown to everybody.
    if product.image.as_deref().is_some_and(|image| !is_web(image)) {
        return Err(wrong(&"'image' is a web address: https://..."));
    }
    Ok(Card::Whole(Box::new(product)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_a_manifests_row_without_files() {
        let card =
            parse(r#"{"id": "a/b", "name": "의자", "price": "12900", "size": 3}"#.as_bytes());
        let Ok(Card::Whole(product)) = card else { panic!("not {card:?}") };
        assert_eq!((product.price, &product.extra["size"]), (Some(12900.0), &3.into()));
        assert_eq!(parse(br#"{"id": " a "}"#).ok(), Some(Card::Known("a".to_owned())));
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
        let long = format!(r#"{{"id": "a", "name": "{}"}}"#, "x".repeat(CARD));
        assert!(parse(long.as_bytes()).is_err());
    }
}
