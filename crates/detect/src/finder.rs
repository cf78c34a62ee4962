//! What finds the things in a photo.

use std::cmp::Reverse;
use std::sync::Arc;

use lookalike_photo::{BBox, RgbImage};
use serde::{Deserialize, Serialize};

use crate::DetectError;

/// A thing in a photo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The box around it.
    #[serde(flatten)]
    pub area: BBox,
    /// Share of the photo that it fills, 0 to 1; of its box where no more is known.
    pub share: f64,
    /// What kind of thing it is, where the finder knows kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// How sure the finder is that there is a thing, 0 to 1, where it can tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f32>,
}

/// Finds the things in photos: [`crate::ActivationFinder`], or a detector.
pub trait ItemFinder: Send + Sync {
    /// What it is, in a word or two.
    fn name(&self) -> &str;

    /// Where things may be in an upright photo, those it is surest of first. Some may be parts of others,
    /// and some may be none: whoever knows things can tell. Called from many threads at once.
    ///
    /// # Errors
    /// When the network behind it fails.
    fn find(&self, photo: &RgbImage) -> Result<Vec<Item>, DetectError>;
}

impl<F: ItemFinder + ?Sized> ItemFinder for Arc<F> {
    fn name(&self) -> &str {
        (**self).name()
    }

    fn find(&self, photo: &RgbImage) -> Result<Vec<Item>, DetectError> {
        (**self).find(photo)
    }
}

/// A detector, and a second finder for what it has no class for.
pub struct Both<A, B> {
    first: A,
    second: B,
    name: String,
}

impl<A: ItemFinder, B: ItemFinder> Both<A, B> {
    /// What the first finds, and behind it what the second does.
    pub fn new(first: A, second: B) -> Self {
        let name = format!("{} and {}", first.name(), second.name());
        Self { first, second, name }
    }
}

impl<A: ItemFinder, B: ItemFinder> ItemFinder for Both<A, B> {
    fn name(&self) -> &str {
        &self.name
    }

    fn find(&self, photo: &RgbImage) -> Result<Vec<Item>, DetectError> {
        let mut items = self.first.find(photo)?;
        items.extend(self.second.find(photo)?);
        Ok(items)
    }
}

/// Of items, the surest first, those that are not the same as one before: their boxes' intersection over
/// union is at most `limit`, or, where `by_label` says so, their labels differ (non-maximum suppression).
pub fn distinct(mut items: Vec<Item>, limit: f32, by_label: bool) -> Vec<Item> {
    items.sort_by_key(|item| Reverse(order(item.confidence.unwrap_or(0.0))));
    let mut kept: Vec<Item> = Vec::new();
    for item in items {
        let is_same = |other: &Item| {
            (!by_label || other.label == item.label) && other.area.iou(&item.area) > limit
        };
        if !kept.iter().any(is_same) {
            kept.push(item);
        }
    }
    kept
}

/// A number whose order is that of what is not negative.
fn order(confidence: f32) -> u32 {
    confidence.max(0.0).to_bits()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(left: f32, label: &str, confidence: f32) -> Item {
        let area = BBox { left, top: 0.0, right: left + 0.5, bottom: 1.0 };
        Item { area, share: 0.5, label: Some(label.to_owned()), confidence: Some(confidence) }
    }

    #[test]
    fn of_boxes_that_are_the_same_the_surest_stays() {
        let items = vec![item(0.0, "cup", 0.4), item(0.05, "cup", 0.9), item(0.5, "cup", 0.2)];
        let kept = distinct(items.clone(), 0.5, false);
        assert_eq!(kept, [items[1].clone(), items[2].clone()]);
        let items = vec![item(0.0, "cup", 0.4), item(0.05, "vase", 0.9)];
        assert_eq!(distinct(items.clone(), 0.5, true).len(), 2);
        assert_eq!(distinct(items, 0.5, false).len(), 1);
    }

    #[test]
    fn what_is_not_known_is_not_written() {
        let plain = Item { area: BBox::WHOLE, share: 1.0, label: None, confidence: None };
        let json = serde_json::to_string(&plain).expect("JSON");
        assert_eq!(json, r#"{"left":0.0,"top":0.0,"right":1.0,"bottom":1.0,"share":1.0}"#);
        assert_eq!(serde_json::from_str::<Item>(&json).expect("an item"), plain);
    }
}
