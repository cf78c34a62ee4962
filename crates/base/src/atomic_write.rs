//! Files that are whole or not there: written under a temporary name in the same folder, synced, then
//! renamed. A reader, a crash or a full disk never leaves half a file under the final name.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// The folder that `path` lies in; `.` for a bare file name.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A temporary file in the folder of `path`, with the permissions of an ordinary new file (0666 less
/// the umask), not the 0600 of a secret: other users may share the folder. It is deleted when dropped;
/// [`publish`] gives it its final name.
///
/// # Errors
/// When the folder is missing or cannot be written to.
pub fn temporary_beside(path: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".lookalike-").suffix(".partial");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder_of(path))
}

/// Syncs a finished temporary file, gives it the name `path`, and syncs the folder where the system
/// can do that. A file that had the name is replaced.
///
/// # Errors
/// When the file cannot be synced or renamed; what had the name is then unchanged, and the temporary
/// file is gone.
pub fn publish(temporary: NamedTempFile, path: &Path) -> io::Result<()> {
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|failed| failed.error)?;
    sync_folder(path);
    Ok(())
}

/// Renames a finished and synced file to `path`, and syncs the folder where the system can do that:
/// for files that keep their temporary name between runs, such as downloads that are resumed.
///
/// # Errors
/// When the file cannot be renamed.
pub fn rename(finished: &Path, path: &Path) -> io::Result<()> {
    fs::rename(finished, path)?;
    sync_folder(path);
    Ok(())
}

/// Writes the file `path` through `write`, so that the name stands for the old content or for all of
/// the new one. Returns what `write` returns.
///
/// # Errors
/// What `write` returns, and when the file cannot be made, synced or renamed. What had the name is then
/// unchanged.
pub fn atomic_write<T, E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<T, E>,
) -> Result<T, E> {
    let mut temporary = temporary_beside(path)?;
    let written = write(temporary.as_file_mut())?;
    publish(temporary, path)?;
    Ok(written)
}

/// A rename is on disk only once its folder is. Not every system can sync a folder; where it cannot,
/// the old content may come back after a power cut, which is no error.
fn sync_folder(path: &Path) {
    let _ = File::open(folder_of(path)).and_then(|folder| folder.sync_all());
}

/// The path of `path` with `.extension` added: `lookalike.index` to `lookalike.index.lock`.
pub fn with_added_extension(path: &Path, extension: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(extension);
    name.into()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_write_that_fails_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        atomic_write(&file, |out| out.write_all(b"old")).expect("the first write");
        let failed: io::Result<()> = atomic_write(&file, |out| {
            out.write_all(b"half of the new")?;
            Err(io::Error::other("the disk is full"))
        });
        assert!(failed.is_err());
        assert_eq!(fs::read(&file).expect("the file"), b"old");
        assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 1);
    }

    #[test]
    fn a_folder_that_is_missing_is_an_error_of_the_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("missing/file");
        let written: io::Result<()> = atomic_write(&file, |out| out.write_all(b"x"));
        assert_eq!(written.expect_err("no folder").kind(), io::ErrorKind::NotFound);
    }

    /// As a plain `File::create` would: a temporary file is made for its owner only.
    #[cfg(unix)]
    #[test]
    fn the_mode_is_that_of_an_ordinary_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let (plain, atomic) = (folder.path().join("plain"), folder.path().join("atomic"));
        File::create(&plain).expect("a plain file");
        atomic_write(&atomic, |out| out.write_all(b"x")).expect("an atomic file");
        let mode = |file: &Path| fs::metadata(file).expect("metadata").permissions().mode();
        assert_eq!(mode(&atomic), mode(&plain));
    }

    #[test]
    fn extensions_are_added_not_replaced() {
        let path = with_added_extension(Path::new("a/lookalike.index"), "lock");
        assert_eq!(path, Path::new("a/lookalike.index.lock"));
        assert_eq!(folder_of(Path::new("file")), Path::new("."));
    }
}
