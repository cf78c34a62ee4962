//! Errors of curation and splits.

use std::path::PathBuf;

use lookalike_backbone::BackboneError;

/// Why photos cannot be curated or split. Each message is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CurateError {
    /// The network cannot be run.
    #[error(transparent)]
    Backbone(#[from] BackboneError),
    /// A file cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: std::io::Error,
    },
    /// A line of a file of overrides is malformed.
    #[error(
        "{}, line {line}: {problem}: a line looks like {{\"photo\": \"chairs/1.jpg\", \"decision\": \"keep\"}}",
        path.display()
    )]
    InvalidOverride {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// No photo is left.
    #[error("none of the {photos} photos is kept; the most frequent reason: {reason}")]
    NothingKept {
        /// Photos in the catalogue.
        photos: u64,
        /// The most frequent reason.
        reason: String,
    },
    /// Fractions of a split that are out of range.
    #[error(
        "the fractions of validation and test photos must be 0 or more, and together below 1, not {val} and {test}"
    )]
    SplitFractions {
        /// Of validation photos.
        val: f64,
        /// Of test photos.
        test: f64,
    },
    /// Photos cannot be grouped by this.
    #[error("'{by}' is no column of the catalogue, and as a regular expression {problem}")]
    GroupBy {
        /// The column or regular expression.
        by: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The contact sheet could not be rendered.
    #[error("the contact sheet could not be rendered: {0}")]
    ContactSheet(#[from] minijinja::Error),
}
