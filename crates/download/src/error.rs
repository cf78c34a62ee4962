//! Why a file cannot be had.

use std::io;
use std::path::PathBuf;

use crate::Authority;

/// Why a file cannot be had. Each message is one line that says what to do about it.
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
        "HF_HUB_OFFLINE is set and {name} is not in the cache: unset it, put the file where it belongs \
         ({}), or use `lookalike weights import FILE`",
        path.display()
    )]
    Offline { name: String, path: PathBuf },
    #[error("{name} is not in the cache ({}): fetch it first", path.display())]
    NotCached { name: String, path: PathBuf },
    #[error(
        "cannot reach {host} for {name} ({reason}): check the connection and the variables HTTPS_PROXY, \
         HTTP_PROXY and NO_PROXY, or fetch the file elsewhere and use `lookalike weights import FILE`"
    )]
    Unreachable { name: String, host: String, reason: String },
    #[error(
        "the certificate of {host} is not accepted ({reason}): where a proxy signs for it, name the \
         proxy's certificate in SSL_CERT_FILE"
    )]
    Certificate { host: String, reason: String },
    #[error(
        "gave up on {name} after {tries} tries, the last one because {reason}: try again later; what \
         came is kept and the transfer goes on from there"
    )]
    GaveUp { name: String, tries: u32, reason: String },

    #[error(
        "{name} does not exist at {place} (404): check the names of repository, revision and file, and \
         HF_ENDPOINT where it is set"
    )]
    NotFound { name: String, place: String },
    #[error(
        "{place} does not hand out {name} ({status}): check the repository's name; where it needs a \
         login, accept its terms at {page} and set HF_TOKEN"
    )]
    Refused { name: String, place: String, page: String, status: u16 },
    #[error(
        "{place} does not hand out {name} ({status}): fetch the file elsewhere and use `lookalike \
         weights import FILE`"
    )]
    UrlRefused { name: String, place: String, status: u16 },
    #[error(
        "{place} is not a Hugging Face hub ({reason}): check HF_ENDPOINT, and whether a login page \
         stands before the network"
    )]
    NotAHub { place: String, reason: String },
    #[error("{host} leads {name} astray ({reason}): use another address or endpoint")]
    Redirect { name: String, host: String, reason: String },
    #[error(
        "the request to {host} cannot be made ({reason}): check HF_ENDPOINT, HF_TOKEN and the proxy \
         variables"
    )]
    BadRequest { host: String, reason: String },

    #[error(
        "{name} is not the expected file: {authority} is {expected}, found {found}; nothing was kept: \
         try again, and if it stays so do not use this source"
    )]
    Mismatch { name: String, authority: Authority, expected: String, found: String },
    #[error(
        "{name} is not the file that was first fetched: its SHA-256 was {recorded} and is now {found}; \
         nothing was kept: to accept the new one, delete the entry {name:?} in {}",
        records.display()
    )]
    Changed { name: String, recorded: String, found: String, records: PathBuf },
    #[error(
        "{} is damaged: {authority} is {expected}, found {found}; remove it and fetch it again",
        path.display()
    )]
    Damaged { path: PathBuf, authority: Authority, expected: String, found: String },
    #[error(
        "{} is not the file that was first fetched: its SHA-256 was {recorded} and is now {found}; \
         remove it and fetch it again, or, to accept it, delete the entry {name:?} in {}",
        path.display(), records.display()
    )]
    CacheChanged { path: PathBuf, name: String, recorded: String, found: String, records: PathBuf },

    #[error("cannot write to the folder {}: {source}; free space there, or set {variable} to another folder", folder.display())]
    Unwritable { folder: PathBuf, source: io::Error, variable: &'static str },
    #[error("cannot read {}: {source}; check its permissions", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error(
        "the recorded checksums in {} cannot be used ({reason}): mend the file, or remove it to start \
         anew",
        path.display()
    )]
    Records { path: PathBuf, reason: String },
}
