//! Synthetic photos: a colourful pattern per seed, and JPEG files of them.

use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, Rgb, RgbImage};

use crate::{Noise, exif};

/// Shapes laid over a pattern's background.
const SHAPES: usize = 6;
/// Noise values of the background: four corners of three channels.
const BACKGROUND_DRAWS: usize = 12;
/// Noise values of each shape.
const SHAPE_DRAWS: usize = 8;
/// Width of a shape's blurred edge, relative to the image's width.
const SOFTNESS: f64 = 0.02;

type Colour = [f64; 3];

enum Form {
    Disc,
    Ring,
    Rectangle,
    Stripe,
}

/// A shape in coordinates from 0 to 1, so that a pattern is the same at every size.
struct Shape {
    form: Form,
    centre: (f64, f64),
    half: (f64, f64),
    turn: (f64, f64),
    colour: Colour,
}

impl Shape {
    fn draw(noise: Noise, number: usize) -> Self {
        let draw = |k: usize| noise.at(BACKGROUND_DRAWS + number * SHAPE_DRAWS + k) + 0.5;
        let form = match (draw(0) * 4.0) as u8 {
            0 => Form::Disc,
            1 => Form::Ring,
            2 => Form::Rectangle,
            _ => Form::Stripe,
        };
        let turn = draw(5) * std::f64::consts::PI;
        Self {
            form,
            centre: (draw(1), draw(2)),
            half: (0.08 + 0.22 * draw(3), 0.08 + 0.22 * draw(4)),
            turn: turn.sin_cos(),
            colour: vivid(draw(6), draw(7)),
        }
    }

    /// Signed distance of a point: negative inside.
    fn distance(&self, x: f64, y: f64) -> f64 {
        let (dx, dy) = (x - self.centre.0, y - self.centre.1);
        let (sin, cos) = self.turn;
        let (along, across) = (dx * cos + dy * sin, dy * cos - dx * sin);
        let radius = dx.hypot(dy);
        match self.form {
            Form::Disc => radius - self.half.0,
            Form::Ring => (radius - self.half.0).abs() - 0.2 * self.half.1,
            Form::Rectangle => (along.abs() - self.half.0).max(across.abs() - self.half.1),
            Form::Stripe => across.abs() - 0.3 * self.half.1,
        }
    }
}

/// A saturated colour of a hue from 0 to 1.
fn vivid(hue: f64, lightness: f64) -> Colour {
    let top = 150.0 + 105.0 * lightness;
    [0.0, 1.0, 2.0].map(|channel| {
        let away = (hue * 3.0 - channel).rem_euclid(3.0);
        top * (away.min(3.0 - away) * 2.0 - 1.0).clamp(0.0, 1.0)
    })
}

fn mix(a: Colour, b: Colour, t: f64) -> Colour {
    std::array::from_fn(|channel| a[channel] + (b[channel] - a[channel]) * t)
}

/// A colourful image per seed: a gradient between four corner colours with soft-edged discs, rings, rectangles and
/// stripes. Other sizes show the same pattern, resized.
pub fn pattern(seed: u32, width: u32, height: u32) -> RgbImage {
    let noise = Noise::named(&format!("pattern {seed}"));
    let corner = |k: usize| -> Colour {
        std::array::from_fn(|channel| 255.0 * (noise.at(3 * k + channel) + 0.5))
    };
    let corners = [corner(0), corner(1), corner(2), corner(3)];
    let shapes: Vec<Shape> = (0..SHAPES).map(|number| Shape::draw(noise, number)).collect();
    RgbImage::from_fn(width, height, |x, y| {
        let (x, y) =
            ((f64::from(x) + 0.5) / f64::from(width), (f64::from(y) + 0.5) / f64::from(height));
        let top = mix(corners[0], corners[1], x);
        let bottom = mix(corners[2], corners[3], x);
        let background = mix(top, bottom, y);
        let colour = shapes.iter().fold(background, |below, shape| {
            let coverage = (0.5 - shape.distance(x, y) / SOFTNESS).clamp(0.0, 1.0);
            mix(below, shape.colour, coverage)
        });
        Rgb(colour.map(|value| value.round() as u8))
    })
}

/// A baseline JPEG of an image; `quality` is 1 to 100.
///
/// # Panics
/// When a side is 0 or above 65,535.
pub fn jpeg(image: &RgbImage, quality: u8) -> Vec<u8> {
    let (width, height) = image.dimensions();
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .encode(image, width, height, ExtendedColorType::Rgb8)
        .expect("sides that JPEG allows");
    bytes
}

/// A JPEG as a phone stores it: rotated or flipped pixels with the EXIF orientation (1 to 8) that turns them into
/// `upright`.
///
/// # Panics
/// When `orientation` is not 1 to 8, or as [`jpeg`].
pub fn jpeg_with_orientation(upright: &RgbImage, orientation: u8, quality: u8) -> Vec<u8> {
    let mut bytes = jpeg(&exif::stored(upright, orientation), quality);
    exif::insert_orientation(&mut bytes, orientation);
    bytes
}

/// Writes [`jpeg`] of quality 90 to a file.
///
/// # Panics
/// When the file cannot be written, or as [`jpeg`].
pub fn save_jpeg(path: impl AsRef<Path>, image: &RgbImage) {
    std::fs::write(path, jpeg(image, 90)).expect("a writable path");
}

#[cfg(test)]
mod tests {
    use super::*;
    use lookalike_photo::{DecodeLimits, decode};

    /// Mean absolute difference, in steps of 0 to 255.
    fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
        assert_eq!(a.dimensions(), b.dimensions());
        let sum: u64 = a.iter().zip(b.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        sum as f64 / a.as_raw().len() as f64
    }

    #[test]
    fn every_orientation_decodes_upright() {
        let upright = pattern(3, 120, 80);
        for orientation in 1..=8 {
            let bytes = jpeg_with_orientation(&upright, orientation, 95);
            let photo = decode(&bytes, &DecodeLimits::default()).expect("a JPEG");
            assert_eq!(photo.orientation, orientation);
            let off = difference(&photo.pixels, &upright);
            assert!(off < 3.0, "orientation {orientation} is off by {off}");
        }
    }

    #[test]
    fn orientations_store_different_pixels() {
        let upright = pattern(3, 60, 60);
        for a in 1..=8 {
            for b in a + 1..=8 {
                let off = difference(&exif::stored(&upright, a), &exif::stored(&upright, b));
                assert!(off > 10.0, "orientations {a} and {b} are only {off} apart");
            }
        }
    }

    #[test]
    fn seeds_give_different_images_and_sizes_the_same() {
        let images: Vec<RgbImage> = (0..40).map(|seed| pattern(seed, 64, 48)).collect();
        for (a, one) in images.iter().enumerate() {
            for (b, other) in images.iter().enumerate().skip(a + 1) {
                let off = difference(one, other);
                assert!(off > 25.0, "seeds {a} and {b} are only {off} apart");
            }
        }
        let large = pattern(0, 256, 192);
        let small = image::imageops::thumbnail(&large, 64, 48);
        let off = difference(&small, &images[0]);
        assert!(off < 3.0, "downscaled, off by {off}");
    }

    #[test]
    fn a_saved_file_is_a_photo() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.jpg");
        save_jpeg(&path, &pattern(1, 50, 40));
        let bytes = std::fs::read(&path).expect("just written");
        let photo = decode(&bytes, &DecodeLimits::default()).expect("a JPEG");
        assert_eq!((photo.pixels.dimensions(), photo.orientation), ((50, 40), 1));
    }
}
