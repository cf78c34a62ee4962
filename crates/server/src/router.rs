//! The router: routes, their authentication, CORS, and the layers around them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};
use tower_http::cors::{AllowOrigin, CorsLayer};

use lookalike_catalog::is_web_address;

use crate::middleware::security_headers::{same_origin, security_headers};
use crate::middleware::{auth, observe};
use crate::openapi::openapi;
use crate::problem::Problem;
use crate::routes::{admin, feedback, health, photos, products, search};
use crate::settings::Settings;
use crate::state::AppState;
use crate::{ServeError, pages};

/// How long a browser may cache the response to a CORS preflight.
const CORS_MAX_AGE: Duration = Duration::from_secs(600);

pub(crate) fn router(state: Arc<AppState>, settings: &Settings) -> Result<Router, ServeError> {
    let description = Bytes::from(openapi(&settings.limits).to_string());
    let description =
        move || async move { ([(header::CONTENT_TYPE, "application/json")], description) };
    let read = Router::new()
        .route("/v1/similar", post(search::similar))
        .route("/v1/batch", post(search::batch))
        .route("/v1/service", get(health::service))
        .route("/v1/products/{id}", get(products::product))
        .route("/v1/products/{id}/similar", get(products::similar))
        .route("/v1/products/{id}/image", get(products::image))
        .route("/v1/photos/{id}", get(photos::photo))
        .route("/metrics", get(health::metrics));
    let read = match state.feedback {
        Some(_) => read.route("/v1/feedback", post(feedback::feedback)),
        None => read,
    };
    let read = read.route_layer(from_fn_with_state(Arc::clone(&state), auth::require_read));
    let mut router = Router::new()
        .merge(read)
        .merge(pages::router())
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/openapi.json", get(description));
    if state.tokens.has_admin() {
        let admin = Router::new()
            .route("/v1/admin/reload", post(admin::reload))
            .route("/v1/admin/upsert", post(admin::upsert))
            .route("/v1/admin/remove", post(admin::remove))
            .route_layer(from_fn_with_state(Arc::clone(&state), auth::require_admin));
        router = router.merge(admin);
    }
    let router = router
        .fallback(|| async { Problem::not_found("no such page") })
        .method_not_allowed_fallback(|| async {
            let detail = "this page does not take that method";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
        })
        .layer(DefaultBodyLimit::max(settings.limits.max_body_bytes));
    let router = match cors(&settings.cors_origins)? {
        None => router.layer(same_origin()),
        Some(cors) => router.layer(cors),
    };
    let observe = from_fn_with_state(Arc::clone(&state), observe::observe);
    Ok(security_headers(router.layer(observe).with_state(state)))
}

fn cors(origins: &[String]) -> Result<Option<CorsLayer>, ServeError> {
    if origins.is_empty() {
        return Ok(None);
    }
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        let header = |origin: &String| {
            let good = is_web_address(origin) && origin.matches('/').count() == 2;
            HeaderValue::from_str(origin).ok().filter(|_| good).ok_or_else(|| {
                let hint = "an origin is a scheme and a host, such as https://shop.example";
                ServeError::Setting(format!("'{origin}': {hint}"))
            })
        };
        AllowOrigin::list(origins.iter().map(header).collect::<Result<Vec<_>, _>>()?)
    };
    let cors = CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
        .expose_headers([header::RETRY_AFTER])
        .max_age(CORS_MAX_AGE);
    Ok(Some(cors))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_origins() {
        let cors = |origin: &str| cors(&[origin.to_owned()]);
        assert!(cors("https://shop.example").is_ok_and(|cors| cors.is_some()));
        assert!(cors("*").is_ok_and(|cors| cors.is_some()));
        for wrong in ["shop.example", "https://shop.example/", "https://a/b", ""] {
            assert!(cors(wrong).is_err(), "{wrong}");
        }
    }
}
