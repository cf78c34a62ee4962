//! Catalogues: products and their photos, from folders, manifests and product feeds, with splits.
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

mod addresses;
mod cells;
mod columns;
mod encoding;
mod errors;
mod extra;
mod feeds;
mod folder;
mod image_files;
mod manifest;
mod names;
mod patterns;
mod pictures;
mod product;
mod read_as;
mod row;
mod stock;
mod table;
mod values;
mod write;

use std::path::{Path, PathBuf};

pub use addresses::is_web_address;
pub use encoding::Encoding;
pub use errors::{CatalogError, RowProblem, WrongLine};
pub use folder::photos_below;
pub use image_files::looks_like_image;
pub use names::nfc;
pub use patterns::Skipped;
pub use pictures::CataloguePictures;
pub use product::{Photo, PhotoSource, Product, Split};
pub use read_as::{Feed, ReadAs, ReadColumn};
pub use stock::Stock;

/// A shop's products and photos, in a stable order: products and, within each, photos by name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalog {
    /// The folder that photo paths are relative to.
    pub root: PathBuf,
    /// The products. Their ids are unique.
    pub products: Vec<Product>,
    /// The photos, grouped by product.
    pub photos: Vec<Photo>,
    /// The products' catalogue pictures beside [`Product::image`], grouped by product. They are moved to the photos with
    /// [`CataloguePictures::Along`] and [`CataloguePictures::Only`].
    pub more_pictures: Vec<Photo>,
    /// Files, patterns and lines that cannot be used, with the reason.
    pub skipped: Vec<Skipped>,
    /// What was understood of a manifest; `None` where that is plain.
    pub read_as: Option<ReadAs>,
}

/// How a catalogue is read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OpenOptions {
    /// Whether the products' catalogue pictures are photos, too.
    pub pictures: CataloguePictures,
    /// Whether wrong lines of a manifest become [skipped](Catalog::skipped), and the rest is used. Without it, they are
    /// an error.
    pub skip_bad_rows: bool,
}

impl From<CataloguePictures> for OpenOptions {
    fn from(pictures: CataloguePictures) -> Self {
        Self { pictures, ..Self::default() }
    }
}

impl Catalog {
    /// Reads a catalogue from a folder; from a manifest that ends in `.jsonl`, `.ndjson`, `.csv`, `.tsv` or `.txt`; or
    /// from a product feed, which is such a table or ends in `.xml`.
    ///
    /// Paths in a manifest are relative to `root`, or to the manifest's folder when that is `None`.
    /// A folder is its own root.
    ///
    /// # Errors
    /// [`CatalogError`], with the line numbers of a manifest.
    pub fn open(source: &Path, root: Option<&Path>) -> Result<Self, CatalogError> {
        Self::open_with(source, root, OpenOptions::default())
    }

    /// [`Self::open`] with options. With [catalogue pictures](Self::with_catalogue_pictures) among the photos, a manifest
    /// needs no column of photos. A feed never does: with its pictures only shown, it has no photos.
    ///
    /// # Errors
    /// [`Self::open`]'s, and [`CatalogError::NoCataloguePictures`].
    pub fn open_with(
        source: &Path,
        root: Option<&Path>,
        options: impl Into<OpenOptions>,
    ) -> Result<Self, CatalogError> {
        let options = options.into();
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
            manifest::read(source, root, options)?
        };
        let is_feed = catalog.read_as.as_ref().is_some_and(|read| read.feed.is_some());
        let catalog = catalog.with_catalogue_pictures(options.pictures);
        // A feed's pictures are not customers' photos: there may be none.
        let may_be_without = is_feed && options.pictures == CataloguePictures::Shown;
        if catalog.photos.is_empty() && catalog.skipped.is_empty() && !may_be_without {
            let path = source.to_owned();
            return Err(match options.pictures {
                CataloguePictures::Only => CatalogError::NoCataloguePictures { path },
                _ if is_feed => CatalogError::NoCataloguePictures { path },
                _ if metadata.is_dir() => CatalogError::NoPhotos { path },
                _ => CatalogError::NoPhotosNamed { path },
            });
        }
        Ok(catalog)
    }

    /// The path of a photo's file. A photo at a [web address](Photo::is_web_address) has none.
    pub fn file(&self, photo: &Photo) -> PathBuf {
        self.root.join(&photo.path)
    }
}
