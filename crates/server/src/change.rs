//! The index that is served, changed: what is added or removed is written to its folder first, and then
//! served in place of the old one.

use std::collections::HashSet;
use std::io::ErrorKind::{QuotaExceeded, StorageFull};
use std::sync::Arc;

use axum::http::StatusCode;
use lookalike_catalog::{Catalog, Photo, Product};
use lookalike_engine::{
    EMBEDDINGS_FOLDER, EditOptions, EngineError, Index, IndexLock, IndexedPhoto, Searcher, Silent,
    put, remove_where,
};
use lookalike_photo::{DecodeLimits, decode};
use sha2::{Digest, Sha256};

use crate::addition::{Addition, Card};
use crate::api::{Added, AddedAs, AddedPhoto, Removal, Removed};
use crate::cards::thumbnail_of;
use crate::photo_store::PhotoStore;
use crate::problem::Problem;
use crate::served::{Served, photo_id};
use crate::state::Shared;

/// Ids that are named when they are unknown.
const NAMED: usize = 5;

/// Makes a change, unless another one or a reload is under way. It is finished even if the client goes
/// away meanwhile.
pub(crate) async fn make<T: Send + 'static>(
    shared: Arc<Shared>,
    name: &'static str,
    work: impl FnOnce(&Shared) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let task = tokio::spawn(async move {
        let Ok(_alone) = shared.changing.try_lock() else {
            let detail = "the index is being changed or loaded: try again when that is done";
            return Err(Problem::new(StatusCode::CONFLICT, detail).retry_after(1));
        };
        let working = Arc::clone(&shared);
        let result = shared.keeper.run(move || work(&working)).await.and_then(|result| result);
        let became = match &result {
            Ok(_) => "done",
            Err(problem) if problem.status().is_server_error() => "failed",
            Err(_) => "refused",
        };
        shared.metrics.changed(name, became);
        result
    });
    task.await.map_err(|error| Problem::internal("the change", &error))?
}

/// The index as it is kept, and the right to write it: taken first, so that nobody changes it in
/// between.
fn open(shared: &Shared) -> Result<(IndexLock, Index), Problem> {
    let open = || {
        let (lock, index) = shared.source.home.open_locked()?;
        // Else it could be changed, but not served.
        index.check_model(shared.served().searcher.encoder())?;
        Ok((lock, index))
    };
    open().map_err(problem)
}

/// Serves an index that was written in place of the old one.
fn swap(shared: &Shared, index: Index) -> Result<Arc<Served>, Problem> {
    let encoder = Arc::clone(shared.served().searcher.encoder());
    let detector = shared.source.detector.clone();
    let searcher = Searcher::new(index, encoder);
    let served = searcher.and_then(|searcher| Served::new(searcher, detector)).map_err(problem)?;
    let served = Arc::new(served);
    shared.serve(Arc::clone(&served));
    Ok(served)
}

/// Adds photos of a product, and the product if it is new.
pub(crate) fn add(shared: &Shared, addition: Addition) -> Result<Added, Problem> {
    let (lock, index) = open(shared)?;
    let Addition { card, photos } = addition;
    let id = match &card {
        Card::Whole(product) => &product.id,
        Card::Known(id) => id,
    };
    let place = index.products().iter().position(|product| product.id == *id);
    let product = match (card, place) {
        (Card::Whole(product), _) => *product,
        (Card::Known(_), Some(place)) => index.products()[place].clone(),
        (Card::Known(id), None) => {
            let detail = format!("no product has the id '{id}': a new one needs a name as well");
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
        }
    };
    let mut known: HashSet<[u8; 32]> = match place {
        Some(place) => {
            let own = index.photos().iter().filter(|photo| photo.product as usize == place);
            own.map(|photo| photo.sha256).collect()
        }
        None => HashSet::new(),
    };
    let mut kept = Kept { store: &shared.photo_store, names: Vec::new(), is_done: false };
    let limits = shared.decode_limits();
    let mut results = Vec::with_capacity(photos.len());
    for bytes in &photos {
        results.push(kept.add(bytes, &limits, &mut known)?);
    }
    let catalog = kept.catalog(product.clone());
    let options = EditOptions {
        embeddings: Some(shared.source.folder.join(EMBEDDINGS_FOLDER)),
        ..EditOptions::default()
    };
    let encoder = Arc::clone(shared.served().searcher.encoder());
    let edited = put(&index, &catalog, &encoder, &options, &Silent);
    drop(index);
    let (index, report) = edited.map_err(problem)?;
    for skipped in &report.skipped {
        kept.forget(&skipped.path);
        let of_it = |photo: &&mut AddedPhoto| {
            photo.id.as_ref().is_some_and(|id| skipped.path.starts_with(id.as_str()))
        };
        results.iter_mut().filter(of_it).for_each(|photo| *photo = refused(&skipped.reason));
    }
    let reasons = (1..).zip(&results).filter_map(|(number, photo)| {
        photo.reason.as_ref().map(|reason| format!("photo {number}: {reason}"))
    });
    let reasons: Vec<String> = reasons.collect();
    if !results.is_empty() && reasons.len() == results.len() {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, reasons.join("; ")));
    }
    let saved = lock.save(&index, &Silent);
    // Photos of a change that may have been made have to stay; at worst they are of no use.
    kept.is_done = saved.as_ref().map_or_else(EngineError::is_in_doubt, |_| true);
    saved.map_err(problem)?;
    let served = swap(shared, index)?;
    tracing::info!(product = product.id, photos = report.added, "added to the index");
    let first = results.iter().find_map(|photo| photo.id.as_deref());
    let row = served.product(&product.id);
    let card = row.map(|row| served.card(row, first.and_then(|id| served.photo(id))));
    let card = card.ok_or_else(|| Problem::internal("the change", &"the product is gone"))?;
    Ok(Added { product: card, is_new: place.is_none(), photos: results, now: served.index.clone() })
}

