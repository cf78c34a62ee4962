use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Why a shop cannot be written. Each message is one line that says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The disk is full.
    #[error(
        "the disk is full at {}: make room and run it again, it goes on where it stopped",
        path.display()
    )]
    DiskFull {
        /// What was being written.
        path: PathBuf,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {} ({source}): name a folder that can be written to", path.display())]
    Unwritable {
        /// What was being written.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file of the folder cannot be read.
    #[error("cannot read {} ({source}): name another folder, or remove this one", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The folder has a shop made with other settings.
    #[error(
        "{} has a shop made with other settings ({differs}): name another folder, or remove it",
        folder.display()
    )]
    OtherSettings {
        /// The folder.
        folder: PathBuf,
        /// What differs: there, and asked for.
        differs: String,
    },
    /// The folder has files of these names that are someone else's.
    #[error(
        "{} is there already, and no demo shop has written it: name another folder",
        path.display()
    )]
    NotOurs {
        /// The file or folder that would be written to.
        path: PathBuf,
    },
    /// The settings cannot be followed.
    #[error("{0}")]
    Settings(String),
    /// A photo cannot be encoded.
    #[error("a photo cannot be encoded as JPEG ({0}): choose another side")]
    Encode(String),
    /// The observer wanted it to stop.
    #[error("stopped: run it again, it goes on where it stopped")]
    Stopped,
}

impl DemoError {
    pub(crate) fn unwritable(path: &Path, source: std::io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Unwritable { path, source },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_apart() {
        let of = |kind: ErrorKind| DemoError::unwritable(Path::new("shop/a.jpg"), kind.into());
        let full = of(ErrorKind::StorageFull);
        assert!(matches!(full, DemoError::DiskFull { .. }));
        assert!(full.to_string().contains("shop/a.jpg"));
        let read_only = of(ErrorKind::ReadOnlyFilesystem);
        assert!(matches!(read_only, DemoError::Unwritable { .. }));
        assert_eq!(read_only.to_string().lines().count(), 1);
    }
}
