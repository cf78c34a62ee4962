use std::path::PathBuf;

use lookalike_backbone::BackboneError;
use lookalike_catalog::CatalogError;
use lookalike_detect::DetectError;
use lookalike_vectors::snapshot::SnapshotError;
use lookalike_vectors::{RemoteError, VectorError};

use crate::BuildReport;

/// Why a build or a search failed. Each message is one line that says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The catalogue cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The network cannot be loaded or run.
    #[error(transparent)]
    Backbone(#[from] BackboneError),
    /// The things in a photo cannot be found.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// The index cannot be read or written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The store that has the index, or is to have it, does not do what it is asked for.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// What can only be done where the vectors are.
    #[error(
        "that is for indexes in folders: this one's vectors are in a store; build it again instead"
    )]
    NotHere,
    /// There is no index.
    #[error("no index in {}: build one with `lookalike index build PHOTOS`", path.display())]
    NoIndex {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The index is whole, but its parts do not fit each other.
    #[error("{} is damaged ({reason}): build the index again", path.display())]
    DamagedIndex {
        /// The index file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The index was made by another model: its embeddings mean something else.
    #[error(
        "the index was made with another {what} ({index}, now {now}): \
         name the one it was made with, or build the index again"
    )]
    OtherModel {
        /// What differs.
        what: &'static str,
        /// In the index.
        index: String,
        /// In the encoder.
        now: String,
    },
    /// A filter asks for what the products cannot tell.
    #[error("{reason}")]
    Filter {
        /// What, and what there is instead.
        reason: String,
    },
    /// Embeddings cannot be kept for the next build.
    #[error(
        "cannot write {} ({source}): free some space or write elsewhere with --out; what was embedded \
         is kept, an index that was there is unchanged",
        path.display()
    )]
    Journal {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The photo that was asked about cannot be used.
    #[error("{name}: {reason}")]
    Photo {
        /// What the photo is called.
        name: String,
        /// Why it cannot be used, and what to do.
        reason: String,
    },
    /// What was to be removed is not there.
    #[error(
        "no {what} in the index: `lookalike search --json` and the manifest say what things are called"
    )]
    NotInIndex {
        /// A product or a photo.
        what: String,
    },
    /// An edit would leave no photo.
    #[error("nothing would be left in the index: delete its folder instead")]
    NothingLeft,
    /// Not one photo could be used.
    #[error("none of the {} photos could be used; the first: {}", report.listed, first(report))]
    NothingUsable {
        /// Every photo, with its reason.
        report: Box<BuildReport>,
    },
    /// No photo is in the wanted split.
    #[error("no photos of the split {wanted}: the catalogue has {found}")]
    EmptySplit {
        /// What was asked for.
        wanted: String,
        /// What there is.
        found: String,
    },
    /// Vectors that cannot be compared.
    #[error(transparent)]
    Vector(#[from] VectorError),
}

impl EngineError {
    /// Whether another program holds the right to write the index.
    pub fn is_locked(&self) -> bool {
        matches!(
            self,
            Self::Snapshot(SnapshotError::Locked { .. })
                | Self::Remote(RemoteError::Conflict { .. })
        )
    }

    /// Whether the store that has the index is what failed.
    pub fn is_of_store(&self) -> bool {
        matches!(self, Self::Remote(_) | Self::Vector(VectorError::Store(_)))
    }

    /// Whether a change may have been made although it failed: a store that did not answer may have done it.
    pub fn is_in_doubt(&self) -> bool {
        self.is_of_store() && !self.is_locked()
    }

    /// Whether there was no room to write.
    pub fn is_disk_full(&self) -> bool {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        match self {
            Self::Journal { source, .. }
            | Self::Snapshot(SnapshotError::Unwritable { source, .. }) => {
                matches!(source.kind(), StorageFull | QuotaExceeded)
            }
            _ => false,
        }
    }
}

fn first(report: &BuildReport) -> String {
    let first = report.skipped.first();
    first.map_or_else(|| "-".into(), |skipped| format!("{}: {}", skipped.path, skipped.reason))
}
