//! What finds the things in a photo.

use image::RgbImage;
use serde::{Deserialize, Serialize};

use crate::CurateError;

/// A thing in a photo.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The box around it: its left edge, from 0 at the photo's left to 1 at its right.
    pub left: f32,
    /// Its upper edge, from 0 at the photo's top to 1 at its bottom.
    pub top: f32,
    /// Its right edge.
    pub right: f32,
    /// Its lower edge.
    pub bottom: f32,
    /// Share of the photo that it fills, 0 to 1.
    pub share: f64,
}

/// The things in a photo.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Things {
    /// Share of the photo that they fill together, 0 to 1.
    pub share: f64,
    /// Each of those that stand apart, the largest first.
    pub items: Vec<Item>,
}

/// What a finder makes of a photo.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Finding {
    /// The things in it.
    pub things: Things,
    /// An embedding of the whole photo, if there is one on the way. It need not be what an index holds:
    /// only embeddings of one finder are compared.
    pub embedding: Option<Vec<f32>>,
}

/// Finds the things in photos: [`crate::ActivationFinder`], or an object detector in its place.
pub trait Finder: Sync {
    /// The things in an upright photo. Called from many threads at once.
    ///
    /// # Errors
    /// When the network behind it fails.
    fn find(&self, photo: &RgbImage) -> Result<Finding, CurateError>;
}
