//! Errors of writing a shop.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Why a shop cannot be written. Each message is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DemoError {
    /// The disk is full.
    #[error(
        "the disk is full at {}: make room and run it again, it goes on where it stopped",
        path.display()
    )]
    DiskFull {
        /// The file or folder.
        path: PathBuf,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {} ({source}): name a folder that can be written to", path.display())]
    Unwritable {
        /// The file or folder.
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
    /// The folder has a shop with other settings.
    #[error(
        "{} has a shop with other settings ({differs}): name another folder, or remove it",
        folder.display()
    )]
    OtherSettings {
        /// The folder.
        folder: PathBuf,
        /// The settings that differ, with both values.
        differs: String,
    },
    /// The folder has files of these names that no demo shop wrote.
    #[error(
        "{} exists, and no demo shop has written it: name another folder",
        path.display()
    )]
    NotOurs {
        /// The file or folder that would be written to.
        path: PathBuf,
    },
    /// A setting is out of range.
    #[error("{0}")]
    Settings(String),
    /// A photo cannot be encoded.
    #[error("a photo cannot be encoded as JPEG ({0}): choose another side")]
    Encode(String),
    /// Cancelled by its progress.
    #[error("stopped: run it again, it goes on where it stopped")]
    Cancelled,
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
    fn a_full_disk_is_an_error_of_its_own() {
        let of = |kind: ErrorKind| DemoError::unwritable(Path::new("shop/a.jpg"), kind.into());
        let full = of(ErrorKind::StorageFull);
        assert!(matches!(full, DemoError::DiskFull { .. }));
        assert!(full.to_string().contains("shop/a.jpg"));
        let read_only = of(ErrorKind::ReadOnlyFilesystem);
        assert!(matches!(read_only, DemoError::Unwritable { .. }));
        assert_eq!(read_only.to_string().lines().count(), 1);
    }
}
