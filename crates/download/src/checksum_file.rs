//! The checksums that were recorded at first fetches (trust on first use, as in SSH's known_hosts).
//!
//! A JSON file: `{"files": {"SOURCE": {"sha256": "64 digits", "bytes": 123}}}`. Unknown fields are kept.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use lookalike_base::progress::Silent;
use lookalike_base::{atomic_write, folder_of};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lock::Lock;
use crate::source::is_sha256;
use crate::{Digest, DownloadError};

/// A file's recorded checksum and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedChecksum {
    /// SHA-256: 64 hexadecimal digits in lower case.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
}

#[derive(Default, Serialize, Deserialize)]
struct Content {
    #[serde(default)]
    files: BTreeMap<String, Entry>,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    sha256: String,
    bytes: u64,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

/// The file of recorded checksums.
pub(crate) struct ChecksumFile {
    path: PathBuf,
}

impl ChecksumFile {
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn get(&self, key: &str) -> Result<Option<RecordedChecksum>, DownloadError> {
        let entry = self.read()?.files.remove(key);
        Ok(entry.map(|Entry { sha256, bytes, .. }| RecordedChecksum {
            sha256: sha256.to_ascii_lowercase(),
            bytes,
        }))
    }

    /// Adds an entry or replaces it.
    pub fn set(&self, key: &str, digest: &Digest) -> Result<(), DownloadError> {
        let unwritable = |source| DownloadError::Unwritable {
            folder: folder_of(&self.path).to_owned(),
            source,
            variable: "XDG_DATA_HOME",
        };
        fs::create_dir_all(folder_of(&self.path)).map_err(unwritable)?;
        // So that two processes that record at once do not lose each other's entries.
        let _lock = Lock::take(&self.path.with_extension("lock"), "checksums", &Silent)
            .map_err(unwritable)?;
        let mut content = self.read()?;
        let entry = content.files.entry(key.to_owned()).or_insert_with(|| Entry {
            sha256: String::new(),
            bytes: 0,
            others: BTreeMap::new(),
        });
        entry.sha256.clone_from(&digest.sha256);
        entry.bytes = digest.bytes;
        let mut text = serde_json::to_string_pretty(&content)
            .expect("a map of strings and numbers is always JSON");
        text.push('\n');
        atomic_write(&self.path, |file| file.write_all(text.as_bytes())).map_err(unwritable)
    }

    fn read(&self) -> Result<Content, DownloadError> {
        let unusable = |reason| DownloadError::ChecksumFile { path: self.path.clone(), reason };
        let text = match fs::read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Content::default()),
            Err(error) => return Err(unusable(error.to_string())),
        };
        let content: Content =
            serde_json::from_slice(&text).map_err(|error| unusable(error.to_string()))?;
        match content.files.iter().find(|(_, entry)| !is_sha256(&entry.sha256)) {
            Some((key, _)) => Err(unusable(format!("the entry {key:?} has no SHA-256"))),
            None => Ok(content),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(digit: &str) -> Digest {
        Digest { sha256: digit.repeat(64), bytes: 7 }
    }

    #[test]
    fn what_is_recorded_is_found_and_unknown_fields_stay() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/checksums.json");
        let records = ChecksumFile::new(path.clone());
        assert_eq!(records.get("a").expect("no file yet"), None);
        records.set("a", &some("1")).expect("recorded");

        let mut json: Value =
            serde_json::from_slice(&fs::read(&path).expect("there")).expect("JSON");
        json["later"] = "field".into();
        json["files"]["a"]["note"] = "mine".into();
        fs::write(&path, json.to_string()).expect("rewritten");
        records.set("b", &some("2")).expect("recorded");
        records.set("a", &some("3")).expect("recorded");

        let json: Value = serde_json::from_slice(&fs::read(&path).expect("there")).expect("JSON");
        assert_eq!(
            (&json["later"], &json["files"]["a"]["note"]),
            (&"field".into(), &"mine".into())
        );
        assert_eq!(records.get("a").expect("read").expect("there").sha256, "3".repeat(64));
        assert_eq!(records.get("b").expect("read").expect("there").bytes, 7);
        let files = fs::read_dir(path.parent().expect("folder")).expect("listed").count();
        assert_eq!(files, 2, "the records and their lock, nothing half-written");
    }

    #[test]
    fn concurrent_records_are_all_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let records = ChecksumFile::new(folder.path().join("checksums.json"));
        std::thread::scope(|scope| {
            for n in 0..8 {
                let records = &records;
                scope.spawn(move || records.set(&format!("{n}"), &some("1")).expect("recorded"));
            }
        });
        for n in 0..8 {
            assert!(records.get(&format!("{n}")).expect("read").is_some(), "{n}");
        }
    }

    #[test]
    fn a_damaged_file_is_named_and_not_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("checksums.json");
        let cut = r#"{"files": {"a": {"sha"#;
        for text in [cut, "[]", r#"{"files": {"a": {"sha256": "12", "bytes": 1}}}"#] {
            fs::write(&path, text).expect("written");
            let records = ChecksumFile::new(path.clone());
            for error in [records.get("a").err(), records.set("b", &some("1")).err()] {
                let line = error.expect("refused").to_string();
                assert!(line.contains("checksums.json"), "{line}");
            }
            assert_eq!(fs::read_to_string(&path).expect("there"), text);
        }
    }
}
