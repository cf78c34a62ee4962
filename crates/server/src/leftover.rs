//! What is left of a request's body when its answer is known.
//!
//! A server that answers without reading a body and closes the connection makes the client's system
//! throw the answer away: the client sees a broken connection instead of a reason. So the rest is read
//! first, and forgotten, as far as that takes little.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::http::header;
use hyper::body::{Frame, SizeHint};
use tokio::time::timeout;

/// Longest time to wait for the rest of a body.
const PATIENCE: Duration = Duration::from_secs(2);

/// A body that is read in one place and finished in another.
pub(crate) struct Leftover {
    body: Arc<Mutex<Body>>,
    /// Whether the client waits to be told to send its body, and so need not be told to.
    asks_first: bool,
}

struct Reading(Arc<Mutex<Body>>);

impl Leftover {
    /// A request like this one, and a hold on its body.
    pub(crate) fn of(request: Request) -> (Request, Self) {
        let asks_first = request.headers().contains_key(header::EXPECT);
        let (parts, body) = request.into_parts();
        let body = Arc::new(Mutex::new(body));
        let request = Request::from_parts(parts, Body::new(Reading(Arc::clone(&body))));
        (request, Self { body, asks_first })
    }

    /// Reads the rest, as far as it is no longer than `limit` bytes and comes soon.
    pub(crate) async fn finish(self, limit: usize) {
        if self.asks_first {
            return;
        }
        let read = async {
            let mut bytes = 0;
            while let Some(Ok(frame)) = poll_fn(|context| poll(&self.body, context)).await {
                bytes += frame.data_ref().map_or(0, Bytes::len);
                if bytes > limit {
                    return;
                }
            }
        };
        let _ = timeout(PATIENCE, read).await;
    }
}

type Next = Option<Result<Frame<Bytes>, axum::Error>>;

fn poll(body: &Mutex<Body>, context: &mut Context<'_>) -> Poll<Next> {
    Pin::new(&mut *body.lock().unwrap_or_else(PoisonError::into_inner)).poll_frame(context)
}

impl HttpBody for Reading {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Next> {
        poll(&self.0, context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}
