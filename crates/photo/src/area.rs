use serde::{Deserialize, Serialize};

use crate::Crop;

/// A rectangle in an upright photo, its edges in shares of the photo's sides.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Area {
    /// Its left edge, from 0 at the photo's left to 1 at its right.
    pub left: f32,
    /// Its upper edge, from 0 at the photo's top to 1 at its bottom.
    pub top: f32,
    /// Its right edge.
    pub right: f32,
    /// Its lower edge.
    pub bottom: f32,
}

impl Area {
    /// All of a photo.
    pub const WHOLE: Self = Self { left: 0.0, top: 0.0, right: 1.0, bottom: 1.0 };

    /// What of a rectangle is inside the photo; `None` of one that is outside, empty or not a number.
    pub fn inside(left: f32, top: f32, right: f32, bottom: f32) -> Option<Self> {
        let [left, top, right, bottom] = [left, top, right, bottom]
            .map(|edge| if edge.is_nan() { 0.0 } else { edge.clamp(0.0, 1.0) });
        (left < right && top < bottom).then_some(Self { left, top, right, bottom })
    }

    /// Share of the photo that it covers, 0 to 1.
    pub fn size(&self) -> f32 {
        (self.right - self.left).max(0.0) * (self.bottom - self.top).max(0.0)
    }

    /// Share of the photo that both cover, 0 to 1.
    pub fn shared(&self, other: &Self) -> f32 {
        let width = self.right.min(other.right) - self.left.max(other.left);
        let height = self.bottom.min(other.bottom) - self.top.max(other.top);
        width.max(0.0) * height.max(0.0)
    }

    /// Intersection over union, 0 to 1: 1 of two that are the same.
    pub fn iou(&self, other: &Self) -> f32 {
        let shared = self.shared(other);
        let union = self.size() + other.size() - shared;
        if union > 0.0 { shared / union } else { 0.0 }
    }

    /// Share of this one that lies in another, 0 to 1.
    pub fn share_in(&self, other: &Self) -> f32 {
        let size = self.size();
        if size > 0.0 { self.shared(other) / size } else { 0.0 }
    }

    /// The smallest that holds this one and another.
    pub fn with(&self, other: &Self) -> Self {
        Self {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// As a part of a picture to cut out; `None` of one without a size.
    pub fn crop(&self) -> Option<Crop> {
        let [left, top, right, bottom] =
            [self.left, self.top, self.right, self.bottom].map(f64::from);
        Crop::new(left, top, right - left, bottom - top).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: Area = Area { left: 0.0, top: 0.0, right: 0.5, bottom: 1.0 };
    const MIDDLE: Area = Area { left: 0.25, top: 0.0, right: 0.75, bottom: 1.0 };

    #[test]
    fn what_areas_have_in_common() {
        assert_eq!(LEFT.size(), 0.5);
        assert_eq!(LEFT.shared(&MIDDLE), 0.25);
        assert!((LEFT.iou(&MIDDLE) - 1.0 / 3.0).abs() < 1e-6);
        assert_eq!((LEFT.iou(&LEFT), LEFT.share_in(&Area::WHOLE)), (1.0, 1.0));
        assert_eq!(LEFT.with(&MIDDLE), Area { right: 0.75, ..LEFT });
        let apart = Area { left: 0.8, ..Area::WHOLE };
        assert_eq!((LEFT.shared(&apart), LEFT.iou(&apart)), (0.0, 0.0));
    }

    #[test]
    fn only_what_is_inside_the_photo_counts() {
        assert_eq!(Area::inside(-1.0, 0.0, 0.5, 2.0), Some(LEFT));
        for outside in [[1.5, 0.0, 2.0, 1.0], [0.5, 0.0, 0.5, 1.0], [0.6, 0.0, 0.5, 1.0]] {
            let [left, top, right, bottom] = outside;
            assert_eq!(Area::inside(left, top, right, bottom), None);
        }
        assert_eq!(Area::inside(0.0, 0.0, f32::NAN, 1.0), None);
        let crop = MIDDLE.crop().expect("a part");
        assert_eq!(crop.to_string(), "0.25,0,0.5,1");
    }
}
