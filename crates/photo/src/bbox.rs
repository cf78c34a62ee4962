//! Bounding boxes in relative coordinates, and what object detection computes of them: area, intersection, IoU.

use serde::{Deserialize, Serialize};

use crate::Crop;

/// An axis-aligned bounding box in an upright photo. Edges are fractions of the photo's sides, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BBox {
    /// Left edge: 0 is the photo's left, 1 its right.
    pub left: f32,
    /// Top edge: 0 is the photo's top, 1 its bottom.
    pub top: f32,
    /// Right edge, greater than `left`.
    pub right: f32,
    /// Bottom edge, greater than `top`.
    pub bottom: f32,
}

impl BBox {
    /// The whole photo.
    pub const WHOLE: Self = Self { left: 0.0, top: 0.0, right: 1.0, bottom: 1.0 };

    /// A box clipped to the photo; `None` if nothing is left of it. A NaN edge counts as 0.
    pub fn clipped(left: f32, top: f32, right: f32, bottom: f32) -> Option<Self> {
        let [left, top, right, bottom] = [left, top, right, bottom]
            .map(|edge| if edge.is_nan() { 0.0 } else { edge.clamp(0.0, 1.0) });
        (left < right && top < bottom).then_some(Self { left, top, right, bottom })
    }

    /// Area as a fraction of the photo's, 0 to 1.
    pub fn area(&self) -> f32 {
        (self.right - self.left).max(0.0) * (self.bottom - self.top).max(0.0)
    }

    /// Area of the overlap of two boxes, as a fraction of the photo's, 0 to 1.
    pub fn intersection(&self, other: &Self) -> f32 {
        let width = self.right.min(other.right) - self.left.max(other.left);
        let height = self.bottom.min(other.bottom) - self.top.max(other.top);
        width.max(0.0) * height.max(0.0)
    }

    /// Intersection over union (the Jaccard index), 0 to 1: 1 for equal boxes.
    pub fn iou(&self, other: &Self) -> f32 {
        let intersection = self.intersection(other);
        let union = self.area() + other.area() - intersection;
        if union > 0.0 { intersection / union } else { 0.0 }
    }

    /// Fraction of this box's area that lies inside another, 0 to 1.
    pub fn fraction_inside(&self, other: &Self) -> f32 {
        let area = self.area();
        if area > 0.0 { self.intersection(other) / area } else { 0.0 }
    }

    /// The smallest box that encloses both.
    pub fn enclosing(&self, other: &Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// The crop that cuts this box out; `None` if the box is empty.
    pub fn crop(&self) -> Option<Crop> {
        let [left, top, right, bottom] =
            [self.left, self.top, self.right, self.bottom].map(f64::from);
        Crop::new(left, top, right - left, bottom - top).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: BBox = BBox { left: 0.0, top: 0.0, right: 0.5, bottom: 1.0 };
    const MIDDLE: BBox = BBox { left: 0.25, top: 0.0, right: 0.75, bottom: 1.0 };

    #[test]
    fn boxes_overlap_by_their_intersection() {
        assert_eq!(LEFT.area(), 0.5);
        assert_eq!(LEFT.intersection(&MIDDLE), 0.25);
        assert!((LEFT.iou(&MIDDLE) - 1.0 / 3.0).abs() < 1e-6);
        assert_eq!((LEFT.iou(&LEFT), LEFT.fraction_inside(&BBox::WHOLE)), (1.0, 1.0));
        assert_eq!(LEFT.enclosing(&MIDDLE), BBox { right: 0.75, ..LEFT });
        let apart = BBox { left: 0.8, ..BBox::WHOLE };
        assert_eq!((LEFT.intersection(&apart), LEFT.iou(&apart)), (0.0, 0.0));
    }

    #[test]
    fn a_box_is_clipped_to_the_photo() {
        assert_eq!(BBox::clipped(-1.0, 0.0, 0.5, 2.0), Some(LEFT));
        for outside in [[1.5, 0.0, 2.0, 1.0], [0.5, 0.0, 0.5, 1.0], [0.6, 0.0, 0.5, 1.0]] {
            let [left, top, right, bottom] = outside;
            assert_eq!(BBox::clipped(left, top, right, bottom), None);
        }
        assert_eq!(BBox::clipped(0.0, 0.0, f32::NAN, 1.0), None);
        let crop = MIDDLE.crop().expect("not empty");
        assert_eq!(crop.to_string(), "0.25,0,0.5,1");
    }
}
