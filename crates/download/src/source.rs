//! A remote file: its source, its expected checksum and size, and which names are safe in a path.

use std::fmt;

use ureq::http::Uri;

use crate::DownloadError;

/// The source of a file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// A file of a model repository on a Hugging Face hub.
    Hub {
        /// Owner and name, such as `timm/resnet50.a1_in1k`.
        repo: String,
        /// A branch, a tag or a commit.
        revision: String,
        /// Path inside the repository, with `/` between folders.
        file: String,
    },
    /// A URL, `https://` or `http://`. The file is cached in PyTorch's folder of checkpoints, under the last segment
    /// of the URL's path.
    Url(String),
}

/// The expected checksum and size of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected {
    /// SHA-256 in hexadecimal: all 64 digits, or the first 8 or more of them.
    pub sha256: Option<String>,
    /// Size in bytes.
    pub bytes: Option<u64>,
}

/// A file to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteFile {
    /// Where it comes from.
    pub source: Source,
    /// Its expected checksum and size.
    pub expected: Expected,
}

/// The canonical form, which is the key in the file of recorded checksums: the URL itself, or
/// `hf://OWNER/NAME@REVISION/FILE`. It does not name the hub's endpoint, so that a mirror must have the same file.
impl fmt::Display for Source {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hub { repo, revision, file } => write!(out, "hf://{repo}@{revision}/{file}"),
            Self::Url(url) => out.write_str(url),
        }
    }
}

impl Source {
    /// Refuses names that would lead outside a cache folder.
    pub(crate) fn check(&self) -> Result<(), DownloadError> {
        let bad = |reason| Err(DownloadError::BadSource { source_name: self.to_string(), reason });
        match self {
            Self::Hub { repo, .. } if !is_repo(repo) => bad("a repository is OWNER/NAME"),
            Self::Hub { revision, .. } if !is_relative(revision) => {
                bad("a revision is the name of a branch or a tag, or a commit")
            }
            Self::Hub { file, .. } if !is_relative(file) => {
                bad("a file is a path inside its repository, without . and ..")
            }
            Self::Hub { .. } => Ok(()),
            Self::Url(url) => match url.parse::<Uri>() {
                Ok(uri) if !is_web(&uri) => bad("an address starts with https:// or http://"),
                Ok(uri) if !is_segment(last_segment(&uri)) => {
                    bad("an address ends with the name of a file")
                }
                Ok(_) => Ok(()),
                Err(_) => bad("it cannot be read as an address"),
            },
        }
    }

    /// The file's own name, without folders. Only for a source that passed `check`.
    pub(crate) fn file_name(&self) -> String {
        match self {
            Self::Hub { file, .. } => file.rsplit('/').next().unwrap_or(file).to_owned(),
            Self::Url(url) => url
                .parse::<Uri>()
                .map_or_else(|_| String::new(), |uri| last_segment(&uri).to_owned()),
        }
    }
}

impl Expected {
    /// The digits in lower case.
    pub(crate) fn digits(&self) -> Result<Option<String>, DownloadError> {
        match &self.sha256 {
            None => Ok(None),
            Some(digits) if (8..=64).contains(&digits.len()) && is_hexadecimal(digits) => {
                Ok(Some(digits.to_ascii_lowercase()))
            }
            Some(digits) => Err(DownloadError::BadChecksum { digits: digits.clone() }),
        }
    }
}

fn is_web(uri: &Uri) -> bool {
    let scheme = matches!(uri.scheme_str(), Some("http" | "https"));
    // `user:password@` would end up in messages and in the file of records.
    scheme && uri.authority().is_some_and(|authority| !authority.as_str().contains('@'))
}

fn last_segment(uri: &Uri) -> &str {
    uri.path().rsplit('/').next().unwrap_or_default()
}

