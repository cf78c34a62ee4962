use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, Request, State};
use axum::http::StatusCode;
use lookalike_engine::{EngineError, Filter, Found, FoundItems, ItemsQuery, Views};
use lookalike_photo::Crop;
use tokio::task::JoinSet;

use super::{checked_top, parameters};
use crate::admission::{Place, charge, client_of, owe};
use crate::api::{
    Answer, BatchAnswer, BatchItem, PhotosInForm, PhotosInJson, SimilarParams, Timings,
};
use crate::cards::milliseconds;
use crate::problem::Problem;
use crate::served::Served;
use crate::state::Shared;
use crate::upload;

/// Searches that looking for the things in a photo counts as: it takes so much longer.
const ITEMS_COST: usize = 5;

/// Search by photo
///
/// Several photos are taken to show one thing, and searched for together.
#[utoipa::path(
    post,
    path = "/v1/similar",
    tag = "search",
    params(SimilarParams),
    request_body(
        description = "A photo's bytes; or several photos of one thing, as a form or in base64. \
                       JPEG, PNG, WebP, GIF, BMP and TIFF are known by their content.",
        content(
            (Vec<u8> = "application/octet-stream"),
            (PhotosInForm = "multipart/form-data"),
            (PhotosInJson = "application/json"),
        )
    ),
    responses(
        (status = 200, description = "The products most like it", body = Answer),
        (status = 400, description = "A wrong parameter, or no photo", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No token, or a wrong one", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The photo took too long to arrive", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The photo is too large", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "The photo cannot be used", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many searches by one client", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too much to do", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("read" = []))
)]
pub(super) async fn similar(
    State(shared): State<Arc<Shared>>,
    params: Result<Query<SimilarParams>, QueryRejection>,
    request: Request,
) -> Result<Json<Answer>, Problem> {
    let started = Instant::now();
    let wanted = Wanted::new(&shared, parameters(params)?)?;
    let client = client_of(&shared, &request);
    charge(&shared, client).await?;
    let place = Place::take(&shared, client).await?;
    let photos = upload::photos(&shared, request).await?;
    if wanted.items && photos.len() > 1 {
        return Err(Problem::bad_request("`items` looks for the things in one photo: send one"));
    }
    owe(&shared, client, wanted.cost(photos.len()) - 1);
    let read = started.elapsed();
    shared.metrics.stage("read", read);
    let answer = answer(&shared, photos, &wanted, read, place).await?;
    Ok(Json(answer))
}

/// Search by several independent photos
///
/// Each photo has an answer of its own, or a problem; one bad photo does not fail the others.
#[utoipa::path(
    post,
    path = "/v1/batch",
    tag = "search",
    params(SimilarParams),
    request_body(
        description = "Photos, as a form or in base64.",
        content((PhotosInForm = "multipart/form-data"), (PhotosInJson = "application/json"))
    ),
    responses(
        (status = 200, description = "An answer or a problem for each, in their order", body = BatchAnswer),
        (status = 400, description = "A wrong parameter, or no photo", body = Problem, content_type = "application/problem+json"),
        (status = 401, description = "No token, or a wrong one", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The photos took too long to arrive", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "The photos are too large", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Too many searches by one client", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too much to do", body = Problem, content_type = "application/problem+json"),
    ),
    security((), ("read" = []))
)]
pub(super) async fn batch(
    State(shared): State<Arc<Shared>>,
    params: Result<Query<SimilarParams>, QueryRejection>,
    request: Request,
) -> Result<Json<BatchAnswer>, Problem> {
    let started = Instant::now();
    let wanted = Wanted::new(&shared, parameters(params)?)?;
    if wanted.items {
        return Err(Problem::bad_request("`items` is for /v1/similar: one photo at a time"));
    }
    let client = client_of(&shared, &request);
    charge(&shared, client).await?;
    let place = Place::take(&shared, client).await?;
    let photos = upload::photos(&shared, request).await?;
    owe(&shared, client, wanted.cost(photos.len()) - 1);
    let read = started.elapsed();
    shared.metrics.stage("read", read);
    let mut searches = JoinSet::new();
    for (at, photo) in photos.into_iter().enumerate() {
        let (shared, wanted, place) = (Arc::clone(&shared), wanted.clone(), place.clone());
        searches
            .spawn(async move { (at, answer(&shared, vec![photo], &wanted, read, place).await) });
    }
    let mut answers = Vec::new();
    while let Some(joined) = searches.join_next().await {
        let (at, answer) = joined.map_err(|error| Problem::internal("the search", &error))?;
        let item = answer.map_or_else(BatchItem::Problem, |a| BatchItem::Answer(Box::new(a)));
        answers.push((at, item));
    }
    answers.sort_by_key(|(at, _)| *at);
    Ok(Json(BatchAnswer { answers: answers.into_iter().map(|(_, item)| item).collect() }))
}

