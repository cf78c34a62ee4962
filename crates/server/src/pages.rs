//! The page for shoppers and the API's documentation: static files that are part of the program.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use lookalike_base::hex;
use sha2::{Digest, Sha256};

use crate::state::AppState;

struct File {
    path: &'static str,
    kind: &'static str,
    content: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

macro_rules! file {
    ($path:literal, $kind:expr, $file:literal) => {
        File { path: $path, kind: $kind, content: include_str!($file) }
    };
}

const FILES: &[File] = &[
    file!("/", HTML, "../page/index.html"),
    file!("/docs", HTML, "../page/docs.html"),
    file!("/page/style.css", CSS, "../page/style.css"),
    file!("/page/cards.css", CSS, "../page/cards.css"),
    file!("/page/docs.css", CSS, "../page/docs.css"),
    file!("/page/app.js", SCRIPT, "../page/app.js"),
    file!("/page/api.js", SCRIPT, "../page/api.js"),
    file!("/page/cards.js", SCRIPT, "../page/cards.js"),
    file!("/page/crop.js", SCRIPT, "../page/crop.js"),
    file!("/page/photos.js", SCRIPT, "../page/photos.js"),
    file!("/page/objects.js", SCRIPT, "../page/objects.js"),
    file!("/page/translations.js", SCRIPT, "../page/translations.js"),
    file!("/page/docs.js", SCRIPT, "../page/docs.js"),
    file!("/page/icon.svg", "image/svg+xml", "../page/icon.svg"),
    file!("/page/examples/search.sh", PLAIN, "../examples/search.sh"),
    file!("/page/examples/search.py", PLAIN, "../examples/search.py"),
    file!("/page/examples/search.mjs", PLAIN, "../examples/search.mjs"),
    file!("/page/examples/upsert.sh", PLAIN, "../examples/upsert.sh"),
];

pub(crate) fn router() -> Router<Arc<AppState>> {
    FILES.iter().fold(Router::new(), |router, file| {
        let tag = format!("\"{}\"", hex::encode(&Sha256::digest(file.content)[..8]));
        let respond = move |State(state): State<Arc<AppState>>, headers: HeaderMap| async move {
            send(&state, file, &tag, &headers)
        };
        router.route(file.path, get(respond))
    })
}

fn send(state: &AppState, file: &File, tag: &str, headers: &HeaderMap) -> Response {
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known == tag);
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, file.kind)], file.content).into_response()
    };
    let headers = response.headers_mut();
    // Revalidated every time: a new version of the program has new files under the same names.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(tag) = HeaderValue::from_str(tag) {
        headers.insert(header::ETAG, tag);
    }
    if file.kind == HTML
        && let Ok(policy) = HeaderValue::from_str(&policy(state))
    {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The pages' content security policy: they may load their own files, photos that a shopper chose, and
/// product images from the catalogue's origins.
fn policy(state: &AppState) -> String {
    let origins = state.served_index().image_origins.join(" ");
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
         img-src 'self' blob: data: {origins}; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    )
}