/// Takes out products and photos. All of them are there, or nothing changes.
pub(crate) fn remove(shared: &Shared, removal: &Removal) -> Result<Removed, Problem> {
    let (lock, index) = open(shared)?;
    let there: HashSet<String> = index.photos().iter().map(|p| photo_id(&p.sha256)).collect();
    let products: HashSet<&str> = index.products().iter().map(|p| p.id.as_str()).collect();
    let unknown_products = removal.products.iter().filter(|id| !products.contains(id.as_str()));
    let unknown_photos = removal.photos.iter().filter(|id| !there.contains(*id));
    let unknown: Vec<String> = unknown_products
        .map(|id| format!("product '{id}'"))
        .chain(unknown_photos.map(|id| format!("photo '{id}'")))
        .collect();
    if !unknown.is_empty() {
        let named = unknown[..unknown.len().min(NAMED)].join(", ");
        let detail = format!("{} not in the index, nothing was removed: {named}", unknown.len());
        return Err(Problem::not_found(detail));
    }
    let wanted: HashSet<&str> = removal.photos.iter().map(String::as_str).collect();
    let is_gone = |photo: &IndexedPhoto| wanted.contains(photo_id(&photo.sha256).as_str());
    let removed = remove_where(&index, &removal.products, is_gone, &Silent);
    let (changed, report) = removed.map_err(problem)?;
    let left: HashSet<[u8; 32]> = changed.photos().iter().map(|photo| photo.sha256).collect();
    let gone = index.photos().iter().filter(|photo| !left.contains(&photo.sha256));
    let files: Vec<String> = gone.filter_map(|photo| shared.photo_store.name_of(photo)).collect();
    drop(index);
    lock.save(&changed, &Silent).map_err(problem)?;
    let served = swap(shared, changed);
    files.iter().for_each(|name| shared.photo_store.forget(name));
    let served = served?;
    let (products, photos) = (report.products_removed, report.removed);
    tracing::info!(products, photos, "removed from the index");
    Ok(Removed { products, photos, now: served.index.clone() })
}

/// Photos that are written to disk for a change; if it is not made, they are removed again.
struct Kept<'a> {
    store: &'a PhotoStore,
    /// The name of each file, and whether it was not there before.
    names: Vec<(String, bool)>,
    is_done: bool,
}

impl Kept<'_> {
    /// Keeps a photo, unless it is known or cannot be used.
    fn add(
        &mut self,
        bytes: &[u8],
        limits: &DecodeLimits,
        known: &mut HashSet<[u8; 32]>,
    ) -> Result<AddedPhoto, Problem> {
        let sha256: [u8; 32] = Sha256::digest(bytes).into();
        let mut result = AddedAs::Known;
        if !known.contains(&sha256) {
            let format = match decode(bytes, limits) {
                Ok(photo) => photo.format,
                Err(error) => return Ok(refused(&error.to_string())),
            };
            let name = PhotoStore::name(&sha256, format);
            let is_new = self.store.keep(&name, bytes).map_err(|error| match error.kind() {
                StorageFull | QuotaExceeded => disk_full(),
                _ => Problem::internal("keeping the photo", &error),
            })?;
            self.names.push((name, is_new));
            known.insert(sha256);
            result = AddedAs::Added;
        }
        let id = photo_id(&sha256);
        Ok(AddedPhoto { result, thumbnail: Some(thumbnail_of(&id)), id: Some(id), reason: None })
    }

    /// Lets go of a photo that cannot be used after all.
    fn forget(&mut self, name: &str) {
        for (_, is_new) in self.names.iter_mut().filter(|(kept, is_new)| *is_new && kept == name) {
            self.store.forget(name);
            *is_new = false;
        }
    }

    /// The photos as those of a product.
    fn catalog(&self, product: Product) -> Catalog {
        let photo =
            |(name, _): &(String, bool)| Photo { product: 0, path: name.clone(), split: None };
        Catalog {
            root: self.store.folder().to_owned(),
            products: vec![product],
            photos: self.names.iter().map(photo).collect(),
            skipped: Vec::new(),
        }
    }
}

impl Drop for Kept<'_> {
    fn drop(&mut self) {
        let undone = self.names.iter().filter(|(_, is_new)| *is_new && !self.is_done);
        undone.for_each(|(name, _)| self.store.forget(name));
    }
}

fn refused(reason: &str) -> AddedPhoto {
    let reason = Some(reason.to_owned());
    AddedPhoto { result: AddedAs::Refused, id: None, thumbnail: None, reason }
}

fn disk_full() -> Problem {
    let detail = "there is no room on the server's disk: free some, nothing was changed";
    Problem::new(StatusCode::INSUFFICIENT_STORAGE, detail)
}

/// Why an index cannot be changed.
fn problem(error: EngineError) -> Problem {
    if error.is_disk_full() {
        return disk_full();
    }
    if error.is_locked() {
        let detail = "another program is writing the index: try again when it is done";
        return Problem::new(StatusCode::CONFLICT, detail).retry_after(1);
    }
    if error.is_of_store() {
        return Problem::of_store(&error);
    }
    match error {
        EngineError::NothingLeft
        | EngineError::NoIndex { .. }
        | EngineError::DamagedIndex { .. }
        | EngineError::OtherModel { .. } => Problem::new(StatusCode::CONFLICT, error.to_string()),
        error => Problem::internal("the change", &error),
    }
}
