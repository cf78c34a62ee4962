//! The similar-items endpoint: `POST /v1/similar` with a photo, `GET /healthz`.
//!
//! This crate knows nothing of the terminal.
//!
//! | route | in | out |
//! | --- | --- | --- |
//! | `POST /v1/similar?top=5` | a photo's bytes as the body, at most 24 MiB | 200 and [`Answer`] as JSON |
//! | `GET /healthz` | | 200 and what is served, as JSON |
//!
//! Errors are `application/problem+json` (RFC 9457): 400 for a bad parameter or no body, 408 for a
//! body that takes too long, 413 for one that is too large, 415 for a form instead of a photo, 422
//! for a photo that cannot be used, 503 with `Retry-After` when there is too much to do.

mod error;
mod routes;
mod state;

use std::net::SocketAddr;

#[cfg(doc)]
use lookalike_engine::Answer;
use lookalike_engine::Searcher;
use lookalike_photo::DecodeLimits;
use tokio::net::TcpListener;

pub use error::ServeError;
pub use state::Limits;

use state::Shared;

/// Serves until the process is told to stop (SIGINT or SIGTERM), then finishes what it has begun.
///
/// `ready` is told the address that is listened on, which differs from `address` when its port is 0.
///
/// # Errors
/// [`ServeError`] when the address cannot be listened on.
pub fn run(
    mut searcher: Searcher,
    address: SocketAddr,
    limits: Limits,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), ServeError> {
    searcher.set_limits(DecodeLimits {
        max_pixels: limits.photo_pixels,
        max_bytes: limits.photo_bytes as u64,
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ServeError::Failed)?;
    runtime.block_on(async {
        let bound = |source| ServeError::Address { address, source };
        let listener = TcpListener::bind(address).await.map_err(bound)?;
        // Before anybody hears that the server is ready, and may tell it to stop.
        let told_to_stop = told_to_stop().map_err(ServeError::Failed)?;
        ready(listener.local_addr().map_err(bound)?);
        let (stopping, stop) = tokio::sync::oneshot::channel();
        let serving = axum::serve(listener, routes::router(Shared::new(searcher, limits)))
            .with_graceful_shutdown(async {
                told_to_stop.await;
                let _ = stopping.send(());
            });
        // A client that never finishes its request must not keep the server from ending.
        let patience = async {
            if stop.await.is_err() {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(limits.upload).await;
        };
        tokio::select! {
            served = serving => served.map_err(ServeError::Failed),
            () = patience => Ok(()),
        }
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
