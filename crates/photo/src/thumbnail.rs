//! JPEG thumbnails of photos.

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, RgbImage};

use crate::resize::{fit, resize_pixels};
use crate::{DecodeLimits, PhotoError, decode_scaled};

/// A JPEG thumbnail of a photo's file: upright, downscaled to fit a square of `side` pixels, never enlarged.
///
/// `quality` is libjpeg's, 1 to 100.
///
/// # Errors
/// Those of [`crate::decode`].
pub fn make_thumbnail(
    bytes: &[u8],
    limits: &DecodeLimits,
    side: u32,
    quality: u8,
) -> Result<Vec<u8>, PhotoError> {
    Ok(encode_thumbnail(&decode_scaled(bytes, limits, side)?.pixels, side, quality))
}

/// A JPEG thumbnail of an image: downscaled to fit a square of `side` pixels, never enlarged.
///
/// `quality` is libjpeg's, 1 to 100.
pub fn encode_thumbnail(image: &RgbImage, side: u32, quality: u8) -> Vec<u8> {
    let side = side.min(image.width().max(image.height()));
    let (width, height) = fit(image.dimensions(), side);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, quality)
        .encode(&resize_pixels(image, width, height), width, height, ExtendedColorType::Rgb8)
        .expect("writing to memory, with a buffer made for these dimensions");
    jpeg
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbnails_shrink_but_never_grow() {
        for (from, to) in [((400, 200), (100, 50)), ((40, 20), (40, 20))] {
            let jpeg = encode_thumbnail(&RgbImage::new(from.0, from.1), 100, 80);
            let image = image::load_from_memory(&jpeg).expect("decode");
            assert_eq!((image.width(), image.height()), to);
        }
    }
}
