//! Connections: how many, for how long, and how they end.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

use crate::metrics::Counted;
use crate::rate::{Peer, client_at};
use crate::shares::Shares;
use crate::state::Shared;

/// Pause after a connection could not be accepted: mostly for want of file handles.
const PAUSE: Duration = Duration::from_millis(100);

/// Largest head of a request, in bytes.
const HEAD: usize = 32 << 10;

/// Answers connections until told to stop, then finishes those that have begun.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    shared: Arc<Shared>,
    told_to_stop: impl Future<Output = ()>,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(shared.limits.head).max_buf_size(HEAD);
    let connections = Arc::new(Semaphore::new(shared.limits.connections));
    // A proxy brings everybody, and without a rate nobody is limited.
    let told_apart = shared.places.is_some() && !shared.behind_proxy;
    let of_client = told_apart.then(|| Shares::quarter_of(shared.limits.connections));
    let graceful = GracefulShutdown::new();
    tokio::pin!(told_to_stop);
    loop {
        let accepted = async {
            // Whoever comes when all places are taken waits with the system.
            let place = Arc::clone(&connections).acquire_owned().await.ok()?;
            Some((listener.accept().await, place))
        };
        let accepted = tokio::select! {
            accepted = accepted => accepted,
            () = &mut told_to_stop => None,
        };
        let (stream, peer, place) = match accepted {
            None => break,
            Some((Ok((stream, peer)), place)) => (stream, peer, place),
            Some((Err(error), _)) => {
                tracing::warn!("a connection was not accepted: {error}");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let share = of_client.as_ref().map(|shares| shares.take(client_at(peer)));
        if let Some(None) = share {
            tracing::debug!("{} has too many connections", peer.ip());
            continue;
        }
        // Answers are small and wanted at once.
        let _ = stream.set_nodelay(true);
        // Who never reads an answer must not hold its place.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(shared.limits.upload));
        let router = router.clone();
        let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(Peer(peer));
            router.clone().oneshot(request.map(Body::new))
        });
        let connection =
            graceful.watch(http.serve_connection(TokioIo::new(Box::pin(stream)), service));
        let counted = Counted::new(&shared.metrics.connections);
        tokio::spawn(async move {
            let _held = (place, share, counted);
            if let Err(error) = connection.await {
                tracing::debug!("a connection from {} ended: {error}", peer.ip());
            }
        });
    }
    drop(listener);
    shared.stop();
    tracing::info!("stopping: finishing what has begun");
    // A client that never finishes its request must not keep the server from ending.
    let patience = shared.limits.upload + shared.limits.wait;
    if tokio::time::timeout(patience, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were cut off: they took longer than {patience:?}");
    }
}
