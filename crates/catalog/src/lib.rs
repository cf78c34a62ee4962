//! Catalogues: products and their photos, from folders or from CSV and JSONL manifests, with splits.
//!
//! This crate knows nothing of pixels or models: it assigns files to products.
//!
//! ```
//! use lookalike_catalog::Catalog;
//!
//! let shop = tempfile::tempdir()?;
//! std::fs::create_dir_all(shop.path().join("chairs/oak"))?;
//! std::fs::write(shop.path().join("chairs/oak/1.jpg"), "not decoded here")?;
//!
//! let catalog = Catalog::open(shop.path(), None)?;
//! assert_eq!(catalog.products[0].id, "chairs/oak");
//! assert_eq!(catalog.products[0].category.as_deref(), Some("chairs"));
//! assert_eq!(catalog.photos[0].path, "chairs/oak/1.jpg");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod extra;
mod folder;
mod manifest;
mod patterns;
mod pictures;
mod product;
mod row;
mod write;

use std::path::{Path, PathBuf};

pub use error::{CatalogError, RowProblem};
pub use folder::photos_below;
pub use patterns::Skipped;
pub use pictures::CataloguePictures;
pub use product::{Photo, PhotoSource, Product, Split};

/// A shop's products and photos, in a stable order: products and, within each, photos by name.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalog {
    /// The folder that photo paths are relative to.
    pub root: PathBuf,
    /// The products. Their ids are unique.
    pub products: Vec<Product>,
    /// The photos, grouped by product.
    pub photos: Vec<Photo>,
    /// Files and patterns that cannot be used, with the reason.
    pub skipped: Vec<Skipped>,
}

impl Catalog {
    /// Reads a catalogue from a folder, or from a manifest that ends in `.jsonl`, `.ndjson`, `.csv`
    /// or `.tsv`.
    ///
    /// Paths in a manifest are relative to `root`, or to the manifest's folder when that is `None`.
    /// A folder is its own root.
    ///
    /// # Errors
    /// [`CatalogError`], with the line number of a manifest.
    pub fn open(source: &Path, root: Option<&Path>) -> Result<Self, CatalogError> {
        Self::open_with(source, root, CataloguePictures::Shown)
    }

    /// [`Self::open`], and [`Self::with_catalogue_pictures`]: with those, a manifest needs no column of photos.
    ///
    /// # Errors
    /// [`Self::open`]'s.
    pub fn open_with(
        source: &Path,
        root: Option<&Path>,
        pictures: CataloguePictures,
    ) -> Result<Self, CatalogError> {
        let metadata = std::fs::metadata(source)
            .map_err(|reason| CatalogError::Unreadable { path: source.to_owned(), reason })?;
        let catalog = if metadata.is_dir() {
            folder::read(source)?
        } else {
            if let Some(root) = root {
                // Otherwise every photo would be reported as missing.
                std::fs::read_dir(root)
                    .map_err(|reason| CatalogError::Unreadable { path: root.to_owned(), reason })?;
            }
            let beside = source.parent().filter(|parent| !parent.as_os_str().is_empty());
            let root = root.or(beside).unwrap_or(Path::new("."));
            manifest::read(source, root, pictures == CataloguePictures::Shown)?
        };
        let catalog = catalog.with_catalogue_pictures(pictures);
        if catalog.photos.is_empty() && catalog.skipped.is_empty() {
            let path = source.to_owned();
            return Err(match pictures {
                CataloguePictures::Only => CatalogError::NoCataloguePictures { path },
                _ => CatalogError::NoPhotos { path },
            });
        }
        Ok(catalog)
    }

    /// The path of a photo's file.
    pub fn file(&self, photo: &Photo) -> PathBuf {
        self.root.join(&photo.path)
    }
}
