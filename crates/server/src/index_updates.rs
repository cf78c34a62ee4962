//! Updates of the served index: an upsert or a removal is written to the index's location first, then served
//! in place of the old index.

use std::collections::HashSet;
use std::io::ErrorKind::{QuotaExceeded, StorageFull};
use std::sync::Arc;

use axum::http::StatusCode;
use lookalike_catalog::{Catalog, Photo, PhotoSource, Product};
use lookalike_engine::{
    EMBEDDINGS_FOLDER, EngineError, Index, IndexLock, IndexedPhoto, Searcher, Silent,
    UpdateOptions, remove_where, upsert as upsert_into,
};
use lookalike_photo::{DecodeLimits, decode};
use sha2::{Digest, Sha256};

use crate::api::{PhotoStatus, RemoveRequest, RemoveResponse, UpsertResponse, UpsertedPhoto};
use crate::photo_store::PhotoStore;
use crate::problem::Problem;
use crate::served_index::ServedIndex;
use crate::state::AppState;
use crate::upsert_form::{Upsert, UpsertedProduct};
use crate::urls::{photo_id, thumbnail_path};

/// Unknown ids that an error message names.
const NAMED_IDS: usize = 5;

/// Runs an update, unless another update or a reload is under way. It finishes even if the client disconnects.
pub(crate) async fn run<T: Send + 'static>(
    state: Arc<AppState>,
    operation: &'static str,
    update: impl FnOnce(&AppState) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let task = tokio::spawn(async move {
        let Ok(_lock) = state.update_lock.try_lock() else {
            let detail = "the index is being updated or loaded: try again when that is done";
            return Err(Problem::new(StatusCode::CONFLICT, detail).retry_after(1));
        };
        let working = Arc::clone(&state);
        let result = state.index_worker.run(move || update(&working)).await;
        let result = result.and_then(|result| result);
        let outcome = match &result {
            Ok(_) => "done",
            Err(problem) if problem.status().is_server_error() => "failed",
            Err(_) => "rejected",
        };
        state.metrics.updated(operation, outcome);
        result
    });
    task.await.map_err(|error| Problem::internal("the update", &error))?
}

/// The stored index and its lock, which is taken first: nobody else can write in between.
fn open_locked(state: &AppState) -> Result<(IndexLock, Index), Problem> {
    let open = || {
        let (lock, index) = state.source.location.open_locked()?;
        // With another model it could be updated, but not served.
        index.check_model(state.served_index().searcher.encoder())?;
        Ok((lock, index))
    };
    open().map_err(problem)
}

/// Serves an index that was written.
fn serve(state: &AppState, index: Index) -> Result<Arc<ServedIndex>, Problem> {
    let encoder = Arc::clone(state.served_index().searcher.encoder());
    let detector = state.source.detector.clone();
    let searcher = Searcher::new(index, encoder);
    let served = searcher.and_then(|searcher| ServedIndex::new(searcher, detector));
    let served = Arc::new(served.map_err(problem)?);
    state.replace_index(Arc::clone(&served));
    Ok(served)
}

