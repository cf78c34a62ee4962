use std::fmt;
use std::str::FromStr;

use image::RgbImage;
use image::imageops::{crop_imm, flip_horizontal};

/// A part of a picture, in shares of its width and height: the thing that is meant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crop {
    x: f64,
    y: f64,
    width: f64,
    height: f64,
}

/// Why four numbers are no part of a picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a crop is x,y,width,height in shares of the upright photo, from 0 to 1 and inside it \
     (0.25,0.25,0.5,0.5 is its middle), not '{0}'"
)]
pub struct CropError(String);

impl Crop {
    /// Left edge, top edge, width and height; 0 to 1 each, inside the picture, not empty.
    ///
    /// # Errors
    /// [`CropError`] for anything else.
    pub fn new(x: f64, y: f64, width: f64, height: f64) -> Result<Self, CropError> {
        // What a page computes in floating point may stick out by as much as its rounding.
        const ROUNDING: f64 = 1e-6;
        let inside = |start: f64, length: f64| {
            (0.0..=1.0).contains(&start) && length > 0.0 && start + length <= 1.0 + ROUNDING
        };
        if inside(x, width) && inside(y, height) {
            Ok(Self { x, y, width, height })
        } else {
            Err(CropError(format!("{x},{y},{width},{height}")))
        }
    }

    /// The smaller of its width and height.
    pub fn share(&self) -> f64 {
        self.width.min(self.height)
    }

    /// That part of a picture: at least one pixel, at most the whole.
    pub fn apply(&self, picture: &RgbImage) -> RgbImage {
        let (left, width) = pixels(self.x, self.width, picture.width());
        let (top, height) = pixels(self.y, self.height, picture.height());
        crop_imm(picture, left, top, width, height).to_image()
    }
}

/// The mirror image of a picture.
pub fn mirrored(picture: &RgbImage) -> RgbImage {
    flip_horizontal(picture)
}

/// Start and length in pixels of a side that has `side` of them.
fn pixels(start: f64, length: f64, side: u32) -> (u32, u32) {
    let at = |share: f64| (share * f64::from(side)).round() as u32;
    let first = at(start).min(side.saturating_sub(1));
    (first, at(start + length).clamp(first + 1, side.max(1)) - first)
}

impl FromStr for Crop {
    type Err = CropError;

    fn from_str(text: &str) -> Result<Self, CropError> {
        let wrong = || CropError(text.chars().take(80).collect());
        let numbers: Result<Vec<f64>, _> = text.split(',').map(|n| n.trim().parse()).collect();
        match numbers.map_err(|_| wrong())?[..] {
            [x, y, width, height] => Self::new(x, y, width, height).map_err(|_| wrong()),
            _ => Err(wrong()),
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
    fn shares_become_pixels() {
        let picture = RgbImage::from_fn(10, 4, |x, y| Rgb([x as u8, y as u8, 0]));
        let part = "0.2,0.5,0.5,0.5".parse::<Crop>().expect("a crop").apply(&picture);
        assert_eq!(part.dimensions(), (5, 2));
        assert_eq!(part.get_pixel(0, 0), &Rgb([2, 2, 0]));
        assert_eq!("0.2,0.5,0.7,0.4".parse::<Crop>().expect("a crop").share(), 0.4);
        let sliver = "0.999,0.999,0.001,0.001".parse::<Crop>().expect("a crop").apply(&picture);
        assert_eq!((sliver.dimensions(), sliver.get_pixel(0, 0)), ((1, 1), &Rgb([9, 3, 0])));
        let whole = "0,0,1,1".parse::<Crop>().expect("a crop").apply(&picture);
        assert_eq!(whole, picture);
    }

    #[test]
    fn what_is_no_part_is_refused() {
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
