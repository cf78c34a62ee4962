//! The outermost layer: request ids, the request log, metrics, draining of bodies.
//!
//! A client may send its own `X-Request-Id`, but only what can be written to a log as it is; tower-http's
//! layer would take any.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use super::drain_body::BodyDrain;
use crate::client_ip::client_ip;
use crate::state::AppState;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives the request an id, logs and counts its response.
pub(crate) async fn observe(
    State(state): State<Arc<AppState>>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = request.headers().get(&REQUEST_ID).filter(|id| is_plain(id)).cloned();
    let id = id.unwrap_or_else(new_id);
    // The pattern, not the path: a client's input must not become a label, nor fill a log.
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "other".to_owned());
    let method = request.method().clone();
    let client = client_ip(request.extensions(), request.headers(), state.behind_proxy);
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default(), %client);
    let (request, body) = BodyDrain::of(request);
    let mut response = next.run(request).instrument(span.clone()).await;
    body.drain(state.limits.max_body_bytes).await;
    let took = started.elapsed();
    let status = response.status().as_u16();
    let known = matches!(method.as_str(), "GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "OPTIONS");
    state.metrics.responded(if known { method.as_str() } else { "other" }, &route, status, took);
    let took_ms = took.as_secs_f64() * 1e3;
    span.in_scope(|| tracing::info!(%method, route, status, took_ms, "responded"));
    response.headers_mut().insert(REQUEST_ID, id);
    response
}

/// Whether a client's own id can be written to a log as it is.
fn is_plain(id: &HeaderValue) -> bool {
    let good = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=64).contains(&id.len()) && id.as_bytes().iter().all(good)
}

fn new_id() -> HeaderValue {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    // The hasher's state differs in every process and from call to call.
    let number = RandomState::new().hash_one(COUNT.fetch_add(1, Ordering::Relaxed));
    HeaderValue::from_str(&format!("{number:016x}")).unwrap_or(HeaderValue::from_static("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_plain_and_new() {
        assert!(is_plain(&new_id()) && new_id() != new_id());
        assert!(is_plain(&HeaderValue::from_static("a-B_1.2")));
        for wrong in ["", "a b", "a\"b", "{}", &"x".repeat(65)] {
            assert!(!is_plain(&HeaderValue::from_str(wrong).expect("a header")), "{wrong}");
        }
    }
}
