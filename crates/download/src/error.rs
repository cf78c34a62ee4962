//! Errors of downloads.

use std::io;
use std::path::PathBuf;

use crate::verification::Check;

/// Why a file cannot be fetched or verified. Each message is one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum DownloadError {
    #[error("cannot fetch {source_name:?}: {reason}; correct it")]
    BadSource { source_name: String, reason: &'static str },
    #[error(
        "{digits:?} is no SHA-256: give all 64 hexadecimal digits, or at least the first 8 of them"
    )]
    BadChecksum { digits: String },
    #[error("{name} is {value:?}, which is no address: {advice}")]
    BadSetting { name: &'static str, value: String, advice: &'static str },

    #[error(
        "HF_HUB_OFFLINE is set and {name} is not in the cache: unset it, or put the file there ({})",
        path.display()
    )]
    Offline { name: String, path: PathBuf },
    #[error("{name} is not in the cache ({}): fetch it first", path.display())]
    NotCached { name: String, path: PathBuf },
    #[error(
        "cannot reach {host} for {name} ({reason}): check the connection and the variables HTTPS_PROXY, \
         HTTP_PROXY and NO_PROXY"
    )]
    Unreachable { name: String, host: String, reason: String },
    #[error(
        "the certificate of {host} is not accepted ({reason}): where a proxy signs for it, name the \
         proxy's certificate in SSL_CERT_FILE"
    )]
    Certificate { host: String, reason: String },
    #[error(
        "gave up on {name} after {attempts} attempts, the last one because {reason}: try again later; \
         what was received is kept, and the transfer resumes from there"
    )]
    GaveUp { name: String, attempts: u32, reason: String },

    #[error(
        "{name} does not exist at {host} (404): check the names of repository, revision and file, and \
         HF_ENDPOINT where it is set"
    )]
    NotFound { name: String, host: String },
    #[error(
        "{host} does not serve {name} ({status}): check the repository's name; where it needs a \
         login, accept its terms at {page} and set HF_TOKEN"
    )]
    Refused { name: String, host: String, page: String, status: u16 },
    #[error("{host} does not serve {name} ({status}): check the address")]
    UrlRefused { name: String, host: String, status: u16 },
    #[error(
        "{endpoint} is not a Hugging Face hub ({reason}): check HF_ENDPOINT, and whether the network \
         has a login page"
    )]
    NotAHub { endpoint: String, reason: String },
    #[error("{host} redirects {name} wrongly ({reason}): use another address or endpoint")]
    Redirect { name: String, host: String, reason: String },
    #[error(
        "the request to {host} cannot be made ({reason}): check HF_ENDPOINT, HF_TOKEN and the proxy \
         variables"
    )]
    BadRequest { host: String, reason: String },

    #[error(
        "{name} is not the expected file: {check} is {expected}, found {found}; nothing was kept: \
         try again, and if it stays so do not use this source"
    )]
    Mismatch { name: String, check: Check, expected: String, found: String },
    #[error(
        "{name} is not the file that was first fetched: its SHA-256 was {recorded} and is now {found}; \
         nothing was kept: to accept the new one, delete the entry {name:?} in {}",
        checksum_file.display()
    )]
    Changed { name: String, recorded: String, found: String, checksum_file: PathBuf },
    #[error(
        "{} is damaged: {check} is {expected}, found {found}; remove it and fetch it again",
        path.display()
    )]
    Damaged { path: PathBuf, check: Check, expected: String, found: String },
    #[error(
        "{} is not the file that was first fetched: its SHA-256 was {recorded} and is now {found}; \
         remove it and fetch it again, or, to accept it, delete the entry {name:?} in {}",
        path.display(), checksum_file.display()
    )]
    CacheChanged {
        path: PathBuf,
        name: String,
        recorded: String,
        found: String,
        checksum_file: PathBuf,
    },

    #[error("cannot write to the folder {}: {source}; free some space there, or set {variable} to another folder", folder.display())]
    Unwritable { folder: PathBuf, source: io::Error, variable: &'static str },
    #[error("cannot read {}: {source}; check its permissions", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "the recorded checksums in {} cannot be used ({reason}): mend the file, or remove it",
        path.display()
    )]
    ChecksumFile { path: PathBuf, reason: String },
}
