//! The server's settings and limits, and their defaults.

use std::time::Duration;

use crate::ServeError;

/// How a server is run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Host name or IP address, and port; port 0 takes a free one. Default `127.0.0.1:8080`.
    pub addr: String,
    /// The token that clients must send as `Authorization: Bearer`; without it everybody may search.
    pub read_token: Option<String>,
    /// The token that operators must send; without it there are no admin routes.
    pub admin_token: Option<String>,
    /// Other sites whose pages may send requests from a browser (CORS): origins such as
    /// `https://shop.example`, or `*`. Default: none.
    pub cors_origins: Vec<String>,
    /// How often one client may search. Default [`RateLimit::Auto`].
    pub rate_limit: RateLimit,
    /// Whether the last address in `X-Forwarded-For` is the client's. Only behind a proxy of your own that
    /// sets it: otherwise clients can forge their address.
    pub behind_proxy: bool,
    /// Whether shoppers' feedback on answers is written down. Default [`TakeFeedback::No`].
    pub feedback: TakeFeedback,
    /// Limits on sizes, times and concurrency.
    pub limits: Limits,
}

/// Whether feedback on answers is written to the index's folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TakeFeedback {
    /// It is not taken.
    #[default]
    No,
    /// Which product was chosen, or none, with what the verdict was computed from. No photo is kept.
    Answers,
    /// The same, and the photos that were searched for.
    AnswersAndPhotos,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            addr: "127.0.0.1:8080".to_owned(),
            read_token: None,
            admin_token: None,
            cors_origins: Vec::new(),
            rate_limit: RateLimit::Auto,
            behind_proxy: false,
            feedback: TakeFeedback::No,
            limits: Limits::default(),
        }
    }
}

/// Whether searches are limited for each client.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RateLimit {
    /// [`Rate::default`], but no limit where only this machine can connect.
    Auto,
    /// No limit.
    Off,
    /// This rate for each client.
    PerClient(Rate),
}

/// How often one client may search: a token bucket.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Searches per second in the long run. Default 5.
    pub per_second: f64,
    /// Searches at once after a pause. Default 20.
    pub burst: f64,
}

impl Default for Rate {
    fn default() -> Self {
        Self { per_second: 5.0, burst: 20.0 }
    }
}

impl Rate {
    /// A rate that is so many times as high.
    pub(crate) fn times(self, factor: f64) -> Self {
        Self { per_second: self.per_second * factor, burst: self.burst * factor }
    }
}

/// Limits on sizes, times and concurrency.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest photo in bytes. Default 24 MiB.
    pub max_photo_bytes: usize,
    /// Largest request with several photos, or with photos in base64, in bytes. Default 48 MiB.
    pub max_body_bytes: usize,
    /// Most pixels of a photo: decoding takes up to 12 bytes for each, on every worker at once. Default 50
    /// million.
    pub max_photo_pixels: u64,
    /// Most photos in a request. Default 8.
    pub max_photos: usize,
    /// Longest time that photos may take to arrive. Default 30 s.
    pub upload_timeout: Duration,
    /// Longest time that a request's headers may take to arrive, or a connection may be idle. Default 10 s.
    pub header_timeout: Duration,
    /// Longest time that a request waits for a worker. Default 10 s.
    pub queue_timeout: Duration,
    /// Requests that are read, queued or worked on at once; more are refused with 503. Default 32.
    pub max_requests: usize,
    /// Longest time that a refusal is delayed: for a request above `max_requests`, until a permit becomes
    /// free; and for a client above its rate limit. Clients that retry at once would otherwise take the cores
    /// from searches. Default 1 s.
    pub refusal_delay: Duration,
    /// Searches that run at once. Default: the number of cores.
    pub search_workers: usize,
    /// Connections held at once; more wait to be accepted. Default 512.
    pub max_connections: usize,
    /// Most products in a response. Default 100.
    pub max_results: usize,
    /// Memory for cached thumbnails, in bytes. Default 32 MiB.
    pub thumbnail_cache_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_photo_bytes: 24 << 20,
            max_body_bytes: 48 << 20,
            max_photo_pixels: 50_000_000,
            max_photos: 8,
            upload_timeout: Duration::from_secs(30),
            header_timeout: Duration::from_secs(10),
            queue_timeout: Duration::from_secs(10),
            max_requests: 32,
            refusal_delay: Duration::from_secs(1),
            search_workers: cores(),
            max_connections: 512,
            max_results: 100,
            thumbnail_cache_bytes: 32 << 20,
        }
    }
}

/// Number of cores, at least 1.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Settings {
    /// Refuses settings that make no sense.
    pub(crate) fn check(&self) -> Result<(), ServeError> {
        let wrong = |what: &str| Err(ServeError::Setting(what.to_owned()));
        let tokens = [&self.read_token, &self.admin_token];
        if tokens.into_iter().flatten().any(|token| token.len() < 16) {
            return wrong("a token has at least 16 characters: `openssl rand -hex 24` makes one");
        }
        if self.admin_token.is_some() && self.admin_token == self.read_token {
            return wrong("the read token and the admin token are the same: make two");
        }
        if let RateLimit::PerClient(rate) = self.rate_limit
            && !(rate.per_second > 0.0 && rate.per_second.is_finite() && rate.burst >= 1.0)
        {
            return wrong("a rate limit is more than 0 searches a second, its burst 1 or more");
        }
        let Limits { max_photo_bytes, max_body_bytes, max_photos, max_requests, .. } = self.limits;
        let Limits { search_workers, max_connections, max_results, .. } = self.limits;
        let sizes = [max_photo_bytes, max_body_bytes, max_photos];
        let counts = [max_requests, search_workers, max_connections, max_results];
        if sizes.into_iter().chain(counts).any(|limit| limit == 0) {
            return wrong("a limit of 0 lets nobody search: set it to 1 or more");
        }
        Ok(())
    }

    /// The rate limit for each client, if there is one. `is_local` says that only this machine can connect.
    pub(crate) fn rate(&self, is_local: bool) -> Option<Rate> {
        match self.rate_limit {
            RateLimit::Off => None,
            RateLimit::PerClient(rate) => Some(rate),
            // A proxy's clients are elsewhere, even if the proxy is on this machine.
            RateLimit::Auto => (!is_local || self.behind_proxy).then(Rate::default),
        }
    }
}
