//! Waiting for answers of servers from threads that wait, and asking again.

use std::time::Duration;

use lookalike_vectors::RemoteError;
use tokio::runtime::{Builder, Handle, Runtime};

/// How long an answer is waited for; building a graph is not limited.
pub(crate) const ANSWER: Duration = Duration::from_secs(60);
/// How long a server is waited for that does not take calls.
pub(crate) const CONNECT: Duration = Duration::from_secs(5);

/// Pauses before it is tried again: a server that is restarted is back by then.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_millis(1500),
    Duration::from_secs(4),
];

/// A thread that talks to a server.
pub(crate) struct Waiting(Option<Runtime>);

impl Waiting {
    pub(crate) fn new() -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Self(Some(runtime)))
    }

    /// Waits for an answer, on whatever thread.
    pub(crate) fn wait<T: Send>(&self, answer: impl Future<Output = T> + Send) -> Option<T> {
        let runtime = self.0.as_ref()?;
        if Handle::try_current().is_err() {
            return Some(runtime.block_on(answer));
        }
        // A thread of a server of our own: tokio does not let it wait.
        std::thread::scope(|scope| scope.spawn(|| runtime.block_on(answer)).join().ok())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// What is wrong, and whether it may be right in a moment.
pub(crate) struct Failure {
    pub(crate) error: RemoteError,
    pub(crate) is_passing: bool,
}

/// Asks until there is an answer, or a failure that will not pass.
pub(crate) async fn asking<T, F: Future<Output = Result<T, Failure>>>(
    mut ask: impl FnMut(usize) -> F,
) -> Result<T, RemoteError> {
    let mut pauses = PAUSES.iter();
    for attempt in 0.. {
        match ask(attempt).await {
            Ok(answer) => return Ok(answer),
            Err(Failure { error, is_passing }) => match pauses.next() {
                Some(pause) if is_passing => tokio::time::sleep(*pause).await,
                _ => return Err(error),
            },
        }
    }
    unreachable!("there are not so many pauses")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn failure(is_passing: bool) -> Failure {
        let error = RemoteError::Refused { store: "store".into(), reason: "busy".into() };
        Failure { error, is_passing }
    }

    #[test]
    fn what_passes_is_asked_again_and_what_does_not_is_not() {
        let waiting = Waiting::new().expect("a thread");
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let count = || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let answer = waiting.wait(asking(|attempt| {
            count();
            async move { if attempt < 2 { Err(failure(true)) } else { Ok(attempt) } }
        }));
        assert_eq!(answer.and_then(Result::ok), Some(2));
        assert_eq!(count(), 3);
        let answer = waiting.wait(asking(|_| {
            count();
            async { Err::<(), _>(failure(false)) }
        }));
        assert!(answer.is_some_and(|answer| answer.is_err()));
        assert_eq!(count(), 5);
    }

    #[test]
    fn a_thread_of_a_server_may_wait_too() {
        let waiting = Waiting::new().expect("a thread");
        let other = Builder::new_current_thread().build().expect("a runtime");
        let cell = Cell::new(0);
        other.block_on(async {
            cell.set(waiting.wait(async { 7 }).unwrap_or_default());
            drop(waiting);
        });
        assert_eq!(cell.get(), 7);
    }
}
