use std::time::Duration;

use crate::ServeError;

/// How a server is run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Host name or IP address, and port; port 0 takes a free one. Default `127.0.0.1:8080`.
    pub addr: String,
    /// What clients must show as `Authorization: Bearer`; everybody may search without it.
    pub read_token: Option<String>,
    /// What operators must show; without it there are no admin routes.
    pub admin_token: Option<String>,
    /// Other sites whose pages may ask from a browser: origins such as `https://shop.example`, or `*`.
    /// Default: none.
    pub cors_origins: Vec<String>,
    /// How often one client may search. Default: no limit where only this machine can connect, else
    /// [`Rate::default`].
    pub rate: RateSetting,
    /// Whether the last address in `X-Forwarded-For` is the client's. Only behind a proxy of one's
    /// own that sets it; others could claim to be anybody.
    pub behind_proxy: bool,
    /// What is done at once, and for how long.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            addr: "127.0.0.1:8080".to_owned(),
            read_token: None,
            admin_token: None,
            cors_origins: Vec::new(),
            rate: RateSetting::ByAddress,
            behind_proxy: false,
            limits: Limits::default(),
        }
    }
}

/// Whether searches are limited for each client.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RateSetting {
    /// As is usual for the address that is listened on.
    ByAddress,
    /// Not at all.
    Off,
    /// Like this.
    On(Rate),
}

/// How often one client may search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Searches a second in the long run. Default 5.
    pub per_second: f64,
    /// Searches at once after a pause. Default 20.
    pub burst: f64,
}

impl Default for Rate {
    fn default() -> Self {
        Self { per_second: 5.0, burst: 20.0 }
    }
}

/// What the server does at once, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Largest photo in bytes. Default 24 MiB.
    pub photo_bytes: usize,
    /// Largest request with several photos, or with photos in base64, in bytes. Default 48 MiB.
    pub body_bytes: usize,
    /// Most pixels of a photo: decoding takes up to 12 bytes for each, on every core at once. Default
    /// 50 million.
    pub photo_pixels: u64,
    /// Most photos of one thing, or independent ones in a batch. Default 8.
    pub photos: usize,
    /// Longest time that photos may take to arrive. Default 30 s.
    pub upload: Duration,
    /// Longest time that a request's head may take to arrive, or a connection may be idle. Default
    /// 10 s.
    pub head: Duration,
    /// Longest time that a request waits for its turn. Default 10 s.
    pub wait: Duration,
    /// Requests that are read, waiting or worked on; more are told to come back. Default 32.
    pub requests: usize,
    /// Longest time that a request which finds no place among those is held, for one to become free,
    /// before it is told to come back; also one of a client that asks too often. Clients that do not
    /// wait before they come back would otherwise take the cores from the others. Default 1 s.
    pub hold: Duration,
    /// Searches worked on at once. Default: the number of cores.
    pub searches: usize,
    /// Connections held at once; more wait to be accepted. Default 512.
    pub connections: usize,
    /// Most products in an answer. Default 100.
    pub top: usize,
    /// Memory for thumbnails, in bytes. Default 32 MiB.
    pub thumbnail_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            photo_bytes: 24 << 20,
            body_bytes: 48 << 20,
            photo_pixels: 50_000_000,
            photos: 8,
            upload: Duration::from_secs(30),
            head: Duration::from_secs(10),
            wait: Duration::from_secs(10),
            requests: 32,
            hold: Duration::from_secs(1),
            searches: cores(),
            connections: 512,
            top: 100,
            thumbnail_bytes: 32 << 20,
        }
    }
}

/// Number of cores, at least 1.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

impl Settings {
    /// Refuses what makes no sense.
    pub(crate) fn check(&self) -> Result<(), ServeError> {
        let wrong = |what: &str| Err(ServeError::Setting(what.to_owned()));
        let tokens = [&self.read_token, &self.admin_token];
        if tokens.into_iter().flatten().any(|token| token.len() < 16) {
            return wrong("a token has at least 16 characters: `openssl rand -hex 24` makes one");
        }
        if self.admin_token.is_some() && self.admin_token == self.read_token {
            return wrong("the tokens for reading and for administration are the same: make two");
        }
        if let RateSetting::On(rate) = self.rate
            && !(rate.per_second > 0.0 && rate.per_second.is_finite() && rate.burst >= 1.0)
        {
            return wrong("a rate is more than 0 searches a second, its burst 1 or more");
        }
        let Limits {
            photo_bytes, body_bytes, photos, requests, searches, connections, top, ..
        } = self.limits;
        if [photo_bytes, body_bytes, photos, requests, searches, connections, top].contains(&0) {
            return wrong("a limit of 0 lets nobody search: set it to 1 or more");
        }
        Ok(())
    }
}
