//! The handlers of the API, by topic, and the checks that they share.

pub(crate) mod admin;
pub(crate) mod feedback;
pub(crate) mod health;
pub(crate) mod photos;
pub(crate) mod products;
pub(crate) mod search;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;

use crate::parse_error::without_input;
use crate::problem::Problem;
use crate::state::AppState;

/// Query parameters, or what is wrong with them.
fn parameters<T>(parsed: Result<Query<T>, QueryRejection>) -> Result<T, Problem> {
    let wrong = |error: QueryRejection| Problem::bad_request(without_input(&error.body_text()));
    let Query(parameters) = parsed.map_err(wrong)?;
    Ok(parameters)
}

/// The number of products to return, if it is within the limit.
fn checked_top(state: &AppState, top: usize) -> Result<usize, Problem> {
    let max = state.limits.max_results;
    if (1..=max).contains(&top) {
        return Ok(top);
    }
    Err(Problem::bad_request(format!("top must be from 1 to {max}, not {top}")))
}
