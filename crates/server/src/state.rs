use std::sync::Arc;
use std::time::Duration;

use lookalike_engine::Searcher;
use tokio::sync::Semaphore;

/// What the server does at once, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest photo in bytes. Default 24 MiB.
    pub photo_bytes: usize,
    /// Most pixels of a photo: decoding takes up to 12 bytes for each, on every core at once. Default
    /// 50 million.
    pub photo_pixels: u64,
    /// Longest time that a photo may take to arrive. Default 30 s.
    pub upload: Duration,
    /// Requests that are read, waiting or worked on; more are told to come back. Default 32.
    pub requests: usize,
    /// Searches worked on at once. Default: the number of cores.
    pub searches: usize,
    /// Most products in an answer. Default 100.
    pub top: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            photo_bytes: 24 << 20,
            photo_pixels: 50_000_000,
            upload: Duration::from_secs(30),
            requests: 32,
            searches: std::thread::available_parallelism().map_or(1, usize::from),
            top: 100,
        }
    }
}

/// What every request shares.
pub(crate) struct Shared {
    pub(crate) searcher: Searcher,
    pub(crate) limits: Limits,
    pub(crate) requests: Arc<Semaphore>,
    pub(crate) searches: Arc<Semaphore>,
}

impl Shared {
    pub(crate) fn new(searcher: Searcher, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            searcher,
            limits,
            requests: Arc::new(Semaphore::new(limits.requests.max(1))),
            searches: Arc::new(Semaphore::new(limits.searches.max(1))),
        })
    }
}
