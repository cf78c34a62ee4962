//! Object detection against ground truth: boxes matched by intersection over union, precision and recall.

use lookalike_photo::BBox;
use serde::Serialize;

/// Minimum intersection over union of a detection with the ground-truth box that it matches, as in PASCAL VOC.
pub const IOU_THRESHOLD: f32 = 0.5;

/// Boxes counted over photos.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct DetectionCounts {
    /// Ground-truth boxes.
    pub ground_truth: u64,
    /// Detected boxes.
    pub detections: u64,
    /// Detections that match a ground-truth box.
    pub true_positives: u64,
}

impl DetectionCounts {
    /// Counts a photo's boxes; detections with the most confident first.
    pub fn add(&mut self, ground_truth: &[BBox], detections: &[BBox]) {
        self.ground_truth += ground_truth.len() as u64;
        self.detections += detections.len() as u64;
        self.true_positives +=
            match_boxes(ground_truth, detections).iter().flatten().count() as u64;
    }

    /// Fraction of the ground-truth boxes that were detected, 0 to 1; 0 without any.
    pub fn recall(&self) -> f64 {
        ratio(self.true_positives, self.ground_truth)
    }

    /// Fraction of the detections that match a ground-truth box, 0 to 1; 0 without any.
    pub fn precision(&self) -> f64 {
        ratio(self.true_positives, self.detections)
    }
}

/// For each ground-truth box the position of the detection that matches it. In their order, each detection takes the
/// free ground-truth box with the highest intersection over union, if that is [`IOU_THRESHOLD`] or more.
pub fn match_boxes(ground_truth: &[BBox], detections: &[BBox]) -> Vec<Option<usize>> {
    let mut matched = vec![None; ground_truth.len()];
    for (number, detection) in detections.iter().enumerate() {
        let free = ground_truth.iter().enumerate().filter(|(at, _)| matched[*at].is_none());
        let best = free.map(|(at, bbox)| (at, bbox.iou(detection)));
        let best = best.filter(|(_, iou)| *iou >= IOU_THRESHOLD).max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((at, _)) = best {
            matched[at] = Some(number);
        }
    }
    matched
}

fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bbox(left: f32, right: f32) -> BBox {
        BBox { left, top: 0.0, right, bottom: 1.0 }
    }

    #[test]
    fn each_box_counts_once() {
        let truth = [bbox(0.0, 0.4), bbox(0.5, 0.9)];
        let detections = [bbox(0.02, 0.4), bbox(0.0, 0.38), bbox(0.1, 0.9)];
        assert_eq!(match_boxes(&truth, &detections), [Some(0), Some(2)]);
        assert_eq!(match_boxes(&truth, &detections[1..2]), [Some(0), None]);
        let mut counts = DetectionCounts::default();
        counts.add(&truth, &detections);
        counts.add(&[], &detections[..1]);
        let expected = DetectionCounts { ground_truth: 2, detections: 4, true_positives: 2 };
        assert_eq!(counts, expected);
        assert_eq!((counts.recall(), counts.precision()), (1.0, 0.5));
        assert_eq!(DetectionCounts::default().recall(), 0.0);
    }
}
