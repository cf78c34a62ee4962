use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;

use crate::problem::Problem;
use crate::state::AppState;

/// Lets requests through that may search.
pub(crate) async fn require_read(
    State(state): State<Arc<AppState>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if state.tokens.allows_read(request.headers()) {
        return Ok(next.run(request).await);
    }
    Err(unauthorized(&state, "this needs a token: send it as `Authorization: Bearer TOKEN`"))
}

/// Lets requests through that may administer.
pub(crate) async fn require_admin(
    State(state): State<Arc<AppState>>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if state.tokens.allows_admin(request.headers()) {
        return Ok(next.run(request).await);
    }
    let detail = "this needs the admin token: send it as `Authorization: Bearer TOKEN`";
    Err(unauthorized(&state, detail))
}

fn unauthorized(state: &AppState, detail: &'static str) -> Problem {
    state.metrics.rejected("token");
    Problem::new(StatusCode::UNAUTHORIZED, detail)
}
