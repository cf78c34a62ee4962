//! Writing a catalogue as a JSON Lines manifest.

use std::path::{Component, Path, PathBuf};

use serde_json::Value;

use crate::{Catalog, PhotoSource, Split};

impl Catalog {
    /// The catalogue as a JSON Lines manifest for `folder`: every product with all its columns, and its photos as
    /// paths relative to `folder`, by split. Catalogue pictures stay pictures, and web addresses as they are.
    ///
    /// # Errors
    /// When `folder` or the catalogue's root does not exist, or a path is not UTF-8.
    pub fn to_jsonl(&self, folder: &Path) -> std::io::Result<String> {
        let to_root = relative_path(folder, &self.root)?;
        let columns = [None, Some(Split::Train), Some(Split::Val), Some(Split::Test)];
        let mut photos = vec![[const { Vec::new() }; 4]; self.products.len()];
        let mut pictures = vec![Vec::new(); self.products.len()];
        let in_photos = self.photos.iter().filter(|photo| photo.source == PhotoSource::Catalogue);
        for picture in self.more_pictures.iter().chain(in_photos) {
            let number = picture.product as usize;
            // The product's image has a column of its own.
            if let (Some(product), Some(of_product)) =
                (self.products.get(number), pictures.get_mut(number))
                && product.image.as_ref() != Some(&picture.path)
            {
                of_product.push(Value::String(under(&to_root, &picture.path)));
            }
        }
        for photo in self.photos.iter().filter(|photo| photo.source == PhotoSource::Review) {
            let column = columns.iter().position(|&split| split == photo.split);
            if let (Some(of_product), Some(column)) =
                (photos.get_mut(photo.product as usize), column)
            {
                of_product[column].push(Value::String(under(&to_root, &photo.path)));
            }
        }
        let mut lines = String::new();
        for ((product, photos), pictures) in self.products.iter().zip(photos).zip(pictures) {
            let mut row = product.columns();
            if let Some(Value::String(image)) = row.get_mut("image") {
                *image = under(&to_root, image);
            }
            if !pictures.is_empty() {
                row.insert("additional_images".to_owned(), Value::Array(pictures));
            }
            let has_none = photos.iter().all(Vec::is_empty);
            for (split, photos) in columns.iter().zip(photos) {
                let column = split.map_or("photos".to_owned(), |split| format!("photos_{split}"));
                // A product without photos gets an empty list: every line needs a column of photos.
                if !photos.is_empty() || (has_none && split.is_none()) {
                    row.insert(column, Value::Array(photos));
                }
            }
            lines += &(serde_json::to_string(&row)? + "\n");
        }
        Ok(lines)
    }
}

/// A path relative to the root as one relative to the manifest's folder.
fn under(to_root: &str, path: &str) -> String {
    match to_root {
        _ if Path::new(path).is_absolute() || path.contains("://") => path.to_owned(),
        "" => path.to_owned(),
        _ => format!("{to_root}/{path}"),
    }
}

/// The root as a path relative to a folder, with `/` between its parts.
fn relative_path(folder: &Path, root: &Path) -> std::io::Result<String> {
    let (from, to) = (folder.canonicalize()?, root.canonicalize()?);
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    // On another drive, only an absolute path leads there.
    let to_root: PathBuf = if shared == 0 {
        to
    } else {
        let up = from.components().skip(shared).map(|_| Component::ParentDir);
        up.chain(to.components().skip(shared)).collect()
    };
    let parts: Option<Vec<&str>> = to_root.iter().map(|part| part.to_str()).collect();
    let parts = parts.ok_or_else(|| {
        let problem = format!("{}: the name is not UTF-8: rename it", root.display());
        std::io::Error::new(std::io::ErrorKind::InvalidData, problem)
    })?;
    if to_root.is_absolute() {
        return Ok(to_root.to_string_lossy().into_owned());
    }
    Ok(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use crate::{Catalog, Photo, Split};

    #[test]
    fn a_written_manifest_is_read_from_another_folder() {
        let shop = tempfile::tempdir().expect("a folder");
        let (photos, out) = (shop.path().join("사진 [1]"), shop.path().join("a/out"));
        for photo in ["의자/1.jpg", "의자/2 [b].jpg", "의자/*.jpg", "lamp/1.jpg"] {
            let path = photos.join(photo);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            std::fs::write(path, "").expect("a file");
        }
        std::fs::create_dir_all(&out).expect("a folder");
        let manifest = shop.path().join("m.jsonl");
        let json = r#"{"id":"b","name":"의자","price":1.5,"image":"의자/1.jpg","weight":{"kg":2},"photos_train":["의자/1.jpg","의자/*.jpg"],"photos_test":"의자/2 [b].jpg"}
            {"id":"a","name":"lamp","image":"https://shop.example/a.jpg","photos":["https://shop.example/1.jpg"],"additional_images":["lamp/1.jpg","https://shop.example/2.jpg"]}"#;
        std::fs::write(&manifest, json).expect("a manifest");
        let before = Catalog::open(&manifest, Some(&photos)).expect("open");
        let written = out.join("catalog.jsonl");
        std::fs::write(&written, before.to_jsonl(&out).expect("text")).expect("a file");

        let mut after = Catalog::open(&written, None).expect("what was written");
        let to_root = "../../사진 [1]/";
        for Photo { path, .. } in &mut after.photos {
            if !crate::is_web_address(path) {
                *path = path.strip_prefix(to_root).expect("a path to the photos").to_owned();
            }
        }
        assert_eq!(after.photos, before.photos);
        let further: Vec<_> = after.more_pictures.iter().map(|p| p.path.clone()).collect();
        assert_eq!(further, [format!("{to_root}lamp/1.jpg"), "https://shop.example/2.jpg".into()]);
        assert_eq!(after.photos[1].split, Some(Split::Train));
        let image = after.products[1].image.as_mut().expect("an image");
        *image = image.strip_prefix(to_root).expect("a path to the photos").to_owned();
        assert_eq!(after.products, before.products);
        assert!(before.to_jsonl(&shop.path().join("nowhere")).is_err());
    }
}
