//! An index with some of its photos gone and others added.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use lookalike_catalog::{Skipped, Split};
use serde::Serialize;

use super::graph::{advance, now};
use super::products::Products;
use super::split_selection::without_photos;
use crate::error::EngineError;
use crate::index::{Content, Index, IndexedPhoto};
use crate::progress::{LINK, Phase, Progress};

/// What an update changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct UpdateReport {
    /// Photos that are new in the index.
    pub added: u64,
    /// Photos that are no longer in it.
    pub removed: u64,
    /// Photos that stayed.
    pub kept: u64,
    /// Of those that are new, the ones whose embeddings came from the cache.
    pub cached: u64,
    /// Products that are new.
    pub products_added: u64,
    /// Products that are no longer in it.
    pub products_removed: u64,
    /// Photos that could not be used, with the reason.
    pub skipped: Vec<Skipped>,
    /// Whether confidence was fitted again, because much of the index changed.
    pub calibrated: bool,
    /// How long it took.
    pub seconds: f64,
}

/// What becomes of an index's photos.
#[derive(Default)]
pub(super) struct Change {
    /// Whether each of them stays.
    pub(super) keep: Vec<bool>,
    /// The paths and splits now of those that were found again.
    pub(super) found: HashMap<usize, (String, Option<Split>)>,
    /// Photos that are new, and their vectors, one behind the other.
    pub(super) added: Vec<IndexedPhoto>,
    pub(super) vectors: Vec<f32>,
}

/// An index with its photos changed.
pub(super) fn changed(
    index: &Index,
    products: &mut Products,
    change: Change,
    report: &mut UpdateReport,
    progress: &dyn Progress,
) -> Result<Index, EngineError> {
    let old = index.content();
    let Change { keep, mut found, added, vectors } = change;
    let mut photos = Vec::with_capacity(old.photos.len() + added.len());
    // A photo goes with its product.
    let of_product = |photo: &IndexedPhoto| products.of_index[photo.product as usize];
    let keep: Vec<bool> =
        old.photos.iter().zip(keep).map(|(p, keep)| keep && of_product(p).is_some()).collect();
    for (row, photo) in old.photos.iter().enumerate().filter(|(row, _)| keep[*row]) {
        let (path, split) = found.remove(&row).unwrap_or_else(|| (photo.path.clone(), photo.split));
        photos.extend(of_product(photo).map(|product| IndexedPhoto {
            product,
            path,
            split,
            ..*photo
        }));
    }
    report.kept = photos.len() as u64;
    report.removed = old.photos.len() as u64 - report.kept;
    let mut ranking = old.ranking.clone();
    if let Some(fitted) = &mut ranking.fitted_on {
        let changes = report.removed + added.len() as u64;
        fitted.changes = fitted.changes.saturating_add(changes.min(u32::MAX.into()) as u32);
    }
    report.products_added = products.added;
    report.products_removed = products.removed;
    photos.extend(added);
    if photos.is_empty() {
        return Err(EngineError::NothingLeft);
    }
    let products_now = std::mem::take(&mut products.now);
    let mut build = old.build_report.clone();
    build.indexed = photos.len() as u64;
    build.listed = build.indexed;
    build.products_without_photos = without_photos(&products_now, &photos);
    build.skipped.clone_from(&report.skipped);
    let mut content = Content {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        created_at: now(),
        products: products_now,
        photos,
        build_report: build,
        ranking,
        ..old.clone()
    };
    if let Some(remote) = index.remote() {
        let position = |product: u32| products.of_index[product as usize];
        let remote = remote.changed(&keep, &vectors, (old, &content), position)?;
        return Ok(Index::in_store(content, remote));
    }
    let (linked, total) = (AtomicUsize::new(0), content.photos.len() as u64);
    progress.begin(Phase::items(LINK, total));
    let linking = |done| advance(progress, &linked, done);
    let store = index.graph_store()?.updated(&keep, vectors, &linking)?;
    progress.end();
    content.graph = Arc::clone(store.graph());
    content.vectors = Arc::clone(store.vectors());
    Ok(Index::from_content(content))
}
