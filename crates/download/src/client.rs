//! Having a file: from the cache, or from the network and then in the cache.

use std::fs;
use std::path::{Path, PathBuf};

use crate::digest::{Digest, digest};
use crate::http::Http;
use crate::hub::HubCache;
use crate::known::{Authority, Disagreement, Known};
use crate::records::Records;
use crate::task::Task;
use crate::{DownloadError, Progress, Recorded, Remote, Settings, Source, Trust};

/// A file that is there and is the right one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where it is.
    pub path: PathBuf,
    /// Size.
    pub bytes: u64,
    /// SHA-256: 64 hexadecimal digits in lower case.
    pub sha256: String,
    /// How it is known that it is the right one.
    pub trust: Trust,
    /// Whether it came from the network now.
    pub downloaded: bool,
}

/// Gets files, one at a time, and knows the caches.
pub struct Client {
    pub(crate) settings: Settings,
    pub(crate) http: Http,
    pub(crate) records: Records,
}

impl Client {
    /// Nothing is read or connected to yet.
    pub fn new(settings: Settings) -> Self {
        let http = Http::new(&settings);
        let records = Records::new(settings.records.clone());
        Self { settings, http, records }
    }

    /// What this client goes by.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The file, from a cache or from the network. Either way its checksum is computed and compared.
    ///
    /// A transfer that was cut short goes on where it stopped, also in another process. Of two
    /// processes that want the same file, one waits for the other. A cached file that is not as it must
    /// be is left alone, since another program may own it.
    ///
    /// # Errors
    /// Any [`DownloadError`]. Nothing has got its final name then.
    pub fn fetch(
        &self,
        remote: &Remote,
        progress: &dyn Progress,
    ) -> Result<Fetched, DownloadError> {
        let known = self.known(remote)?;
        if let Some(path) = self.cached(remote) {
            return self.accept_cached(&remote.source, known, path);
        }
        if self.settings.offline {
            let path = self.place(&remote.source);
            return Err(DownloadError::Offline { name: remote.source.to_string(), path });
        }
        let task = Task { client: self, source: &remote.source, name: remote.source.to_string() };
        match &remote.source {
            Source::Hub { repo, revision, file } => {
                task.fetch_hub((repo, revision, file), known, progress)
            }
            Source::Url(url) => task.fetch_url(url, &known, progress),
        }
    }

    /// Where the file is in a cache, if it is there. No network, no checksum.
    pub fn cached(&self, remote: &Remote) -> Option<PathBuf> {
        remote.source.check().ok()?;
        match &remote.source {
            Source::Hub { repo, revision, file } => {
                HubCache::new(&self.settings.hub_cache, repo).cached(revision, file)
            }
            Source::Url(_) => Some(self.place(&remote.source)).filter(|path| path.is_file()),
        }
    }

    /// Compares the cached file with everything known. No network.
    ///
    /// # Errors
    /// [`DownloadError::NotCached`] where it is not there, [`DownloadError::Damaged`] or
    /// [`DownloadError::CacheChanged`] where it is not as it must be, and what may go wrong while files
    /// are read.
    pub fn verify(&self, remote: &Remote) -> Result<Fetched, DownloadError> {
        let known = self.known(remote)?;
        match self.cached(remote) {
            Some(path) => self.accept_cached(&remote.source, known, path),
            None => Err(DownloadError::NotCached {
                name: remote.source.to_string(),
                path: self.place(&remote.source),
            }),
        }
    }

    /// Records a file's checksum, as if it had been fetched for the first time. For files that came by
    /// hand. An older record is replaced.
    ///
    /// # Errors
    /// The file of records is damaged or cannot be written.
    pub fn record(&self, source: &Source, digest: &Digest) -> Result<(), DownloadError> {
        source.check()?;
        self.records.set(&source.to_string(), digest)
    }

    /// What was recorded of a file.
    ///
    /// # Errors
    /// The file of records is damaged or cannot be read.
    pub fn recorded(&self, source: &Source) -> Result<Option<Recorded>, DownloadError> {
        self.records.get(&source.to_string())
    }

    /// Where the file of a plain address lies once it is there, or the folder of the hub's repository.
    pub(crate) fn place(&self, source: &Source) -> PathBuf {
        match source {
            Source::Hub { repo, .. } => {
                HubCache::new(&self.settings.hub_cache, repo).root().to_owned()
            }
            Source::Url(_) => self.settings.torch_cache.join(source.file_name()),
        }
    }

    fn known(&self, remote: &Remote) -> Result<Known, DownloadError> {
        remote.source.check()?;
        Known::new(&remote.expected, self.recorded(&remote.source)?.as_ref())
    }

    pub(crate) fn accept_cached(
        &self,
        source: &Source,
        mut known: Known,
        path: PathBuf,
    ) -> Result<Fetched, DownloadError> {
        let unreadable = |source| DownloadError::Unreadable { path: path.clone(), source };
        // The file itself, not a link to it: this is what would have to be removed.
        let file = fs::canonicalize(&path).map_err(unreadable)?;
        let damaged = |no| self.damaged(source, &file, no);
        let bytes = fs::metadata(&file).map_err(unreadable)?.len();
        known.check_size(bytes).map_err(damaged)?;
        let found = digest(&file).map_err(unreadable)?;
        if let Source::Hub { repo, .. } = source {
            known.named(HubCache::new(&self.settings.hub_cache, repo).named(&path));
        }
        let trust = known.check(&found).map_err(damaged)?;
        self.remember(source, &found, trust)?;
        Ok(Fetched { path, bytes, sha256: found.sha256, trust, downloaded: false })
    }

    /// Records what was seen for the first time.
    pub(crate) fn remember(
        &self,
        source: &Source,
        found: &Digest,
        trust: Trust,
    ) -> Result<(), DownloadError> {
        match trust {
            Trust::FirstUse | Trust::Prefix if self.recorded(source)?.is_none() => {
                self.records.set(&source.to_string(), found)
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn damaged(&self, source: &Source, path: &Path, no: Disagreement) -> DownloadError {
        let path = path.to_owned();
        let Disagreement { authority, expected, found } = no;
        if authority == Authority::Record {
            let (name, records) = (source.to_string(), self.records.path().to_owned());
            return DownloadError::CacheChanged { path, name, recorded: expected, found, records };
        }
        DownloadError::Damaged { path, authority, expected, found }
    }
}
