//! What a shop puts in front of people: search by photo over HTTP, and a page for shoppers.
//!
//! This crate knows nothing of the terminal.
//!
//! | route | |
//! | --- | --- |
//! | `POST /v1/similar` | a photo, or several of one thing, to products |
//! | `POST /v1/batch` | several independent photos, each to products |
//! | `GET /v1/products/{id}`, `.../similar`, `.../picture` | a product, those like it, its picture |
//! | `GET /v1/photos/{id}` | a thumbnail of a photo of the index |
//! | `GET /v1/service` | index, model, categories, limits |
//! | `POST /v1/admin/add`, `.../remove` | changes the index; with an admin token only |
//! | `POST /v1/admin/reload` | loads the index again; with an admin token only |
//! | `GET /healthz`, `/readyz`, `/metrics` | for operators |
//! | `GET /openapi.json`, `/docs` | the API's description, generated from the types in `api.rs` |
//! | `GET /` | the page for shoppers |
//!
//! Errors are `application/problem+json` (RFC 9457). Uploads of those who search stay in memory. Searches run on threads
//! of their own, one to a core; what waits for one is bounded in number and time.

mod access;
mod addition;
mod admission;
mod api;
mod cards;
mod change;
mod connections;
mod error;
mod leftover;
mod log;
mod metrics;
mod page;
mod photo_store;
mod problem;
mod rate;
mod requests;
mod routes;
mod served;
mod settings;
mod shares;
mod state;
mod thumbnails;
mod upload;
mod work;

use std::net::SocketAddr;
use std::sync::Arc;

use lookalike_engine::Searcher;
use tokio::net::TcpListener;

pub use error::ServeError;
pub use log::{LogFormat, start_log};
pub use settings::{Limits, Rate, RateSetting, Settings};
pub use state::{Reopen, Source};

use state::Shared;

/// Serves until the process is told to stop (SIGINT or SIGTERM), then finishes what it has begun.
///
/// `source` is where the index came from, for operators who change it or have it opened again. `ready` is told the address that is
/// listened on, which differs from that of the settings when its port is 0.
///
/// # Errors
/// [`ServeError`] when a setting makes no sense or the address cannot be listened on.
pub fn run(
    searcher: Searcher,
    source: Source,
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
        let shared = Shared::new(searcher, source, settings, address.ip().is_loopback())?;
        let router = routes::router(Arc::clone(&shared), settings)?;
        let is_open = !address.ip().is_loopback() || settings.behind_proxy;
        if is_open && !shared.access.needs_token() {
            tracing::warn!("everybody who reaches {address} may search: there is no read token");
        }
        // Before anybody hears that the server is ready, and may tell it to stop.
        let told_to_stop = told_to_stop().map_err(ServeError::Failed)?;
        ready(address);
        connections::serve(listener, router, shared, told_to_stop).await;
        Ok(())
    })
}

/// Listens for SIGINT and SIGTERM from now on; what it returns waits for the first of them.
#[cfg(unix)]
fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
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

/// Listens for Ctrl-C from now on; what it returns waits for it.
#[cfg(windows)]
fn told_to_stop() -> std::io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}
