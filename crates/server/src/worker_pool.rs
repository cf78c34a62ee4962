//! Worker pools: searches run one to a core, off the threads that talk to clients.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use crate::metrics::{GaugeGuard, Metrics};
use crate::problem::Problem;
use crate::settings::Limits;

type Job = Box<dyn FnOnce() + Send>;

/// Threads that run one job each at a time.
///
/// A network spreads its arithmetic over a rayon pool. If all searches shared the global pool, they would
/// wait for each other, so each worker thread is a rayon pool of one. A pool of a single worker uses all
/// cores instead.
pub(crate) struct WorkerPool {
    jobs: Sender<Job>,
    idle: Arc<Semaphore>,
}

impl WorkerPool {
    /// The pool for searches.
    pub(crate) fn for_searches(threads: usize) -> std::io::Result<Self> {
        Self::start("search", threads, threads > 1)
    }

    /// The one thread that loads and changes indexes; the other cores are left to searches. It is always the
    /// same thread, because glibc's allocator keeps freed memory per thread: with several threads, each would
    /// in time keep the memory of an index.
    pub(crate) fn for_index_updates() -> std::io::Result<Self> {
        Self::start("index", 1, true)
    }

    fn start(name: &'static str, threads: usize, single: bool) -> std::io::Result<Self> {
        let (jobs, queue) = channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..threads {
            let queue = Arc::clone(&queue);
            let work = move || {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread();
                // Without the pool a job is slower, but the same.
                let _single = single.then(|| pool.build());
                run_jobs(&queue);
            };
            thread::Builder::new().name(format!("{name} {number}")).spawn(work)?;
        }
        Ok(Self { jobs, idle: Arc::new(Semaphore::new(threads)) })
    }

    /// Waits for an idle worker, up to the queue timeout.
    pub(crate) async fn acquire(
        &self,
        limits: &Limits,
        metrics: &Metrics,
    ) -> Result<WorkerPermit<'_>, Problem> {
        let _queued = GaugeGuard::new(&metrics.queued);
        match timeout(limits.queue_timeout, Arc::clone(&self.idle).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(WorkerPermit { pool: self, permit }),
            Ok(Err(error)) => Err(Problem::internal("the search", &error)),
            Err(_) => {
                metrics.rejected("timeout");
                Err(Problem::busy())
            }
        }
    }

    /// Runs a job once a worker is idle, however long that takes.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let permit = Arc::clone(&self.idle).acquire_owned().await;
        let permit = permit.map_err(|error| Problem::internal("the work", &error))?;
        WorkerPermit { pool: self, permit }.run(job).await
    }
}

/// An idle worker, reserved for one job.
pub(crate) struct WorkerPermit<'a> {
    pool: &'a WorkerPool,
    permit: OwnedSemaphorePermit,
}

impl WorkerPermit<'_> {
    /// Runs the job. It is finished, and holds its worker until then, even when the client disconnects.
    pub(crate) async fn run<T: Send + 'static>(
        self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let (sender, receiver) = oneshot::channel();
        let permit = self.permit;
        let job = move || {
            let result = job();
            // Idle before the client gets the response: it may send the next request at once.
            drop(permit);
            let _ = sender.send(result);
        };
        let sent = self.pool.jobs.send(Box::new(job));
        sent.map_err(|error| Problem::internal("the search", &error))?;
        receiver.await.map_err(|error| Problem::internal("the search", &error))
    }
}

fn run_jobs(queue: &Mutex<Receiver<Job>>) {
    loop {
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // A panic must not end the worker; the client gets a 500, because its channel is dropped.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;
    use std::time::Duration;

    #[tokio::test]
    async fn a_worker_survives_a_panic_and_queueing_has_an_end() {
        let pool = WorkerPool::for_searches(1).expect("a thread");
        let limits = Limits { queue_timeout: Duration::from_millis(20), ..Limits::default() };
        let metrics = Metrics::new();
        let worker = pool.acquire(&limits, &metrics).await.expect("a worker");
        let failed = worker.run(|| -> () { panic!("on purpose") }).await.expect_err("failed");
        assert_eq!(failed.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let worker = pool.acquire(&limits, &metrics).await.expect("a worker");
        let busy = pool.acquire(&limits, &metrics).await.err().expect("no second worker");
        assert_eq!(busy.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(worker.run(|| 7).await.expect("a result"), 7);
    }
}
