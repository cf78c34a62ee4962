use std::collections::{BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use lookalike_catalog::{Catalog, Photo, Product, Skipped, Split};
use lookalike_vectors::{HnswParams, HnswStore, Vectors};
use serde::{Deserialize, Serialize};

use crate::edit::advance;
use crate::encoder::{Encoded, SEES_NOTHING, is_blind};
use crate::index::Content;
use crate::journal::Journals;
use crate::metric::Metric;
use crate::model::absolute;
use crate::ranking::{Ranking, fit};
use crate::{Encoder, EngineError, Index, IndexedPhoto, Progress, Stage};

/// Share of the nearest photos that a search has to find, as measured on the index's own.
pub(crate) const RECALL: f64 = 0.99;

/// What to build.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// The splits whose photos are indexed; empty for `train` and photos without a split.
    pub splits: Vec<Split>,
    /// The graph's parameters.
    pub hnsw: HnswParams,
    /// A folder in which embeddings are kept as they are made, so that a build that was killed goes on
    /// where it was and no photo is embedded twice. Without it, nothing is kept.
    pub embeddings: Option<PathBuf>,
    /// Directions that are kept of each network's embeddings when it is learnt how to compare them; 0 to
    /// learn nothing but their mean.
    pub directions: usize,
}

impl Default for BuildOptions {
    /// 256 directions: half a point worse than all at most
    /// (`benches/runs/2026-11-25-learnt-metric-epyc-2-cores`).
    fn default() -> Self {
        let hnsw = HnswParams::default();
        Self { splits: Vec::new(), hnsw, embeddings: None, directions: 256 }
    }
}

/// What became of the photos. Stored in the index.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BuildReport {
    /// Photos that the catalogue lists for the splits that were indexed, and what it could not list.
    pub listed: u64,
    /// Photos in the index.
    pub indexed: u64,
    /// Photos left out because the same product has the very same file already.
    pub duplicates: u64,
    /// Photos in the index that did not have to be embedded, because they had been before.
    pub known: u64,
    /// Photos of other splits.
    pub other_splits: u64,
    /// Photos that could not be used, with the reason.
    pub skipped: Vec<Skipped>,
    /// Ids of products without a photo in the index: no search can find them.
    pub products_without_photos: Vec<String>,
    /// How long it took.
    pub seconds: f64,
}

/// Builds an index of a catalogue's photos.
///
/// Photos are decoded and embedded on all cores. Memory holds the embeddings and, for each core, one
/// batch of decoded photos.
///
/// # Errors
/// [`EngineError::NothingUsable`] when not one photo can be used; a single bad photo is skipped and
/// reported.
pub fn build(
    catalog: &Catalog,
    encoder: &Encoder,
    options: &BuildOptions,
    progress: &dyn Progress,
) -> Result<Index, EngineError> {
    let started = Instant::now();
    let wanted: Vec<&Photo> =
        catalog.photos.iter().filter(|photo| is_wanted(photo.split, &options.splits)).collect();
    if wanted.is_empty() && !catalog.photos.is_empty() {
        return Err(empty_split(catalog, &options.splits));
    }
    let mut report = BuildReport {
        listed: (wanted.len() + catalog.skipped.len()) as u64,
        other_splits: (catalog.photos.len() - wanted.len()) as u64,
        skipped: catalog.skipped.clone(),
        ..BuildReport::default()
    };

    let journals = options.embeddings.as_deref().map(|at| Journals::open(at, encoder.model()));
    let journals = journals.transpose()?;
    progress.begin(Stage::Embed, wanted.len() as u64);
    let mut photos: Vec<IndexedPhoto> = Vec::new();
    let mut embeddings: Vec<f32> = Vec::new();
    let mut seen: HashSet<(u32, [u8; 32])> = HashSet::new();
    let files: Vec<PathBuf> = wanted.iter().map(|photo| catalog.file(photo)).collect();
    let mut each = wanted.iter();
    encoder.encode_each(&files, journals.as_ref(), progress, |encoded| {
        let Some(&photo) = each.next() else { return Ok(()) };
        match encoded {
            Err(reason) => report.skipped.push(Skipped { path: photo.path.clone(), reason }),
            Ok(Encoded { sha256, .. }) if !seen.insert((photo.product, sha256)) => {
                report.duplicates += 1;
            }
            Ok(Encoded { embedding, sha256, is_known, .. }) => {
                report.known += u64::from(is_known);
                embeddings.extend_from_slice(&embedding);
                let Photo { product, path, split } = photo.clone();
                photos.push(IndexedPhoto { product, path, split, sha256 });
            }
        }
        Ok(())
    })?;
    progress.end();
    if let Some(journals) = journals {
        journals.close();
    }
    report.indexed = photos.len() as u64;
    report.products_without_photos = without_photos(&catalog.products, &photos);
    if photos.is_empty() {
        return Err(EngineError::NothingUsable { report: Box::new(report) });
    }

    let products: Vec<u32> = photos.iter().map(|photo| photo.product).collect();
    let dim = encoder.model().embedding_dim();
    let rows: Vec<&[f32]> = embeddings.chunks_exact(dim).collect();
    let metric = Metric::fit(encoder.model(), &rows, &products, options.directions)?;
    let mut vectors = metric.apply_all(&rows);
    leave_out_blind(&mut vectors, metric.dim(), &mut embeddings, &mut photos, &mut report);
    report.products_without_photos = without_photos(&catalog.products, &photos);
    let vectors = Arc::new(Vectors::normalised(metric.dim(), vectors)?);
    progress.begin(Stage::Link, vectors.len() as u64);
    let linked = AtomicUsize::new(0);
    let store = HnswStore::build(Arc::clone(&vectors), options.hnsw, &|done| {
        advance(progress, &linked, done);
    });
    let store = store.with_recall(RECALL)?;
    progress.end();
    let mut content = Content {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        created: seconds_since_1970(),
        model: encoder.model().clone(),
        root: absolute(&catalog.root).to_string_lossy().into_owned(),
        products: catalog.products.clone(),
        photos,
        report,
        metric,
        ranking: Ranking::default(),
        hnsw: store.params(),
        graph: Arc::clone(store.graph()),
        vectors,
    };
    content.ranking = fit(&content, &embeddings, encoder, catalog, progress)?;
    content.report.seconds = started.elapsed().as_secs_f64();
    Ok(Index::from_content(content))
}

