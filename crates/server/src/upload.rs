//! Reading of a request's photos: raw bytes, a form, or base64 in JSON. They stay in memory; nothing is
//! written to disk.

use std::time::Duration;

use axum::RequestExt;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::http::{StatusCode, header};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout, timeout_at};

use crate::api::PhotosJson;
use crate::parse_error::without_input;
use crate::problem::Problem;
use crate::settings::Limits;
use crate::state::AppState;

const NO_PHOTO: &str = "no photo: send its bytes as the body (curl --data-binary @photo.jpg), as the \
                        fields `photo` of a form, or in base64 as JSON: {\"photos\": [\"...\"]}";

/// Base64 with or without padding (RFC 4648).
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The slowest upload that is waited for, in bytes a second, after a time to begin in: a few slow clients could hold all
/// places otherwise.
const SLOWEST: u64 = 8 << 10;

/// Time for a slow network to begin in.
const GRACE: Duration = Duration::from_secs(5);

/// Reads the photos of a request: one at least that is not empty, no more than the limit.
pub(crate) async fn photos(state: &AppState, request: Request) -> Result<Vec<Bytes>, Problem> {
    let limits = &state.limits;
    let photos = in_time(state, read(limits, request)).await?;
    // A browser sends an empty part for a field without a file.
    if photos.iter().all(Bytes::is_empty) {
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

/// [`photos`], without a time limit on the whole, and with empty ones.
pub(crate) async fn read(limits: &Limits, request: Request) -> Result<Vec<Bytes>, Problem> {
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
    check_encoding(&request)?;
    whole_body(request.into_body(), limit).await
}

async fn whole_body(mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    let started = Instant::now();
    let mut bytes = Vec::new();
    loop {
        let until = started + GRACE + Duration::from_secs(bytes.len() as u64 / SLOWEST);
        let Ok(frame) = timeout_at(until, body.frame()).await else {
            let detail = "the photo arrives too slowly: try again on a faster network";
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, detail));
        };
        let data = match frame {
            None => return Ok(bytes.into()),
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
            Some(Err(_)) => return Err(Problem::bad_request("the photo did not arrive whole")),
        };
        if bytes.len() + data.len() > limit {
            return Err(too_large(limit));
        }
        bytes.extend_from_slice(&data);
    }
}

/// Refuses bodies that are compressed: photos are already.
fn check_encoding(request: &Request) -> Result<(), Problem> {
    let encodings = request.headers().get_all(header::CONTENT_ENCODING);
    let is_plain =
        |value: &axum::http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"identity");
    if encodings.iter().all(is_plain) {
        return Ok(());
    }
    let detail = "compressed bodies are not read: send it as it is, without Content-Encoding";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
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
    check_encoding(&request)?;
    // Refused before the body is sent, where the client says its length.
    if request.body().size_hint().lower() > limits.max_body_bytes as u64 {
        return Err(too_large(limits.max_body_bytes));
    }
    let (parts, body) = request.into_parts();
    let body = whole_body(body, limits.max_body_bytes).await?;
    let form = Request::from_parts(parts, Body::from(body)).extract::<Multipart, _>().await;
    form.map_err(|error| Problem::bad_request(without_input(&error.body_text())))
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
        _ => {
            let reason = without_input(&error.body_text());
            Problem::bad_request(format!("the form cannot be read: {reason}"))
        }
    }
}

fn from_json(limits: &Limits, body: &[u8]) -> Result<Vec<Bytes>, Problem> {
    let wrong = |error: serde_json::Error| {
        let reason = without_input(&error.to_string());
        Problem::bad_request(format!("the JSON is not {{\"photos\": [\"base64\"]}}: {reason}"))
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
        // With line breaks as in a mail, or in the alphabet for addresses.
        let text: Vec<u8> = text
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .map(|byte| match byte {
                b'-' => b'+',
                b'_' => b'/',
                other => other,
            })
            .collect();
        let bytes = BASE64.decode(text);
        let bytes = bytes.map_err(|_| Problem::bad_request("a photo is not base64 (RFC 4648)"))?;
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
        let photos = read(r#"{"photos": ["AQ\r\nID ", "-_8"]}"#).expect("lines, and for addresses");
        assert_eq!(photos, [&[1, 2, 3][..], &[0xFB, 0xFF][..]]);
        let problem = format!("{:?}", read(r#"{"<b>": 1}"#).expect_err("refused"));
        assert!(!problem.contains("<b>") && problem.contains("photos"), "{problem}");
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
