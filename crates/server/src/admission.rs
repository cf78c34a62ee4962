//! Admission control: which requests are taken on, and how the others are refused.
//!
//! A request needs a permit out of a fixed number, its client may hold a quarter of them, and each client has
//! a rate limit. A refusal is delayed for a moment, with nothing of the body read: clients that retry at once
//! would otherwise make tens of thousands of refusals a second and take the cores from searches. A delayed
//! refusal costs a timer, and there is at most one per connection, whose number is limited.

pub(crate) mod client_quota;
pub(crate) mod rate_limit;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::StatusCode;
use tokio::sync::OwnedSemaphorePermit;

use crate::client_ip::client_ip;
use crate::metrics::GaugeGuard;
use crate::problem::Problem;
use crate::state::AppState;
use client_quota::QuotaPermit;

/// The right of a request to be read, queued and worked on. It is acquired before the body is read: bodies of
/// queued requests must not fill the memory.
#[derive(Clone)]
pub(crate) struct RequestPermit {
    _held: Arc<(OwnedSemaphorePermit, Option<QuotaPermit>, GaugeGuard)>,
}

impl RequestPermit {
    /// Waits for a permit. Refuses with 429 when the client holds its whole quota, with 503 when no permit
    /// becomes free in time or the server stops.
    pub(crate) async fn acquire(state: &AppState, client: IpAddr) -> Result<Self, Problem> {
        let quota = state.request_quotas.as_ref().map(|quotas| quotas.try_acquire(client));
        if let Some(None) = quota {
            return Err(too_many_requests(state, 1, "too many searches at once").await);
        }
        let permits = &state.request_permits;
        let permit = match Arc::clone(permits).try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => {
                let free = Arc::clone(permits).acquire_owned();
                state.delayed(state.limits.refusal_delay, free).await.and_then(Result::ok)
            }
        };
        let Some(permit) = permit else {
            state.metrics.rejected("busy");
            return Err(Problem::busy());
        };
        let in_flight = GaugeGuard::new(&state.metrics.in_flight);
        Ok(Self { _held: Arc::new((permit, quota.flatten(), in_flight)) })
    }
}

/// The client that a request counts for.
pub(crate) fn client_of(state: &AppState, request: &Request) -> IpAddr {
    client_ip(request.extensions(), request.headers(), state.behind_proxy)
}

/// Counts one search against the client's rate limit; refuses with 429 above it.
pub(crate) async fn check_rate(state: &AppState, client: IpAddr) -> Result<(), Problem> {
    let Some(limiter) = &state.rate_limiter else { return Ok(()) };
    let Err(seconds) = limiter.check(client) else { return Ok(()) };
    Err(too_many_requests(state, seconds, "too many searches").await)
}

/// Counts one thumbnail or product page against the client's limit on those, which are cheap and many; refuses with 429
/// above it.
pub(crate) async fn check_page_rate(state: &AppState, client: IpAddr) -> Result<(), Problem> {
    let Some(limiter) = &state.page_limiter else { return Ok(()) };
    let Err(seconds) = limiter.check(client) else { return Ok(()) };
    Err(too_many_requests(state, seconds, "too many pictures").await)
}

/// Counts further searches of a request that is taken on already.
pub(crate) fn debit_rate(state: &AppState, client: IpAddr, searches: usize) {
    if let Some(limiter) = &state.rate_limiter {
        limiter.debit(client, searches);
    }
}

/// A delayed refusal with 429.
async fn too_many_requests(state: &AppState, seconds: u64, what: &str) -> Problem {
    state.metrics.rejected("rate");
    let delay = Duration::from_secs(seconds).min(state.limits.refusal_delay);
    state.delayed::<()>(delay, std::future::pending()).await;
    let detail = format!("{what}: try again in a while");
    Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(seconds)
}

impl AppState {
    /// The output of `future`, if it is ready within a time and before the server stops.
    async fn delayed<T>(&self, longest: Duration, future: impl Future<Output = T>) -> Option<T> {
        let _delayed = GaugeGuard::new(&self.metrics.delayed);
        tokio::select! {
            biased;
            output = future => Some(output),
            () = tokio::time::sleep(longest) => None,
            () = self.stopped() => None,
        }
    }
}
