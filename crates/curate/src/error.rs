use std::path::PathBuf;

use lookalike_backbone::BackboneError;

/// Why photos cannot be chosen or split. Each message is one line that says what to do about it.
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
    /// A line of a file of overrides means nothing.
    #[error(
        "{}, line {line}: {problem}: say it like {{\"photo\": \"chairs/1.jpg\", \"decision\": \"keep\"}}",
        path.display()
    )]
    Override {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        problem: String,
    },
    /// Not one photo is left.
    #[error("none of the {photos} photos is kept, most often because: {reason}")]
    NothingKept {
        /// Photos that there are.
        photos: u64,
        /// The reason that was given most often.
        reason: String,
    },
    /// Shares of a split that are none.
    #[error(
        "validation and test photos must be shares of 0 or more, together below 1, not {val} and {test}"
    )]
    Shares {
        /// Of validation photos.
        val: f64,
        /// Of test photos.
        test: f64,
    },
    /// What photos are grouped by means nothing.
    #[error("'{by}' is no column of the catalogue, and as a regular expression {problem}")]
    GroupBy {
        /// What was asked for.
        by: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The page could not be made.
    #[error("the page could not be made: {0}")]
    Page(#[from] minijinja::Error),
}
