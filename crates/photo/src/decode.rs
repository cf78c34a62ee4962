//! Decodes photos of any supported format to upright 8-bit RGB, within limits of size and memory.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::decode_by_image::decode_by_image;
use crate::decode_jpeg::{Damaged, decode_jpeg};
use crate::exif_orientation::{orientation, upright};
use crate::quiet_panic::quietly;
use crate::{DecodeLimits, DecodedPhoto, PhotoError, PhotoFormat};

/// Decodes a photo, by its content whatever its name, and turns it upright.
///
/// JPEG (grey, RGB, CMYK), PNG, WebP, GIF, BMP and TIFF; of an animation the first frame; 16-bit
/// samples are scaled to 8. Colour profiles are not applied.
///
/// # Errors
/// [`PhotoError`] if the content is no complete photo within `limits`. A decoder that panics is reported as
/// [`PhotoError::Unsupported`], and its message printed nowhere.
pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<DecodedPhoto, PhotoError> {
    decode_scaled(bytes, limits, u32::MAX)
}

/// [`decode`] for callers that need only `min_longer_side` pixels on the longer side. A JPEG with four times as many or
/// more may be decoded at 1/4 or 1/8 of its size (libjpeg's scaled decoding), in a fraction of the time and memory.
/// Other photos are decoded at full size.
///
/// # Errors
/// Those of [`decode`].
pub fn decode_scaled(
    bytes: &[u8],
    limits: &DecodeLimits,
    min_longer_side: u32,
) -> Result<DecodedPhoto, PhotoError> {
    decode_with(bytes, limits, min_longer_side, Damaged::Refused)
}

/// [`decode_scaled`], and a JPEG that is cut short or damaged is taken as far as it goes, if that is half of the picture
/// at least; [`DecodedPhoto::missing`] says how much is not there. What is missing is a flat colour.
///
/// # Errors
/// Those of [`decode`].
pub fn decode_damaged(
    bytes: &[u8],
    limits: &DecodeLimits,
    min_longer_side: u32,
) -> Result<DecodedPhoto, PhotoError> {
    decode_with(bytes, limits, min_longer_side, Damaged::Taken)
}

fn decode_with(
    bytes: &[u8],
    limits: &DecodeLimits,
    min_longer_side: u32,
    damaged: Damaged,
) -> Result<DecodedPhoto, PhotoError> {
    if bytes.len() as u64 > limits.max_bytes {
        let bytes = bytes.len() as u64;
        return Err(PhotoError::TooManyBytes { bytes, limit: limits.max_bytes });
    }
    let format = PhotoFormat::sniff(bytes)?;
    // One bad photo must not stop a build of thousands.
    let decoded = catch_unwind(AssertUnwindSafe(|| {
        quietly(|| match format {
            PhotoFormat::Jpeg => decode_jpeg(bytes, limits, min_longer_side, damaged),
            #[cfg(feature = "heic")]
            PhotoFormat::Heic => crate::decode_heic::decode_heic(bytes, limits),
            _ => {
                let pixels = decode_by_image(bytes, format, limits)?;
                let (pixels, orientation) = upright(pixels, orientation(bytes, format));
                Ok(DecodedPhoto { pixels, format, orientation, missing: 0.0 })
            }
        })
    }));
    decoded.unwrap_or_else(|_| {
        Err(PhotoError::Unsupported { kind: format!("this {format} (its decoder gave up on it)") })
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use image::{DynamicImage, ImageFormat, Rgb, RgbImage, Rgba};

    use super::*;

    fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.into().write_to(&mut bytes, format).expect("encode");
        bytes.into_inner()
    }

    fn gradient() -> RgbImage {
        RgbImage::from_fn(40, 30, |x, y| Rgb([(x * 6) as u8, (y * 8) as u8, 90]))
    }

    #[test]
    fn every_format_gives_the_same_picture() {
        for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::WebP] {
            let photo =
                decode(&encode(gradient(), format), &DecodeLimits::default()).expect("decode");
            assert_eq!(photo.pixels, gradient(), "{format:?}");
        }
        for format in [ImageFormat::Jpeg, ImageFormat::Gif] {
            let photo =
                decode(&encode(gradient(), format), &DecodeLimits::default()).expect("decode");
            let off: u64 = (photo.pixels.iter().zip(gradient().iter()))
                .map(|(a, b)| u64::from(a.abs_diff(*b)))
                .sum();
            assert!(off < 40 * 30 * 3 * 12, "{format:?} is off by {off}");
        }
    }

    #[test]
    fn floats_are_refused_where_as_many_bytes_would_not_be_pixels() {
        let floats = DynamicImage::from(image::Rgba32FImage::new(20, 10));
        let bytes = encode(floats, ImageFormat::Tiff);
        let decode =
            |max_pixels| decode(&bytes, &DecodeLimits { max_pixels, ..DecodeLimits::default() });
        let pixels = decode(400).expect("16 bytes a pixel, as 400 of 8").pixels;
        assert_eq!(pixels.dimensions(), (20, 10));
        let error = decode(399).expect_err("too deep");
        assert!(matches!(error, PhotoError::TooDeep { width: 20, .. }), "{error}");
    }

    #[test]
    fn transparency_is_laid_over_white() {
        let glass = image::RgbaImage::from_fn(2, 1, |x, _| {
            Rgba([10, 20, 30, if x == 0 { 0 } else { 255 }])
        });
        let photo =
            decode(&encode(glass, ImageFormat::Png), &DecodeLimits::default()).expect("decode");
        assert_eq!(photo.pixels.as_raw(), &[255, 255, 255, 10, 20, 30]);
    }

    #[test]
    fn sixteen_bit_and_grey_become_rgb8() {
        let deep =
            image::ImageBuffer::<image::Luma<u16>, _>::from_pixel(3, 3, image::Luma([0x8000]));
        let photo =
            decode(&encode(deep, ImageFormat::Png), &DecodeLimits::default()).expect("decode");
        assert_eq!(photo.pixels.get_pixel(1, 1), &Rgb([128, 128, 128]));
    }

    #[test]
    fn a_cut_file_is_said_to_be_cut_or_damaged() {
        for format in [
            ImageFormat::Jpeg,
            ImageFormat::Png,
            ImageFormat::WebP,
            ImageFormat::Tiff,
            ImageFormat::Bmp,
            ImageFormat::Gif,
        ] {
            let whole = encode(gradient(), format);
            for keep in [whole.len() / 4, whole.len() / 2, whole.len() - 20] {
                let error = decode(&whole[..keep], &DecodeLimits::default());
                assert!(
                    matches!(
                        error,
                        Err(PhotoError::Truncated { .. }
                            | PhotoError::Incomplete { .. }
                            | PhotoError::Damaged { .. })
                    ),
                    "{format:?} cut to {keep} of {}: {error:?}",
                    whole.len()
                );
            }
        }
    }

    #[test]
    fn pixels_are_counted_before_they_are_decoded() {
        let limits = DecodeLimits { max_pixels: 1_000_000, ..Default::default() };
        let png = encode(RgbImage::new(2000, 1000), ImageFormat::Png);
        assert_eq!(
            decode(&png, &limits),
            Err(PhotoError::TooManyPixels { width: 2000, height: 1000, limit: 1 })
        );
    }
}
