use std::path::PathBuf;

use lookalike_backbone::BackboneError;

/// Why things cannot be found. Each message is one line that says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// The network whose map is looked at cannot be run.
    #[error(transparent)]
    Backbone(Box<BackboneError>),
    /// The program cannot run detectors.
    #[error(
        "this program was built without detectors: build it with `cargo build --release --features detector`, \
         or leave out --detector"
    )]
    NotBuilt,
    /// A file is no detector that can be used.
    #[error("{} cannot be used as a detector: {reason}", path.display())]
    NoDetector {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The detector failed on a photo.
    #[error("the detector failed: {0}")]
    Failed(String),
}

impl From<BackboneError> for DetectError {
    fn from(error: BackboneError) -> Self {
        Self::Backbone(Box::new(error))
    }
}
