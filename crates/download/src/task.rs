//! Fetching one file from the network into its cache.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::client::{Client, Fetched};
use crate::digest::{Digest, digest};
use crate::files::{folder_of, put_in_place};
use crate::hub::HubCache;
use crate::known::{Authority, Disagreement, Known};
use crate::lock::Lock;
use crate::metadata::{Metadata, ask};
use crate::retry::Retry;
use crate::transfer::Transfer;
use crate::urls::resolve;
use crate::{DownloadError, Progress, Source, Trust};

/// One file to fetch from the network.
pub(crate) struct Task<'a> {
    pub client: &'a Client,
    pub source: &'a Source,
    pub name: String,
}

impl Task<'_> {
    pub fn fetch_hub(
        &self,
        (repo, revision, file): (&str, &str, &str),
        mut known: Known,
        progress: &dyn Progress,
    ) -> Result<Fetched, DownloadError> {
        let settings = &self.client.settings;
        let metadata = self.ask((repo, revision, file), progress)?;
        let Metadata { commit, etag, bytes } = &metadata;
        known.learn(metadata.sha256().as_deref(), *bytes).map_err(|no| self.mismatch(no))?;

        let cache = HubCache::new(&settings.hub_cache, repo);
        let blob = cache.blob(etag);
        let unwritable = |source| unwritable(cache.root(), source, "HF_HUB_CACHE");
        cache.make_folders(etag).map_err(unwritable)?;
        let lock = Lock::take(&cache.lock(etag), &self.name, progress).map_err(unwritable)?;
        let publish = || cache.publish(etag, revision, commit, file).map_err(unwritable);
        if blob.is_file() {
            // Another revision has the same content, or another process was waited for.
            self.accept_blob(&blob, &known)?;
            let path = publish()?;
            lock.finish();
            return self.client.accept_cached(self.source, known, path);
        }
        let transfer = Transfer {
            http: &self.client.http,
            // The commit, not the branch, which may move on meanwhile.
            url: resolve(&settings.endpoint, repo, commit, file),
            name: &self.name,
            partial: &cache.partial(etag),
            variable: "HF_HUB_CACHE",
            known: &known,
            one_content: true,
            progress,
            mismatch: &|no| self.mismatch(no),
        };
        let (found, trust) = self.download(&transfer, &blob)?;
        let path = publish()?;
        lock.finish();
        self.done(path, found, trust)
    }

    fn ask(
        &self,
        file: (&str, &str, &str),
        progress: &dyn Progress,
    ) -> Result<Metadata, DownloadError> {
        let refusal = |status, place| self.refusal(status, place);
        let mut retry = Retry::new(&self.client.settings, progress, &self.name, &refusal);
        loop {
            match ask(&self.client.http, &self.client.settings, file, &self.name) {
                Ok(metadata) => return Ok(metadata),
                Err(failure) => retry.absorb(failure)?,
            }
        }
    }

    fn accept_blob(&self, blob: &Path, known: &Known) -> Result<(), DownloadError> {
        let unreadable = |source| DownloadError::Unreadable { path: blob.to_owned(), source };
        let found = digest(blob).map_err(unreadable)?;
        known.check(&found).map_err(|no| self.client.damaged(self.source, blob, no))?;
        Ok(())
    }

    pub fn fetch_url(
        &self,
        url: &str,
        known: &Known,
        progress: &dyn Progress,
    ) -> Result<Fetched, DownloadError> {
        let path = self.client.place(self.source);
        let folder = folder_of(&path);
        let unwritable = |source| unwritable(&folder, source, "TORCH_HOME");
        fs::create_dir_all(&folder).map_err(unwritable)?;
        let beside = |extension| folder.join(format!("{}.{extension}", self.source.file_name()));
        let lock = Lock::take(&beside("lock"), &self.name, progress).map_err(unwritable)?;
        if path.is_file() {
            // Another process was waited for.
            lock.finish();
            return self.client.accept_cached(self.source, known.clone(), path);
        }
        let transfer = Transfer {
            http: &self.client.http,
            url: url.to_owned(),
            name: &self.name,
            partial: &beside("partial"),
            variable: "TORCH_HOME",
            known,
            one_content: false,
            progress,
            mismatch: &|no| self.mismatch(no),
        };
        let (found, trust) = self.download(&transfer, &path)?;
        lock.finish();
        self.done(path, found, trust)
    }

    /// Transfers, checks, and only then gives the final name.
    fn download(&self, transfer: &Transfer, path: &Path) -> Result<(Digest, Trust), DownloadError> {
        let refusal = |status, place| self.refusal(status, place);
        let settings = &self.client.settings;
        let retry = Retry::new(settings, transfer.progress, &self.name, &refusal);
        let checked = transfer.run(retry).and_then(|found| {
            let trust = transfer.known.check(&found).map_err(|no| self.mismatch(no))?;
            Ok((found, trust))
        });
        match checked {
            Ok(checked) => {
                put_in_place(transfer.partial, path)
                    .map_err(|source| unwritable(&folder_of(path), source, transfer.variable))?;
                Ok(checked)
            }
            Err(error) => {
                if matches!(error, DownloadError::Mismatch { .. } | DownloadError::Changed { .. }) {
                    let _ = fs::remove_file(transfer.partial);
                }
                Err(error)
            }
        }
    }

    fn done(&self, path: PathBuf, found: Digest, trust: Trust) -> Result<Fetched, DownloadError> {
        self.client.remember(self.source, &found, trust)?;
        let Digest { sha256, bytes } = found;
        Ok(Fetched { path, bytes, sha256, trust, downloaded: true })
    }

    fn mismatch(&self, no: Disagreement) -> DownloadError {
        let (name, Disagreement { authority, expected, found }) = (self.name.clone(), no);
        if authority == Authority::Record {
            let records = self.client.records.path().to_owned();
            return DownloadError::Changed { name, recorded: expected, found, records };
        }
        DownloadError::Mismatch { name, authority, expected, found }
    }

    /// A status that says no, in words.
    fn refusal(&self, status: u16, place: String) -> DownloadError {
        let name = self.name.clone();
        match (status, self.source) {
            (404 | 410, _) => DownloadError::NotFound { name, place },
            (401 | 403, Source::Hub { repo, .. }) => {
                let page = format!("{}/{repo}", self.client.settings.endpoint);
                DownloadError::Refused { name, place, page, status }
            }
            _ => DownloadError::UrlRefused { name, place, status },
        }
    }
}

fn unwritable(folder: &Path, source: io::Error, variable: &'static str) -> DownloadError {
    DownloadError::Unwritable { folder: folder.to_owned(), source, variable }
}
