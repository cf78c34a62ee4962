//! `/v1/admin`: reload, upsert, remove.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;

use crate::admission::{RequestPermit, client_of};
use crate::api::error_responses::{ReloadProblems, RemoveProblems, UpsertProblems};
use crate::api::{ReloadResponse, RemoveRequest, RemoveResponse, UpsertForm, UpsertResponse};
use crate::parse_error::without_input;
use crate::problem::Problem;
use crate::served_index::ServedIndex;
use crate::state::AppState;
use crate::{index_updates, upload, upsert_form};

/// Largest body of a removal, in bytes.
const MAX_REMOVE_BYTES: usize = 1 << 20;

/// Reload the index
///
/// Loads the stored index and its weights beside the served index, then swaps them. Requests meanwhile are
/// served by the old one; an index that cannot be loaded changes nothing.
#[utoipa::path(
    post,
    path = "/v1/admin/reload",
    tag = "administration",
    responses(
        (status = 200, description = "The stored index is served", body = ReloadResponse),
        ReloadProblems
    ),
    security(("admin" = []))
)]
pub(crate) async fn reload(
    State(state): State<Arc<AppState>>,
) -> Result<Json<ReloadResponse>, Problem> {
    // A task of its own finishes even if the client disconnects.
    let task = tokio::spawn(async move {
        let conflict = |detail: String| Problem::new(StatusCode::CONFLICT, detail);
        let _lock = state.update_lock.try_lock().map_err(|_| {
            conflict("the index is being updated or loaded: wait for it".to_owned())
        })?;
        let loading = Arc::clone(&state);
        let loaded = state.index_worker.run(move || {
            let searcher = (loading.source.reload)()?;
            let detector = loading.source.detector.clone();
            ServedIndex::new(searcher, detector).map_err(|error| error.to_string())
        });
        let loaded = loaded.await?;
        let served = loaded.map_err(|reason| {
            state.metrics.reloaded("failed");
            tracing::error!("the index was not reloaded: {reason}");
            conflict(format!("the old index is still served: {reason}"))
        })?;
        let (previous, index) = (state.served_index().index.clone(), served.index.clone());
        state.replace_index(Arc::new(served));
        state.metrics.reloaded("done");
        tracing::info!(previous = previous.id, id = index.id, photos = index.photos, "reloaded");
        let changed = previous.id != index.id;
        Ok(Json(ReloadResponse { changed, previous_index: previous, index }))
    });
    task.await.map_err(|error| Problem::internal("loading", &error))?
}

/// Upsert a product and photos of it
///
/// Adds the photos to the product, and replaces its card by the one that is sent; a new product is created.
/// The photos are stored beside the index, the index is written, and then served in place of the old one: the
/// photos are found from the response on. Requests meanwhile are served by the old index. Photos that cannot
/// be used are reported, and the others added. An `id` alone leaves the card as it is; without photos, only
/// the card changes.
#[utoipa::path(
    post,
    path = "/v1/admin/upsert",
    tag = "administration",
    request_body(content = UpsertForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The product and its photos now", body = UpsertResponse),
        UpsertProblems
    ),
    security(("admin" = []))
)]
pub(crate) async fn upsert(
    State(state): State<Arc<AppState>>,
    request: Request,
) -> Result<Json<UpsertResponse>, Problem> {
    let permit = RequestPermit::acquire(&state, client_of(&state, &request)).await?;
    let read = upsert_form::read(&state.limits, request);
    let upsert = upload::in_time(&state, read).await?;
    let work = move |state: &AppState| {
        let _permit = permit;
        index_updates::upsert(state, upsert)
    };
    index_updates::run(state, "upsert", work).await.map(Json)
}

/// Remove products or photos
///
/// They are no longer found from the response on. The files of photos that were added over HTTP are deleted;
/// those of the catalogue stay.
#[utoipa::path(
    post,
    path = "/v1/admin/remove",
    tag = "administration",
    request_body = RemoveRequest,
    responses((status = 200, description = "What was removed", body = RemoveResponse), RemoveProblems),
    security(("admin" = []))
)]
pub(crate) async fn remove(
    State(state): State<Arc<AppState>>,
    request: Request,
) -> Result<Json<RemoveResponse>, Problem> {
    let permit = RequestPermit::acquire(&state, client_of(&state, &request)).await?;
    let body = upload::in_time(&state, upload::whole(request, MAX_REMOVE_BYTES)).await?;
    let wrong = |reason: &dyn std::fmt::Display| {
        let example = r#"{"products": ["oak-chair"], "photos": ["0123456789abcdef01234567"]}"#;
        Problem::bad_request(format!("the body is not JSON such as {example}: {reason}"))
    };
    let request: RemoveRequest =
        serde_json::from_slice(&body).map_err(|error| wrong(&without_input(&error.to_string())))?;
    if request.products.is_empty() && request.photos.is_empty() {
        return Err(wrong(&"there is nothing in it"));
    }
    let work = move |state: &AppState| {
        let _permit = permit;
        index_updates::remove(state, &request)
    };
    index_updates::run(state, "remove", work).await.map(Json)
}
