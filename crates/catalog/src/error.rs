//! Errors of catalogues and manifests.

use std::path::PathBuf;

/// Why a catalogue cannot be read. Each message is one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogError {
    /// The folder or manifest cannot be read.
    #[error("cannot read {}: {reason}", path.display())]
    Unreadable {
        /// The folder or manifest.
        path: PathBuf,
        /// The system's reason.
        reason: std::io::Error,
    },
    /// A file of no known format.
    #[error(
        "{} is neither a folder of photos nor a manifest: give a folder with one folder per \
         product, or a file that ends in .jsonl or .csv",
        path.display()
    )]
    UnknownKind {
        /// The file.
        path: PathBuf,
    },
    /// No photos of products.
    #[error(
        "no photos of products in {}: put the photos of each product into a folder of its own, or give \
         a .jsonl or .csv manifest",
        path.display()
    )]
    NoPhotos {
        /// The folder or manifest.
        path: PathBuf,
    },
    /// No catalogue pictures, though they were asked for.
    #[error(
        "no product of {} has a catalogue picture: a manifest names its file in the column `image`",
        path.display()
    )]
    NoCataloguePictures {
        /// The folder or manifest.
        path: PathBuf,
    },
    /// No photos at all.
    #[error("no photos in {} or below it", path.display())]
    Empty {
        /// The folder.
        path: PathBuf,
    },
    /// A manifest has a bad line.
    #[error("{}, line {line}: {problem}", path.display())]
    Row {
        /// The manifest.
        path: PathBuf,
        /// Counted from 1.
        line: u64,
        /// What is wrong with it.
        problem: RowProblem,
    },
}

/// What is wrong with a line of a manifest.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum RowProblem {
    #[error("not valid JSON ({0})")]
    Json(String),
    #[error("not valid CSV ({0})")]
    Csv(String),
    #[error("not UTF-8: save the file as UTF-8 (in Excel: \"CSV UTF-8\")")]
    NotUtf8,
    #[error("the column '{0}' is missing or empty")]
    Missing(&'static str),
    #[error("no column names photos: it is one of photos, photos_train, photos_val, photos_test")]
    NoPhotosColumn,
    #[error("'{column}' must be {wanted}, not '{value}'")]
    BadValue { column: String, wanted: &'static str, value: String },
    #[error("the product id '{id}' is already on line {first}: give each product one line")]
    DuplicateId { id: String, first: u64 },
    #[error("there are two columns '{0}': rename one")]
    DuplicateColumn(String),
    #[error("'{pattern}' is no file pattern ({reason})")]
    BadPattern { pattern: String, reason: String },
    #[error("the photo '{path}' is in two splits ({first} and {second}): keep it in one")]
    TwoSplits { path: String, first: &'static str, second: &'static str },
}
