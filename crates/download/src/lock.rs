//! A lock file, so that one process fetches a file and others wait.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use lookalike_base::progress::Progress;

/// The lock on fetching one file. It ends when this is dropped or the process ends, however it ends.
pub(crate) struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Waits for the lock. Notes in `progress` where another process has it.
    pub fn take(path: &Path, name: &str, progress: &dyn Progress) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                progress.note(&format!("another process is fetching {name}: waiting for it"));
                file.lock()?;
            }
            // Some network file systems have no locks. The checksum still detects a mixed file.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Self { path: path.to_owned(), file })
    }

    /// Removes the lock file after the fetch. Processes that wait for it find the fetched file, as do those that
    /// create it anew. After a failure the lock file stays: all processes must lock the same one.
    pub fn finish(self) {
        let _ = fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}
