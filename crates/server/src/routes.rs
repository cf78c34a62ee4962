//! Which address does what.

mod admin;
mod health;
mod photos;
mod products;
mod similar;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{DefaultBodyLimit, Query};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::Value;
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::OpenApi;

use crate::problem::Problem;
use crate::settings::{Limits, Settings};
use crate::state::Shared;
use crate::{ServeError, access, page, requests};

/// How long a browser may remember what another site may do.
const CORS_SECONDS: Duration = Duration::from_secs(600);

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Lookalike",
        description = "Search by photo: photos in, a shop's products out, with the customers' photos \
                       that are the evidence.",
        license(name = "MIT OR Apache-2.0")
    ),
    paths(
        similar::similar,
        similar::batch,
        products::product,
        products::similar,
        products::picture,
        photos::photo,
        health::service,
        health::healthz,
        health::readyz,
        health::metrics,
        admin::reload,
        admin::add,
        admin::remove,
    ),
    modifiers(&Security)
)]
struct Description;

/// The two tokens.
struct Security;

impl utoipa::Modify for Security {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
        let bearer = |what: &str| {
            let http = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(what));
            SecurityScheme::Http(http.build())
        };
        let components = openapi.components.get_or_insert_default();
        let read = "Needed where the server was started with a read token.";
        components.add_security_scheme("read", bearer(read));
        let admin = "Needed for administration; there is none without an admin token.";
        components.add_security_scheme("admin", bearer(admin));
    }
}

/// The API's description (OpenAPI 3.1) as JSON, with the limits that this server has.
fn openapi(limits: &Limits) -> Value {
    let mut described = serde_json::to_value(Description::openapi()).unwrap_or_default();
    for path in described.get_mut("paths").and_then(Value::as_object_mut).into_iter().flatten() {
        for operation in path.1.as_object_mut().into_iter().flatten() {
            let parameters = operation.1.get_mut("parameters").and_then(Value::as_array_mut);
            for parameter in parameters.into_iter().flatten().filter(|one| one["name"] == "top") {
                parameter["schema"]["maximum"] = limits.top.into();
            }
        }
    }
    let photos = "/components/schemas/PhotosInJson/properties/photos";
    if let Some(photos) = described.pointer_mut(photos) {
        photos["maxItems"] = limits.photos.into();
    }
    described
}

pub(crate) fn router(shared: Arc<Shared>, settings: &Settings) -> Result<Router, ServeError> {
    let described = Bytes::from(openapi(&settings.limits).to_string());
    let described =
        move || async move { ([(header::CONTENT_TYPE, "application/json")], described) };
    let reading = Router::new()
        .route("/v1/similar", post(similar::similar))
        .route("/v1/batch", post(similar::batch))
        .route("/v1/service", get(health::service))
        .route("/v1/products/{id}", get(products::product))
        .route("/v1/products/{id}/similar", get(products::similar))
        .route("/v1/products/{id}/picture", get(products::picture))
        .route("/v1/photos/{id}", get(photos::photo))
        .route("/metrics", get(health::metrics))
        .route_layer(from_fn_with_state(Arc::clone(&shared), access::reading));
    let mut router = Router::new()
        .merge(reading)
        .merge(page::router())
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/openapi.json", get(described));
    if shared.access.has_admin() {
        let admin = Router::new()
            .route("/v1/admin/reload", post(admin::reload))
            .route("/v1/admin/add", post(admin::add))
            .route("/v1/admin/remove", post(admin::remove))
            .route_layer(from_fn_with_state(Arc::clone(&shared), access::administering));
        router = router.merge(admin);
    }
    let router = router
        .fallback(|| async { Problem::not_found("no such page") })
        .method_not_allowed_fallback(|| async {
            let detail = "this page does not take that method";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
        })
        .layer(DefaultBodyLimit::max(settings.limits.body_bytes));
    let router = match cors(&settings.cors_origins)? {
        None => router.layer(map_response(same_site)),
        Some(cors) => router.layer(cors),
    };
    let observed = from_fn_with_state(Arc::clone(&shared), requests::observe);
    Ok(router.layer(observed).with_state(shared))
}

/// Other sites may not even show our pictures.
async fn same_site(mut response: Response) -> Response {
    let policy = HeaderValue::from_static("same-origin");
    response.headers_mut().insert("cross-origin-resource-policy", policy);
    response
}

fn cors(origins: &[String]) -> Result<Option<CorsLayer>, ServeError> {
    if origins.is_empty() {
        return Ok(None);
    }
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        let header = |origin: &String| {
            let good = crate::served::is_web(origin) && origin.matches('/').count() == 2;
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
        .max_age(CORS_SECONDS);
    Ok(Some(cors))
}

/// Parameters, or what is wrong with them.
fn parameters<T>(parsed: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    let Query(parameters) = parsed.map_err(|error| Problem::bad_request(error.body_text()))?;
    Ok(parameters)
}

/// How many products, if that is within bounds.
fn checked_top(shared: &Shared, top: usize) -> Result<usize, Problem> {
    if (1..=shared.limits.top).contains(&top) {
        return Ok(top);
    }
    let most = shared.limits.top;
    Err(Problem::bad_request(format!("top must be from 1 to {most}, not {top}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_description_is_openapi_3_1_and_names_every_address() {
        let limits = Limits { top: 7, photos: 3, ..Limits::default() };
        let json = openapi(&limits);
        assert!(!json.to_string().contains(":null"), "nothing is put where nothing was");
        let similar = &json["paths"]["/v1/similar"]["post"]["parameters"];
        let top = similar.as_array().expect("a list").iter().find(|one| one["name"] == "top");
        assert_eq!(top.expect("top")["schema"]["maximum"], 7);
        assert_eq!(
            json["components"]["schemas"]["PhotosInJson"]["properties"]["photos"]["maxItems"],
            3
        );
        assert!(json["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
        let paths = json["paths"].as_object().expect("paths");
        for path in ["/v1/similar", "/v1/batch", "/v1/products/{id}", "/v1/admin/add"] {
            assert!(paths.contains_key(path), "{path}");
        }
    }

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