/// What is searched for, checked.
#[derive(Clone)]
struct Wanted {
    top: usize,
    filter: Filter,
    views: Views,
    crop: Option<Crop>,
    items: bool,
    explain: bool,
}

impl Wanted {
    /// Searches that photos count as: 1 at least, and a photo that is looked at from more sides than usual as
    /// several.
    fn cost(&self, photos: usize) -> usize {
        let each = self.views.count().div_ceil(Views::default().count());
        photos.max(1) * each * if self.items { ITEMS_COST } else { 1 }
    }

    fn new(shared: &Shared, params: SimilarParams) -> Result<Self, Problem> {
        let SimilarParams { top, category, price_min, price_max, in_stock, .. } = params;
        let SimilarParams { columns, views, crop, items, explain, .. } = params;
        let crop = crop.filter(|crop| !crop.is_empty()).map(|crop| crop.parse::<Crop>());
        let crop = crop.transpose().map_err(|error| Problem::bad_request(error.to_string()))?;
        if items && crop.is_some() {
            let detail =
                "`items` looks for the things in the whole photo: leave out `crop`, or `items`";
            return Err(Problem::bad_request(detail));
        }
        let views = views.filter(|views| !views.is_empty()).map(|views| views.parse());
        let views: Option<Views> = views.transpose().map_err(Problem::bad_request)?;
        let columns = columns.filter(|columns| !columns.is_empty());
        let columns = columns.iter().flat_map(|columns| columns.split(',')).map(|pair| {
            let (column, value) = pair.split_once('=').ok_or_else(|| {
                Problem::bad_request(format!("'{pair}' is no column=value in `where`"))
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
        let top = checked_top(shared, top)?;
        Ok(Self { top, filter, views: views.unwrap_or_default(), crop, items, explain })
    }
}

/// Searches for photos of one thing once there is a free core.
async fn answer(
    shared: &Arc<Shared>,
    photos: Vec<Bytes>,
    wanted: &Wanted,
    read: Duration,
    place: Place,
) -> Result<Answer, Problem> {
    let waiting = Instant::now();
    let turn = shared.workers.turn(&shared.limits, &shared.metrics).await?;
    let wait = waiting.elapsed();
    shared.metrics.stage("wait", wait);
    let served = shared.served();
    let query = if photos.len() == 1 { "the photo" } else { "the photos" };
    let (searched, asked, limits) = (Arc::clone(&served), wanted.clone(), shared.decode_limits());
    let found = turn.run(move || {
        let _place = place;
        let photos: Vec<&[u8]> = photos.iter().map(|photo| &photo[..]).collect();
        let Wanted { top, filter, views, crop, items, .. } = asked;
        let (searcher, filter) = (&searched.searcher, &filter);
        if !items {
            let query =
                lookalike_engine::Query { photos: &photos, crop, filter, views, top, limits };
            return searcher.find(&query).map(|found| (found, None));
        }
        let (photo, finder) = (photos[0], &*searched.finder);
        let found =
            searcher.find_items(&ItemsQuery { photo, finder, filter, views, top, limits })?;
        let FoundItems { items, whole, detect, timings } = found;
        Ok((Found { timings, ..whole }, Some((items, detect))))
    });
    match found.await? {
        Ok((found, items)) => {
            let mut answer = told(shared, &served, query, &found, (read, wait), wanted.explain);
            if let Some((items, detect)) = items {
                shared.metrics.detected(detect);
                answer.timings.detect = milliseconds(detect);
                answer.milliseconds += answer.timings.detect;
                answer.items = Some(items.iter().map(|one| served.item(one)).collect());
            }
            Ok(answer)
        }
        Err(EngineError::Photo { name, reason }) => {
            let detail = if query == "the photo" { reason } else { format!("{name}: {reason}") };
            Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail))
        }
        Err(error @ EngineError::Filter { .. }) => Err(Problem::bad_request(error.to_string())),
        Err(error) if error.is_of_store() => Err(Problem::of_store(&error)),
        Err(error) => Err(Problem::internal("the search", &error)),
    }
}

/// What was found, as clients are told it.
pub(super) fn told(
    shared: &Shared,
    served: &Served,
    query: &str,
    found: &Found,
    (read, wait): (Duration, Duration),
    explain: bool,
) -> Answer {
    let timings = &found.timings;
    shared.metrics.searched(timings);
    let total = read + wait + timings.decode + timings.embed + timings.search;
    Answer {
        query: query.to_owned(),
        verdict: served.verdict(found),
        confidence: found.verdict.map(|judged| judged.confidence),
        matches: served.matches(&found.ranked),
        items: None,
        milliseconds: milliseconds(total),
        timings: Timings {
            read: milliseconds(read),
            wait: milliseconds(wait),
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
