use lookalike_engine::Filter;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::photos::{Picture, thumbnail};
use super::similar::told;
use super::{checked_top, parameters};
use crate::admission::{Place, charge, client_of};
use crate::api::{Answer, PictureParams, ProductPage, TopParams};
use crate::problem::Problem;
use crate::served::{Served, is_web};
use crate::state::Shared;

/// A product and its photos
#[utoipa::path(
    get,
    path = "/v1/products/{id}",
    tag = "products",
    params(("id" = String, Path, description = "The product's id, percent-encoded with its slashes")),
    responses(
        (status = 200, description = "The product", body = ProductPage),
        (status = 401, description = "No token, or a wrong one", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such product", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("read" = []))
)]
pub(super) async fn product(
    State(shared): State<Arc<Shared>>,
    id: Option<Path<String>>,
) -> Result<Json<ProductPage>, Problem> {
    let served = shared.served();
    let product = known(&served, id)?;
    Ok(Json(served.product_page(product)))
}

/// Products that look like a product
#[utoipa::path(
    get,
    path = "/v1/products/{id}/similar",
    tag = "products",
    params(
        ("id" = String, Path, description = "The product's id, percent-encoded with its slashes"),
        TopParams
    ),
    responses(
        (status = 200, description = "The products most like it, itself left out", body = Answer),
        (status = 400, description = "A wrong parameter", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No token, or a wrong one", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such product", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many searches by one client", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too much to do", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("read" = []))
)]
pub(super) async fn similar(
    State(shared): State<Arc<Shared>>,
    id: Option<Path<String>>,
    params: Result<Query<TopParams>, QueryRejection>,
    request: Request,
) -> Result<Json<Answer>, Problem> {
    let top = checked_top(&shared, parameters(params)?.top)?;
    let served = shared.served();
    let product = known(&served, id)?;
    let client = client_of(&shared, &request);
    charge(&shared, client).await?;
    let place = Place::take(&shared, client).await?;
    let waiting = Instant::now();
    let turn = shared.workers.turn(&shared.limits, &shared.metrics).await?;
    let wait = waiting.elapsed();
    shared.metrics.stage("wait", wait);
    let searched = Arc::clone(&served);
    let found = turn.run(move || {
        let _place = place;
        searched.searcher.find_like(product, &Filter::default(), top)
    });
    let found = found.await?.map_err(|error| Problem::internal("the search", &error))?;
    let id = &served.searcher.index().products()[product as usize].id;
    Ok(Json(told(&shared, &served, id, &found, (Duration::ZERO, wait), false)))
}

/// A product's catalogue picture
///
/// Only of products whose picture lies with the catalogue; others have theirs on the web, as their
/// cards say.
#[utoipa::path(
    get,
    path = "/v1/products/{id}/picture",
    tag = "products",
    params(
        ("id" = String, Path, description = "The product's id, percent-encoded with its slashes"),
        PictureParams
    ),
    responses(
        (status = 200, description = "The picture", body = Vec<u8>, content_type = "image/jpeg"),
        (status = 304, description = "The client has it already"),
        (status = 400, description = "A wrong parameter", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No token, or a wrong one", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such product, or no picture of it here", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too much to do", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("read" = []))
)]
pub(super) async fn picture(
    State(shared): State<Arc<Shared>>,
    id: Option<Path<String>>,
    params: Result<Query<PictureParams>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let size = parameters(params)?.size;
    let served = shared.served();
    let product = known(&served, id)?;
    let index = served.searcher.index();
    let image = index.products()[product as usize].image.as_deref();
    let image = image.filter(|image| !is_web(image));
    let image = image.ok_or_else(|| Problem::not_found("no picture of that product is here"))?;
    let picture = Picture {
        // The same product of another index may have another picture.
        name: format!("{}-{product}", served.index.id),
        file: index.root().join(image),
        sha256: None,
    };
    thumbnail(&shared, picture, size, &headers).await
}

fn known(served: &Served, id: Option<Path<String>>) -> Result<u32, Problem> {
    let product = id.and_then(|Path(id)| served.product(&id));
    product.ok_or_else(|| Problem::not_found("no product has that id"))
}
