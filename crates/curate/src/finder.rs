//! What curation asks of what finds the things in a photo.

use lookalike_detect::{ActivationFinder, Things};
use lookalike_photo::RgbImage;

use crate::CurateError;

/// What a finder makes of a photo.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Finding {
    /// The things in it.
    pub things: Things,
    /// An embedding of the whole photo, if there is one on the way. It need not be what an index holds:
    /// only embeddings of one finder are compared.
    pub embedding: Option<Vec<f32>>,
}

/// Says what fills photos, and how alike they are. The share that [`ActivationFinder`] gives is a little
/// better than a guess (`examples/coco_shares.rs`), and the number of things is none that anything should
/// be decided by.
pub trait Finder: Sync {
    /// The things in an upright photo. Called from many threads at once.
    ///
    /// # Errors
    /// When the network behind it fails.
    fn find(&self, photo: &RgbImage) -> Result<Finding, CurateError>;
}

impl Finder for ActivationFinder {
    fn find(&self, photo: &RgbImage) -> Result<Finding, CurateError> {
        let sight = self.look(photo)?;
        Ok(Finding { things: sight.things(), embedding: Some(sight.embedding) })
    }
}
