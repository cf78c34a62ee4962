//! Reading of a request's photos: raw bytes, a form, or base64 in JSON. They stay in memory; nothing is
//! written to disk.

use axum::RequestExt;
use axum::body::{Body, Bytes, HttpBody, to_bytes};
use axum::extract::Request;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::http::{StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http_body_util::LengthLimitError;
use tokio::time::timeout;

use crate::api::PhotosJson;
use crate::problem::Problem;
use crate::settings::Limits;
use crate::state::AppState;

const NO_PHOTO: &str = "no photo: send its bytes as the body (curl --data-binary @photo.jpg), as the \
                        fields `photo` of a form, or in base64 as JSON: {\"photos\": [\"...\"]}";

/// Reads the photos of a request: one at least, no more than the limit.
pub(crate) async fn photos(state: &AppState, request: Request) -> Result<Vec<Bytes>, Problem> {
    let limits = &state.limits;
    let photos = in_time(state, read(limits, request)).await?;
    if photos.is_empty() || photos.iter().any(Bytes::is_empty) {
        return Err(Problem::bad_request(NO_PHOTO));
    }
    Ok(photos)
}

/// The output of reading a request, if it arrives within the upload timeout.
pub(crate) async fn in_time<T>(
    state: &AppState,
    read: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    let read = timeout(state.limits.upload_timeout, read).await.unwrap_or_else(|_| {
        let detail = "the photo took too long to arrive";
        Err(Problem::new(StatusCode::REQUEST_TIMEOUT, detail))
    });
    if read.as_ref().is_err_and(|problem| problem.status() == StatusCode::PAYLOAD_TOO_LARGE) {
        state.metrics.rejected("size");
    }
    read
}

async fn read(limits: &Limits, request: Request) -> Result<Vec<Bytes>, Problem> {
    let kind = media_type(&request);
    let several = matches!(kind.as_str(), "multipart/form-data" | "application/json");
    let limit = if several { limits.max_body_bytes } else { limits.max_photo_bytes };
    // Refused before the body is sent, where the client says its length.
    if request.body().size_hint().lower() > limit as u64 {
        return Err(too_large(limit));
    }
    match kind.as_str() {
        "multipart/form-data" => {
            let form = form(limits, request).await?;
            from_form(limits, form).await
        }
        "application/json" => from_json(limits, &whole(request, limit).await?),
        _ => Ok(vec![whole(request, limit).await?]),
    }
}

/// The media type of the body, without parameters.
fn media_type(request: &Request) -> String {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    kind.trim().to_ascii_lowercase()
}

pub(crate) async fn whole(request: Request, limit: usize) -> Result<Bytes, Problem> {
    whole_body(request.into_body(), limit).await
}

async fn whole_body(body: Body, limit: usize) -> Result<Bytes, Problem> {
    match to_bytes(body, limit).await {
        Ok(bytes) => Ok(bytes),
        Err(error) if is_too_long(&error) => Err(too_large(limit)),
        Err(_) => Err(Problem::bad_request("the photo did not arrive whole")),
    }
}

/// Whether a body is longer than it may be, which the limit says as a cause of the error.
fn is_too_long(error: &axum::Error) -> bool {
    std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |error| error.source())
        .any(|error| error.is::<LengthLimitError>())
}

async fn from_form(limits: &Limits, mut form: Multipart) -> Result<Vec<Bytes>, Problem> {
    let mut photos = Vec::new();
    while let Some(mut field) = next_field(limits, &mut form).await? {
        if field.name() != Some("photo") {
            let detail = "a form's fields are called `photo`, one for each photo; the rest goes \
                          into the address: ?top=5&category=...";
            return Err(Problem::bad_request(detail));
        }
        if photos.len() == limits.max_photos {
            return Err(too_many(limits));
        }
        photos.push(field_bytes(limits, &mut field).await?);
    }
    Ok(photos)
}

