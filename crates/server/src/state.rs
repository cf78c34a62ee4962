//! The state that all requests share, and where the served index comes from.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use lookalike_engine::{IndexLocation, OnnxDetector, Searcher};
use lookalike_photo::DecodeLimits;
use tokio::sync::{Semaphore, watch};

use crate::ServeError;
use crate::admission::client_quota::ClientQuotas;
use crate::admission::rate_limit::RateLimiter;
use crate::auth::BearerTokens;
use crate::feedback::FeedbackLog;
use crate::metrics::Metrics;
use crate::photo_store::PhotoStore;
use crate::served_index::ServedIndex;
use crate::settings::{Limits, Rate, Settings, TakeFeedback};
use crate::thumbnail_cache::ThumbnailCache;
use crate::worker_pool::WorkerPool;

/// Opens the index again, with the weights that it needs; the error says why that failed.
pub type Reload = Box<dyn Fn() -> Result<Searcher, String> + Send + Sync>;

/// Where the served index comes from.
pub struct IndexSource {
    /// Where the index is stored, and changes are written to.
    pub location: IndexLocation,
    /// The folder for photos that are added over HTTP, and for the embedding cache.
    pub folder: PathBuf,
    /// Opens the index again.
    pub reload: Reload,
    /// An object detector, used beside the activation map of the index's own network.
    pub detector: Option<Arc<OnnxDetector>>,
}

/// Thumbnails and product pages that a client may have for each search: an answer shows up to a hundred products, a few photos
/// of each.
const PAGES_PER_SEARCH: f64 = 50.0;

pub(crate) struct AppState {
    served: RwLock<Arc<ServedIndex>>,
    pub(crate) source: IndexSource,
    pub(crate) photo_store: PhotoStore,
    /// Where feedback is written, if it is taken.
    pub(crate) feedback: Option<Arc<FeedbackLog>>,
    /// Held while the index is loaded or updated: two at once would take twice the memory, or undo each other.
    pub(crate) update_lock: tokio::sync::Mutex<()>,
    pub(crate) limits: Limits,
    pub(crate) behind_proxy: bool,
    pub(crate) tokens: BearerTokens,
    pub(crate) rate_limiter: Option<RateLimiter>,
    /// Of thumbnails and product pages.
    pub(crate) page_limiter: Option<RateLimiter>,
    pub(crate) request_permits: Arc<Semaphore>,
    /// How many of those one client may hold, where clients are limited.
    pub(crate) request_quotas: Option<Arc<ClientQuotas>>,
    pub(crate) search_workers: WorkerPool,
    /// Loads and updates the index.
    pub(crate) index_worker: WorkerPool,
    pub(crate) thumbnails: ThumbnailCache,
    pub(crate) metrics: Metrics,
    stopping: watch::Sender<bool>,
}

impl AppState {
    /// `rate` is the limit for each client, if there is one.
    pub(crate) fn new(
        searcher: Searcher,
        source: IndexSource,
        settings: &Settings,
        rate: Option<Rate>,
    ) -> Result<Arc<Self>, ServeError> {
        let limits = settings.limits;
        let metrics = Metrics::new();
        let served = ServedIndex::new(searcher, source.detector.clone())?;
        metrics.set_index(&served);
        let feedback = match settings.feedback {
            TakeFeedback::No => None,
            TakeFeedback::Answers => Some(FeedbackLog::new(&source.folder, false)),
            TakeFeedback::AnswersAndPhotos => Some(FeedbackLog::new(&source.folder, true)),
        };
        let search_workers = WorkerPool::for_searches(limits.search_workers);
        Ok(Arc::new(Self {
            served: RwLock::new(Arc::new(served)),
            photo_store: PhotoStore::beside(&source.folder),
            feedback: feedback.map(Arc::new),
            source,
            update_lock: tokio::sync::Mutex::default(),
            limits,
            behind_proxy: settings.behind_proxy,
            tokens: BearerTokens::new(
                settings.read_token.as_deref(),
                settings.admin_token.as_deref(),
            ),
            rate_limiter: rate.map(RateLimiter::new),
            page_limiter: rate.map(|rate| RateLimiter::new(rate.times(PAGES_PER_SEARCH))),
            request_permits: Arc::new(Semaphore::new(limits.max_requests)),
            request_quotas: rate.map(|_| ClientQuotas::quarter_of(limits.max_requests)),
            search_workers: search_workers.map_err(ServeError::Failed)?,
            index_worker: WorkerPool::for_index_updates().map_err(ServeError::Failed)?,
            thumbnails: ThumbnailCache::new(limits.thumbnail_cache_bytes),
            metrics,
            stopping: watch::Sender::new(false),
        }))
    }

    /// The index as it is now. A request takes it once and keeps it, whatever is loaded meanwhile.
    pub(crate) fn served_index(&self) -> Arc<ServedIndex> {
        Arc::clone(&self.served.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Serves another index from now on.
    pub(crate) fn replace_index(&self, served: Arc<ServedIndex>) {
        self.metrics.set_index(&served);
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = served;
    }

    /// Limits on decoding a client's photo.
    pub(crate) fn decode_limits(&self) -> DecodeLimits {
        let Limits { max_photo_bytes, max_photo_pixels, .. } = self.limits;
        DecodeLimits { max_bytes: max_photo_bytes as u64, max_pixels: max_photo_pixels }
    }

    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Waits until the server stops.
    pub(crate) async fn stopped(&self) {
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }
}
