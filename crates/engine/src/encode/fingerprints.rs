//! Fingerprints of files: a file whose size and times have not changed since it was read has the same content, so its
//! checksum need not be computed again (make and git decide the same way).
//!
//! One line of JSON for each file.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, Metadata};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lookalike_base::{atomic_write, hex};
use serde::{Deserialize, Serialize};

use super::model::absolute;

const FILE: &str = "files.jsonl";

/// A file that changed within this time before it was read has no fingerprint: it may change again within the same
/// tick of its file system's clock, which takes two seconds on some.
const SETTLED: Duration = Duration::from_secs(3);

/// A file's size and times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileFingerprint {
    bytes: u64,
    /// The modification time and, on Unix, the status change time, which programs cannot set: nanoseconds since 1970,
    /// which fit until the year 2554.
    changed: (u64, u64),
}

impl FileFingerprint {
    /// The fingerprint of a file as it is now; `None` if it is gone or changed a moment ago.
    pub(crate) fn of(file: &Path) -> Option<Self> {
        let metadata = fs::metadata(file).ok()?;
        let modified = metadata.modified().ok()?;
        let fingerprint = Self {
            bytes: metadata.len(),
            changed: (since_1970(modified)?, changed(&metadata).unwrap_or_default()),
        };
        let newest = fingerprint.changed.0.max(fingerprint.changed.1);
        (newest + (SETTLED.as_nanos() as u64) < since_1970(SystemTime::now())?)
            .then_some(fingerprint)
    }
}

fn since_1970(time: SystemTime) -> Option<u64> {
    time.duration_since(UNIX_EPOCH).ok()?.as_nanos().try_into().ok()
}

#[cfg(unix)]
fn changed(metadata: &Metadata) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    let seconds: u64 = metadata.ctime().try_into().ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(metadata.ctime_nsec().try_into().ok()?)
}

#[cfg(not(unix))]
fn changed(_: &Metadata) -> Option<u64> {
    None
}

#[derive(Serialize, Deserialize)]
struct Line {
    file: String,
    #[serde(flatten)]
    fingerprint: FileFingerprint,
    sha256: String,
}

/// The fingerprints and checksums of the files that were read, by their absolute paths.
pub(crate) struct Fingerprints {
    folder: PathBuf,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    of_file: HashMap<PathBuf, (FileFingerprint, [u8; 32])>,
    /// Whether it differs from what was read from disk.
    has_changed: bool,
}