/// A name of a file in a folder, on every system.
pub(crate) fn is_segment(name: &str) -> bool {
    let fits = !name.is_empty() && name.len() <= 200 && name != "." && name != "..";
    fits && !name.chars().any(|c| c.is_control() || matches!(c, '/' | '\\' | ':'))
}

fn is_relative(path: &str) -> bool {
    path.split('/').all(is_segment)
}

fn is_repo(repo: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    // Two hyphens would be read as a slash in the cache's folder name.
    let segment = |name: &str| is_segment(name) && name.chars().all(plain) && !name.contains("--");
    repo.split('/').count() <= 2 && repo.split('/').all(segment)
}

/// A git commit in hexadecimal: SHA-1, or SHA-256 in newer repositories.
pub(crate) fn is_commit(name: &str) -> bool {
    (name.len() == 40 || name.len() == 64) && is_hexadecimal(name)
}

/// A full SHA-256 in hexadecimal.
pub(crate) fn is_sha256(digits: &str) -> bool {
    digits.len() == 64 && is_hexadecimal(digits)
}

/// An entity tag that can be the name of a blob.
pub(crate) fn is_blob_name(etag: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    is_segment(etag) && etag.chars().all(plain) && !etag.ends_with(".incomplete")
}

fn is_hexadecimal(digits: &str) -> bool {
    digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(repo: &str, revision: &str, file: &str) -> Source {
        Source::Hub { repo: repo.into(), revision: revision.into(), file: file.into() }
    }

    #[test]
    fn ordinary_sources_pass() {
        for source in [
            hub("timm/resnet50.a1_in1k", "main", "model.safetensors"),
            hub("gpt2", "refs/pr/1", "onnx/model.onnx"),
            Source::Url("https://download.pytorch.org/models/vgg19-dcbb9e9d.pth".into()),
            Source::Url("http://127.0.0.1:80/a.bin?query=../x".into()),
        ] {
            assert!(source.check().is_ok(), "{source}");
        }
    }

    #[test]
    fn sources_that_leave_their_folder_are_refused() {
        for source in [
            hub("../x", "main", "f"),
            hub("a/b/c", "main", "f"),
            hub("a--b/c", "main", "f"),
            hub("a/..", "main", "f"),
            hub("", "main", "f"),
            hub("a/b", "../../main", "f"),
            hub("a/b", "", "f"),
            hub("a/b", "main", "../f"),
            hub("a/b", "main", "/etc/passwd"),
            hub("a/b", "main", "x/./f"),
            hub("a/b", "main", "x\\..\\f"),
            hub("a/b", "main", "C:f"),
            Source::Url("https://host/".into()),
            Source::Url("https://host/a/..".into()),
            Source::Url("https://host/a\\b".into()),
            Source::Url("ftp://host/f".into()),
            Source::Url("file:///etc/passwd".into()),
            Source::Url("https://user:secret@host/f".into()),
            Source::Url("no address".into()),
        ] {
            let refused = matches!(source.check(), Err(DownloadError::BadSource { .. }));
            assert!(refused, "{source}");
        }
    }

    #[test]
    fn names_from_a_server_are_checked_too() {
        assert!(is_blob_name("d41d8cd98f00b204e9800998ecf8427e-2"));
        for name in ["", "..", "a/b", "a\\b", "x.incomplete", "a b"] {
            assert!(!is_blob_name(name), "{name}");
        }
        assert!(is_commit(&"a1".repeat(20)));
        assert!(!is_commit("../../../../../../../../../../etc/passwd"));
    }

    #[test]
    fn checksums_are_read_in_either_case_and_need_eight_digits() {
        let expected = |digits: &str| Expected { sha256: Some(digits.into()), bytes: None };
        assert_eq!(expected("0676BA61").digits().expect("eight"), Some("0676ba61".into()));
        for digits in ["0676ba6", "0676ba6g", &"0".repeat(65)] {
            assert!(expected(digits).digits().is_err(), "{digits}");
        }
    }
}
