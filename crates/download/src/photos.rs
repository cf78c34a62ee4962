//! Photos at web addresses, into a cache that later runs use again.
//!
//! Several at once, but few of one host; each within limits of size and time. A photo that cannot be had has its reason
//! in place of its file, and stops nothing.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lookalike_base::progress::{Phase, Progress, Silent};
use lookalike_base::{atomic_write, folder_of};
use serde::{Deserialize, Serialize};
use ureq::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH};
use ureq::http::header::{HeaderMap, LAST_MODIFIED};
use ureq::http::{Response, Uri};
use ureq::{Body, ResponseExt};

use crate::digest::Hasher;
use crate::http::Http;
use crate::public_address::check_public;
use crate::retry::{Failure, Retry};
use crate::urls::host;
use crate::{DownloadError, Settings};

/// Photos in a row for which a host does not answer, after which it is asked no more: each costs some seconds.
const MOST_FAILURES: usize = 12;

/// How photos are fetched.
#[derive(Debug, Clone)]
pub struct PhotoLimits {
    /// Largest photo, in bytes. Default 64 MiB.
    pub max_bytes: u64,
    /// Longest time for one photo, retries apart. Default 60 s.
    pub max_time: Duration,
    /// Photos at once, in all. Default 16.
    pub at_once: usize,
    /// Photos at once of one host. Default 4.
    pub at_once_of_host: usize,
    /// For how long a photo in the cache is taken without asking its server whether it has changed. Default a day.
    pub fresh: Duration,
    /// Whether only hosts with public addresses are asked: not this machine, nor its network. Default no.
    pub public_only: bool,
}

impl Default for PhotoLimits {
    fn default() -> Self {
        Self {
            max_bytes: 64 << 20,
            max_time: Duration::from_secs(60),
            at_once: 16,
            at_once_of_host: 4,
            fresh: Duration::from_secs(24 * 60 * 60),
            public_only: false,
        }
    }
}

/// A folder of photos that were fetched, by the SHA-256 of their address.
pub struct PhotoCache {
    settings: Settings,
    limits: PhotoLimits,
    http: Http,
}

/// What is known of a cached photo.
#[derive(Serialize, Deserialize)]
struct Known {
    address: String,
    etag: Option<String>,
    last_modified: Option<String>,
    /// Seconds since 1970.
    checked: u64,
}

impl PhotoCache {
    /// The cache in [`Settings::photo_cache`], which need not exist yet. It connects to nothing yet.
    pub fn new(settings: Settings, limits: PhotoLimits) -> Self {
        // A hub's token is not for shops.
        let settings = Settings { token: None, ..settings };
        Self { http: Http::new(&settings), settings, limits }
    }

    /// Fetches photos: the file of each address, or why there is none. Stops early, without the rest, if the progress is
    /// cancelled; what was fetched stays in the cache.
    pub fn fetch_all(
        &self,
        addresses: &[&str],
        progress: &dyn Progress,
    ) -> HashMap<String, Result<PathBuf, String>> {
        progress.begin(Phase::items("fetching photos", addresses.len() as u64));
        let mut hosts: HashMap<String, Vec<&str>> = HashMap::new();
        for address in addresses {
            let host = address.parse::<Uri>().map(|uri| host(&uri)).unwrap_or_default();
            hosts.entry(host).or_default().push(address);
        }
        let queue = |addresses| Queue { addresses: Mutex::new(addresses), ..Queue::default() };
        let queues: Vec<Queue<'_>> = hosts.into_values().map(queue).collect();
        // Each host has several places, and a worker empties the queue of the host of its place.
        let places = queues.len() * self.limits.at_once_of_host.max(1);
        let (next, found) = (AtomicUsize::new(0), Mutex::new(HashMap::new()));
        let work = || {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                if place >= places {
                    return;
                }
                let queue = &queues[place % queues.len()];
                // A statement of its own: the lock must not be held while a photo is fetched.
                while let Some(address) = { lock(&queue.addresses).pop() } {
                    if progress.is_cancelled() {
                        return;
                    }
                    let file = match queue.failures.load(Ordering::Relaxed) {
                        MOST_FAILURES.. => {
                            Err("its host did not answer for the photos before it".to_owned())
                        }
                        _ => queue.counted(self.try_fetch(address, progress)),
                    };
                    lock(&found).insert(address.to_owned(), file);
                    progress.advance(1);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.limits.at_once.clamp(1, places.max(1)) {
                scope.spawn(work);
            }
        });
        progress.end();
        found.into_inner().unwrap_or_default()
    }

