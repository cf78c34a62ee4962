//! `/v1/service`, and what operators ask for: liveness, readiness, metrics.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::api::error_responses::ReadProblems;
use crate::api::{Health, ServiceInfo, ServiceLimits};
use crate::problem::Problem;
use crate::state::AppState;

/// Describe the service
#[utoipa::path(
    get,
    path = "/v1/service",
    tag = "products",
    responses(
        (status = 200, description = "Index, model, categories and limits", body = ServiceInfo),
        ReadProblems
    ),
    security((), ("read" = []))
)]
pub(crate) async fn service(State(state): State<Arc<AppState>>) -> Json<ServiceInfo> {
    let served = state.served_index();
    let limits = &state.limits;
    Json(ServiceInfo {
        index: served.index.clone(),
        model: served.model.clone(),
        categories: served.categories.clone(),
        price_range: served.price_range.clone(),
        limits: ServiceLimits {
            max_photo_bytes: limits.max_photo_bytes,
            max_body_bytes: limits.max_body_bytes,
            max_photo_pixels: limits.max_photo_pixels,
            max_photos: limits.max_photos,
            max_results: limits.max_results,
        },
    })
}

fn health(state: &AppState) -> Health {
    let served = state.served_index();
    Health {
        status: if state.is_stopping() { "stopping" } else { "ok" },
        products: served.index.products,
        photos: served.index.photos,
        model: served.model.name.clone(),
    }
}

/// Liveness
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "operation",
    responses((status = 200, description = "The server is alive", body = Health))
)]
pub(crate) async fn healthz(State(state): State<Arc<AppState>>) -> Json<Health> {
    Json(health(&state))
}

/// Readiness
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "operation",
    responses(
        (status = 200, description = "The server takes requests", body = Health),
        (status = 503, description = "It is stopping, or at its limit on requests", body = Health),
    )
)]
pub(crate) async fn readyz(State(state): State<Arc<AppState>>) -> (StatusCode, Json<Health>) {
    let mut health = health(&state);
    if state.request_permits.available_permits() == 0 {
        health.status = "busy";
    }
    let ready = health.status == "ok";
    (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(health))
}

/// Metrics for Prometheus
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operation",
    responses(
        (status = 200, description = "OpenMetrics text", body = String, content_type = "application/openmetrics-text"),
        ReadProblems
    ),
    security((), ("read" = []))
)]
pub(crate) async fn metrics(State(state): State<Arc<AppState>>) -> Result<Response, Problem> {
    let text = state.metrics.text().map_err(|error| Problem::internal("counting", &error))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response())
}
