//! Removes photos and products from an index.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::time::Instant;

use lookalike_catalog::nfc;

use super::apply_change::{Change, UpdateReport, changed};
use super::paths::relative_to_root;
use super::products::Products;
use crate::error::EngineError;
use crate::index::{Index, IndexedPhoto};
use crate::progress::Progress;

/// Removes products, with all their photos, and single photos from an index. `products` are ids,
/// `photos` paths as the index has them or files.
///
/// # Errors
/// [`EngineError::NotInIndex`] when one of them is not there, [`EngineError::NothingLeft`].
pub fn remove(
    index: &Index,
    products: &[String],
    photos: &[String],
    progress: &dyn Progress,
) -> Result<(Index, UpdateReport), EngineError> {
    // However the letters of a name are composed: a shell completes it as the disk has it.
    let known: HashMap<_, &str> =
        index.photos().iter().map(|photo| (nfc(&photo.path), photo.path.as_str())).collect();
    let mut gone = HashSet::with_capacity(photos.len());
    for path in photos {
        let what = format!("photo '{path}'");
        let file = relative_to_root(Path::new("."), index.root(), path);
        // As the index has it first: a file below this folder may have the name of another photo.
        let path = [path, &file].into_iter().find_map(|path| known.get(&nfc(path)));
        gone.insert(path.ok_or(EngineError::NotInIndex { what })?.to_string());
    }
    remove_where(index, products, |photo| gone.contains(&photo.path), progress)
}

/// Removes products, with all their photos, and every photo for which `is_gone` returns true from an index.
/// `products` are ids.
///
/// # Errors
/// [`EngineError::NotInIndex`] when a product is not there, [`EngineError::NothingLeft`].
pub fn remove_where(
    index: &Index,
    products: &[String],
    is_gone: impl Fn(&IndexedPhoto) -> bool,
    progress: &dyn Progress,
) -> Result<(Index, UpdateReport), EngineError> {
    let started = Instant::now();
    let mut gone = HashSet::new();
    for id in products {
        let not_there = || EngineError::NotInIndex { what: format!("product '{id}'") };
        gone.insert(index.product_by_id(id).ok_or_else(not_there)?);
    }
    let stays = |photo: &IndexedPhoto| !gone.contains(&photo.product) && !is_gone(photo);
    let keep = index.photos().iter().map(stays).collect();
    let mut products = Products::without(index, &gone);
    let mut report = UpdateReport::default();
    let change = Change { keep, ..Change::default() };
    let index = changed(index, &mut products, change, &mut report, progress)?;
    report.seconds = started.elapsed().as_secs_f64();
    Ok((index, report))
}
