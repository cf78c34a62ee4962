//! A hub's metadata of a file: the headers of its response to a HEAD request.

use ureq::http::HeaderMap;

use crate::http::Http;
use crate::retry::Failure;
use crate::source::{is_blob_name, is_commit, is_sha256};
use crate::urls::resolve;
use crate::{DownloadError, Settings};

/// A hub's metadata of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// The revision's commit.
    pub commit: String,
    /// The name of the content's blob in the cache.
    pub etag: String,
    /// Size in bytes, where the hub sends it.
    pub bytes: Option<u64>,
}

impl Metadata {
    /// The entity tag of a large file is its SHA-256; that of a small one is another checksum.
    pub fn sha256(&self) -> Option<String> {
        is_sha256(&self.etag).then(|| self.etag.to_ascii_lowercase())
    }
}

/// Requests the metadata once.
pub(crate) fn request_metadata(
    http: &Http,
    settings: &Settings,
    (repo, revision, file): (&str, &str, &str),
    name: &str,
) -> Result<Metadata, Failure> {
    let headers = http.head(&resolve(&settings.endpoint, repo, revision, file), name)?;
    read(&headers).map_err(|reason| {
        let endpoint = settings.endpoint.clone();
        DownloadError::NotAHub { endpoint, reason }.into()
    })
}

fn read(headers: &HeaderMap) -> Result<Metadata, String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let commit = text("x-repo-commit").ok_or("its response has no X-Repo-Commit")?;
    let (linked, etag) = (text("x-linked-etag"), text("etag"));
    let etag = unquoted(linked.or(etag).ok_or("its response has no ETag")?);
    // Both become part of a path.
    if !is_commit(commit) {
        return Err(format!("its X-Repo-Commit is {commit:?}"));
    }
    if !is_blob_name(etag) {
        return Err(format!("its ETag is {etag:?}"));
    }
    // The length of a redirect is not that of the file.
    let size = if linked.is_some() { text("x-linked-size") } else { text("content-length") };
    let bytes = size.and_then(|size| size.parse().ok());
    Ok(Metadata { commit: commit.to_owned(), etag: etag.to_owned(), bytes })
}

fn unquoted(etag: &str) -> &str {
    etag.trim_start_matches("W/").trim_matches('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let value = |value: &str| value.parse().expect("a header");
        pairs.iter().map(|(name, text)| (name.parse().expect("a name"), value(text))).collect()
    }

    const COMMIT: (&str, &str) = ("x-repo-commit", "0123456789012345678901234567890123456789");

    #[test]
    fn a_large_file_is_named_by_its_checksum() {
        let sha256 = "AB".repeat(32);
        let quoted = format!("\"{sha256}\"");
        let linked = [("x-linked-etag", quoted.as_str()), ("x-linked-size", "12")];
        let redirect = [COMMIT, ("etag", "\"other\""), ("content-length", "999")];
        let found = read(&headers(&[&redirect[..], &linked].concat())).expect("complete");
        assert_eq!((found.etag.as_str(), found.bytes), (sha256.as_str(), Some(12)));
        assert_eq!(found.sha256(), Some(sha256.to_ascii_lowercase()));
    }

    #[test]
    fn a_small_file_is_named_otherwise() {
        let weak = ("etag", "W/\"d41d8cd98f00b204e9800998ecf8427e\"");
        let found = read(&headers(&[COMMIT, weak, ("content-length", "5")])).expect("complete");
        assert_eq!(found.etag, "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!((found.bytes, found.sha256()), (Some(5), None));
    }

    #[test]
    fn what_would_leave_the_cache_is_refused() {
        let etag = ("etag", "\"abc\"");
        for bad in [
            [("x-repo-commit", "../../../.."), etag],
            [("x-repo-commit", "main"), etag],
            [COMMIT, ("etag", "\"../../../.ssh/id\"")],
            [COMMIT, ("etag", "\"..\"")],
            [COMMIT, ("etag", "\"\"")],
            [COMMIT, ("x-other", "1")],
            [("x-other", "1"), etag],
        ] {
            assert!(read(&headers(&bad)).is_err(), "{bad:?}");
        }
    }
}