/// A form, if it is not too large. It is parsed only once all of it has arrived: the parser searches a
/// field's headers for their end from the beginning each time a chunk arrives, so long headers in many chunks
/// would take a core.
pub(crate) async fn form(limits: &Limits, request: Request) -> Result<Multipart, Problem> {
    // Refused before the body is sent, where the client says its length.
    if request.body().size_hint().lower() > limits.max_body_bytes as u64 {
        return Err(too_large(limits.max_body_bytes));
    }
    let (parts, body) = request.into_parts();
    let body = whole_body(body, limits.max_body_bytes).await?;
    let form = Request::from_parts(parts, Body::from(body)).extract::<Multipart, _>().await;
    form.map_err(|error| Problem::bad_request(error.body_text()))
}

pub(crate) async fn next_field<'a>(
    limits: &Limits,
    form: &'a mut Multipart,
) -> Result<Option<Field<'a>>, Problem> {
    form.next_field().await.map_err(|error| unreadable(limits, &error))
}

/// The content of a form's field, at most as large as a photo.
pub(crate) async fn field_bytes(limits: &Limits, field: &mut Field<'_>) -> Result<Bytes, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| unreadable(limits, &error))? {
        if bytes.len() + chunk.len() > limits.max_photo_bytes {
            return Err(too_large(limits.max_photo_bytes));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}

fn unreadable(limits: &Limits, error: &MultipartError) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(limits.max_body_bytes),
        _ => Problem::bad_request(format!("the form cannot be read: {}", error.body_text())),
    }
}

fn from_json(limits: &Limits, body: &[u8]) -> Result<Vec<Bytes>, Problem> {
    let wrong = |error: serde_json::Error| {
        Problem::bad_request(format!("the JSON is not {{\"photos\": [\"base64\"]}}: {error}"))
    };
    let PhotosJson { photos } = serde_json::from_slice(body).map_err(wrong)?;
    if photos.len() > limits.max_photos {
        return Err(too_many(limits));
    }
    let photo = |text: &String| {
        let text = match text.strip_prefix("data:") {
            Some(address) => address.split_once(',').map_or("", |(_, data)| data),
            None => text,
        };
        let bytes = STANDARD.decode(text.trim());
        let bytes = bytes.map_err(|error| {
            Problem::bad_request(format!("a photo is not base64 (RFC 4648, padded): {error}"))
        })?;
        if bytes.len() > limits.max_photo_bytes {
            return Err(too_large(limits.max_photo_bytes));
        }
        Ok(bytes.into())
    };
    photos.iter().map(photo).collect()
}

fn too_large(limit: usize) -> Problem {
    let size =
        if limit >= 1 << 20 { format!("{} MiB", limit >> 20) } else { format!("{limit} bytes") };
    let detail = format!("the photo is larger than {size}: send a smaller one");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

pub(crate) fn too_many(limits: &Limits) -> Problem {
    Problem::bad_request(format!("more than {} photos: send fewer at once", limits.max_photos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn photos_come_in_base64() {
        let limits = Limits { max_photos: 2, max_photo_bytes: 4, ..Limits::default() };
        let read = |json: &str| from_json(&limits, json.as_bytes());
        let photos = read(r#"{"photos": ["AQID", "data:image/jpeg;base64,BA=="]}"#).expect("two");
        assert_eq!(photos, [&[1, 2, 3][..], &[4][..]]);
        for (json, status) in [
            (r#"{"photos": ["AQID", "AQID", "AQID"]}"#, 400),
            (r#"{"photos": ["AQIDBAUG"]}"#, 413),
            (r#"{"photos": ["*"]}"#, 400),
            (r#"{"photo": "AQID"}"#, 400),
            ("[]", 400),
        ] {
            let problem = read(json).expect_err("refused");
            assert_eq!(problem.status().as_u16(), status, "{json}");
        }
        // An empty string takes ten times its length in memory: they are not read to the end.
        let many = format!(r#"{{"photos": [{}"""#, r#""","#.repeat(5000));
        let problem = read(&many).expect_err("refused");
        assert!(format!("{problem:?}").contains("more than 1000 photos"), "{problem:?}");
    }
}
