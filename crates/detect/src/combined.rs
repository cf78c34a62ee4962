//! Two detectors as one.

use lookalike_photo::RgbImage;

use crate::{DetectError, DetectedObject, ObjectDetector};

/// A detector, and a second one for objects of which the first has no class.
pub struct CombinedDetector<A, B> {
    first: A,
    second: B,
    name: String,
}

impl<A: ObjectDetector, B: ObjectDetector> CombinedDetector<A, B> {
    /// Gives the objects of the first detector, followed by those of the second. Overlapping boxes of the two
    /// are not suppressed.
    pub fn new(first: A, second: B) -> Self {
        let name = format!("{} and {}", first.name(), second.name());
        Self { first, second, name }
    }
}

impl<A: ObjectDetector, B: ObjectDetector> ObjectDetector for CombinedDetector<A, B> {
    fn name(&self) -> &str {
        &self.name
    }

    fn detect(&self, photo: &RgbImage) -> Result<Vec<DetectedObject>, DetectError> {
        let mut objects = self.first.detect(photo)?;
        objects.extend(self.second.detect(photo)?);
        Ok(objects)
    }
}
