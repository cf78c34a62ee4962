//! The network of a curation: the foreground of a photo, and an embedding for confirming duplicates.

use lookalike_detect::{ActivationDetector, Foreground};
use lookalike_photo::RgbImage;

use crate::CurateError;

/// What a network makes of a photo.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PhotoAnalysis {
    /// The objects in it.
    pub foreground: Foreground,
    /// An embedding of the whole photo, if the network computes one. Only embeddings of one analyser are
    /// compared with each other; an index's embeddings may differ.
    pub embedding: Option<Vec<f32>>,
}

/// Computes the foreground and an embedding of photos. The area that [`ActivationDetector`] estimates is a little
/// better than a guess (`examples/coco_foreground.rs`); its number of objects should decide nothing.
pub trait PhotoAnalyser: Sync {
    /// Analyses an upright photo. Called from many threads at once.
    ///
    /// # Errors
    /// When the network fails.
    fn analyse(&self, photo: &RgbImage) -> Result<PhotoAnalysis, CurateError>;
}

impl PhotoAnalyser for ActivationDetector {
    fn analyse(&self, photo: &RgbImage) -> Result<PhotoAnalysis, CurateError> {
        let map = self.activation_map(photo)?;
        Ok(PhotoAnalysis { foreground: map.foreground(), embedding: Some(map.embedding) })
    }
}
