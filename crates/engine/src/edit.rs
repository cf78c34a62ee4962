//! Indexes that change: photos and products that come, change and go.

mod removal;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use lookalike_catalog::{Catalog, Photo, Product, Skipped, Split};
use lookalike_vectors::{HnswStore, Vectors};
use serde::Serialize;

use crate::build::{RECALL, empty_split, is_wanted, seconds_since_1970, without_photos};
use crate::encoder::{Encoded, SEES_NOTHING, is_blind};
use crate::index::Content;
use crate::journal::Journals;
use crate::metric::Metric;
use crate::model::absolute;
use crate::ranking::Ranking;
use crate::{Encoder, EngineError, Index, IndexedPhoto, Progress, Stage};

pub use removal::{remove, remove_where};

/// What became of an index.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct EditReport {
    /// Photos that are new in the index.
    pub added: u64,
    /// Photos that are no longer in it.
    pub removed: u64,
    /// Photos that stayed.
    pub kept: u64,
    /// Of those that are new, the ones that did not have to be embedded, because they had been before.
    pub known: u64,
    /// Products that are new.
    pub products_added: u64,
    /// Products that are no longer in it.
    pub products_removed: u64,
    /// Photos that could not be used, with the reason.
    pub skipped: Vec<Skipped>,
    /// How long it took.
    pub seconds: f64,
}

/// Which photos of a catalogue go into an index, and what becomes of the others that are there.
#[derive(Debug, Clone, Default)]
pub struct EditOptions {
    /// The splits whose photos are wanted; empty for `train` and photos without a split.
    pub splits: Vec<Split>,
    /// See [`crate::BuildOptions::embeddings`].
    pub embeddings: Option<PathBuf>,
    /// Whether what the catalogue does not list goes: the index is then what a build would give, but
    /// for how it compares embeddings.
    pub remove_others: bool,
}

/// Puts a catalogue's photos and products into an index that may have some of them, by their ids and
/// their files' content. Cards of products that are there are replaced by the catalogue's.
///
/// A photo that is there and now cannot be read stays as it was, and is reported. One whose file was moved
/// keeps its embedding and gets its new path; one whose file has another content now is replaced.
///
/// # Errors
/// [`EngineError::OtherModel`] for an encoder that is not the index's, [`EngineError::EmptySplit`],
/// [`EngineError::Journal`], and [`EngineError::NothingLeft`] where nothing would be left in it.
pub fn put(
    index: &Index,
    catalog: &Catalog,
    encoder: &Encoder,
    options: &EditOptions,
    progress: &dyn Progress,
) -> Result<(Index, EditReport), EngineError> {
    let started = Instant::now();
    index.check_model(encoder)?;
    let wanted: Vec<&Photo> =
        catalog.photos.iter().filter(|photo| is_wanted(photo.split, &options.splits)).collect();
    if wanted.is_empty() && !catalog.photos.is_empty() {
        return Err(empty_split(catalog, &options.splits));
    }
    let mut report = EditReport { skipped: catalog.skipped.clone(), ..EditReport::default() };
    let mut products = Products::new(index, catalog, options.remove_others);

    let journals = options.embeddings.as_deref().map(|at| Journals::open(at, encoder.model()));
    let journals = journals.transpose()?;
    let old = index.photos();
    let by_content: HashMap<(u32, [u8; 32]), usize> =
        old.iter().enumerate().map(|(row, photo)| ((photo.product, photo.sha256), row)).collect();
    let by_path: HashMap<&str, usize> =
        old.iter().enumerate().map(|(row, photo)| (photo.path.as_str(), row)).collect();
    let mut keep = vec![!options.remove_others; old.len()];
    let mut found: HashMap<usize, (String, Option<Split>)> = HashMap::new();
    let mut replaced = Vec::new();
    let (mut photos, mut embeddings) = (Vec::new(), Vec::new());
    let mut seen = HashSet::new();
    progress.begin(Stage::Embed, wanted.len() as u64);
    let files: Vec<PathBuf> = wanted.iter().map(|photo| catalog.file(photo)).collect();
    let mut each = wanted.iter();
    encoder.encode_each(&files, journals.as_ref(), progress, |encoded| {
        let Some(&photo) = each.next() else { return Ok(()) };
        let path = moved(&catalog.root, index.root(), &photo.path);
        let encoded = match encoded {
            Ok(encoded) => encoded,
            Err(reason) => {
                if let Some(&row) = by_path.get(path.as_str()) {
                    keep[row] = true;
                }
                report.skipped.push(Skipped { path: photo.path.clone(), reason });
                return Ok(());
            }
        };
        let Encoded { embedding, sha256, is_known, .. } = encoded;
        let product = products.now(photo.product);
        let here = products.before(photo.product).map(|before| (before, sha256));
        if let Some(&row) = here.and_then(|here| by_content.get(&here)) {
            keep[row] = true;
            // Of copies, the one that was there stays the one that is named.
            let place = found.entry(row).or_insert_with(|| (path.clone(), photo.split));
            if path == old[row].path {
                *place = (path, photo.split);
            }
            return Ok(());
        }
        // The same content under the same path is a photo that two products share.
        if let Some(&row) = by_path.get(path.as_str())
            && old[row].sha256 != sha256
        {
            replaced.push(row);
        }
        let mut vector = index.content().metric.apply(&embedding);
        if is_blind(&vector) {
            let reason = SEES_NOTHING.to_owned();
            report.skipped.push(Skipped { path: photo.path.clone(), reason });
            return Ok(());
        }
        if seen.insert((product, sha256)) {
            report.known += u64::from(is_known);
            embeddings.append(&mut vector);
            photos.push(IndexedPhoto { product, path, split: photo.split, sha256 });
        }
        Ok(())
    })?;
    progress.end();
    if let Some(journals) = journals {
        journals.close();
    }
    for row in replaced.into_iter().filter(|row| !found.contains_key(row)) {
        keep[row] = false;
    }
    report.added = photos.len() as u64;
    let change = Change { keep, found, more: photos, embeddings };
    let index = changed(index, &mut products, change, &mut report, progress)?;
    report.seconds = started.elapsed().as_secs_f64();
    Ok((index, report))
}