    /// Fetches one photo, or takes it from the cache: its file, or why there is none.
    ///
    /// # Errors
    /// One line.
    pub fn fetch(&self, address: &str, progress: &dyn Progress) -> Result<PathBuf, String> {
        self.try_fetch(address, progress).map_err(|error| reason(&error))
    }

    fn try_fetch(&self, address: &str, progress: &dyn Progress) -> Result<PathBuf, DownloadError> {
        let (file, known_file) = self.paths(address);
        let known = fs::read(&known_file).ok();
        let known: Option<Known> = known.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let known = known.filter(|known| known.address == address && file.is_file());
        let is_fresh =
            |known: &Known| now().saturating_sub(known.checked) < self.limits.fresh.as_secs();
        if known.as_ref().is_some_and(is_fresh) || (known.is_some() && self.settings.offline) {
            return Ok(file);
        }
        if self.settings.offline {
            let reason = "it is not in the cache, and HF_HUB_OFFLINE is set".to_owned();
            return Err(DownloadError::BadRequest { host: address.to_owned(), reason });
        }
        let refusal = |status: u16, host: String| match status {
            404 | 410 => DownloadError::NotFound { name: address.to_owned(), host },
            _ => DownloadError::UrlRefused { name: address.to_owned(), host, status },
        };
        // Hundreds of photos of a server that is down must not wait for minutes each.
        let settings = Settings { retries: self.settings.retries.min(3), ..self.settings.clone() };
        let quiet = Waiting(progress);
        let mut retry = Retry::new(&settings, &quiet, address, &refusal);
        loop {
            match self.attempt(address, &file, &known_file, known.as_ref()) {
                Ok(()) => return Ok(file),
                Err(failure) => {
                    if let Err(error) = retry.wait_after(failure) {
                        // What was had before is better than nothing.
                        let is_gone = matches!(error, DownloadError::NotFound { .. });
                        return if known.is_some() && !is_gone { Ok(file) } else { Err(error) };
                    }
                }
            }
        }
    }

    /// The photo's file, and that with what is known of it.
    fn paths(&self, address: &str) -> (PathBuf, PathBuf) {
        let mut hasher = Hasher::default();
        hasher.update(address.as_bytes());
        let name = hasher.finish().sha256;
        let folder = self.settings.photo_cache.join(&name[..2]);
        (folder.join(&name[2..]), folder.join(format!("{}.json", &name[2..])))
    }

