//! Retries with backoff of failures that may pass, and timeouts.

use std::time::Duration;

use lookalike_vectors::RemoteError;

/// The timeout of a request; building a graph has none.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);
/// The timeout of a connection attempt.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Pauses between attempts: six seconds in all, by which a server that restarts is back.
const BACKOFF: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1500),
    Duration::from_secs(4),
];

/// A failed attempt.
pub(crate) struct Failure {
    pub(crate) error: RemoteError,
    /// Whether another attempt may succeed.
    pub(crate) is_transient: bool,
}

/// Calls `attempt`, which gets its number from 0, until it succeeds, fails for good, or has failed five times.
pub(crate) async fn with_retries<T, F: Future<Output = Result<T, Failure>>>(
    mut attempt: impl FnMut(usize) -> F,
) -> Result<T, RemoteError> {
    let mut pauses = BACKOFF.iter();
    for number in 0.. {
        match attempt(number).await {
            Ok(response) => return Ok(response),
            Err(Failure { error, is_transient }) => match pauses.next() {
                Some(pause) if is_transient => tokio::time::sleep(*pause).await,
                _ => return Err(error),
            },
        }
    }
    unreachable!("the pauses end first")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::runtime::BlockingRuntime;

    fn failure(is_transient: bool) -> Failure {
        let error = RemoteError::Refused { store: "store".into(), reason: "busy".into() };
        Failure { error, is_transient }
    }

    #[test]
    fn only_transient_failures_are_retried() {
        let runtime = BlockingRuntime::new().expect("a thread");
        let attempts = AtomicUsize::new(0);
        let count = || attempts.fetch_add(1, Ordering::Relaxed);
        let response = runtime.block_on(with_retries(|attempt| {
            count();
            async move { if attempt < 2 { Err(failure(true)) } else { Ok(attempt) } }
        }));
        assert_eq!(response.and_then(Result::ok), Some(2));
        assert_eq!(count(), 3);
        let response = runtime.block_on(with_retries(|_| {
            count();
            async { Err::<(), _>(failure(false)) }
        }));
        assert!(response.is_some_and(|response| response.is_err()));
        assert_eq!(count(), 5);
    }
}
