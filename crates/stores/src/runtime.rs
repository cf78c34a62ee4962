//! Blocking calls of async clients, from any thread.

use tokio::runtime::{Builder, Handle, Runtime};

/// A tokio runtime of one thread, whose futures callers block on.
pub(crate) struct BlockingRuntime(Option<Runtime>);

impl BlockingRuntime {
    pub(crate) fn new() -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        Ok(Self(Some(runtime)))
    }

    /// Runs a future to its end; `None` if the runtime is gone.
    pub(crate) fn block_on<T: Send>(&self, future: impl Future<Output = T> + Send) -> Option<T> {
        let runtime = self.0.as_ref()?;
        if Handle::try_current().is_err() {
            return Some(runtime.block_on(future));
        }
        // tokio does not let a thread of another runtime block.
        std::thread::scope(|scope| scope.spawn(|| runtime.block_on(future)).join().ok())
    }
}

impl Drop for BlockingRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_thread_of_another_runtime_may_block_too() {
        let runtime = BlockingRuntime::new().expect("a thread");
        let other = Builder::new_current_thread().build().expect("a runtime");
        let cell = Cell::new(0);
        other.block_on(async {
            cell.set(runtime.block_on(async { 7 }).unwrap_or_default());
            drop(runtime);
        });
        assert_eq!(cell.get(), 7);
    }
}