/// Leaves out photos of which the metric keeps nothing: one of them must not fail the rest.
fn leave_out_blind(
    vectors: &mut Vec<f32>,
    dim: usize,
    embeddings: &mut Vec<f32>,
    photos: &mut Vec<IndexedPhoto>,
    report: &mut BuildReport,
) {
    let blind: HashSet<usize> = vectors
        .chunks_exact(dim)
        .enumerate()
        .filter(|(_, v)| is_blind(v))
        .map(|(r, _)| r)
        .collect();
    if blind.is_empty() {
        return;
    }
    let whole = embeddings.len() / photos.len();
    let left = |values: &[f32], dim: usize| -> Vec<f32> {
        let rows = values.chunks_exact(dim).enumerate().filter(|(row, _)| !blind.contains(row));
        rows.flat_map(|(_, values)| values).copied().collect()
    };
    (*vectors, *embeddings) = (left(vectors, dim), left(embeddings, whole));
    let mut row = 0;
    photos.retain(|photo| {
        row += 1;
        let is_seen = !blind.contains(&(row - 1));
        if !is_seen {
            let reason = SEES_NOTHING.to_owned();
            report.skipped.push(Skipped { path: photo.path.clone(), reason });
        }
        is_seen
    });
    report.indexed = photos.len() as u64;
}

pub(crate) fn seconds_since_1970() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

pub(crate) fn is_wanted(split: Option<Split>, splits: &[Split]) -> bool {
    match split {
        None => true,
        Some(split) if splits.is_empty() => split == Split::Train,
        Some(split) => splits.contains(&split),
    }
}

/// Says which splits there are when none of the wanted is among them.
pub(crate) fn empty_split(catalog: &Catalog, wanted: &[Split]) -> EngineError {
    let names = |splits: &mut dyn Iterator<Item = Split>| {
        splits.map(Split::name).collect::<Vec<_>>().join(", ")
    };
    let found: BTreeSet<Split> = catalog.photos.iter().filter_map(|photo| photo.split).collect();
    let default = [Split::Train];
    let wanted = if wanted.is_empty() { &default[..] } else { wanted };
    EngineError::EmptySplit {
        wanted: names(&mut wanted.iter().copied()),
        found: names(&mut found.into_iter()),
    }
}

/// Ids of products that no photo shows.
pub(crate) fn without_photos(products: &[Product], photos: &[IndexedPhoto]) -> Vec<String> {
    let shown: HashSet<u32> = photos.iter().map(|photo| photo.product).collect();
    let products = (0u32..).zip(products);
    products
        .filter(|(number, _)| !shown.contains(number))
        .map(|(_, product)| product.id.clone())
        .collect()
}