    fn attempt(
        &self,
        address: &str,
        file: &Path,
        known_file: &Path,
        known: Option<&Known>,
    ) -> Result<(), Failure> {
        let until = Instant::now() + self.limits.max_time;
        let mut headers = Vec::new();
        if let Some(known) = known {
            headers.extend(known.etag.clone().map(|etag| (IF_NONE_MATCH.as_str(), etag)));
            let date = known.last_modified.clone();
            headers.extend(date.map(|date| (IF_MODIFIED_SINCE.as_str(), date)));
        }
        let check = |url: &Uri| match self.limits.public_only {
            true => check_public(url),
            false => Ok(()),
        };
        let response = self.http.get_checked(address, address, &headers, &check)?;
        let text = |headers: &HeaderMap, name: &str| {
            headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let etag = text(response.headers(), ETAG.as_str());
        let last_modified = text(response.headers(), LAST_MODIFIED.as_str());
        let mut now_known =
            Known { address: address.to_owned(), etag, last_modified, checked: now() };
        let unwritable = |source| {
            let folder = self.settings.photo_cache.clone();
            let variable = "LOOKALIKE_PHOTO_CACHE";
            Failure::Final(DownloadError::Unwritable { folder, source, variable })
        };
        match (response.status().as_u16(), known) {
            (304, Some(known)) => {
                now_known.etag = now_known.etag.or_else(|| known.etag.clone());
                now_known.last_modified =
                    now_known.last_modified.or_else(|| known.last_modified.clone());
            }
            (200, _) => {
                let bytes = self.receive(response, until)?;
                write(file, &bytes).map_err(unwritable)?;
            }
            (status, _) => return Err(Failure::Status { status, host: address.to_owned() }),
        }
        let json = serde_json::to_vec(&now_known).map_err(|error| unwritable(error.into()))?;
        write(known_file, &json).map_err(unwritable)
    }

    fn receive(&self, response: Response<Body>, until: Instant) -> Result<Vec<u8>, Failure> {
        let host = host(response.get_uri());
        let headers = response.headers();
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let is_page = text(CONTENT_TYPE.as_str())
            .is_some_and(|kind| kind.starts_with("text/") || kind.contains("json"));
        if is_page {
            let kind = text(CONTENT_TYPE.as_str()).unwrap_or_default();
            return Err(refused(&host, format!("it sends no photo, but {kind}")));
        }
        let total: Option<u64> = text(CONTENT_LENGTH.as_str()).and_then(|n| n.trim().parse().ok());
        let too_large = || {
            let megabytes = self.limits.max_bytes >> 20;
            refused(&host, format!("the photo has more than {megabytes} MiB"))
        };
        if total.is_some_and(|total| total > self.limits.max_bytes) {
            return Err(too_large());
        }
        let mut body = response.into_body().into_reader();
        let (mut bytes, mut buffer) = (Vec::new(), vec![0; 1 << 16]);
        loop {
            match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.http.interrupted(error, &host)),
            }
            if bytes.len() as u64 > self.limits.max_bytes {
                return Err(too_large());
            }
            if Instant::now() > until {
                let seconds = self.limits.max_time.as_secs();
                return Err(refused(&host, format!("the photo takes more than {seconds} s")));
            }
        }
        match total {
            Some(total) if total != bytes.len() as u64 => {
                Err(Failure::transient(format!("{host} cut the connection")))
            }
            _ if bytes.is_empty() => Err(refused(&host, "it sends nothing".to_owned())),
            _ => Ok(bytes),
        }
    }
}

/// Photos of one host.
#[derive(Default)]
struct Queue<'a> {
    addresses: Mutex<Vec<&'a str>>,
    /// Photos in a row for which the host did not answer.
    failures: AtomicUsize,
}

impl Queue<'_> {
    fn counted(&self, fetched: Result<PathBuf, DownloadError>) -> Result<PathBuf, String> {
        match &fetched {
            Err(DownloadError::Unreachable { .. } | DownloadError::GaveUp { .. }) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
            }
            _ => self.failures.store(0, Ordering::Relaxed),
        }
        fetched.map_err(|error| reason(&error))
    }
}

/// Says nothing of waits: there are many photos.
struct Waiting<'a>(&'a dyn Progress);

impl Progress for Waiting<'_> {
    fn begin(&self, _: Phase<'_>) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
    fn note(&self, line: &str) {
        self.0.status(line);
    }
    fn is_cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// Fetches one photo, without a cache.
///
/// # Errors
/// One line.
pub fn fetch_photo(
    address: &str,
    settings: Settings,
    limits: PhotoLimits,
) -> Result<Vec<u8>, String> {
    let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    let settings = Settings { photo_cache: folder.path().to_owned(), ..settings };
    let cache = PhotoCache::new(settings, limits);
    let file = cache.fetch(address, &Silent)?;
    fs::read(file).map_err(|error| error.to_string())
}

fn refused(host: &str, reason: String) -> Failure {
    DownloadError::BadRequest { host: host.to_owned(), reason }.into()
}

/// An error's first line without the address, which the caller knows.
fn reason(error: &DownloadError) -> String {
    match error {
        DownloadError::NotFound { host, .. } => format!("{host} does not have it"),
        DownloadError::UrlRefused { host, status, .. } => format!("{host} refuses it ({status})"),
        DownloadError::BadRequest { host, reason } => format!("{host}: {reason}"),
        DownloadError::Unreachable { host, reason, .. } => format!("{host}: {reason}"),
        DownloadError::GaveUp { reason, attempts, .. } => {
            format!("{reason}, in {attempts} attempts")
        }
        other => other.to_string(),
    }
}

/// Writes a file whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder_of(path))?;
    atomic_write(path, |out| out.write_all(bytes))
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
