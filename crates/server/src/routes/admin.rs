use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use tokio::task::spawn_blocking;

use crate::api::Reloaded;
use crate::problem::Problem;
use crate::served::Served;
use crate::state::Shared;

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
        (status = 409, description = "The index cannot be loaded, or is being loaded; the old one is still served", body = Problem, content_type = "application/problem+json"),
    ),
    security(("admin" = []))
)]
pub(super) async fn reload(State(shared): State<Arc<Shared>>) -> Result<Json<Reloaded>, Problem> {
    // In a task of its own: what has begun is finished, even if the client goes away.
    let task = tokio::spawn(async move {
        let conflict = |detail: String| Problem::new(StatusCode::CONFLICT, detail);
        let _alone = shared
            .reloading
            .try_lock()
            .map_err(|_| conflict("the index is being loaded already: wait for it".to_owned()))?;
        let loading = Arc::clone(&shared);
        let loaded = spawn_blocking(move || {
            let searcher = (loading.reopen)()?;
            Served::new(searcher).map_err(|error| error.to_string())
        });
        let loaded = loaded.await.map_err(|error| Problem::internal("loading", &error))?;
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