/// Adds photos of a product, and creates the product or replaces its card.
pub(crate) fn upsert(state: &AppState, upsert: Upsert) -> Result<UpsertResponse, Problem> {
    let (lock, index) = open_locked(state)?;
    let Upsert { product, photos } = upsert;
    let id = match &product {
        UpsertedProduct::Full(product) => &product.id,
        UpsertedProduct::Id(id) => id,
    };
    let position = index.product_by_id(id).map(|position| position as usize);
    let product = match (product, position) {
        (UpsertedProduct::Full(product), _) => *product,
        (UpsertedProduct::Id(_), Some(position)) => index.products()[position].clone(),
        (UpsertedProduct::Id(id), None) => {
            let detail = format!("no product has the id '{id}': a new one needs a name as well");
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
        }
    };
    let mut known: HashSet<[u8; 32]> = match position {
        Some(position) => {
            let own = index.photos().iter().filter(|photo| photo.product as usize == position);
            own.map(|photo| photo.sha256).collect()
        }
        None => HashSet::new(),
    };
    let store = &state.photo_store;
    let mut stored = StoredPhotos { store, names: Vec::new(), is_committed: false };
    let limits = state.decode_limits();
    let mut results = Vec::with_capacity(photos.len());
    for bytes in &photos {
        results.push(stored.add(bytes, &limits, &mut known)?);
    }
    let catalog = stored.catalog(product.clone());
    let options = UpdateOptions {
        embedding_cache: Some(state.source.folder.join(EMBEDDINGS_FOLDER)),
        ..UpdateOptions::default()
    };
    let encoder = Arc::clone(state.served_index().searcher.encoder());
    let updated = upsert_into(&index, &catalog, &encoder, &options, &Silent);
    drop(index);
    let (index, report) = updated.map_err(problem)?;
    for skipped in &report.skipped {
        stored.discard(&skipped.path);
        let is_it = |photo: &&mut UpsertedPhoto| {
            photo.id.as_ref().is_some_and(|id| skipped.path.starts_with(id.as_str()))
        };
        results.iter_mut().filter(is_it).for_each(|photo| *photo = rejected(&skipped.reason));
    }
    let reasons = (1..).zip(&results).filter_map(|(number, photo)| {
        photo.reason.as_ref().map(|reason| format!("photo {number}: {reason}"))
    });
    let reasons: Vec<String> = reasons.collect();
    if !results.is_empty() && reasons.len() == results.len() {
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, reasons.join("; ")));
    }
    let saved = lock.save(&index, &Silent);
    // If it is in doubt whether the index was written, the photos stay: at worst they are not used.
    stored.is_committed = saved.as_ref().map_or_else(EngineError::is_in_doubt, |_| true);
    saved.map_err(problem)?;
    let served = serve(state, index)?;
    tracing::info!(product = product.id, photos = report.added, "upserted");
    let first = results.iter().find_map(|photo| photo.id.as_deref());
    let row = served.product(&product.id);
    let card = row.map(|row| served.card(row, first.and_then(|id| served.photo(id))));
    Ok(UpsertResponse {
        product: card.ok_or_else(|| Problem::internal("the update", &"the product is gone"))?,
        created: position.is_none(),
        photos: results,
        index: served.index.clone(),
    })
}

/// Removes products and photos. If one of them is not in the index, nothing changes.
pub(crate) fn remove(state: &AppState, request: &RemoveRequest) -> Result<RemoveResponse, Problem> {
    let (lock, index) = open_locked(state)?;
    check_ids(&index, request)?;
    let photos: HashSet<&str> = request.photos.iter().map(String::as_str).collect();
    let is_removed = |photo: &IndexedPhoto| photos.contains(photo_id(&photo.sha256).as_str());
    let removed = remove_where(&index, &request.products, is_removed, &Silent);
    let (updated, report) = removed.map_err(problem)?;
    let left: HashSet<[u8; 32]> = updated.photos().iter().map(|photo| photo.sha256).collect();
    let gone = index.photos().iter().filter(|photo| !left.contains(&photo.sha256));
    let files: Vec<String> = gone.filter_map(|photo| state.photo_store.name_of(photo)).collect();
    drop(index);
    lock.save(&updated, &Silent).map_err(problem)?;
    let served = serve(state, updated);
    files.iter().for_each(|name| state.photo_store.delete(name));
    let served = served?;
    let (removed_products, removed_photos) = (report.products_removed, report.removed);
    tracing::info!(products = removed_products, photos = removed_photos, "removed");
    Ok(RemoveResponse { removed_products, removed_photos, index: served.index.clone() })
}

