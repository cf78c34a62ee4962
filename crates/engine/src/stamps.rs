//! Which files were read before: a file of the same size and time has the content that it had, and its
//! checksum need not be computed again.
//!
//! One line of JSON for each file, in a file that is written anew beside the old one.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, Metadata};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::model::absolute;

const FILE: &str = "files.jsonl";

/// A file that was changed so shortly before it was read may have been changed again in the same tick
/// of its file system's clock, which on some is two seconds.
const SETTLED: Duration = Duration::from_secs(3);

/// What tells, without reading it, that a file is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stamp {
    bytes: u64,
    /// When its content last changed, and on Unix also when anything about it did, which no program
    /// can set back: nanoseconds since 1970, which fit until the year 2554.
    changed: (u64, u64),
}

impl Stamp {
    /// Of a file as it is now; `None` where it is gone, or changed a moment ago.
    pub(crate) fn of(file: &Path) -> Option<Self> {
        let metadata = fs::metadata(file).ok()?;
        let modified = metadata.modified().ok()?;
        let stamp = Self {
            bytes: metadata.len(),
            changed: (since_1970(modified)?, changed(&metadata).unwrap_or_default()),
        };
        let newest = stamp.changed.0.max(stamp.changed.1);
        (newest + (SETTLED.as_nanos() as u64) < since_1970(SystemTime::now())?).then_some(stamp)
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
    stamp: Stamp,
    sha256: String,
}

/// Files that were read before, by their whole paths.
pub(crate) struct Stamps {
    folder: PathBuf,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    of_file: HashMap<PathBuf, (Stamp, [u8; 32])>,
    /// Whether it is other than what was read from disk.
    has_changed: bool,
}

impl Stamps {
    /// Those that are kept in a folder. What cannot be read there is as if it were not.
    pub(crate) fn open(folder: &Path) -> Self {
        let lines = File::open(folder.join(FILE)).ok().map(|file| BufReader::new(file).lines());
        let known = lines.into_iter().flatten().map_while(Result::ok).filter_map(|line| {
            let line: Line = serde_json::from_str(&line).ok()?;
            Some((line.file.into(), (line.stamp, from_hex(&line.sha256)?)))
        });
        let known = Known { of_file: known.collect(), has_changed: false };
        Self { folder: folder.to_owned(), known: Mutex::new(known) }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The checksum of a file that is as it was.
    pub(crate) fn checksum(&self, file: &Path, stamp: Stamp) -> Option<[u8; 32]> {
        let known = self.known();
        let (before, sha256) = known.of_file.get(&absolute(file))?;
        (*before == stamp).then_some(*sha256)
    }

    /// Remembers a file's checksum. The stamp must be of before it was read.
    pub(crate) fn note(&self, file: &Path, stamp: Stamp, sha256: [u8; 32]) {
        let mut known = self.known();
        let before = known.of_file.insert(absolute(file), (stamp, sha256));
        known.has_changed |= before != Some((stamp, sha256));
    }

    /// Forgets files of other contents than these.
    pub(crate) fn forget_all_but(&self, sha256s: &HashSet<[u8; 32]>) {
        self.save(|sha256| sha256s.contains(sha256));
    }

    /// Writes down the files whose content is wanted, if that is news. The old list stays where it cannot:
    /// at worst, files are read that need not be.
    pub(crate) fn save(&self, is_wanted: impl Fn(&[u8; 32]) -> bool) {
        let path = self.folder.join(FILE);
        let partial = path.with_extension("partial");
        let mut known = self.known();
        let before = known.of_file.len();
        known.of_file.retain(|_, (_, sha256)| is_wanted(sha256));
        if known.of_file.len() == before && !known.has_changed {
            return;
        }
        let write = || {
            let mut out = BufWriter::new(File::create(&partial)?);
            let mut all: Vec<_> = known.of_file.iter().collect();
            all.sort_unstable_by_key(|(file, _)| *file);
            for (file, (stamp, sha256)) in all {
                // A name that is no Unicode is read again each time.
                let Some(file) = file.to_str() else { continue };
                let line = Line { file: file.to_owned(), stamp: *stamp, sha256: to_hex(sha256) };
                serde_json::to_writer(&mut out, &line)?;
                out.write_all(b"\n")?;
            }
            out.into_inner()?.sync_all()?;
            fs::rename(&partial, &path)
        };
        let written: std::io::Result<()> = write();
        if written.is_err() {
            let _ = fs::remove_file(&partial);
        }
    }
}

fn to_hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    let is_hex = text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2).filter(|_| is_hex)?, 16).ok()?;
    }
    Some(bytes)
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
    fn stamp(file: &Path) -> Stamp {
        let metadata = fs::metadata(file).expect("a file");
        let modified = since_1970(metadata.modified().expect("a time")).expect("after 1970");
        Stamp { bytes: metadata.len(), changed: (modified, 0) }
    }

    #[test]
    fn a_file_as_it_was_is_known_again_and_another_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = settled(folder.path(), "one", 60);
        let stamps = Stamps::open(folder.path());
        stamps.note(&file, stamp(&file), [7; 32]);
        stamps.save(|_| true);
        let stamps = Stamps::open(folder.path());
        assert_eq!(stamps.checksum(&file, stamp(&file)), Some([7; 32]));
        assert_eq!(stamps.checksum(&folder.path().join("b.jpg"), stamp(&file)), None);
        let file = settled(folder.path(), "two", 30);
        assert_eq!(stamps.checksum(&file, stamp(&file)), None, "another time");
        let file = settled(folder.path(), "three", 60);
        assert_eq!(stamps.checksum(&file, stamp(&file)), None, "another size");
    }

    #[test]
    fn a_file_that_changed_just_now_is_not_relied_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = settled(folder.path(), "new", 0);
        assert_eq!(Stamp::of(&file), None);
        assert_eq!(Stamp::of(&folder.path().join("none.jpg")), None);
        let old = settled(folder.path(), "old", 3600);
        // On Unix, setting its time is a change of now.
        assert_eq!(Stamp::of(&old).is_none(), cfg!(unix));
    }

    #[test]
    fn what_is_damaged_or_unwanted_is_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = settled(folder.path(), "one", 60);
        let stamps = Stamps::open(folder.path());
        stamps.note(&file, stamp(&file), [7; 32]);
        stamps.save(|sha256| sha256 != &[7; 32]);
        assert_eq!(Stamps::open(folder.path()).checksum(&file, stamp(&file)), None);
        stamps.note(&file, stamp(&file), [7; 32]);
        stamps.save(|_| true);
        let kept = folder.path().join(FILE);
        let text = fs::read_to_string(&kept).expect("text");
        fs::write(&kept, format!("{{\n{}\n{text}", text.replace("07", "zz"))).expect("damaged");
        assert_eq!(Stamps::open(folder.path()).checksum(&file, stamp(&file)), Some([7; 32]));
    }
}
