//! `/v1/photos/{id}`: thumbnails of indexed photos; also used for products' images.

use std::path::PathBuf;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lookalike_photo::DecodeLimits;
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::parameters;
use crate::admission::{check_page_rate, client_of};
use crate::api::ImageParams;
use crate::api::error_responses::PhotoProblems;
use crate::problem::Problem;
use crate::state::AppState;
use crate::thumbnail_cache::thumbnail_side;

/// JPEG quality, as libjpeg counts it.
const QUALITY: u8 = 82;

/// A day, for this client alone: an id means the same photo for ever.
const CACHE: HeaderValue = HeaderValue::from_static("private, max-age=86400");

/// A thumbnail of an indexed photo
#[utoipa::path(
    get,
    path = "/v1/photos/{id}",
    tag = "photos",
    params(("id" = String, Path, description = "The photo's id, as in responses"), ImageParams),
    responses(
        (status = 200, description = "The photo, upright", body = Vec<u8>, content_type = "image/jpeg"),
        (status = 304, description = "The client has it already"),
        PhotoProblems
    ),
    security((), ("read" = []))
)]
pub(crate) async fn photo(
    State(state): State<Arc<AppState>>,
    id: Result<Path<String>, PathRejection>,
    params: Result<Query<ImageParams>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    check_page_rate(&state, client_of(&state, &request)).await?;
    let size = parameters(params)?.size;
    let served = state.served_index();
    let known = id.ok().and_then(|Path(id)| Some((served.photo(&id)?, id)));
    let (row, key) = known.ok_or_else(|| Problem::not_found("no photo has that id"))?;
    let index = served.searcher.index();
    let photo = &index.photos()[row as usize];
    let file = state.photo_store.file_of(index, photo);
    let image = ImageFile { key, file, sha256: Some(photo.sha256) };
    thumbnail(&state, image, size, request.headers()).await
}

/// An image of which a thumbnail can be made.
pub(super) struct ImageFile {
    /// Key in the cache, and part of the entity tag.
    pub(super) key: String,
    pub(super) file: PathBuf,
    /// The expected checksum of the file, where it is known.
    pub(super) sha256: Option<[u8; 32]>,
}

/// An image's thumbnail, cached or made now.
pub(super) async fn thumbnail(
    state: &Arc<AppState>,
    image: ImageFile,
    size: u32,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    if !(1..=1024).contains(&size) {
        return Err(Problem::bad_request(format!("size must be from 1 to 1024, not {size}")));
    }
    let side = thumbnail_side(size);
    let tag = HeaderValue::from_str(&format!("\"{}-{side}\"", image.key))
        .map_err(|error| Problem::internal("the image", &error))?;
    if headers.get_all(header::IF_NONE_MATCH).iter().any(|known| matches_tag(known, &tag)) {
        let unchanged = [(header::ETAG, tag), (header::CACHE_CONTROL, CACHE)];
        return Ok((StatusCode::NOT_MODIFIED, unchanged).into_response());
    }
    let jpeg = match state.thumbnails.get(&image.key, side) {
        Some(jpeg) => {
            state.metrics.thumbnail("cache");
            jpeg
        }
        None => make_thumbnail(state, image, side).await?,
    };
    let kind = HeaderValue::from_static("image/jpeg");
    let headers =
        [(header::CONTENT_TYPE, kind), (header::ETAG, tag), (header::CACHE_CONTROL, CACHE)];
    Ok((headers, Body::from(jpeg)).into_response())
}

/// Whether `If-None-Match` has an entity tag (RFC 9110, section 13.1.2).
fn matches_tag(known: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(known), Ok(tag)) = (known.to_str(), tag.to_str()) else { return false };
    known.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

async fn make_thumbnail(
    state: &Arc<AppState>,
    image: ImageFile,
    side: u32,
) -> Result<Bytes, Problem> {
    let permits = Arc::clone(&state.thumbnails.decode_permits);
    let Ok(permit) = timeout(state.limits.queue_timeout, permits.acquire_owned()).await else {
        state.metrics.rejected("timeout");
        return Err(Problem::busy());
    };
    let permit = permit.map_err(|error| Problem::internal("the image", &error))?;
    let work = {
        let state = Arc::clone(state);
        move || {
            let _permit = permit;
            let ImageFile { key, file, sha256 } = image;
            // The shop's own photos were indexed under these limits.
            let limits = DecodeLimits::default();
            let gone = |reason: String| {
                tracing::warn!("no thumbnail of {}: {reason}", file.display());
                state.metrics.thumbnail("missing");
                Problem::not_found("the photo's file is gone, or changed since it was indexed")
            };
            let bytes =
                lookalike_photo::read(&file, &limits).map_err(|error| gone(error.to_string()))?;
            if sha256.is_some_and(|sha256| sha256 != *Sha256::digest(&bytes)) {
                return Err(gone("its content changed after it was indexed".to_owned()));
            }
            let jpeg = lookalike_photo::make_thumbnail(&bytes, &limits, side, QUALITY);
            let jpeg = Bytes::from(jpeg.map_err(|error| gone(error.to_string()))?);
            let cached = state.thumbnails.insert(&key, side, jpeg.clone());
            state.metrics.thumbnail_bytes.set(cached as i64);
            state.metrics.thumbnail("file");
            Ok(jpeg)
        }
    };
    spawn_blocking(work).await.map_err(|error| Problem::internal("the image", &error))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list() {
        let header = |text: &str| HeaderValue::from_str(text).expect("a header");
        let tag = header("\"a-64\"");
        assert!(matches_tag(&header("\"a-64\""), &tag));
        assert!(matches_tag(&header("\"b-64\", W/\"a-64\""), &tag));
        assert!(matches_tag(&header("*"), &tag));
        assert!(!matches_tag(&header("\"a-128\""), &tag));
    }
}
