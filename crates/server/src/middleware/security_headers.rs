use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use tower_http::set_header::SetResponseHeaderLayer;

/// Content security policy of everything but the pages: it may load nothing.
const LOAD_NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// Strict headers on every response; a handler's own policy and caching stay.
pub(crate) fn security_headers(router: Router) -> Router {
    let fixed = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
    };
    let default = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    router
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::REFERRER_POLICY, "no-referrer"))
        .layer(default(header::CONTENT_SECURITY_POLICY, LOAD_NOTHING))
        .layer(default(header::CACHE_CONTROL, "no-store"))
}

/// Without CORS, other sites may not even show images of this server.
pub(crate) fn same_origin() -> SetResponseHeaderLayer<HeaderValue> {
    let name = HeaderName::from_static("cross-origin-resource-policy");
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static("same-origin"))
}
