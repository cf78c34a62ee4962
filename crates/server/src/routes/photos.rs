use std::path::PathBuf;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lookalike_photo::{DecodeLimits, thumbnail_of};
use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::parameters;
use crate::api::PictureParams;
use crate::problem::Problem;
use crate::state::Shared;
use crate::thumbnails::side;

/// As libjpeg counts it.
const QUALITY: u8 = 82;

/// A day, for this client alone: a photo's name means the same photo for ever.
const CACHE: HeaderValue = HeaderValue::from_static("private, max-age=86400");

/// A photo of the index, small
#[utoipa::path(
    get,
    path = "/v1/photos/{id}",
    tag = "photos",
    params(("id" = String, Path, description = "The photo's id, as answers name it"), PictureParams),
    responses(
        (status = 200, description = "The photo, upright", body = Vec<u8>, content_type = "image/jpeg"),
        (status = 304, description = "The client has it already"),
        (status = 400, description = "A wrong parameter", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No token, or a wrong one", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such photo, or its file is gone", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too much to do", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("read" = []))
)]
pub(super) async fn photo(
    State(shared): State<Arc<Shared>>,
    id: Option<Path<String>>,
    params: Result<Query<PictureParams>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let size = parameters(params)?.size;
    let served = shared.served();
    let known = id.and_then(|Path(id)| Some((served.photo(&id)?, id)));
    let (row, name) = known.ok_or_else(|| Problem::not_found("no photo has that id"))?;
    let index = served.searcher.index();
    let photo = &index.photos()[row as usize];
    let file = shared.photo_store.file_of(index, photo);
    thumbnail(&shared, Picture { name, file, sha256: Some(photo.sha256) }, size, &headers).await
}

/// A picture that can be asked for.
pub(super) struct Picture {
    /// Names it and no other.
    pub(super) name: String,
    pub(super) file: PathBuf,
    /// What its file must be, where that is known.
    pub(super) sha256: Option<[u8; 32]>,
}

/// A picture's thumbnail, out of memory or made now.
pub(super) async fn thumbnail(
    shared: &Arc<Shared>,
    picture: Picture,
    size: u32,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    if !(1..=1024).contains(&size) {
        return Err(Problem::bad_request(format!("size must be from 1 to 1024, not {size}")));
    }
    let side = side(size);
    let tag = HeaderValue::from_str(&format!("\"{}-{side}\"", picture.name))
        .map_err(|error| Problem::internal("the picture", &error))?;
    if headers.get_all(header::IF_NONE_MATCH).iter().any(|known| names(known, &tag)) {
        let unchanged = [(header::ETAG, tag), (header::CACHE_CONTROL, CACHE)];
        return Ok((StatusCode::NOT_MODIFIED, unchanged).into_response());
    }
    let jpeg = match shared.thumbnails.get(&picture.name, side) {
        Some(jpeg) => {
            shared.metrics.thumbnail("memory");
            jpeg
        }
        None => make(shared, picture, side).await?,
    };
    let kind = HeaderValue::from_static("image/jpeg");
    let headers =
        [(header::CONTENT_TYPE, kind), (header::ETAG, tag), (header::CACHE_CONTROL, CACHE)];
    Ok((headers, Body::from(jpeg)).into_response())
}

/// Whether `If-None-Match` names a tag (RFC 9110, section 13.1.2).
fn names(known: &HeaderValue, tag: &HeaderValue) -> bool {
    let (Ok(known), Ok(tag)) = (known.to_str(), tag.to_str()) else { return false };
    known.split(',').map(str::trim).any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

async fn make(shared: &Arc<Shared>, picture: Picture, side: u32) -> Result<Bytes, Problem> {
    let places = Arc::clone(&shared.thumbnails.places);
    let Ok(place) = timeout(shared.limits.wait, places.acquire_owned()).await else {
        shared.metrics.rejected("wait");
        return Err(Problem::busy());
    };
    let place = place.map_err(|error| Problem::internal("the picture", &error))?;
    let work = {
        let shared = Arc::clone(shared);
        move || {
            let _place = place;
            let Picture { name, file, sha256 } = picture;
            // The shop's own photos: indexed under these limits.
            let limits = DecodeLimits::default();
            let gone = |reason: String| {
                tracing::warn!("no picture of {}: {reason}", file.display());
                shared.metrics.thumbnail("missing");
                Problem::not_found("the photo's file is gone, or another one than was indexed")
            };
            let bytes =
                lookalike_photo::read(&file, &limits).map_err(|error| gone(error.to_string()))?;
            if sha256.is_some_and(|sha256| sha256 != *Sha256::digest(&bytes)) {
                return Err(gone("its content changed after it was indexed".to_owned()));
            }
            let jpeg = thumbnail_of(&bytes, &limits, side, QUALITY);
            let jpeg = Bytes::from(jpeg.map_err(|error| gone(error.to_string()))?);
            let kept = shared.thumbnails.keep(&name, side, jpeg.clone());
            shared.metrics.thumbnail_bytes.set(kept as i64);
            shared.metrics.thumbnail("file");
            Ok(jpeg)
        }
    };
    spawn_blocking(work).await.map_err(|error| Problem::internal("the picture", &error))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_found_in_a_list() {
        let header = |text: &str| HeaderValue::from_str(text).expect("a header");
        let tag = header("\"a-64\"");
        assert!(names(&header("\"a-64\""), &tag));
        assert!(names(&header("\"b-64\", W/\"a-64\""), &tag));
        assert!(names(&header("*"), &tag));
        assert!(!names(&header("\"a-128\""), &tag));
    }
}
