//! Reads the rest of a request's body after its response is known.
//!
//! When a server responds without reading the body and closes the connection, the client's system gets a
//! reset and throws the response away. So the rest of the body is read and discarded first, up to a limit and
//! for a short time.

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
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// A handle on the body of a request that a handler reads, to drain it afterwards.
pub(crate) struct BodyDrain {
    body: Arc<Mutex<Body>>,
    /// Whether the client sends `Expect: 100-continue`: then it sends no body before it is asked to.
    expects_continue: bool,
}

struct SharedBody(Arc<Mutex<Body>>);

impl BodyDrain {
    /// The request with a shared body, and the handle on that.
    pub(crate) fn of(request: Request) -> (Request, Self) {
        let expects_continue = request.headers().contains_key(header::EXPECT);
        let (parts, body) = request.into_parts();
        let body = Arc::new(Mutex::new(body));
        let request = Request::from_parts(parts, Body::new(SharedBody(Arc::clone(&body))));
        (request, Self { body, expects_continue })
    }

    /// Reads and discards the rest, up to `limit` bytes.
    pub(crate) async fn drain(self, limit: usize) {
        if self.expects_continue {
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
        let _ = timeout(DRAIN_TIMEOUT, read).await;
    }
}

type NextFrame = Option<Result<Frame<Bytes>, axum::Error>>;

fn poll(body: &Mutex<Body>, context: &mut Context<'_>) -> Poll<NextFrame> {
    Pin::new(&mut *body.lock().unwrap_or_else(PoisonError::into_inner)).poll_frame(context)
}

impl HttpBody for SharedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<NextFrame> {
        poll(&self.0, context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).size_hint()
    }
}
