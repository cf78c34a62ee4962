//! Writes the manifest that the bundled weights were trained with: the Grocery Store data set (see the
//! example `grocery_manifest`) and, as further products to tell apart, the kinds of garments of the
//! clothing data set (A. Grigorev, 2020, CC0), of which three tenths of the senders are kept for `test`.
//!
//! ```text
//! cargo run --release --example training_manifest -- DATA/grocery-store DATA/clothing > both.jsonl
//! lookalike train both.jsonl --root DATA --weights WEIGHTS
//! ```

#[path = "grocery_manifest.rs"]
#[allow(dead_code)]
mod grocery_manifest;

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Labels that name no kind of garment.
const NO_KIND: [&str; 3] = ["Not sure", "Other", "Skip"];

fn main() -> Result<(), Box<dyn Error>> {
    let folders: Vec<_> = std::env::args_os().skip(1).collect();
    let [grocery, clothing] = &folders[..] else {
        return Err("name the folders of both data sets, which lie in the same folder".into());
    };
    let mut text = inside(&grocery_manifest::manifest(Path::new(grocery))?, &name(grocery)?)?;
    text.push_str(&garments(Path::new(clothing), &name(clothing)?)?);
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

/// A folder's own name.
fn name(folder: &std::ffi::OsStr) -> Result<String, Box<dyn Error>> {
    let name = Path::new(folder).file_name().ok_or("a folder without a name")?;
    Ok(name.to_str().ok_or("a name that is not UTF-8")?.to_owned())
}

/// A manifest whose paths begin with a folder.
fn inside(manifest: &str, folder: &str) -> Result<String, Box<dyn Error>> {
    let mut text = String::new();
    for line in manifest.lines() {
        let mut product: serde_json::Map<String, Value> = serde_json::from_str(line)?;
        for (column, value) in &mut product {
            let at = |path: &Value| path.as_str().map(|path| json!(format!("{folder}/{path}")));
            match value {
                Value::Array(paths) if column.starts_with("photos_") => {
                    *value = paths.iter().filter_map(at).collect();
                }
                Value::String(_) if column == "image" => *value = at(value).unwrap_or_default(),
                _ => {}
            }
        }
        text.push_str(&serde_json::to_string(&product)?);
        text.push('\n');
    }
    Ok(text)
}

/// The kinds of garments as products.
fn garments(root: &Path, folder: &str) -> Result<String, Box<dyn Error>> {
    let mut kinds: BTreeMap<String, [Vec<String>; 2]> = BTreeMap::new();
    for row in csv::Reader::from_path(root.join("images.csv"))?.records() {
        let row = row?;
        let [image, sender, label] =
            [0, 1, 2].map(|column| row.get(column).unwrap_or_default().trim());
        if NO_KIND.contains(&label) {
            continue;
        }
        let photos = kinds.entry(label.to_owned()).or_default();
        photos[usize::from(is_test(sender))].push(format!("{folder}/images/{image}.jpg"));
    }
    let lines = kinds.into_iter().map(|(kind, [train, test])| {
        let product = json!({
            "id": format!("clothing-{kind}"), "name": kind, "category": "Clothing",
            "photos_train": train, "photos_test": test,
        });
        product.to_string() + "\n"
    });
    Ok(lines.collect())
}

/// Whether a sender's photos are kept for testing: by the last digit of the SHA-256 of its number.
fn is_test(sender: &str) -> bool {
    let digits = Sha256::digest(sender);
    let last_digit = digits.iter().fold(0u32, |rest, &byte| (rest * 256 + u32::from(byte)) % 10);
    last_digit < 3
}
