use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use lookalike_engine::{Detector, Home, Searcher};
use lookalike_photo::DecodeLimits;
use tokio::sync::{Semaphore, watch};

use crate::access::Access;
use crate::metrics::Metrics;
use crate::photo_store::PhotoStore;
use crate::rate::RateLimit;
use crate::served::Served;
use crate::settings::{Limits, Settings};
use crate::shares::Shares;
use crate::thumbnails::Thumbnails;
use crate::work::Workers;
use crate::{RateSetting, ServeError};

/// Opens the index again, with the weights that it wants; says why it cannot.
pub type Reopen = Box<dyn Fn() -> Result<Searcher, String> + Send + Sync>;

/// Where the index that is served comes from.
pub struct Source {
    /// Where it is kept, and changes are written to.
    pub home: Home,
    /// The folder for the photos that come over HTTP, and their embeddings.
    pub folder: PathBuf,
    /// Opens it again.
    pub reopen: Reopen,
    /// What finds things in photos beside the index's own network.
    pub detector: Option<Arc<Detector>>,
}

/// What every request shares.
pub(crate) struct Shared {
    served: RwLock<Arc<Served>>,
    pub(crate) source: Source,
    pub(crate) photo_store: PhotoStore,
    /// Held while an index is loaded or changed: two at once would only take twice the memory, or undo
    /// what the other one did.
    pub(crate) changing: tokio::sync::Mutex<()>,
    pub(crate) limits: Limits,
    pub(crate) behind_proxy: bool,
    pub(crate) access: Access,
    pub(crate) rate: Option<RateLimit>,
    pub(crate) requests: Arc<Semaphore>,
    /// What of those one client may have, where clients are told apart.
    pub(crate) places: Option<Arc<Shares>>,
    pub(crate) workers: Workers,
    /// Loads and changes the index.
    pub(crate) keeper: Workers,
    pub(crate) thumbnails: Thumbnails,
    pub(crate) metrics: Metrics,
    stopping: watch::Sender<bool>,
}

impl Shared {
    pub(crate) fn new(
        searcher: Searcher,
        source: Source,
        settings: &Settings,
        only_this_machine: bool,
    ) -> Result<Arc<Self>, ServeError> {
        let limits = settings.limits;
        let rate = match settings.rate {
            RateSetting::Off => None,
            RateSetting::On(rate) => Some(rate),
            // Whom a proxy brings is not on this machine, wherever the proxy is.
            RateSetting::ByAddress => {
                (!only_this_machine || settings.behind_proxy).then(Default::default)
            }
        };
        let metrics = Metrics::new();
        let served = Served::new(searcher, source.detector.clone())?;
        metrics.serves(&served);
        Ok(Arc::new(Self {
            served: RwLock::new(Arc::new(served)),
            photo_store: PhotoStore::beside(&source.folder),
            source,
            changing: tokio::sync::Mutex::default(),
            limits,
            behind_proxy: settings.behind_proxy,
            access: Access::new(settings.read_token.as_deref(), settings.admin_token.as_deref()),
            rate: rate.map(RateLimit::new),
            requests: Arc::new(Semaphore::new(limits.requests)),
            places: rate.map(|_| Shares::quarter_of(limits.requests)),
            workers: Workers::start(limits.searches).map_err(ServeError::Failed)?,
            keeper: Workers::keeper().map_err(ServeError::Failed)?,
            thumbnails: Thumbnails::new(limits.thumbnail_bytes),
            metrics,
            stopping: watch::Sender::new(false),
        }))
    }

    /// The index as it is now. A request takes it once and keeps it, whatever is loaded meanwhile.
    pub(crate) fn served(&self) -> Arc<Served> {
        Arc::clone(&self.served.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Serves another index from now on.
    pub(crate) fn serve(&self, served: Arc<Served>) {
        self.metrics.serves(&served);
        *self.served.write().unwrap_or_else(PoisonError::into_inner) = served;
    }

    /// What a photo of a client's may cost.
    pub(crate) fn decode_limits(&self) -> DecodeLimits {
        let Limits { photo_bytes, photo_pixels, .. } = self.limits;
        DecodeLimits { max_bytes: photo_bytes as u64, max_pixels: photo_pixels }
    }

    pub(crate) fn stop(&self) {
        self.stopping.send_replace(true);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stopping.borrow()
    }

    /// Waits until the server is told to stop.
    pub(crate) async fn stopped(&self) {
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }
}
