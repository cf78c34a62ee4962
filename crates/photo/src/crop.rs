//! Crops: a rectangle in relative coordinates that a caller asks to search in, as `x,y,width,height`.

use std::fmt;
use std::str::FromStr;

use image::RgbImage;
use image::imageops::{self, crop_imm};

/// A rectangle of an image: left, top, width and height as fractions of the image's sides, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crop {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// The text or values are no rectangle inside an image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a crop is x,y,width,height as fractions of the upright photo, from 0 to 1 and inside it \
     (0.25,0.25,0.5,0.5 is its middle)"
)]
pub struct CropError;

impl Crop {
    /// From left edge, top edge, width and height: 0 to 1 each, inside the image, not empty.
    ///
    /// # Errors
    /// [`CropError`] for anything else.
    pub fn new(x: f64, y: f64, width: f64, height: f64) -> Result<Self, CropError> {
        // Clients compute in floating point: allow for their rounding.
        const ROUNDING: f64 = 1e-6;
        let inside = |start: f64, length: f64| {
            (0.0..=1.0).contains(&start) && length > 0.0 && start + length <= 1.0 + ROUNDING
        };
        if inside(x, width) && inside(y, height) {
            Ok(Self { x, y, width, height })
        } else {
            Err(CropError)
        }
    }

    /// The smaller of width and height, 0 to 1.
    pub fn min_side(&self) -> f64 {
        self.width.min(self.height)
    }

    /// Cuts the rectangle out of an image: at least one pixel, at most the whole image.
    pub fn apply(&self, image: &RgbImage) -> RgbImage {
        let (left, width) = pixels(self.x, self.width, image.width());
        let (top, height) = pixels(self.y, self.height, image.height());
        crop_imm(image, left, top, width, height).to_image()
    }
}

/// The image flipped left to right.
pub fn flip_horizontal(image: &RgbImage) -> RgbImage {
    imageops::flip_horizontal(image)
}

/// Start and length in pixels along a side of `side` pixels.
fn pixels(start: f64, length: f64, side: u32) -> (u32, u32) {
    let at = |fraction: f64| (fraction * f64::from(side)).round() as u32;
    let first = at(start).min(side.saturating_sub(1));
    (first, at(start + length).clamp(first + 1, side.max(1)) - first)
}

impl FromStr for Crop {
    type Err = CropError;

    fn from_str(text: &str) -> Result<Self, CropError> {
        let numbers: Result<Vec<f64>, _> = text.split(',').map(|n| n.trim().parse()).collect();
        match numbers.map_err(|_| CropError)?[..] {
            [x, y, width, height] => Self::new(x, y, width, height),
            _ => Err(CropError),
        }
    }
}

impl fmt::Display for Crop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{},{},{}", self.x, self.y, self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    #[test]
    fn fractions_become_pixels() {
        let image = RgbImage::from_fn(10, 4, |x, y| Rgb([x as u8, y as u8, 0]));
        let part = "0.2,0.5,0.5,0.5".parse::<Crop>().expect("a crop").apply(&image);
        assert_eq!(part.dimensions(), (5, 2));
        assert_eq!(part.get_pixel(0, 0), &Rgb([2, 2, 0]));
        assert_eq!("0.2,0.5,0.7,0.4".parse::<Crop>().expect("a crop").min_side(), 0.4);
        let sliver = "0.999,0.999,0.001,0.001".parse::<Crop>().expect("a crop").apply(&image);
        assert_eq!((sliver.dimensions(), sliver.get_pixel(0, 0)), ((1, 1), &Rgb([9, 3, 0])));
        let whole = "0,0,1,1".parse::<Crop>().expect("a crop").apply(&image);
        assert_eq!(whole, image);
    }

    #[test]
    fn rectangles_outside_the_image_are_refused() {
        for wrong in [
            "",
            "0,0,1",
            "0,0,1,1,1",
            "a,0,1,1",
            "0.5,0,0.6,1",
            "0,0,0,1",
            "-0.1,0,1,1",
            "NaN,0,1,1",
        ] {
            assert!(wrong.parse::<Crop>().is_err(), "{wrong}");
        }
    }
}
