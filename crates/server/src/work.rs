//! Searches, one to a core, off the threads that talk to clients.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use crate::metrics::{Counted, Metrics};
use crate::problem::Problem;
use crate::settings::Limits;

type Job = Box<dyn FnOnce() + Send>;

/// Threads that work, each on one search at a time.
///
/// A network splits its arithmetic over all cores, which makes searches wait for each other when
/// there is one for every core. So each thread is a pool of its own, of one, unless there is but one
/// thread.
pub(crate) struct Workers {
    jobs: Sender<Job>,
    free: Arc<Semaphore>,
}

impl Workers {
    pub(crate) fn start(threads: usize) -> std::io::Result<Self> {
        Self::called("search", threads, threads > 1)
    }

    /// The one thread that loads and changes indexes, and leaves the other cores to searches. Always the
    /// same one: the system's allocator keeps what a thread has freed for that thread, so that loading an
    /// index now here and now there would in time keep room for one in many places.
    pub(crate) fn keeper() -> std::io::Result<Self> {
        Self::called("index", 1, true)
    }

    fn called(name: &'static str, threads: usize, alone: bool) -> std::io::Result<Self> {
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..threads {
            let queue = Arc::clone(&queue);
            let work = move || {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
                // Without it the work is slower, but the same.
                let _alone = alone.then(|| pool.build());
                work_off(&queue);
            };
            thread::Builder::new().name(format!("{name} {number}")).spawn(work)?;
        }
        Ok(Self { jobs, free: Arc::new(Semaphore::new(threads)) })
    }

    /// Waits for a free thread, for as long as the limits say.
    pub(crate) async fn turn(
        &self,
        limits: &Limits,
        metrics: &Metrics,
    ) -> Result<Turn<'_>, Problem> {
        let _waiting = Counted::new(&metrics.waiting);
        match timeout(limits.wait, Arc::clone(&self.free).acquire_owned()).await {
            Ok(Ok(place)) => Ok(Turn { workers: self, place }),
            Ok(Err(error)) => Err(Problem::internal("the search", &error)),
            Err(_) => {
                metrics.rejected("wait");
                Err(Problem::busy())
            }
        }
    }
}

impl Workers {
    /// Does work once a thread is free for it, however long that takes.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let place = Arc::clone(&self.free).acquire_owned().await;
        let place = place.map_err(|error| Problem::internal("the work", &error))?;
        Turn { workers: self, place }.run(work).await
    }
}

/// A thread that is free for one piece of work.
pub(crate) struct Turn<'a> {
    workers: &'a Workers,
    place: OwnedSemaphorePermit,
}

impl Turn<'_> {
    /// Does the work. It goes on when the client goes away, and keeps its place until it is done.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let (answer, answered) = oneshot::channel();
        let place = self.place;
        let job = move || {
            let result = work();
            // Free before the client hears of it, who may come back at once.
            drop(place);
            let _ = answer.send(result);
        };
        let sent = self.workers.jobs.send(Box::new(job));
        sent.map_err(|error| Problem::internal("the search", &error))?;
        answered.await.map_err(|error| Problem::internal("the search", &error))
    }
}

fn work_off(queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // A search that panics must not take a thread with it; its client is told.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;
    use std::time::Duration;

    #[tokio::test]
    async fn work_survives_a_panic_and_waiting_has_an_end() {
        let workers = Workers::start(1).expect("a thread");
        let limits = Limits { wait: Duration::from_millis(20), ..Limits::default() };
        let metrics = Metrics::new();
        let turn = workers.turn(&limits, &metrics).await.expect("a turn");
        let failed = turn.run(|| -> () { panic!("on purpose") }).await.expect_err("failed");
        assert_eq!(failed.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let turn = workers.turn(&limits, &metrics).await.expect("a turn");
        let busy = workers.turn(&limits, &metrics).await.err().expect("no second turn");
        assert_eq!(busy.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(turn.run(|| 7).await.expect("an answer"), 7);
    }
}
