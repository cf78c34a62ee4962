//! The settings of a generated shop.

use serde::{Deserialize, Serialize};

use crate::error::DemoError;

/// What determines a shop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Seed of prices, photos and splits.
    pub seed: u64,
    /// Number of photos, spread evenly over the 54 products; 1 to 99999.
    pub photos: u32,
    /// Longer side of a photo in pixels, 32 to 4096.
    pub side: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 1, photos: 648, side: 256 }
    }
}

impl Settings {
    /// # Errors
    /// [`DemoError::Settings`] when a value is out of range.
    pub(crate) fn check(&self) -> Result<(), DemoError> {
        if !(1..=99_999).contains(&self.photos) {
            let text = format!("{} photos: choose 1 to 99999", self.photos);
            return Err(DemoError::Settings(text));
        }
        if !(32..=4096).contains(&self.side) {
            let text = format!("a side of {} pixels: choose 32 to 4096", self.side);
            return Err(DemoError::Settings(text));
        }
        Ok(())
    }
}