/// Builds the graph anew. Where all embeddings are in the folder in which builds keep them, how they are
/// compared is learnt anew, too, and embeddings of photos that are no longer in the index are thrown away.
/// Where more can be learnt than before, what the ranking was fitted to no longer holds: the index then says
/// how sure it is only after the next build.
///
/// # Errors
/// [`EngineError::Journal`] when the folder cannot be read or written, [`EngineError::NotHere`].
pub fn compact(
    index: &Index,
    embeddings: Option<&Path>,
    progress: &dyn Progress,
) -> Result<Index, EngineError> {
    if index.remote().is_some() {
        return Err(EngineError::NotHere);
    }
    let old = index.content();
    let mut metric = old.metric.clone();
    let mut vectors = Arc::clone(&old.vectors);
    if let Some(folder) = embeddings.filter(|folder| folder.is_dir()) {
        let journals = Journals::open(folder, &old.model)?;
        let sha256s: Vec<[u8; 32]> = old.photos.iter().map(|photo| photo.sha256).collect();
        let whole = |sha256| journals.side_by_side(&old.model, sha256);
        if let Some(rows) = sha256s.iter().map(whole).collect::<Option<Vec<_>>>() {
            let all: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
            let products: Vec<u32> = old.photos.iter().map(|photo| photo.product).collect();
            metric = Metric::fit(&old.model, &all, &products, old.metric.wanted())?;
            vectors = Arc::new(Vectors::normalised(metric.dim(), metric.apply_all(&all))?);
        }
        journals.retain(&sha256s.into_iter().collect())?;
    }
    // What was fitted with another kind of metric means nothing any more.
    let ranking = match metric.is_learnt() == old.metric.is_learnt() {
        true => old.ranking.clone(),
        false => Ranking::plain(old.model.parts.len()),
    };
    let (linked, total) = (AtomicUsize::new(0), vectors.len() as u64);
    progress.begin(Stage::Link, total);
    let store = HnswStore::build(vectors, old.hnsw, &|done| advance(progress, &linked, done));
    let store = store.with_recall(RECALL)?;
    progress.end();
    Ok(Index::from_content(Content {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        created: seconds_since_1970(),
        products: old.products.clone(),
        photos: old.photos.clone(),
        metric,
        ranking,
        hnsw: store.params(),
        graph: Arc::clone(store.graph()),
        vectors: Arc::clone(store.vectors()),
        ..old.clone()
    }))
}

/// Tells a progress bar that counts steps of a number that only ever grows.
pub(crate) fn advance(progress: &dyn Progress, counted: &AtomicUsize, done: usize) {
    let before = counted.fetch_max(done, Ordering::Relaxed);
    progress.advance(done.saturating_sub(before) as u64);
}

/// Products before and after a change.
struct Products {
    now: Vec<Product>,
    /// Where each of the index's products is now, if it stays.
    of_index: Vec<Option<u32>>,
    /// Where each of the catalogue's products was in the index, and where it is now.
    of_catalog: Vec<(Option<u32>, u32)>,
    added: u64,
    removed: u64,
}

