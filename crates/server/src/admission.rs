//! Which requests are taken on: a place for each, a rate for each client, and what a refusal takes.
//!
//! A refusal is cheap, and so is asking again: a few clients that come back at once make tens of
//! thousands of refusals a second, which then take the cores from those who are served. So whoever is
//! to be refused is held for a moment first, with nothing of the body read. That costs a timer, and
//! there is no more than one to a connection, of which the number is limited.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::StatusCode;
use tokio::sync::OwnedSemaphorePermit;

use crate::metrics::Counted;
use crate::problem::Problem;
use crate::rate::{Peer, client};
use crate::shares::Share;
use crate::state::Shared;

/// A request's place among those that are read, waiting or worked on. Taken before its body is read:
/// what waits must not fill the memory.
#[derive(Clone)]
pub(crate) struct Place {
    _held: Arc<(OwnedSemaphorePermit, Option<Share>, Counted)>,
}

impl Place {
    /// A place, once there is one; a refusal if there is none for too long, the client has its share of them,
    /// or the server stops.
    pub(crate) async fn take(shared: &Shared, client: IpAddr) -> Result<Self, Problem> {
        let share = shared.places.as_ref().map(|places| places.take(client));
        if let Some(None) = share {
            return Err(too_often(shared, 1, "too many searches at once").await);
        }
        let requests = &shared.requests;
        let permit = match Arc::clone(requests).try_acquire_owned() {
            Ok(permit) => Some(permit),
            Err(_) => {
                let free = Arc::clone(requests).acquire_owned();
                shared.held(shared.limits.hold, free).await.and_then(Result::ok)
            }
        };
        let Some(permit) = permit else {
            shared.metrics.rejected("busy");
            return Err(Problem::busy());
        };
        let counted = Counted::new(&shared.metrics.in_flight);
        Ok(Self { _held: Arc::new((permit, share.flatten(), counted)) })
    }
}

/// Whom a request's searches are counted for.
pub(crate) fn client_of(shared: &Shared, request: &Request) -> IpAddr {
    let peer = request.extensions().get::<Peer>();
    client(peer, request.headers(), shared.behind_proxy)
}

/// Counts a search against what a client may do.
pub(crate) async fn charge(shared: &Shared, client: IpAddr) -> Result<(), Problem> {
    let Some(rate) = &shared.rate else { return Ok(()) };
    let Err(seconds) = rate.charge(client) else { return Ok(()) };
    Err(too_often(shared, seconds, "too many searches").await)
}

/// The refusal of a client that asks too often, which it gets after a moment.
async fn too_often(shared: &Shared, seconds: u64, what: &str) -> Problem {
    shared.metrics.rejected("rate");
    let wait = Duration::from_secs(seconds).min(shared.limits.hold);
    shared.held::<()>(wait, std::future::pending()).await;
    let detail = format!("{what}: try again in a while");
    Problem::new(StatusCode::TOO_MANY_REQUESTS, detail).retry_after(seconds)
}

/// Counts searches that are here already, and so are owed.
pub(crate) fn owe(shared: &Shared, client: IpAddr, searches: usize) {
    if let Some(rate) = &shared.rate {
        rate.owe(client, searches);
    }
}

impl Shared {
    /// What is waited for, if it comes within a time and before the server stops.
    async fn held<T>(&self, longest: Duration, wanted: impl Future<Output = T>) -> Option<T> {
        let _held = Counted::new(&self.metrics.held);
        tokio::select! {
            biased;
            wanted = wanted => Some(wanted),
            () = tokio::time::sleep(longest) => None,
            () = self.stopped() => None,
        }
    }
}
