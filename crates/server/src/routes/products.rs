//! `/v1/products/{id}`: a product's details, similar products, its image.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, Request, State};
use axum::response::Response;
use lookalike_engine::Filter;

use super::photos::{ImageFile, thumbnail};
use super::search::search_response;
use super::{checked_top, parameters};
use lookalike_catalog::is_web_address;

use crate::admission::{RequestPermit, check_page_rate, check_rate, client_of};
use crate::api::error_responses::{ProductImageProblems, ProductProblems, SimilarProductsProblems};
use crate::api::{ImageParams, ProductDetails, SearchResponse, TopParams};
use crate::problem::Problem;
use crate::served_index::ServedIndex;
use crate::state::AppState;

/// A product and its photos
#[utoipa::path(
    get,
    path = "/v1/products/{id}",
    tag = "products",
    params(("id" = String, Path, description = "The product's id, percent-encoded with its slashes")),
    responses((status = 200, description = "The product", body = ProductDetails), ProductProblems),
    security((), ("read" = []))
)]
pub(crate) async fn product(
    State(state): State<Arc<AppState>>,
    id: Result<Path<String>, PathRejection>,
    request: Request,
) -> Result<Json<ProductDetails>, Problem> {
    check_page_rate(&state, client_of(&state, &request)).await?;
    let served = state.served_index();
    let product = known(&served, id)?;
    Ok(Json(served.product_details(product)))
}

/// Products similar to a product
#[utoipa::path(
    get,
    path = "/v1/products/{id}/similar",
    tag = "products",
    params(
        ("id" = String, Path, description = "The product's id, percent-encoded with its slashes"),
        TopParams
    ),
    responses(
        (status = 200, description = "The products most similar to it, without itself", body = SearchResponse),
        SimilarProductsProblems
    ),
    security((), ("read" = []))
)]
pub(crate) async fn similar(
    State(state): State<Arc<AppState>>,
    id: Result<Path<String>, PathRejection>,
    params: Result<Query<TopParams>, QueryRejection>,
    request: Request,
) -> Result<Json<SearchResponse>, Problem> {
    let top = checked_top(&state, parameters(params)?.top)?;
    let served = state.served_index();
    let product = known(&served, id)?;
    let client = client_of(&state, &request);
    check_rate(&state, client).await?;
    let permit = RequestPermit::acquire(&state, client).await?;
    let queued = Instant::now();
    let worker = state.search_workers.acquire(&state.limits, &state.metrics).await?;
    let queue = queued.elapsed();
    state.metrics.phase("queue", queue);
    let searched = Arc::clone(&served);
    let found = worker.run(move || {
        let _permit = permit;
        searched.searcher.search_similar_products(product, &Filter::default(), top)
    });
    let found = found.await?.map_err(|error| Problem::internal("the search", &error))?;
    let id = &served.searcher.index().products()[product as usize].id;
    let before = (Duration::ZERO, queue);
    Ok(Json(search_response(&state, &served, id, &found, before, false)))
}

/// A product's catalogue image
///
/// Only where the image is stored with the catalogue; images on the web are linked by the product's card.
#[utoipa::path(
    get,
    path = "/v1/products/{id}/image",
    tag = "products",
    params(
        ("id" = String, Path, description = "The product's id, percent-encoded with its slashes"),
        ImageParams
    ),
    responses(
        (status = 200, description = "The image", body = Vec<u8>, content_type = "image/jpeg"),
        (status = 304, description = "The client has it already"),
        ProductImageProblems
    ),
    security((), ("read" = []))
)]
pub(crate) async fn image(
    State(state): State<Arc<AppState>>,
    id: Result<Path<String>, PathRejection>,
    params: Result<Query<ImageParams>, QueryRejection>,
    request: Request,
) -> Result<Response, Problem> {
    check_page_rate(&state, client_of(&state, &request)).await?;
    let size = parameters(params)?.size;
    let served = state.served_index();
    let product = known(&served, id)?;
    let index = served.searcher.index();
    let image = index.products()[product as usize].image.as_deref();
    let image = image.filter(|image| !is_web_address(image));
    let image = image.ok_or_else(|| Problem::not_found("no image of that product is here"))?;
    let image = ImageFile {
        // The same product may have another image in another index.
        key: format!("{}-{product}", served.index.id),
        file: index.root().join(image),
        sha256: None,
    };
    thumbnail(&state, image, size, request.headers()).await
}

fn known(served: &ServedIndex, id: Result<Path<String>, PathRejection>) -> Result<u32, Problem> {
    let product = id.ok().and_then(|Path(id)| served.product(&id));
    product.ok_or_else(|| Problem::not_found("no product has that id"))
}
