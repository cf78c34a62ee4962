//! A shop's search by photo over HTTP: an API, a page for shoppers, and what operators need.
//!
//! [`run`] is a whole server. [`router`] is the same service as an [`axum::Router`], for a program that has a
//! server of its own. This crate knows nothing of the command line.
//!
//! | route | |
//! | --- | --- |
//! | `POST /v1/similar` | products most like a photo, or like several photos of one object |
//! | `POST /v1/batch` | several independent photos, each with its own products |
//! | `GET /v1/products/{id}`, `.../similar`, `.../image` | a product, products like it, its catalogue image |
//! | `GET /v1/photos/{id}` | a thumbnail of an indexed photo |
//! | `GET /v1/service` | index, model, categories, limits |
//! | `POST /v1/admin/upsert`, `.../remove` | change the index; with the admin token only |
//! | `POST /v1/admin/reload` | loads the index again; with the admin token only |
//! | `GET /healthz`, `/readyz`, `/metrics` | liveness, readiness, Prometheus metrics |
//! | `GET /openapi.json`, `/docs` | the API's description, generated from the types in `api/` |
//! | `GET /` | the page for shoppers |
//!
//! Errors are `application/problem+json` (RFC 9457). Photos to search for stay in memory. Searches run on worker
//! threads, one to a core; the queue in front of them is bounded in number and time.

mod admission;
mod api;
mod auth;
mod client_ip;
mod connections;
mod error;
mod feedback;
mod index_updates;
mod logging;
mod metrics;
mod middleware;
#[cfg(test)]
mod mutations;
mod openapi;
mod pages;
mod parse_error;
mod photo_store;
mod problem;
mod product_cards;
mod router;
mod routes;
mod served_index;
mod settings;
mod state;
mod thumbnail_cache;
mod upload;
mod upsert_form;
mod urls;
mod worker_pool;

use std::net::SocketAddr;
use std::sync::Arc;

use lookalike_engine::Searcher;
use tokio::net::TcpListener;

pub use error::ServeError;
pub use logging::{LogFormat, init_logging};
pub use settings::{Limits, Rate, RateLimit, Settings, TakeFeedback};
pub use state::{IndexSource, Reload};

use state::AppState;

/// The service as a router, for a program that has an HTTP server of its own.
///
/// ```no_run
/// # fn embed(searcher: lookalike_engine::Searcher, source: lookalike_server::IndexSource)
/// # -> Result<axum::Router, lookalike_server::ServeError> {
/// let settings = lookalike_server::Settings::default();
/// let search = lookalike_server::router(searcher, source, &settings)?;
/// let shop = axum::Router::new().nest_service("/search", search);
/// # Ok(shop)
/// # }
/// ```
///
/// `source` says where the index came from, for the admin routes. Paths in responses, such as those of
/// thumbnails, are relative to the router: under `/search` they are to be prefixed with it. The page's own
/// links work under any prefix that ends in `/`.
///
/// All that concerns requests is part of the router: tokens, the rate limit, limits on photos and on
/// requests, the worker threads, metrics. What [`run`] adds concerns connections: `addr`, `header_timeout`,
/// `max_connections` and the quota of connections, the timeout of clients that do not read a response, and a
/// graceful shutdown that refuses delayed requests and makes `/readyz` say 503. Clients are told apart by
/// [`axum::extract::ConnectInfo`]`<SocketAddr>`, so serve with `into_make_service_with_connect_info`; else
/// all requests count as one client's. As the router does not know its address, [`RateLimit::Auto`] means
/// [`Rate::default`].
///
/// # Errors
/// [`ServeError`] when a setting makes no sense, the index cannot be searched, or worker threads cannot be
/// started.
pub fn router(
    searcher: Searcher,
    source: IndexSource,
    settings: &Settings,
) -> Result<axum::Router, ServeError> {
    settings.check()?;
    let state = AppState::new(searcher, source, settings, settings.rate(false))?;
    router::router(state, settings)
}

/// Serves until the process gets SIGINT or SIGTERM, then finishes the requests that have begun.
///
/// `source` says where the index came from, for the admin routes. `ready` is called with the address that the
/// server listens on, which differs from the setting when its port is 0.
///
/// # Errors
/// [`ServeError`] when a setting makes no sense, the index cannot be searched, or the address cannot be
/// listened on.
pub fn run(
    searcher: Searcher,
    source: IndexSource,
    settings: &Settings,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    settings.check()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServeError::Failed)?;
    runtime.block_on(async {
        let address = &settings.addr;
        let bound = |source| ServeError::Address { address: address.clone(), source };
        let listener = TcpListener::bind(address.as_str()).await.map_err(bound)?;
        let address = listener.local_addr().map_err(bound)?;
        let is_local = address.ip().is_loopback();
        let state = AppState::new(searcher, source, settings, settings.rate(is_local))?;
        let router = router::router(Arc::clone(&state), settings)?;
        if (!is_local || settings.behind_proxy) && !state.tokens.has_read() {
            tracing::warn!("everybody who reaches {address} may search: there is no read token");
        }
        // Listened for before `ready`: from then on, somebody may send a signal.
        let stop_signal = stop_signal().map_err(ServeError::Failed)?;
        ready(address);
        connections::serve(listener, router, state, stop_signal).await;
        Ok(())
    })
}

/// Listens for SIGINT and SIGTERM from now on; the future waits for the first of them.
#[cfg(unix)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Listens for Ctrl-C from now on; the future waits for it.
#[cfg(windows)]
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}