impl Products {
    fn new(index: &Index, catalog: &Catalog, remove_others: bool) -> Self {
        let ids = |products: &[Product]| -> HashMap<String, u32> {
            products.iter().map(|product| product.id.clone()).zip(0..).collect()
        };
        let before = ids(index.products());
        let mut now =
            if remove_others { catalog.products.clone() } else { index.products().to_vec() };
        let mut places = ids(&now);
        for product in &catalog.products {
            match places.get(&product.id) {
                Some(&place) => now[place as usize] = product.clone(),
                None => {
                    places.insert(product.id.clone(), now.len() as u32);
                    now.push(product.clone());
                }
            }
        }
        let place = |id: &String| places.get(id).copied();
        let of_index: Vec<_> = index.products().iter().map(|p| place(&p.id)).collect();
        let both = |p: &Product| (before.get(&p.id).copied(), places[&p.id]);
        let of_catalog: Vec<_> = catalog.products.iter().map(both).collect();
        Self {
            added: of_catalog.iter().filter(|(before, _)| before.is_none()).count() as u64,
            removed: of_index.iter().filter(|now| now.is_none()).count() as u64,
            now,
            of_index,
            of_catalog,
        }
    }

    fn without(index: &Index, gone: &HashSet<u32>) -> Self {
        let mut now = Vec::new();
        let of_index = index.products().iter().zip(0..).map(|(product, number)| {
            (!gone.contains(&number)).then(|| {
                now.push(product.clone());
                now.len() as u32 - 1
            })
        });
        let of_index = of_index.collect();
        Self { now, of_index, of_catalog: Vec::new(), added: 0, removed: gone.len() as u64 }
    }

    fn now(&self, of_catalog: u32) -> u32 {
        self.of_catalog[of_catalog as usize].1
    }

    fn before(&self, of_catalog: u32) -> Option<u32> {
        self.of_catalog[of_catalog as usize].0
    }
}

/// What becomes of an index's photos.
#[derive(Default)]
struct Change {
    /// Whether each of them stays.
    keep: Vec<bool>,
    /// Where those that were found again are now, and in which split.
    found: HashMap<usize, (String, Option<Split>)>,
    /// Photos that are new, and their embeddings, one behind the other.
    more: Vec<IndexedPhoto>,
    embeddings: Vec<f32>,
}

/// An index with its photos changed.
fn changed(
    index: &Index,
    products: &mut Products,
    change: Change,
    report: &mut EditReport,
    progress: &dyn Progress,
) -> Result<Index, EngineError> {
    let old = index.content();
    let Change { keep, mut found, more, embeddings } = change;
    let mut photos = Vec::with_capacity(old.photos.len() + more.len());
    // A photo goes with its product.
    let of_product = |photo: &IndexedPhoto| products.of_index[photo.product as usize];
    let keep: Vec<bool> =
        old.photos.iter().zip(keep).map(|(p, keep)| keep && of_product(p).is_some()).collect();
    for (row, photo) in old.photos.iter().enumerate().filter(|(row, _)| keep[*row]) {
        let (path, split) = found.remove(&row).unwrap_or_else(|| (photo.path.clone(), photo.split));
        let sha256 = photo.sha256;
        photos.extend(of_product(photo).map(|product| IndexedPhoto {
            product,
            path,
            split,
            sha256,
        }));
    }
    report.kept = photos.len() as u64;
    report.removed = old.photos.len() as u64 - report.kept;
    report.products_added = products.added;
    report.products_removed = products.removed;
    photos.extend(more);
    if photos.is_empty() {
        return Err(EngineError::NothingLeft);
    }
    let products_now = std::mem::take(&mut products.now);
    let mut build = old.report.clone();
    build.indexed = photos.len() as u64;
    build.listed = build.indexed;
    build.products_without_photos = without_photos(&products_now, &photos);
    build.skipped.clone_from(&report.skipped);
    let mut content = Content {
        program: env!("CARGO_PKG_VERSION").to_owned(),
        created: seconds_since_1970(),
        products: products_now,
        photos,
        report: build,
        ..old.clone()
    };
    if let Some(remote) = index.remote() {
        let place = |product: u32| products.of_index[product as usize];
        let remote = remote.changed(&keep, &embeddings, (old, &content), place)?;
        return Ok(Index::elsewhere(content, remote));
    }
    let (linked, total) = (AtomicUsize::new(0), content.photos.len() as u64);
    progress.begin(Stage::Link, total);
    let linking = |done| advance(progress, &linked, done);
    let store = index.graph_store()?.updated(&keep, embeddings, &linking)?;
    progress.end();
    content.graph = Arc::clone(store.graph());
    content.vectors = Arc::clone(store.vectors());
    Ok(Index::from_content(content))
}

/// A path relative to one folder, as it is relative to another; whole where it lies outside.
fn moved(from: &Path, to: &Path, path: &str) -> String {
    let whole = absolute(&from.join(path));
    let inner = whole.strip_prefix(to).unwrap_or(&whole);
    let parts: Vec<_> = inner.iter().map(|part| part.to_string_lossy()).collect();
    if inner.is_relative() { parts.join("/") } else { inner.to_string_lossy().into_owned() }
}
