//! The thresholds that a photo must meet to be kept, and the issues of one that does not.

use lookalike_detect::Foreground;
use serde::{Deserialize, Serialize};

use crate::{ImageQuality, Issue, IssueKind, NearDuplicateThresholds};

/// What a photo must meet. A photo exactly at a threshold is kept.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Minimum of the shorter side, in pixels.
    pub min_side: u32,
    /// Minimum of [`ImageQuality::sharpness`].
    pub min_sharpness: f64,
    /// Minimum of [`ImageQuality::highlights`], 0 to 1.
    pub min_highlights: f64,
    /// Maximum of [`ImageQuality::shadows`], 0 to 1.
    pub max_shadows: f64,
    /// Maximum of [`ImageQuality::text_score`], 0 to 1.
    pub max_text_score: f64,
    /// Minimum of [`Foreground::area_fraction`], 0 to 1; 0 for any.
    pub min_object_area: f64,
    /// Maximum number of [`Foreground::objects`]; 0 for any.
    pub max_objects: usize,
    /// When two photos are duplicates.
    pub near_duplicates: NearDuplicateThresholds,
}

impl Default for Thresholds {
    /// Far from customers' photos: of 5,421 photos of the Grocery Store data set, 3,042 of clothing and 128 of
    /// COCO, none has highlights below 0.36 or shadows above 0.63.
    ///
    /// The foreground drops no photo: the area that [`lookalike_detect::ActivationDetector`] estimates is off by
    /// as much as a guess (`examples/coco_foreground.rs`), and it cannot count objects. With a better model, an
    /// area of a half and one object are sensible thresholds.
    fn default() -> Self {
        Self {
            min_side: 160,
            min_sharpness: 30.0,
            min_highlights: 0.33,
            max_shadows: 0.7,
            max_text_score: 0.6,
            min_object_area: 0.0,
            max_objects: 0,
            near_duplicates: NearDuplicateThresholds::COPIES,
        }
    }
}

impl Thresholds {
    /// The issues of a photo by itself, without regard to duplicates.
    pub(crate) fn issues(
        &self,
        quality: &ImageQuality,
        foreground: Option<&Foreground>,
    ) -> Vec<Issue> {
        let mut issues = Vec::new();
        let mut check =
            |missed: bool, kind: IssueKind, value: f64, threshold: f64, message: String| {
                if missed {
                    let (value, threshold) = (Some(value), Some(threshold));
                    issues.push(Issue { value, threshold, ..Issue::new(kind, message) });
                }
            };
        let ImageQuality { width, height, sharpness, shadows, highlights, text_score, .. } =
            *quality;
        let side = width.min(height);
        let (min_side, value) = (f64::from(self.min_side), f64::from(side));
        let message = format!("{width}x{height} pixels: too few to tell products apart");
        check(side < self.min_side, IssueKind::LowResolution, value, min_side, message);
        let message = format!("blurry: sharpness {sharpness:.0}");
        let is_blurry = sharpness < self.min_sharpness;
        check(is_blurry, IssueKind::Blurry, sharpness, self.min_sharpness, message);
        let message = format!("dark: its highlights are at {:.0} % of white", 100.0 * highlights);
        let is_dark = highlights < self.min_highlights;
        check(is_dark, IssueKind::Dark, highlights, self.min_highlights, message);
        let message = format!("overexposed: its shadows are at {:.0} % of white", 100.0 * shadows);
        let is_bright = shadows > self.max_shadows;
        check(is_bright, IssueKind::Bright, shadows, self.max_shadows, message);
        let message = format!("looks like a picture of text: {:.0} %", 100.0 * text_score);
        let is_text = text_score > self.max_text_score;
        check(is_text, IssueKind::Screenshot, text_score, self.max_text_score, message);
        if let Some(Foreground { area_fraction, objects }) = foreground {
            let area = *area_fraction;
            let message = format!("the product covers about {:.0} % of it", 100.0 * area);
            let is_small = area < self.min_object_area;
            check(is_small, IssueKind::SmallObject, area, self.min_object_area, message);
            let count = objects.len();
            let message = format!("shows {count} separate objects");
            let too_many = self.max_objects > 0 && count > self.max_objects;
            let (value, threshold) = (count as f64, self.max_objects as f64);
            check(too_many, IssueKind::MultipleObjects, value, threshold, message);
        }
        issues
    }
}
