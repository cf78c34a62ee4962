//! Snapshots: whatever happens, a reader sees the old state, the new one, or a clear error.

use std::path::{Path, PathBuf};

use lookalike_testkit::Mutations;
use lookalike_vectors::snapshot::{self, Format, SnapshotError, WriteLock};

const FORMAT: Format = Format { current: 3, oldest_read: 2, oldest_reader: 3 };

type Content = (String, Vec<u8>);

fn content() -> Content {
    ("의자".to_owned(), (0..4000).map(|i| (i / 7) as u8).collect())
}

/// The content, of whatever version, and the bytes behind it.
fn read<T: serde::de::DeserializeOwned>(
    path: &Path,
    format: Format,
) -> Result<(T, Vec<u8>), SnapshotError> {
    let read = snapshot::read(path, format, |_, payload| payload.decode())?;
    Ok((read.0, read.1.to_vec()))
}

fn written() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("new/index");
    let lock = WriteLock::take(&path).expect("the lock");
    let bytes = lock.write(FORMAT, &content().0, &content().1).expect("a snapshot");
    assert_eq!(bytes, std::fs::metadata(&path).expect("a file").len());
    (folder, path)
}

#[test]
fn what_is_written_is_read() {
    let (_folder, path) = written();
    assert_eq!(read::<String>(&path, FORMAT).expect("read"), content());
}

#[test]
fn every_cut_and_every_flipped_byte_is_noticed() {
    let (_folder, path) = written();
    let whole = std::fs::read(&path).expect("the file");
    for keep in (0..whole.len()).step_by(97).chain([1, 8, 15, 31, whole.len() - 1]) {
        std::fs::write(&path, &whole[..keep]).expect("a cut file");
        let error = read::<String>(&path, FORMAT).expect_err("cut");
        let wanted = if keep == 0 {
            matches!(error, SnapshotError::NotASnapshot { .. })
        } else {
            matches!(error, SnapshotError::HalfWritten { .. })
        };
        assert!(wanted, "cut to {keep}: {error}");
    }
    for at in (0..whole.len()).step_by(53).chain(whole.len() - 24..whole.len()) {
        let mut spoilt = whole.clone();
        spoilt[at] ^= 0x10;
        std::fs::write(&path, &spoilt).expect("a spoilt file");
        assert!(read::<String>(&path, FORMAT).is_err(), "byte {at} flipped");
    }
}

#[test]
fn a_mutated_snapshot_is_what_was_written_or_refused() {
    let (_folder, path) = written();
    let whole = std::fs::read(&path).expect("the file");
    let mut mutations = Mutations::new(1);
    for _ in 0..Mutations::count(1_000) {
        let mutated = mutations.of(&whole, &[&whole[..8], &[0xFF; 8], &[0; 8]]);
        std::fs::write(&path, &mutated).expect("a file");
        match read::<String>(&path, FORMAT) {
            Ok(read) => assert_eq!(read, content()),
            Err(error) => assert!(!error.to_string().contains('\n'), "{error}"),
        }
    }
}

#[test]
fn other_versions_and_other_files_are_named() {
    let (_folder, path) = written();
    let older = Format { current: 2, oldest_read: 1, oldest_reader: 1 };
    let newer = Format { current: 5, oldest_read: 4, oldest_reader: 4 };
    for (reader, advice) in [(older, "update the program"), (newer, "build the index again")] {
        let error = read::<String>(&path, reader).expect_err("another version");
        assert!(matches!(error, SnapshotError::OtherVersion { found: 3, .. }));
        assert!(error.to_string().contains(advice), "{error}");
    }
    let compatible = Format { current: 4, oldest_read: 3, oldest_reader: 4 };
    assert!(read::<String>(&path, compatible).is_ok());
    let mut old = std::fs::read(&path).expect("the file");
    old[..8].copy_from_slice(b"LOOKALIK");
    for old in [&old, &old[..8]] {
        std::fs::write(&path, old).expect("a file from before 0.1.0");
        let error = read::<String>(&path, FORMAT).expect_err("before 0.1.0");
        assert!(matches!(error, SnapshotError::BeforeRelease { .. }), "{error}");
        assert!(error.to_string().contains("build the index again"), "{error}");
    }
    std::fs::write(&path, "{\"json\": true}").expect("another file");
    let error = read::<String>(&path, FORMAT).expect_err("another file");
    assert!(matches!(error, SnapshotError::NotASnapshot { .. }));
}

#[test]
fn two_writers_are_kept_apart_and_the_lock_ends_with_its_holder() {
    let (_folder, path) = written();
    let first = WriteLock::take(&path).expect("the lock");
    let second = WriteLock::take(&path).expect_err("taken");
    assert!(matches!(second, SnapshotError::Locked { .. }));
    drop(first);
    WriteLock::take(&path).expect("free again");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_old_snapshot() {
    let (_folder, path) = written();
    // /dev/full takes a file's name and answers every write as a full disk does.
    let partial = path.with_file_name("index.partial");
    std::os::unix::fs::symlink("/dev/full", &partial).expect("a link");
    let lock = WriteLock::take(&path).expect("the lock");
    let error = lock.write(FORMAT, &"new".to_owned(), &[1; 4]).expect_err("full");
    let message = error.to_string();
    assert!(message.contains("No space left") && message.contains("unchanged"), "{message}");
    assert_eq!(read::<String>(&path, FORMAT).expect("the old one"), content());
}

#[test]
fn large_data_is_read_on_all_cores() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("index");
    // Not a whole number of the pieces that are read at a time.
    let bytes: Vec<u8> = (0..10_000_004u32).map(|i| (i.wrapping_mul(77_777) >> 13) as u8).collect();
    let lock = WriteLock::take(&path).expect("the lock");
    lock.write(FORMAT, &7u32, &bytes).expect("a snapshot");
    let (content, found) = read::<u32>(&path, FORMAT).expect("read");
    assert_eq!(content, 7);
    assert!(bytes == found);
    let mut whole = std::fs::read(&path).expect("the file");
    let last = whole.len() - 25;
    whole[last] ^= 1;
    std::fs::write(&path, &whole).expect("spoilt");
    assert!(matches!(read::<u32>(&path, FORMAT), Err(SnapshotError::Damaged { .. })));
}

#[test]
fn decoders_get_the_version() {
    let (_folder, path) = written();
    let newer = Format { current: 5, oldest_read: 2, oldest_reader: 5 };
    let decode = |version, payload: &snapshot::Payload| Ok((version, payload.decode::<String>()?));
    let ((version, content), _) = snapshot::read(&path, newer, decode).expect("read");
    assert_eq!((version, content), (3, self::content().0));
    let decode = |_, payload: &snapshot::Payload| payload.decode::<(String, u64)>();
    let error = snapshot::read(&path, newer, decode).expect_err("another type");
    assert!(matches!(error, SnapshotError::Damaged { .. }), "{error}");
}
