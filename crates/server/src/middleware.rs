//! Layers around the routes: authentication, request ids, logs, metrics, security headers.

pub(crate) mod auth;
mod drain_body;
pub(crate) mod observe;
pub(crate) mod security_headers;
