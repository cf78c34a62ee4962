//! A test hub, empty caches and a client with short waits.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use lookalike_base::progress::{Phase, Progress};
use lookalike_download::{
    Client, DownloadError, Expected, Fetched, Proxies, RemoteFile, Settings, Source,
};
use lookalike_testkit::hub::{Hub, Request, Site};
use tempfile::TempDir;

pub const REPO: &str = "timm/tiny.a1";
pub const FILE: &str = "model.safetensors";
/// The hub's folder of `REPO`.
pub const FOLDER: &str = "models--timm--tiny.a1";

pub struct Bench {
    pub hub: Hub,
    pub settings: Settings,
    pub folder: TempDir,
    pub log: ProgressLog,
}

/// A few pages of bytes that do not repeat.
pub fn content() -> Vec<u8> {
    (0..100_000_u32).flat_map(|n| (n.wrapping_mul(2_654_435_761) >> 8).to_le_bytes()).collect()
}

pub fn settings(endpoint: String, folder: &Path) -> Settings {
    Settings {
        endpoint,
        offline: false,
        token: None,
        hub_cache: folder.join("hub"),
        torch_cache: folder.join("torch"),
        photo_cache: PathBuf::new(),
        checksum_file: folder.join("data/checksums.json"),
        proxies: Proxies::default(),
        platform_certificates: false,
        retries: 3,
        backoff: Duration::from_millis(1),
        longest_wait: Duration::from_secs(5),
        connect_timeout: Duration::from_secs(5),
        read_timeout: Duration::from_secs(5),
    }
}

impl Bench {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let hub = Hub::start();
        hub.put(REPO, FILE, &content());
        let settings = settings(hub.endpoint(), folder.path());
        Self { hub, settings, folder, log: ProgressLog::default() }
    }

    pub fn client(&self) -> Client {
        Client::new(self.settings.clone())
    }

    pub fn fetch(&self, remote: &RemoteFile) -> Result<Fetched, DownloadError> {
        self.client().fetch(remote, &self.log)
    }

    /// A path in the hub's folder of `REPO`.
    pub fn in_repo(&self, path: &str) -> PathBuf {
        self.settings.hub_cache.join(FOLDER).join(path)
    }

    /// Names of the files in all caches, sorted.
    pub fn files(&self) -> Vec<String> {
        let mut found = Vec::new();
        list(self.folder.path(), &mut found);
        let relative = |path: PathBuf| {
            let path = path.strip_prefix(self.folder.path()).expect("inside").to_owned();
            path.to_str().expect("UTF-8").to_owned()
        };
        let mut names: Vec<_> = found.into_iter().map(relative).collect();
        names.sort();
        names
    }

    /// Like `files`, without locks: what is left of the file itself.
    pub fn kept(&self) -> Vec<String> {
        self.files().into_iter().filter(|name| !name.ends_with(".lock")).collect()
    }

    /// Requests that a hub answers with content.
    pub fn content_requests(&self) -> Vec<Request> {
        let requests = self.hub.requests().into_iter();
        requests
            .filter(|request| request.method == "GET")
            .filter(|request| request.site == Site::Store || !request.path.contains("/resolve/"))
            .collect()
    }
}

fn list(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().expect("a folder") {
        let path = entry.expect("an entry").path();
        // A link counts as itself.
        if path.is_dir() { list(&path, found) } else { found.push(path) }
    }
}

pub fn hub_file(revision: &str) -> RemoteFile {
    let source = Source::Hub { repo: REPO.into(), revision: revision.into(), file: FILE.into() };
    RemoteFile { source, expected: Expected::default() }
}

pub fn expecting(sha256: &str) -> RemoteFile {
    let expected = Expected { sha256: Some(sha256.into()), bytes: None };
    RemoteFile { expected, ..hub_file("main") }
}

pub fn url_file(url: String) -> RemoteFile {
    RemoteFile { source: Source::Url(url), expected: Expected::default() }
}

/// Progress, recorded.
#[derive(Default)]
pub struct ProgressLog {
    pub notes: Mutex<Vec<String>>,
    /// For each phase: its total, what was done before, and what was added.
    pub transfers: Mutex<Vec<(Option<u64>, u64, u64)>>,
    pub ends: Mutex<usize>,
}

impl ProgressLog {
    pub fn said(&self, words: &str) -> bool {
        self.notes.lock().expect("notes").iter().any(|line| line.contains(words))
    }
}

impl Progress for ProgressLog {
    fn begin(&self, Phase { total, done, .. }: Phase<'_>) {
        self.transfers.lock().expect("transfers").push((total, done, 0));
    }

    fn advance(&self, bytes: u64) {
        self.transfers.lock().expect("transfers").last_mut().expect("begun").2 += bytes;
    }

    fn note(&self, line: &str) {
        self.notes.lock().expect("notes").push(line.to_owned());
    }

    fn end(&self) {
        *self.ends.lock().expect("ends") += 1;
    }
}
