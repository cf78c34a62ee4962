//! One file from the network into its cache.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use lookalike_base::progress::Progress;
use lookalike_base::{folder_of, rename};

use super::{Client, Fetched};
use crate::digest::{Digest, digest};
use crate::hub_cache::HubCache;
use crate::lock::Lock;
use crate::metadata::{Metadata, request_metadata};
use crate::retry::Retry;
use crate::transfer::Transfer;
use crate::urls::resolve;
use crate::verification::{Check, Mismatch};
use crate::verifier::Verifier;
use crate::{DownloadError, Source, Verification};

/// A fetch of one file.
pub(crate) struct Fetch<'a> {
    pub client: &'a Client,
    pub source: &'a Source,
    pub name: String,
}

impl Fetch<'_> {
    pub fn fetch_from_hub(
        &self,
        (repo, revision, file): (&str, &str, &str),
        mut verifier: Verifier,
        progress: &dyn Progress,
    ) -> Result<Fetched, DownloadError> {
        let settings = &self.client.settings;
        let metadata = self.metadata((repo, revision, file), progress)?;
        let Metadata { commit, etag, bytes } = &metadata;
        verifier
            .add_metadata(metadata.sha256().as_deref(), *bytes)
            .map_err(|mismatch| self.mismatch(mismatch))?;

        let cache = HubCache::new(&settings.hub_cache, repo);
        let blob = cache.blob(etag);
        let unwritable = |source| unwritable(cache.root(), source, "HF_HUB_CACHE");
        cache.create_folders(etag).map_err(unwritable)?;
        let lock = Lock::take(&cache.lock(etag), &self.name, progress).map_err(unwritable)?;
        let publish = || cache.publish(etag, revision, commit, file).map_err(unwritable);
        if blob.is_file() {
            // Another revision has the same content, or another process has fetched it meanwhile.
            self.verify_blob(&blob, &verifier)?;
            let path = publish()?;
            lock.finish();
            return self.client.accept_cached(self.source, verifier, path);
        }
        let transfer = Transfer {
            http: &self.client.http,
            // The commit, not the branch, which may move meanwhile.
            url: resolve(&settings.endpoint, repo, commit, file),
            name: &self.name,
            partial: &cache.partial(etag),
            variable: "HF_HUB_CACHE",
            verifier: &verifier,
            is_content_addressed: true,
            progress,
            mismatch: &|mismatch| self.mismatch(mismatch),
        };
        let (found, verification) = self.download(&transfer, &blob)?;
        let path = publish()?;
        lock.finish();
        self.done(path, found, verification)
    }

    fn metadata(
        &self,
        file: (&str, &str, &str),
        progress: &dyn Progress,
    ) -> Result<Metadata, DownloadError> {
        let refusal = |status, host| self.refusal(status, host);
        let mut retry = Retry::new(&self.client.settings, progress, &self.name, &refusal);
        loop {
            match request_metadata(&self.client.http, &self.client.settings, file, &self.name) {
                Ok(metadata) => return Ok(metadata),
                Err(failure) => retry.wait_after(failure)?,
            }
        }
    }

    fn verify_blob(&self, blob: &Path, verifier: &Verifier) -> Result<(), DownloadError> {
        let unreadable = |source| DownloadError::Unreadable { path: blob.to_owned(), source };
        let found = digest(blob).map_err(unreadable)?;
        verifier
            .verify(&found)
            .map_err(|mismatch| self.client.damaged(self.source, blob, mismatch))?;
        Ok(())
    }

    pub fn fetch_from_url(
        &self,
        url: &str,
        verifier: &Verifier,
        progress: &dyn Progress,
    ) -> Result<Fetched, DownloadError> {
        let path = self.client.cache_path(self.source);
        let folder = folder_of(&path);
        let unwritable = |source| unwritable(folder, source, "TORCH_HOME");
        fs::create_dir_all(folder).map_err(unwritable)?;
        let beside = |extension| folder.join(format!("{}.{extension}", self.source.file_name()));
        let lock = Lock::take(&beside("lock"), &self.name, progress).map_err(unwritable)?;
        if path.is_file() {
            // Another process has fetched it meanwhile.
            lock.finish();
            return self.client.accept_cached(self.source, verifier.clone(), path);
        }
        let transfer = Transfer {
            http: &self.client.http,
            url: url.to_owned(),
            name: &self.name,
            partial: &beside("partial"),
            variable: "TORCH_HOME",
            verifier,
            is_content_addressed: false,
            progress,
            mismatch: &|mismatch| self.mismatch(mismatch),
        };
        let (found, verification) = self.download(&transfer, &path)?;
        lock.finish();
        self.done(path, found, verification)
    }

    /// Transfers and verifies the file, and only then renames it to its final name.
    fn download(
        &self,
        transfer: &Transfer,
        path: &Path,
    ) -> Result<(Digest, Verification), DownloadError> {
        let refusal = |status, host| self.refusal(status, host);
        let settings = &self.client.settings;
        let retry = Retry::new(settings, transfer.progress, &self.name, &refusal);
        let checked = transfer.run(retry).and_then(|found| {
            let verification =
                transfer.verifier.verify(&found).map_err(|mismatch| self.mismatch(mismatch))?;
            Ok((found, verification))
        });
        match checked {
            Ok(checked) => {
                rename(transfer.partial, path)
                    .map_err(|source| unwritable(folder_of(path), source, transfer.variable))?;
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

    fn done(
        &self,
        path: PathBuf,
        found: Digest,
        verification: Verification,
    ) -> Result<Fetched, DownloadError> {
        self.client.remember(self.source, &found, verification)?;
        let Digest { sha256, bytes } = found;
        Ok(Fetched { path, bytes, sha256, verification, downloaded: true })
    }

    fn mismatch(&self, mismatch: Mismatch) -> DownloadError {
        let (name, Mismatch { check, expected, found }) = (self.name.clone(), mismatch);
        if check == Check::Recorded {
            let checksum_file = self.client.checksums.path().to_owned();
            return DownloadError::Changed { name, recorded: expected, found, checksum_file };
        }
        DownloadError::Mismatch { name, check, expected, found }
    }

    /// The error of a refusing status.
    fn refusal(&self, status: u16, host: String) -> DownloadError {
        let name = self.name.clone();
        match (status, self.source) {
            (404 | 410, _) => DownloadError::NotFound { name, host },
            (401 | 403, Source::Hub { repo, .. }) => {
                let page = format!("{}/{repo}", self.client.settings.endpoint);
                DownloadError::Refused { name, host, page, status }
            }
            _ => DownloadError::UrlRefused { name, host, status },
        }
    }
}

fn unwritable(folder: &Path, source: io::Error, variable: &'static str) -> DownloadError {
    DownloadError::Unwritable { folder: folder.to_owned(), source, variable }
}
