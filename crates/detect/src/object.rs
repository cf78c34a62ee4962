//! What every detector gives, and the trait of all detectors.

use std::sync::Arc;

use lookalike_photo::{BBox, RgbImage};
use serde::{Deserialize, Serialize};

use crate::DetectError;

/// An object in a photo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectedObject {
    /// Its bounding box. In JSON the box's edges stand beside the other fields.
    #[serde(flatten)]
    pub bbox: BBox,
    /// Fraction of the photo that the object covers, 0 to 1; the box's, where no more is known.
    pub area_fraction: f64,
    /// Its class, where the detector has classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Confidence that the box holds an object, 0 to 1, where the detector gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
}

impl DetectedObject {
    /// The whole photo as one object, without label or confidence.
    pub const WHOLE_PHOTO: Self =
        Self { bbox: BBox::WHOLE, area_fraction: 1.0, label: None, confidence: None };
}

/// Detects the objects in photos.
pub trait ObjectDetector: Send + Sync {
    /// The detector's name, in a word or two.
    fn name(&self) -> &str;

    /// Candidate objects in an upright photo, the most confident first. Boxes may overlap, hold only a part
    /// of an object, or none. Called from many threads at once.
    ///
    /// # Errors
    /// When the network behind it fails.
    fn detect(&self, photo: &RgbImage) -> Result<Vec<DetectedObject>, DetectError>;
}

impl<D: ObjectDetector + ?Sized> ObjectDetector for Arc<D> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn detect(&self, photo: &RgbImage) -> Result<Vec<DetectedObject>, DetectError> {
        (**self).detect(photo)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_without_a_value_are_not_written() {
        let plain = DetectedObject::WHOLE_PHOTO;
        let json = serde_json::to_string(&plain).expect("JSON");
        assert_eq!(json, r#"{"left":0.0,"top":0.0,"right":1.0,"bottom":1.0,"area_fraction":1.0}"#);
        assert_eq!(serde_json::from_str::<DetectedObject>(&json).expect("an object"), plain);
    }
}
