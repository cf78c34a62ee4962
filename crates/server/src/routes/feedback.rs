//! `/v1/feedback`: what shoppers say of answers.

use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;

use crate::admission::{check_rate, client_of};
use crate::api::FeedbackForm;
use crate::api::error_responses::FeedbackProblems;
use crate::parse_error::without_input;
use crate::problem::Problem;
use crate::state::AppState;
use crate::upload;

/// Largest body, in bytes.
const MAX_BYTES: usize = 16 << 10;

/// Say what a photo showed
///
/// Names the product that an answer's photo shows, whether the answer had it or not; or says that it shows nothing that
/// is sold. Taken once for each answer, for as long as the server remembers it. There is no such page unless the server
/// was started with `--feedback`.
#[utoipa::path(
    post,
    path = "/v1/feedback",
    tag = "search",
    request_body = FeedbackForm,
    responses((status = 204, description = "It is written down"), FeedbackProblems),
    security((), ("read" = []))
)]
pub(crate) async fn feedback(
    State(state): State<Arc<AppState>>,
    request: Request,
) -> Result<StatusCode, Problem> {
    check_rate(&state, client_of(&state, &request)).await?;
    let body = upload::in_time(&state, upload::whole(request, MAX_BYTES)).await?;
    let wrong = |reason: &dyn std::fmt::Display| {
        let examples =
            r#"{"answer_id": "...", "product": "oak-chair"} or {"answer_id": "...", "none": true}"#;
        Problem::bad_request(format!("the body is not JSON such as {examples}: {reason}"))
    };
    let form: FeedbackForm =
        serde_json::from_slice(&body).map_err(|error| wrong(&without_input(&error.to_string())))?;
    let product = match (form.product, form.none) {
        (Some(product), false) => Some(product),
        (None, true) => None,
        _ => return Err(wrong(&"it names either a product or none")),
    };
    if product.as_ref().is_some_and(|id| state.served_index().product(id).is_none()) {
        let detail = "no product of the index has that id";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
    }
    let gone = || Problem::not_found("no such answer, or it has had its feedback, or is forgotten");
    let log = state.feedback.clone().ok_or_else(gone)?;
    let written = tokio::task::spawn_blocking(move || {
        let answer = log.take(&form.answer_id).ok_or_else(gone)?;
        let written = log.write(&form.answer_id, &answer, product);
        written.map_err(|error| {
            // The client may try again.
            log.put_back(form.answer_id, answer);
            match error.kind() {
                StorageFull | QuotaExceeded => {
                    Problem::new(StatusCode::INSUFFICIENT_STORAGE, "the server's disk is full")
                }
                FileTooLarge => {
                    let detail = "the server takes no more feedback: it has not been used yet";
                    Problem::new(StatusCode::INSUFFICIENT_STORAGE, detail)
                }
                _ => Problem::internal("writing feedback", &error),
            }
        })
    });
    written.await.map_err(|error| Problem::internal("writing feedback", &error))??;
    Ok(StatusCode::NO_CONTENT)
}
