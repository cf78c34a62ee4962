//! Non-maximum suppression.

use std::cmp::Reverse;

use crate::DetectedObject;

/// Greedy non-maximum suppression: sorts objects by confidence, the highest first, and drops each whose
/// intersection over union with one that was kept is above `iou_threshold`. With `per_class`, only boxes of the
/// same label suppress each other.
pub fn non_maximum_suppression(
    mut objects: Vec<DetectedObject>,
    iou_threshold: f32,
    per_class: bool,
) -> Vec<DetectedObject> {
    objects.sort_by_key(|object| Reverse(sort_key(object.confidence.unwrap_or(0.0))));
    let mut kept: Vec<DetectedObject> = Vec::new();
    for object in objects {
        let suppresses = |other: &DetectedObject| {
            (!per_class || other.label == object.label)
                && other.bbox.iou(&object.bbox) > iou_threshold
        };
        if !kept.iter().any(suppresses) {
            kept.push(object);
        }
    }
    kept
}

/// The bits of a float that is not negative are ordered as the float is.
fn sort_key(confidence: f32) -> u32 {
    confidence.max(0.0).to_bits()
}

#[cfg(test)]
mod tests {
    use lookalike_photo::BBox;

    use super::*;

    fn object(left: f32, label: &str, confidence: f32) -> DetectedObject {
        let bbox = BBox { left, top: 0.0, right: left + 0.5, bottom: 1.0 };
        let label = Some(label.to_owned());
        DetectedObject { bbox, area_fraction: 0.5, label, confidence: Some(confidence) }
    }

    #[test]
    fn of_overlapping_boxes_the_most_confident_stays() {
        let objects =
            vec![object(0.0, "cup", 0.4), object(0.05, "cup", 0.9), object(0.5, "cup", 0.2)];
        let kept = non_maximum_suppression(objects.clone(), 0.5, false);
        assert_eq!(kept, [objects[1].clone(), objects[2].clone()]);
        let objects = vec![object(0.0, "cup", 0.4), object(0.05, "vase", 0.9)];
        assert_eq!(non_maximum_suppression(objects.clone(), 0.5, true).len(), 2);
        assert_eq!(non_maximum_suppression(objects, 0.5, false).len(), 1);
    }
}
