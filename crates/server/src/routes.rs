use std::path::Path;
use std::sync::Arc;

use axum::body::{Bytes, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::{StatusCode, header};
use axum::routing::{get, post};
use axum::{Json, Router};
use lookalike_engine::{Answer, EngineError};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::error::Problem;
use crate::state::Shared;

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/similar", post(similar))
        .route("/healthz", get(health))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "no such page") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this page does not take that method")
        })
        .with_state(shared)
}

async fn health(State(shared): State<Arc<Shared>>) -> Json<Value> {
    let index = shared.searcher.index();
    Json(json!({
        "status": "ok",
        "products": index.products_shown(),
        "photos": index.photos().len(),
        "model": index.model().name(),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SimilarParams {
    #[serde(default = "default_top")]
    top: usize,
}

fn default_top() -> usize {
    5
}

async fn similar(
    State(shared): State<Arc<Shared>>,
    params: Result<Query<SimilarParams>, QueryRejection>,
    request: Request,
) -> Result<Json<Answer>, Problem> {
    let Query(SimilarParams { top }) =
        params.map_err(|error| Problem::new(StatusCode::BAD_REQUEST, error.body_text()))?;
    if !(1..=shared.limits.top).contains(&top) {
        let detail = format!("top must be from 1 to {}, not {top}", shared.limits.top);
        return Err(Problem::new(StatusCode::BAD_REQUEST, detail));
    }
    // Before the body is read: what waits must not fill the memory.
    let busy = |_| {
        let detail = "too many requests at once: try again in a moment";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    };
    let request_place = Arc::clone(&shared.requests).try_acquire_owned().map_err(busy)?;
    let photo = read_photo(&shared, request).await?;
    let search_place = Arc::clone(&shared.searches).acquire_owned().await.map_err(|_| failed())?;
    let search = spawn_blocking(move || {
        // The work goes on when the client goes away, and so it keeps its places until it is done.
        let _places = (request_place, search_place);
        shared.searcher.search_bytes(&photo, "the photo", top)
    });
    match search.await {
        Ok(Ok(mut answer)) => {
            hide_folders(&mut answer);
            Ok(Json(answer))
        }
        Ok(Err(EngineError::Photo { reason, .. })) => {
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, reason))
        }
        // What went wrong inside is for the operator to see, not for the client.
        Ok(Err(error)) => {
            eprintln!("error: a search failed: {error}");
            Err(failed())
        }
        Err(_) => Err(failed()),
    }
}

/// Leaves only the names of files outside the catalogue's root, which are whole paths: clients need
/// not know the machine's folders.
fn hide_folders(answer: &mut Answer) {
    for found in &mut answer.matches {
        let photos = found.evidence.iter_mut().map(|evidence| &mut evidence.photo);
        for path in photos.chain(&mut found.product.image) {
            if Path::new(path).is_absolute() {
                let name = Path::new(path).file_name();
                *path = name.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            }
        }
    }
}

fn failed() -> Problem {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the search failed")
}

async fn read_photo(shared: &Shared, request: Request) -> Result<Bytes, Problem> {
    let limit = shared.limits.photo_bytes;
    let (parts, body) = request.into_parts();
    let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let kind = header(header::CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
    if kind.starts_with("multipart/") {
        let detail =
            "send the photo itself as the body, not a form (curl --data-binary @photo.jpg)";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let too_large = || {
        let detail = format!("the photo is larger than {} MiB: send a smaller one", limit >> 20);
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    };
    let announced = header(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    match timeout(shared.limits.upload, to_bytes(body, limit)).await {
        Err(_) => {
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the photo took too long to arrive"))
        }
        Ok(Err(error)) if error.to_string().contains("length limit") => Err(too_large()),
        Ok(Err(_)) => Err(Problem::new(StatusCode::BAD_REQUEST, "the photo did not arrive whole")),
        Ok(Ok(photo)) if photo.is_empty() => {
            let detail = "no photo: send its bytes as the body (curl --data-binary @photo.jpg)";
            Err(Problem::new(StatusCode::BAD_REQUEST, detail))
        }
        Ok(Ok(photo)) => Ok(photo),
    }
}
