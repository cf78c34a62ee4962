use std::sync::Arc;

use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;

use crate::admission::{Place, client_of};
use crate::api::{Added, AdditionInForm, Reloaded, Removal, Removed};
use crate::problem::Problem;
use crate::served::Served;
use crate::state::Shared;
use crate::{addition, change, upload};

/// Largest list of what to remove, in bytes.
const REMOVAL: usize = 1 << 20;

/// Load the index again
///
/// Loads what is now in the index's folder, and its weights, beside the one that is served, and then
/// swaps them. Requests meanwhile are answered by the old one; a bad index changes nothing.
#[utoipa::path(
    post,
    path = "/v1/admin/reload",
    tag = "administration",
    responses(
        (status = 200, description = "The index of the folder is served", body = Reloaded),
        (status = 401, description = "No admin token, or a wrong one", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The server has no admin token", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The index cannot be loaded, or is being loaded or changed; the old one is still served", body = Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = []))
)]
pub(super) async fn reload(State(shared): State<Arc<Shared>>) -> Result<Json<Reloaded>, Problem> {
    // In a task of its own: what has begun is finished, even if the client goes away.
    let task = tokio::spawn(async move {
        let conflict = |detail: String| Problem::new(StatusCode::CONFLICT, detail);
        let _alone = shared.changing.try_lock().map_err(|_| {
            conflict("the index is being changed or loaded: wait for it".to_owned())
        })?;
        let loading = Arc::clone(&shared);
        let loaded = shared.keeper.run(move || {
            let searcher = (loading.source.reopen)()?;
            let detector = loading.source.detector.clone();
            Served::new(searcher, detector).map_err(|error| error.to_string())
        });
        let loaded = loaded.await?;
        let served = loaded.map_err(|reason| {
            shared.metrics.reloaded("failed");
            tracing::error!("the index was not loaded again: {reason}");
            conflict(format!("the old index is still served: {reason}"))
        })?;
        let (before, now) = (shared.served().index.clone(), served.index.clone());
        shared.serve(Arc::new(served));
        shared.metrics.reloaded("done");
        tracing::info!(before = before.id, now = now.id, photos = now.photos, "index loaded again");
        Ok(Json(Reloaded { changed: before.id != now.id, before, now }))
    });
    task.await.map_err(|error| Problem::internal("loading", &error))?
}

/// Add a product, or photos of one
///
/// The photos are kept in the index's folder, the index is written, and served in place of the old one:
/// they are found from the answer on. Requests meanwhile are answered by the old index. Photos that cannot
/// be used are named, and the others added. A product that is there gets the card that is sent; without
/// photos, only that changes.
#[utoipa::path(
    post,
    path = "/v1/admin/add",
    tag = "administration",
    request_body(content = AdditionInForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "What became of it", body = Added),
        (status = 400, description = "No product, or a wrong one", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No admin token, or a wrong one", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "The server has no admin token", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The photos took too long to arrive", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The index is being changed or loaded, or cannot be; nothing was changed", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The photos are too large", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "None of the photos can be used, or a new product has no name; nothing was changed", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many requests by one client at once", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too much to do", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "The disk is full; nothing was changed", body = Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = []))
)]
pub(super) async fn add(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Json<Added>, Problem> {
    let place = Place::take(&shared, client_of(&shared, &request)).await?;
    let read = addition::read(&shared.limits, request);
    let addition = upload::in_time(&shared, read).await?;
    let work = move |shared: &Shared| {
        let _place = place;
        change::add(shared, addition)
    };
    change::make(shared, "add", work).await.map(Json)
}

/// Remove products or photos
///
/// They are found no more from the answer on. Of photos that came over HTTP, the files are removed as
/// well; the catalogue's own stay.
#[utoipa::path(
    post,
    path = "/v1/admin/remove",
    tag = "administration",
    request_body = Removal,
    responses(
        (status = 200, description = "What was removed", body = Removed),
        (status = 400, description = "Nothing to remove, or no list of it", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No admin token, or a wrong one", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "Something is not in the index, or the server has no admin token; nothing was changed", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The list took too long to arrive", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The index is being changed or loaded, or cannot be, or nothing would be left in it; nothing was changed", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The list is too long", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many requests by one client at once", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too much to do", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "The disk is full; nothing was changed", body = Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = []))
)]
pub(super) async fn remove(
    State(shared): State<Arc<Shared>>,
    request: Request,
) -> Result<Json<Removed>, Problem> {
    let place = Place::take(&shared, client_of(&shared, &request)).await?;
    let body = upload::in_time(&shared, upload::whole(request, REMOVAL)).await?;
    let wrong = |reason: &dyn std::fmt::Display| {
        let example = r#"{"products": ["oak-chair"], "photos": ["0123456789abcdef01234567"]}"#;
        Problem::bad_request(format!("what to remove is told as {example}: {reason}"))
    };
    let removal: Removal = serde_json::from_slice(&body).map_err(|error| wrong(&error))?;
    if removal.products.is_empty() && removal.photos.is_empty() {
        return Err(wrong(&"there is nothing in it"));
    }
    let work = move |shared: &Shared| {
        let _place = place;
        change::remove(shared, &removal)
    };
    change::make(shared, "remove", work).await.map(Json)
}