impl Fingerprints {
    /// Reads those that are kept in a folder. Lines that cannot be read count as missing.
    pub(crate) fn open(folder: &Path) -> Self {
        let lines = File::open(folder.join(FILE)).ok().map(|file| BufReader::new(file).lines());
        let known = lines.into_iter().flatten().map_while(Result::ok).filter_map(|line| {
            let line: Line = serde_json::from_str(&line).ok()?;
            Some((line.file.into(), (line.fingerprint, hex::decode(&line.sha256)?)))
        });
        let known = Known { of_file: known.collect(), has_changed: false };
        Self { folder: folder.to_owned(), known: Mutex::new(known) }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The checksum of a file that has not changed.
    pub(crate) fn checksum(&self, file: &Path, fingerprint: FileFingerprint) -> Option<[u8; 32]> {
        let known = self.known();
        let (before, sha256) = known.of_file.get(&absolute(file))?;
        (*before == fingerprint).then_some(*sha256)
    }

    /// Remembers a file's checksum. The fingerprint must have been taken before the file was read.
    pub(crate) fn note(&self, file: &Path, fingerprint: FileFingerprint, sha256: [u8; 32]) {
        let mut known = self.known();
        let before = known.of_file.insert(absolute(file), (fingerprint, sha256));
        known.has_changed |= before != Some((fingerprint, sha256));
    }

    /// Forgets all files but those of these checksums.
    pub(crate) fn forget_all_but(&self, sha256s: &HashSet<[u8; 32]>) {
        self.save(|sha256| sha256s.contains(sha256));
    }

    /// Writes the files whose checksum is wanted, if anything changed. A failure is ignored: at worst, unchanged
    /// files are read again.
    pub(crate) fn save(&self, is_wanted: impl Fn(&[u8; 32]) -> bool) {
        let path = self.folder.join(FILE);
        let mut known = self.known();
        let before = known.of_file.len();
        known.of_file.retain(|_, (_, sha256)| is_wanted(sha256));
        if known.of_file.len() == before && !known.has_changed {
            return;
        }
        let mut all: Vec<_> = known.of_file.iter().collect();
        all.sort_unstable_by_key(|(file, _)| *file);
        let _ = atomic_write(&path, |file| -> std::io::Result<()> {
            let mut out = BufWriter::new(file);
            for (file, (fingerprint, sha256)) in all {
                // A file whose name is not Unicode is read again each time.
                let Some(file) = file.to_str() else { continue };
                let (file, sha256) = (file.to_owned(), hex::encode(sha256));
                let line = Line { file, fingerprint: *fingerprint, sha256 };
                serde_json::to_writer(&mut out, &line)?;
                out.write_all(b"\n")?;
            }
            out.flush()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that was not touched for a while.
    fn settled(folder: &Path, content: &str, seconds_ago: u64) -> PathBuf {
        let path = folder.join("의자.jpg");
        fs::write(&path, content).expect("written");
        let then = SystemTime::now() - Duration::from_secs(seconds_ago);
        File::options().write(true).open(&path).and_then(|f| f.set_modified(then)).expect("set");
        path
    }

    /// As if nothing about the file had changed for a while: that time cannot be set.
    fn fingerprint(file: &Path) -> FileFingerprint {
        let metadata = fs::metadata(file).expect("a file");
        let modified = since_1970(metadata.modified().expect("a time")).expect("after 1970");
        FileFingerprint { bytes: metadata.len(), changed: (modified, 0) }
    }

    #[test]
    fn a_file_as_it_was_is_known_again_and_another_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = settled(folder.path(), "one", 60);
        let fingerprints = Fingerprints::open(folder.path());
        fingerprints.note(&file, fingerprint(&file), [7; 32]);
        fingerprints.save(|_| true);
        let fingerprints = Fingerprints::open(folder.path());
        assert_eq!(fingerprints.checksum(&file, fingerprint(&file)), Some([7; 32]));
        assert_eq!(fingerprints.checksum(&folder.path().join("b.jpg"), fingerprint(&file)), None);
        let file = settled(folder.path(), "two", 30);
        assert_eq!(fingerprints.checksum(&file, fingerprint(&file)), None, "another time");
        let file = settled(folder.path(), "three", 60);
        assert_eq!(fingerprints.checksum(&file, fingerprint(&file)), None, "another size");
    }

    #[test]
    fn a_file_that_changed_just_now_is_not_relied_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = settled(folder.path(), "new", 0);
        assert_eq!(FileFingerprint::of(&file), None);
        assert_eq!(FileFingerprint::of(&folder.path().join("none.jpg")), None);
        let old = settled(folder.path(), "old", 3600);
        // On Unix, setting its time is a change of now.
        assert_eq!(FileFingerprint::of(&old).is_none(), cfg!(unix));
    }

    #[test]
    fn what_is_damaged_or_unwanted_is_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = settled(folder.path(), "one", 60);
        let fingerprints = Fingerprints::open(folder.path());
        fingerprints.note(&file, fingerprint(&file), [7; 32]);
        fingerprints.save(|sha256| sha256 != &[7; 32]);
        assert_eq!(Fingerprints::open(folder.path()).checksum(&file, fingerprint(&file)), None);
        fingerprints.note(&file, fingerprint(&file), [7; 32]);
        fingerprints.save(|_| true);
        let kept = folder.path().join(FILE);
        let text = fs::read_to_string(&kept).expect("text");
        fs::write(&kept, format!("{{\n{}\n{text}", text.replace("07", "zz"))).expect("damaged");
        assert_eq!(
            Fingerprints::open(folder.path()).checksum(&file, fingerprint(&file)),
            Some([7; 32])
        );
    }
}
