//! One process fetches a file, others wait.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use crate::Progress;

/// The right to fetch one file. It ends when this is dropped or the process ends, however it ends.
pub(crate) struct Lock {
    path: PathBuf,
    file: File,
}

impl Lock {
    /// Waits for the lock, and says so once where somebody else has it.
    pub fn take(path: &Path, name: &str, progress: &dyn Progress) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                progress.note(&format!("another process is fetching {name}: waiting for it"));
                file.lock()?;
            }
            // Some network file systems have no locks. The checksum still finds what went wrong.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Self { path: path.to_owned(), file })
    }

    /// Clears the lock's file away once there is nothing left to fetch. Whoever waits on it finds the
    /// fetched file, and so does whoever makes a new one. After a failure the file stays: those that
    /// wait and those that come must meet at the same one.
    pub fn finish(self) {
        let _ = fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}
