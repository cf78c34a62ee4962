//! `/v1/similar` and `/v1/batch`: searches by photo.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use lookalike_engine::{EngineError, Filter, ObjectsQuery, ObjectsResult, SearchResult, Views};
use lookalike_photo::Crop;
use tokio::task::JoinSet;

use super::{checked_top, parameters};
use crate::admission::{RequestPermit, check_rate, client_of, debit_rate};
use crate::api::error_responses::{BatchProblems, SimilarProblems};
use crate::api::{
    BatchResponse, BatchResult, PhotosForm, PhotosJson, SearchResponse, SimilarParams, Timings,
};
use crate::problem::Problem;
use crate::product_cards::milliseconds;
use crate::served_index::ServedIndex;
use crate::state::AppState;
use crate::upload;

/// Searches that object detection counts as against the rate limit: it takes that much longer.
const OBJECTS_COST: usize = 5;

/// Search by photo
///
/// Several photos are taken to show one object, and searched for together.
#[utoipa::path(
    post,
    path = "/v1/similar",
    tag = "search",
    params(SimilarParams),
    request_body(
        description = "A photo's bytes; or several photos of one object, as a form or in base64. \
                       Formats are recognised by their content.",
        content(
            (Vec<u8> = "application/octet-stream"),
            (PhotosForm = "multipart/form-data"),
            (PhotosJson = "application/json"),
        )
    ),
    responses(
        (status = 200, description = "The products most similar to it", body = SearchResponse),
        SimilarProblems
    ),
    security((), ("read" = []))
)]
pub(crate) async fn similar(
    State(state): State<Arc<AppState>>,
    params: Result<Query<SimilarParams>, QueryRejection>,
    request: Request,
) -> Result<Json<SearchResponse>, Problem> {
    let started = Instant::now();
    let options = SearchOptions::new(&state, parameters(params)?)?;
    let client = client_of(&state, &request);
    check_rate(&state, client).await?;
    let permit = RequestPermit::acquire(&state, client).await?;
    let mut photos = upload::photos(&state, request).await?;
    photos.retain(|photo| !photo.is_empty());
    if options.objects && photos.len() > 1 {
        return Err(Problem::bad_request("`objects` are detected in one photo: send one"));
    }
    debit_rate(&state, client, options.cost(photos.len()) - 1);
    let read = started.elapsed();
    state.metrics.phase("read", read);
    let response = search(&state, photos, &options, read, permit).await?;
    Ok(Json(response))
}

/// Search by several independent photos
///
/// Each photo has a result of its own, or a problem; one bad photo does not fail the others.
#[utoipa::path(
    post,
    path = "/v1/batch",
    tag = "search",
    params(SimilarParams),
    request_body(
        description = "Photos, as a form or in base64.",
        content((PhotosForm = "multipart/form-data"), (PhotosJson = "application/json"))
    ),
    responses(
        (status = 200, description = "A result or a problem for each photo, in their order", body = BatchResponse),
        BatchProblems
    ),
    security((), ("read" = []))
)]
pub(crate) async fn batch(
    State(state): State<Arc<AppState>>,
    params: Result<Query<SimilarParams>, QueryRejection>,
    request: Request,
) -> Result<Json<BatchResponse>, Problem> {
    let started = Instant::now();
    let options = SearchOptions::new(&state, parameters(params)?)?;
    if options.objects {
        return Err(Problem::bad_request("`objects` is for /v1/similar: one photo at a time"));
    }
    let client = client_of(&state, &request);
    check_rate(&state, client).await?;
    let permit = RequestPermit::acquire(&state, client).await?;
    let photos = upload::photos(&state, request).await?;
    debit_rate(&state, client, options.cost(photos.len()) - 1);
    let read = started.elapsed();
    state.metrics.phase("read", read);
    let mut searches = JoinSet::new();
    for (at, photo) in photos.into_iter().enumerate() {
        let (state, options, permit) = (Arc::clone(&state), options.clone(), permit.clone());
        searches
            .spawn(async move { (at, search(&state, vec![photo], &options, read, permit).await) });
    }
    let mut results = Vec::new();
    while let Some(joined) = searches.join_next().await {
        let (at, result) = joined.map_err(|error| Problem::internal("the search", &error))?;
        let result = result
            .map_or_else(BatchResult::Problem, |result| BatchResult::Result(Box::new(result)));
        results.push((at, result));
    }
    results.sort_by_key(|(at, _)| *at);
    Ok(Json(BatchResponse { results: results.into_iter().map(|(_, result)| result).collect() }))
}

/// The checked parameters of a search.
#[derive(Clone)]
struct SearchOptions {
    top: usize,
    filter: Filter,
    views: Views,
    crop: Option<Crop>,
    objects: bool,
    explain: bool,
}

impl SearchOptions {
    /// Searches that photos count as against the rate limit: at least 1, and more for more views than usual.
    fn cost(&self, photos: usize) -> usize {
        let each = self.views.count().div_ceil(Views::default().count());
        photos.max(1) * each * if self.objects { OBJECTS_COST } else { 1 }
    }

