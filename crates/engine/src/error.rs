//! Errors of the engine.

use std::fmt;
use std::path::PathBuf;

use lookalike_backbone::BackboneError;
use lookalike_catalog::CatalogError;
use lookalike_detect::DetectError;
use lookalike_vectors::snapshot::SnapshotError;
use lookalike_vectors::{RemoteError, VectorError};

use crate::index::BuildReport;

/// Why a build or a search failed. Each message is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The catalogue cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The network cannot be loaded or run.
    #[error(transparent)]
    Backbone(#[from] BackboneError),
    /// The objects in a photo cannot be detected.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// The index cannot be read or written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The store that has the index, or is to have it, refuses or fails.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The operation needs an index in a folder.
    #[error(
        "that is for indexes in folders: this one's vectors are in a store; build it again instead"
    )]
    VectorsInStore,
    /// The index has no verdicts that could be calibrated.
    #[error(
        "the index has too few photos to say how sure an answer is: it needs 10, of products with several"
    )]
    NotCalibrated,
    /// There is no index.
    #[error("no index in {}", path.display())]
    NoIndex {
        /// The folder, or the store's name.
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
    /// The index was made by another model: its embeddings cannot be compared.
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
    /// A filter uses what the products do not have, or more than 16 columns.
    #[error("{reason}")]
    Filter {
        /// What, and what there is instead.
        reason: String,
    },
    /// A filter names a column that no product has.
    #[error("no product has a column '{column}': {there}")]
    UnknownColumn {
        /// The column.
        column: String,
        /// What columns there are.
        there: String,
    },
    /// The embedding cache cannot be written.
    #[error(
        "cannot write {} ({source}); what was embedded is kept, an index that was there is unchanged",
        path.display()
    )]
    EmbeddingCache {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The feedback beside an index cannot be read.
    #[error(
        "cannot read {} ({source}): a server that was started with --feedback writes it",
        path.display()
    )]
    Feedback {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A photo that is searched for cannot be used.
    #[error("{photo}: {reason}")]
    Photo {
        /// Which photo.
        photo: PhotoRef,
        /// Why it cannot be used, and what to do.
        reason: String,
    },
    /// A product or a photo is not in the index.
    #[error("no {what} in the index")]
    NotInIndex {
        /// A product or a photo, with its id or path.
        what: String,
    },
    /// An update would leave no photo.
    #[error("nothing would be left in the index: delete it instead")]
    NothingLeft,
    /// Not one photo could be used.
    #[error("none of the {} photos could be used; the first: {}", report.listed, first(report))]
    NothingUsable {
        /// Every photo, with its reason.
        report: Box<BuildReport>,
    },
    /// Not one photo of a catalogue can be measured.
    #[error("{}: not one photo can be measured: {reason}", catalog.display())]
    NothingToMeasure {
        /// The catalogue's root.
        catalog: PathBuf,
        /// What became of its photos.
        reason: String,
    },
    /// No photo is in the wanted split.
    #[error("no photos of the split {wanted}: the catalogue has {found}")]
    EmptySplit {
        /// The splits that were wanted.
        wanted: String,
        /// The splits that the catalogue has.
        found: String,
    },
    /// Vectors that cannot be compared.
    #[error(transparent)]
    Vector(#[from] VectorError),
}

impl EngineError {
    /// Whether another program holds the lock on the index.
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

    /// Whether a change may have been made although it failed: a store that did not answer in time may have made it.
    pub fn is_in_doubt(&self) -> bool {
        self.is_of_store() && !self.is_locked()
    }

    /// The error with a photo of the query named: `names` has one name for each.
    pub fn naming_photos(self, names: &[String]) -> Self {
        match self {
            Self::Photo { photo: PhotoRef::OfQuery { position, of }, reason } => {
                let named = names.get(position).cloned().map(PhotoRef::Named);
                Self::Photo { photo: named.unwrap_or(PhotoRef::OfQuery { position, of }), reason }
            }
            other => other,
        }
    }

    /// Whether the disk is full.
    pub fn is_disk_full(&self) -> bool {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        match self {
            Self::EmbeddingCache { source, .. }
            | Self::Snapshot(SnapshotError::Unwritable { source, .. }) => {
                matches!(source.kind(), StorageFull | QuotaExceeded)
            }
            _ => false,
        }
    }
}

/// Which photo an error is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhotoRef {
    /// A photo of a query.
    OfQuery {
        /// Its position, counted from 0.
        position: usize,
        /// How many photos the query has.
        of: usize,
    },
    /// All photos of a query together.
    AllOfQuery,
    /// The photo of this name: a file, or what else the caller calls it.
    Named(String),
}

impl fmt::Display for PhotoRef {
    /// `the photo`, `photo 2`, `the photos`, or the name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OfQuery { of: 1, .. } => f.write_str("the photo"),
            Self::OfQuery { position, .. } => write!(f, "photo {}", position + 1),
            Self::AllOfQuery => f.write_str("the photos"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

fn first(report: &BuildReport) -> String {
    let first = report.skipped.first();
    first.map_or_else(|| "-".into(), |skipped| format!("{}: {}", skipped.path, skipped.reason))
}