/// Refuses ids that are not in the index.
fn check_ids(index: &Index, request: &RemoveRequest) -> Result<(), Problem> {
    let photos: HashSet<String> = index.photos().iter().map(|p| photo_id(&p.sha256)).collect();
    let products: HashSet<&str> = index.products().iter().map(|p| p.id.as_str()).collect();
    let unknown_products = request.products.iter().filter(|id| !products.contains(id.as_str()));
    let unknown_photos = request.photos.iter().filter(|id| !photos.contains(*id));
    let unknown: Vec<String> = unknown_products
        .map(|id| format!("product '{id}'"))
        .chain(unknown_photos.map(|id| format!("photo '{id}'")))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let named = unknown[..unknown.len().min(NAMED_IDS)].join(", ");
    let detail = format!("{} not in the index, nothing was removed: {named}", unknown.len());
    Err(Problem::not_found(detail))
}

/// Photos that are stored for an update; unless it is committed, they are deleted again.
struct StoredPhotos<'a> {
    store: &'a PhotoStore,
    /// The name of each file, and whether it is new in the store.
    names: Vec<(String, bool)>,
    is_committed: bool,
}

impl StoredPhotos<'_> {
    /// Stores a photo, unless the product has it or it cannot be used.
    fn add(
        &mut self,
        bytes: &[u8],
        limits: &DecodeLimits,
        known: &mut HashSet<[u8; 32]>,
    ) -> Result<UpsertedPhoto, Problem> {
        let sha256: [u8; 32] = Sha256::digest(bytes).into();
        let mut status = PhotoStatus::Duplicate;
        if !known.contains(&sha256) {
            let format = match decode(bytes, limits) {
                Ok(photo) => photo.format,
                Err(error) => return Ok(rejected(&error.to_string())),
            };
            let name = PhotoStore::name(&sha256, format);
            let is_new = self.store.insert(&name, bytes).map_err(|error| match error.kind() {
                StorageFull | QuotaExceeded => disk_full(),
                _ => Problem::internal("storing the photo", &error),
            })?;
            self.names.push((name, is_new));
            known.insert(sha256);
            status = PhotoStatus::Added;
        }
        let id = photo_id(&sha256);
        let thumbnail_url = Some(thumbnail_path(&id));
        Ok(UpsertedPhoto { status, thumbnail_url, id: Some(id), reason: None })
    }

    /// Deletes a photo that cannot be used after all.
    fn discard(&mut self, name: &str) {
        for (_, is_new) in self.names.iter_mut().filter(|(own, is_new)| *is_new && own == name) {
            self.store.delete(name);
            *is_new = false;
        }
    }

    /// The photos as a catalogue of one product.
    fn catalog(&self, product: Product) -> Catalog {
        let photo = |(name, _): &(String, bool)| Photo {
            product: 0,
            path: name.clone(),
            split: None,
            source: PhotoSource::Review,
        };
        Catalog {
            root: self.store.folder().to_owned(),
            products: vec![product],
            photos: self.names.iter().map(photo).collect(),
            ..Catalog::default()
        }
    }
}

impl Drop for StoredPhotos<'_> {
    fn drop(&mut self) {
        let undone = self.names.iter().filter(|(_, is_new)| *is_new && !self.is_committed);
        undone.for_each(|(name, _)| self.store.delete(name));
    }
}

fn rejected(reason: &str) -> UpsertedPhoto {
    let reason = Some(reason.to_owned());
    UpsertedPhoto { status: PhotoStatus::Rejected, id: None, thumbnail_url: None, reason }
}

fn disk_full() -> Problem {
    let detail = "the server's disk is full: free some space, nothing was changed";
    Problem::new(StatusCode::INSUFFICIENT_STORAGE, detail)
}

/// Why an index cannot be updated.
fn problem(error: EngineError) -> Problem {
    if error.is_disk_full() {
        return disk_full();
    }
    if error.is_locked() {
        let detail = "another program is writing the index: try again when it is done";
        return Problem::new(StatusCode::CONFLICT, detail).retry_after(1);
    }
    if error.is_of_store() {
        return Problem::store_unavailable(&error);
    }
    match error {
        EngineError::NothingLeft
        | EngineError::NoIndex { .. }
        | EngineError::DamagedIndex { .. }
        | EngineError::OtherModel { .. } => Problem::new(StatusCode::CONFLICT, error.to_string()),
        error => Problem::internal("the update", &error),
    }
}
