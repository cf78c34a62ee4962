//! Upserts: a catalogue's photos and products are added to an index, or the index is brought in line with the catalogue.

use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Instant;

use lookalike_catalog::{Catalog, Split};

use super::apply_change::{Change, UpdateReport, changed};
use super::intake::{Intake, Rows};
use super::paths::relative_to_root;
use super::products::Products;
use super::recalibrate::recalibrate;
use crate::encode::{EMPTY_EMBEDDING, Encoder, absolute, is_degenerate};
use crate::error::EngineError;
use crate::index::{Index, IndexedPhoto};
use crate::progress::Progress;

/// Which photos of a catalogue go into an index, and what becomes of the others that are there.
#[derive(Debug, Clone, Default)]
pub struct UpdateOptions {
    /// The splits whose photos are indexed; empty for `train` and photos without a split.
    pub splits: Vec<Split>,
    /// See [`crate::BuildOptions::embedding_cache`].
    pub embedding_cache: Option<PathBuf>,
    /// Whether photos and products that the catalogue does not list are removed: the index then has what a build
    /// would give, but keeps its metric and ranking.
    pub remove_others: bool,
}

/// Puts a catalogue's photos and products into an index that may have some of them: products are matched by their
/// ids, photos by their files' content. Products that are there take the catalogue's columns.
///
/// A photo that is there and now cannot be read stays as it was, and is reported. One whose file was moved
/// keeps its embedding and gets its new path; one whose file has another content now is replaced.
///
/// # Errors
/// [`EngineError::OtherModel`] for an encoder that is not the index's, [`EngineError::EmptySplit`],
/// [`EngineError::EmbeddingCache`], and [`EngineError::NothingLeft`] where nothing would be left in it.
pub fn upsert(
    index: &Index,
    catalog: &Catalog,
    encoder: &Encoder,
    options: &UpdateOptions,
    progress: &dyn Progress,
) -> Result<(Index, UpdateReport), EngineError> {
    let started = Instant::now();
    index.check_model(encoder)?;
    let intake = Intake::select(catalog, &options.splits)?;
    // In line with a catalogue that lies elsewhere, an index has that one's folder. A store keeps photos' paths itself.
    let catalog_root = absolute(&catalog.root);
    let is_moved =
        options.remove_others && index.remote().is_none() && catalog_root != index.root();
    let root = if is_moved { catalog_root.as_path() } else { index.root() };
    let mut products = Products::new(index, catalog, options.remove_others);
    products.images_below(catalog, root);
    let old = index.photos();
    let by_content: HashMap<(u32, [u8; 32]), usize> =
        old.iter().enumerate().map(|(row, photo)| ((photo.product, photo.sha256), row)).collect();
    let by_path: HashMap<&str, usize> =
        old.iter().enumerate().map(|(row, photo)| (photo.path.as_str(), row)).collect();
    let mut keep = vec![!options.remove_others; old.len()];
    let mut found: HashMap<usize, (String, Option<Split>)> = HashMap::new();
    let mut replaced = Vec::new();
    let mut rows = intake.rows();
    let cache = options.embedding_cache.as_deref();
    intake.embed(encoder, cache, progress, |photo, embedded| {
        let path = relative_to_root(&catalog.root, index.root(), &photo.path);
        let file = match embedded {
            Ok(file) => file,
            Err(reason) => {
                if let Some(&row) = by_path.get(path.as_str()) {
                    keep[row] = true;
                }
                return rows.skip(&photo.path, reason);
            }
        };
        let sha256 = file.sha256;
        let product = products.now(photo.product);
        let content = products.before(photo.product).map(|before| (before, sha256));
        if let Some(&row) = content.and_then(|content| by_content.get(&content)) {
            keep[row] = true;
            // Of several files with this content, the index keeps the path that it has.
            let kept = found.entry(row).or_insert_with(|| (path.clone(), photo.split));
            if path == old[row].path {
                *kept = (path, photo.split);
            }
            return;
        }
        // The same content under the same path is a photo that two products share.
        if let Some(&row) = by_path.get(path.as_str())
            && old[row].sha256 != sha256
        {
            replaced.push(row);
        }
        let vector = index.content().metric.apply(&file.photo.embedding, photo.source);
        if is_degenerate(&vector) {
            return rows.skip(&photo.path, EMPTY_EMBEDDING.to_owned());
        }
        let (split, source, perceptual_hash) = (photo.split, photo.source, file.perceptual_hash);
        let indexed = IndexedPhoto { product, path, split, source, sha256, perceptual_hash };
        rows.add(indexed, &vector, file.is_cached);
    })?;
    for row in replaced.into_iter().filter(|row| !found.contains_key(row)) {
        keep[row] = false;
    }
    let Rows { photos, vectors, skipped, cached, .. } = rows;
    let added = photos.len() as u64;
    let mut report = UpdateReport { added, cached, skipped, ..UpdateReport::default() };
    let change = Change { keep, found, added: photos, vectors };
    let mut index = changed(index, &mut products, change, &mut report, progress)?;
    if let Some(cache) = cache {
        report.calibrated = recalibrate(&mut index, cache, encoder, catalog, progress)?;
    }
    if is_moved {
        let before = index.root().to_owned();
        index.set_root(&catalog_root, |path| relative_to_root(&before, &catalog_root, path));
    }
    report.seconds = started.elapsed().as_secs_f64();
    index.set_last_change(report.cached, report.seconds);
    Ok((index, report))
}
