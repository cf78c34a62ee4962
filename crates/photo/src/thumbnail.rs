use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, RgbImage};

use crate::preprocess::{fit, resize};
use crate::{DecodeLimits, PhotoError, decode_at_least};

/// A JPEG of a photo, upright and scaled down to fit a square of `side` pixels; never scaled up.
///
/// # Errors
/// Those of [`crate::decode`].
pub fn thumbnail_of(
    bytes: &[u8],
    limits: &DecodeLimits,
    side: u32,
    quality: u8,
) -> Result<Vec<u8>, PhotoError> {
    Ok(thumbnail_jpeg(&decode_at_least(bytes, limits, side)?.pixels, side, quality))
}

/// A JPEG of a picture, scaled down to fit a square of `side` pixels; never scaled up.
///
/// `quality` runs from 1 to 100, as in libjpeg.
pub fn thumbnail_jpeg(picture: &RgbImage, side: u32, quality: u8) -> Vec<u8> {
    let side = side.min(picture.width().max(picture.height()));
    let (width, height) = fit(picture.dimensions(), side);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, quality)
        .encode(&resize(picture, width, height), width, height, ExtendedColorType::Rgb8)
        .expect("writing to memory, with a buffer made for these dimensions");
    jpeg
}

/// A picture scaled down to fit a square of `longest` pixels; as it is if it fits.
pub fn shrink(picture: RgbImage, longest: u32) -> RgbImage {
    if picture.width().max(picture.height()) <= longest {
        return picture;
    }
    let (width, height) = fit(picture.dimensions(), longest);
    let pixels = resize(&picture, width, height);
    RgbImage::from_raw(width, height, pixels).unwrap_or(picture)
}

/// A picture of so many pixels (1 or more) in width and height, whatever its shape was: bilinear, smoothed
/// where it shrinks.
pub fn scaled(picture: &RgbImage, width: u32, height: u32) -> RgbImage {
    let pixels = resize(picture, width, height);
    RgbImage::from_raw(width, height, pixels).expect("three bytes for each pixel")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbnails_shrink_but_never_grow() {
        for (from, to) in [((400, 200), (100, 50)), ((40, 20), (40, 20))] {
            let jpeg = thumbnail_jpeg(&RgbImage::new(from.0, from.1), 100, 80);
            let picture = image::load_from_memory(&jpeg).expect("decode");
            assert_eq!((picture.width(), picture.height()), to);
        }
    }
}
