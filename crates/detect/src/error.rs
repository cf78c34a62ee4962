//! Errors of detection.

use std::path::PathBuf;

use lookalike_backbone::BackboneError;

/// Why objects cannot be detected. Each message is one line.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// The network whose activation map is used cannot be run.
    #[error(transparent)]
    Backbone(Box<BackboneError>),
    /// The program cannot run detectors in ONNX files.
    #[error("this program was built without detectors in ONNX files")]
    NotBuilt,
    /// A file is no detector that can be used.
    #[error("{} cannot be used as a detector: {reason}", path.display())]
    InvalidDetector {
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
