//! Decodes HEIC photos, as iPhones take them.

use heic_rs::{DecodeOptions, Error, PixelLayout};
use image::RgbImage;

use crate::{DecodeLimits, DecodedPhoto, PhotoError, PhotoFormat};

const FORMAT: PhotoFormat = PhotoFormat::Heic;

/// Decodes a HEIC photo, upright: the container says how it is to be turned, and its EXIF data says it once more.
pub(crate) fn decode_heic(bytes: &[u8], limits: &DecodeLimits) -> Result<DecodedPhoto, PhotoError> {
    let options = DecodeOptions {
        layout: PixelLayout::Rgb8,
        max_pixels: Some(limits.max_pixels),
        // Photos are decoded one a core.
        threads: Some(1),
        ..DecodeOptions::default()
    };
    let failed = |error: Error| {
        let reason = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        match error {
            Error::PixelLimit { .. } => PhotoError::TooMuchMemory { format: FORMAT },
            Error::Unsupported(_) => PhotoError::Unsupported { kind: format!("HEIC ({reason})") },
            _ => PhotoError::Damaged { format: FORMAT, reason },
        }
    };
    let image = heic_rs::decode(bytes, &options).map_err(failed)?;
    let pixels = RgbImage::from_raw(image.width, image.height, image.data);
    let pixels = pixels.ok_or(PhotoError::NoPixels { width: image.width, height: image.height })?;
    Ok(DecodedPhoto { pixels, format: FORMAT, orientation: 1, missing: 0.0 })
}
