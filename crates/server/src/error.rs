use std::net::SocketAddr;

use axum::Json;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why the server stopped. Each message is one line that says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address} ({source}): choose another with --addr")]
    Address {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The system failed.
    #[error("the server failed: {0}")]
    Failed(std::io::Error),
}

/// What a client is told when a request fails (RFC 9457).
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) detail: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let body = json!({ "status": self.status.as_u16(), "title": title, "detail": self.detail });
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let busy = self.status == StatusCode::SERVICE_UNAVAILABLE;
        let retry: &[(HeaderName, &str)] = if busy { &[(header::RETRY_AFTER, "1")] } else { &[] };
        let mut response = (self.status, Json(body)).into_response();
        for (name, value) in kind.iter().chain(retry) {
            response.headers_mut().insert(name, axum::http::HeaderValue::from_static(value));
        }
        response
    }
}
