use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::api::{Health, Service, ServiceLimits};
use crate::problem::Problem;
use crate::state::Shared;

/// What is served
#[utoipa::path(
    get,
    path = "/v1/service",
    tag = "products",
    responses(
        (status = 200, description = "Index, model, categories and limits", body = Service),
        (status = 401, description = "No token, or a wrong one", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("read" = []))
)]
pub(super) async fn service(State(shared): State<Arc<Shared>>) -> Json<Service> {
    let served = shared.served();
    let limits = &shared.limits;
    Json(Service {
        index: served.index.clone(),
        model: served.model.clone(),
        categories: served.categories.clone(),
        prices: served.prices.clone(),
        limits: ServiceLimits {
            photo_bytes: limits.photo_bytes,
            body_bytes: limits.body_bytes,
            photo_pixels: limits.photo_pixels,
            photos: limits.photos,
            top: limits.top,
        },
    })
}

fn health(shared: &Shared) -> Health {
    let served = shared.served();
    Health {
        status: if shared.is_stopping() { "stopping" } else { "ok" },
        products: served.index.products,
        photos: served.index.photos,
        model: served.model.name.clone(),
    }
}

/// Whether the server is alive
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "operation",
    responses((status = 200, description = "It is", body = Health))
)]
pub(super) async fn healthz(State(shared): State<Arc<Shared>>) -> Json<Health> {
    Json(health(&shared))
}

/// Whether the server takes requests
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operation",
    responses(
        (status = 200, description = "It does", body = Health),
        (status = 503, description = "It is stopping, or has as much to do as it takes", body = Health),
    )
)]
pub(super) async fn readyz(State(shared): State<Arc<Shared>>) -> (StatusCode, Json<Health>) {
    let mut health = health(&shared);
    if shared.requests.available_permits() == 0 {
        health.status = "busy";
    }
    let ready = health.status == "ok";
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(health))
}

/// Figures for Prometheus
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operation",
    responses(
        (status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text"),
        (status = 401, description = "No token, or a wrong one", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("read" = []))
)]
pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Result<Response, Problem> {
    let text = shared.metrics.text().map_err(|error| Problem::internal("counting", &error))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response())
}
