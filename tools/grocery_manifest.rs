//! Writes the Grocery Store data set (Klasson, Zhang and Kjellström, "A Hierarchical Grocery Store
//! Image Dataset with Visual and Semantic Labels", 2019) as a manifest: one product a line, with its
//! name, category, description, catalogue picture and the photos of each official split.
//!
//! ```text
//! cargo run --release --example grocery_manifest -- GROCERY-STORE > grocery.jsonl
//! lookalike index build grocery.jsonl --root GROCERY-STORE --weights WEIGHTS
//! ```

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let root = std::env::args_os().nth(1).ok_or("name the data set's folder")?;
    Ok(std::io::stdout().write_all(manifest(Path::new(&root))?.as_bytes())?)
}

/// The manifest of the data set in a folder: JSONL.
pub fn manifest(root: &Path) -> Result<String, Box<dyn Error>> {
    let mut products = read_classes(root)?;
    for split in ["train", "val", "test"] {
        for (class, photos) in read_split(&root.join(format!("{split}.txt")))? {
            let product = products.get_mut(&class).ok_or("a photo of no class in classes.csv")?;
            product.insert(format!("photos_{split}"), json!(photos));
        }
    }
    let lines: Result<Vec<_>, _> = products.values().map(serde_json::to_string).collect();
    Ok(lines?.join("\n") + "\n")
}

/// Products by class number, from `classes.csv`.
fn read_classes(root: &Path) -> Result<BTreeMap<u32, Map<String, Value>>, Box<dyn Error>> {
    let mut products = BTreeMap::new();
    for row in csv::Reader::from_path(root.join("classes.csv"))?.records() {
        let row = row?;
        let [class_name, class, coarse, coarse_class, picture, description] =
            [0, 1, 2, 3, 4, 5].map(|column| row.get(column).unwrap_or_default().trim());
        // The file's paths begin with a slash, but mean the data set's folder.
        let inner = |path: &str| path.trim_start_matches('/').to_owned();
        // iconic-images-and-descriptions/Fruit/Apple/Golden-Delicious/..._Iconic.jpg
        let folders: Vec<String> = inner(picture).split('/').map(str::to_owned).collect();
        let category = &folders[1..folders.len().saturating_sub(2).max(1)];
        let product = json!({
            "id": class_name,
            "name": class_name.replace('-', " "),
            "category": category.join("/"),
            "description": fs::read_to_string(root.join(inner(description)))?.trim(),
            "image": inner(picture),
            "coarse_class": coarse,
            "coarse_class_id": coarse_class.parse::<u32>()?,
        });
        let Value::Object(product) = product else { unreachable!("an object was just written") };
        products.insert(class.parse()?, product);
    }
    Ok(products)
}

/// Photos by class number, from lines of `path, class, coarse class`.
fn read_split(list: &Path) -> Result<BTreeMap<u32, Vec<String>>, Box<dyn Error>> {
    let mut photos: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for line in fs::read_to_string(list)?.lines().filter(|line| !line.trim().is_empty()) {
        let mut columns = line.split(',').map(str::trim);
        let (Some(path), Some(class)) = (columns.next(), columns.next()) else {
            return Err(
                format!("{}: not `path, class, coarse class`: {line}", list.display()).into()
            );
        };
        photos.entry(class.parse()?).or_default().push(path.to_owned());
    }
    Ok(photos)
}
