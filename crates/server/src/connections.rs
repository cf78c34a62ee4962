//! The accept loop: limits on connections, their timeouts, and graceful shutdown.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

use crate::admission::client_quota::ClientQuotas;
use crate::client_ip::client_network;
use crate::metrics::GaugeGuard;
use crate::state::AppState;

/// Pause after a connection could not be accepted, which is mostly for lack of file handles.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Largest size of a request's headers, in bytes.
const MAX_HEADER_BYTES: usize = 32 << 10;

/// Serves connections until `stop_signal` is ready, then finishes the requests that have begun.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    state: Arc<AppState>,
    stop_signal: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(state.limits.header_timeout);
    http.max_buf_size(MAX_HEADER_BYTES);
    let permits = Arc::new(Semaphore::new(state.limits.max_connections));
    // Behind a proxy, all connections come from it; without a rate limit, clients have no quota either.
    let has_quota = state.request_quotas.is_some() && !state.behind_proxy;
    let quotas = has_quota.then(|| ClientQuotas::quarter_of(state.limits.max_connections));
    let graceful = GracefulShutdown::new();
    tokio::pin!(stop_signal);
    loop {
        let accepted = async {
            // Without a permit, connections wait in the system's backlog.
            let permit = Arc::clone(&permits).acquire_owned().await.ok()?;
            Some((listener.accept().await, permit))
        };
        let accepted = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop_signal => None,
        };
        let (stream, peer, permit) = match accepted {
            None => break,
            Some((Ok((stream, peer)), permit)) => (stream, peer, permit),
            Some((Err(error), _)) => {
                tracing::warn!("a connection was not accepted: {error}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let quota = quotas.as_ref().map(|quotas| quotas.try_acquire(client_network(peer.ip())));
        if let Some(None) = quota {
            tracing::debug!("{} has too many connections", peer.ip());
            continue;
        }
        // Responses are small: no waiting for more bytes (Nagle).
        let _ = stream.set_nodelay(true);
        // A client that never reads its response must not hold the connection.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(state.limits.upload_timeout));
        let router = router.clone();
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request.map(Body::new))
        });
        let connection =
            graceful.watch(http.serve_connection(TokioIo::new(Box::pin(stream)), service));
        let open = GaugeGuard::new(&state.metrics.connections);
        tokio::spawn(async move {
            let _held = (permit, quota, open);
            if let Err(error) = connection.await {
                tracing::debug!("a connection from {} ended: {error}", peer.ip());
            }
        });
    }
    drop(listener);
    state.stop();
    tracing::info!("stopping: finishing the requests that have begun");
    // A client that never finishes its request must not keep the server from stopping.
    let longest = state.limits.upload_timeout + state.limits.queue_timeout;
    if tokio::time::timeout(longest, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were cut off: they took longer than {longest:?}");
    }
}