    fn new(state: &AppState, params: SimilarParams) -> Result<Self, Problem> {
        let SimilarParams { top, category, price_min, price_max, in_stock, .. } = params;
        let SimilarParams { columns, views, crop, objects, explain, .. } = params;
        let crop = crop.filter(|crop| !crop.is_empty()).map(|crop| crop.parse::<Crop>());
        let crop = crop.transpose().map_err(|error| Problem::bad_request(error.to_string()))?;
        if objects && crop.is_some() {
            let detail =
                "`objects` are detected in the whole photo: leave out `crop`, or `objects`";
            return Err(Problem::bad_request(detail));
        }
        let views = views.filter(|views| !views.is_empty()).map(|views| views.parse());
        let views: Option<Views> = views.transpose().map_err(Problem::bad_request)?;
        let columns = columns.filter(|columns| !columns.is_empty());
        let columns = columns.iter().flat_map(|columns| columns.split(',')).map(|pair| {
            let (column, value) = pair.split_once('=').ok_or_else(|| {
                Problem::bad_request("`where` is column=value, several separated by commas")
            })?;
            Ok((column.to_owned(), value.to_owned()))
        });
        let filter = Filter {
            category: category.filter(|category| !category.is_empty()),
            price_min,
            price_max,
            columns: columns.collect::<Result<_, Problem>>()?,
            in_stock,
        };
        let top = checked_top(state, top)?;
        Ok(Self { top, filter, views: views.unwrap_or_default(), crop, objects, explain })
    }
}

/// Searches for photos of one object once there is an idle worker.
async fn search(
    state: &Arc<AppState>,
    photos: Vec<Bytes>,
    options: &SearchOptions,
    read: Duration,
    permit: RequestPermit,
) -> Result<SearchResponse, Problem> {
    let queued = Instant::now();
    let worker = state.search_workers.acquire(&state.limits, &state.metrics).await?;
    let queue = queued.elapsed();
    state.metrics.phase("queue", queue);
    let served = state.served_index();
    let name = if photos.len() == 1 { "the photo" } else { "the photos" };
    let (searched, limits, wanted) = (Arc::clone(&served), state.decode_limits(), options.clone());
    let log = state.feedback.as_ref().filter(|_| !options.objects);
    let kept = log.filter(|log| log.keeps_photos()).map_or_else(Vec::new, |_| photos.clone());
    let found = worker.run(move || {
        let _permit = permit;
        let photos: Vec<&[u8]> = photos.iter().map(|photo| &photo[..]).collect();
        let SearchOptions { top, filter, views, crop, objects, .. } = wanted;
        let (searcher, filter) = (&searched.searcher, &filter);
        if !objects {
            let query =
                lookalike_engine::Query { photos: &photos, crop, filter, views, top, limits };
            return searcher.search(&query).map(|found| (found, None));
        }
        let (photo, detector) = (photos[0], &*searched.detector);
        let found = searcher.search_objects(&ObjectsQuery {
            photo,
            detector,
            filter,
            views,
            top,
            limits,
        })?;
        let ObjectsResult { objects, whole, detect, timings } = found;
        Ok((SearchResult { timings, ..whole }, Some((objects, detect))))
    });
    match found.await? {
        Ok((found, objects)) => {
            let before = (read, queue);
            let mut response =
                search_response(state, &served, name, &found, before, options.explain);
            response.answer_id = log.and_then(|log| log.remember(&served, &found, kept));
            if let Some((objects, detect)) = objects {
                state.metrics.phase("detect", detect);
                response.timings_ms.detect = milliseconds(detect);
                response.took_ms += response.timings_ms.detect;
                response.objects = Some(objects.iter().map(|one| served.object(one)).collect());
            }
            Ok(response)
        }
        Err(EngineError::Photo { photo, reason }) => {
            let detail = if name == "the photo" { reason } else { format!("{photo}: {reason}") };
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail))
        }
        Err(EngineError::UnknownColumn { there, .. }) => {
            let detail = format!("`where` names a column that no product has: {there}");
            Err(Problem::bad_request(detail))
        }
        Err(error @ EngineError::Filter { .. }) => Err(Problem::bad_request(error.to_string())),
        Err(error) if error.is_of_store() => Err(Problem::store_unavailable(&error)),
        Err(error) => Err(Problem::internal("the search", &error)),
    }
}

/// A search's result as a response. `read` and `queue` are the times before the search began.
pub(super) fn search_response(
    state: &AppState,
    served: &ServedIndex,
    query: &str,
    found: &SearchResult,
    (read, queue): (Duration, Duration),
    explain: bool,
) -> SearchResponse {
    let timings = &found.timings;
    state.metrics.searched(timings);
    let total = read + queue + timings.decode + timings.embed + timings.search;
    SearchResponse {
        query: query.to_owned(),
        verdict: served.verdict(found),
        confidence: found.verdict.map(|verdict| verdict.confidence),
        copy_of: found.copy_of.map(|copy| served.photo_name(copy.photo)),
        missing_percent: found.missing_percent(),
        answer_id: None,
        matches: served.matches(found, explain),
        objects: None,
        took_ms: milliseconds(total),
        timings_ms: Timings {
            read: milliseconds(read),
            queue: milliseconds(queue),
            decode: milliseconds(timings.decode),
            detect: 0.0,
            embed: milliseconds(timings.embed),
            search: milliseconds(timings.search),
        },
        index: served.index.clone(),
        model: served.model.clone(),
        explanation: explain.then(|| served.explanation(found)),
    }
}
