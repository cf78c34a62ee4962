//! [`Client`]: files from the caches, or from the network into the caches.

mod fetch;

use std::fs;
use std::path::{Path, PathBuf};

use lookalike_base::progress::Progress;

use self::fetch::Fetch;
use crate::checksum_file::ChecksumFile;
use crate::digest::{Digest, digest};
use crate::http::Http;
use crate::hub_cache::HubCache;
use crate::verification::{Check, Mismatch};
use crate::verifier::Verifier;
use crate::{DownloadError, RecordedChecksum, RemoteFile, Settings, Source, Verification};

/// A verified file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Where it is.
    pub path: PathBuf,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256: 64 hexadecimal digits in lower case.
    pub sha256: String,
    /// How it was verified.
    pub verification: Verification,
    /// Whether it came from the network, not from a cache.
    pub downloaded: bool,
}

/// Fetches files, one at a time, and reads the caches.
pub struct Client {
    pub(crate) settings: Settings,
    pub(crate) http: Http,
    pub(crate) checksums: ChecksumFile,
}

impl Client {
    /// A client. It reads and connects to nothing yet.
    pub fn new(settings: Settings) -> Self {
        let http = Http::new(&settings);
        let checksums = ChecksumFile::new(settings.checksum_file.clone());
        Self { settings, http, checksums }
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The file, from a cache or from the network. Either way its checksum is computed and verified.
    ///
    /// An interrupted transfer is resumed, also by another process. Of two processes that fetch the same file,
    /// one waits for the other. A cached file that fails its verification is left alone: another program may own
    /// it.
    ///
    /// # Errors
    /// Any [`DownloadError`]. No file has its final name then.
    pub fn fetch(
        &self,
        remote: &RemoteFile,
        progress: &dyn Progress,
    ) -> Result<Fetched, DownloadError> {
        let verifier = self.verifier(remote)?;
        if let Some(path) = self.cached(remote) {
            return self.accept_cached(&remote.source, verifier, path);
        }
        if self.settings.offline {
            let path = self.cache_path(&remote.source);
            return Err(DownloadError::Offline { name: remote.source.to_string(), path });
        }
        let fetch = Fetch { client: self, source: &remote.source, name: remote.source.to_string() };
        match &remote.source {
            Source::Hub { repo, revision, file } => {
                fetch.fetch_from_hub((repo, revision, file), verifier, progress)
            }
            Source::Url(url) => fetch.fetch_from_url(url, &verifier, progress),
        }
    }

    /// The file's path in a cache, if it is there. It is not verified.
    pub fn cached(&self, remote: &RemoteFile) -> Option<PathBuf> {
        remote.source.check().ok()?;
        match &remote.source {
            Source::Hub { repo, revision, file } => {
                HubCache::new(&self.settings.hub_cache, repo).cached(revision, file)
            }
            Source::Url(_) => Some(self.cache_path(&remote.source)).filter(|path| path.is_file()),
        }
    }

    /// Verifies the cached file, without the network.
    ///
    /// # Errors
    /// [`DownloadError::NotCached`] where it is not there, [`DownloadError::Damaged`] or
    /// [`DownloadError::CacheChanged`] where its verification fails, and errors of reading files.
    pub fn verify(&self, remote: &RemoteFile) -> Result<Fetched, DownloadError> {
        let verifier = self.verifier(remote)?;
        match self.cached(remote) {
            Some(path) => self.accept_cached(&remote.source, verifier, path),
            None => Err(DownloadError::NotCached {
                name: remote.source.to_string(),
                path: self.cache_path(&remote.source),
            }),
        }
    }

    /// Records a file's checksum, as a first fetch does: for files that were copied by hand. Replaces an older
    /// record.
    ///
    /// # Errors
    /// The file of checksums is damaged or cannot be written.
    pub fn record(&self, source: &Source, digest: &Digest) -> Result<(), DownloadError> {
        source.check()?;
        self.checksums.set(&source.to_string(), digest)
    }

    /// A file's recorded checksum.
    ///
    /// # Errors
    /// The file of checksums is damaged or cannot be read.
    pub fn recorded(&self, source: &Source) -> Result<Option<RecordedChecksum>, DownloadError> {
        self.checksums.get(&source.to_string())
    }

    /// The path of a URL's file in the cache, or the folder of a hub's repository.
    pub(crate) fn cache_path(&self, source: &Source) -> PathBuf {
        match source {
            Source::Hub { repo, .. } => {
                HubCache::new(&self.settings.hub_cache, repo).root().to_owned()
            }
            Source::Url(_) => self.settings.torch_cache.join(source.file_name()),
        }
    }

    fn verifier(&self, remote: &RemoteFile) -> Result<Verifier, DownloadError> {
        remote.source.check()?;
        Verifier::new(&remote.expected, self.recorded(&remote.source)?.as_ref())
    }

    pub(crate) fn accept_cached(
        &self,
        source: &Source,
        mut verifier: Verifier,
        path: PathBuf,
    ) -> Result<Fetched, DownloadError> {
        let unreadable = |source| DownloadError::Unreadable { path: path.clone(), source };
        // The file itself, not a link to it: it is what a user would have to remove.
        let file = fs::canonicalize(&path).map_err(unreadable)?;
        let damaged = |mismatch| self.damaged(source, &file, mismatch);
        let bytes = fs::metadata(&file).map_err(unreadable)?.len();
        verifier.check_size(bytes).map_err(damaged)?;
        let found = digest(&file).map_err(unreadable)?;
        if let Source::Hub { repo, .. } = source {
            verifier.add_cache_name(HubCache::new(&self.settings.hub_cache, repo).sha256_of(&path));
        }
        let verification = verifier.verify(&found).map_err(damaged)?;
        self.remember(source, &found, verification)?;
        Ok(Fetched { path, bytes, sha256: found.sha256, verification, downloaded: false })
    }

    /// Records the checksum of a first use.
    pub(crate) fn remember(
        &self,
        source: &Source,
        found: &Digest,
        verification: Verification,
    ) -> Result<(), DownloadError> {
        match verification {
            Verification::FirstUse | Verification::ExpectedPrefix
                if self.recorded(source)?.is_none() =>
            {
                self.checksums.set(&source.to_string(), found)
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn damaged(
        &self,
        source: &Source,
        path: &Path,
        mismatch: Mismatch,
    ) -> DownloadError {
        let path = path.to_owned();
        let Mismatch { check, expected, found } = mismatch;
        if check == Check::Recorded {
            let (name, checksum_file) = (source.to_string(), self.checksums.path().to_owned());
            return DownloadError::CacheChanged {
                path,
                name,
                recorded: expected,
                found,
                checksum_file,
            };
        }
        DownloadError::Damaged { path, check, expected, found }
    }
}
