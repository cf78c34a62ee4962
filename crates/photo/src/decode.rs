//! Decodes photos of any supported format to upright 8-bit RGB, within limits of size and memory.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage};

use crate::exif_orientation::{jpeg_orientation, upright};
use crate::jpeg;
use crate::truncated_jpeg::jpeg_is_complete;
use crate::{PhotoError, PhotoFormat};

/// Largest photo that is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Largest file, in bytes. Default 256 MiB.
    pub max_bytes: u64,
    /// Most pixels, width times height, that a header may announce. Default 128 million: a 108-megapixel
    /// phone photo passes, a decompression bomb does not.
    pub max_pixels: u64,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { max_bytes: 256 << 20, max_pixels: 128_000_000 }
    }
}

/// A decoded, upright photo.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedPhoto {
    /// 8-bit RGB, upright; transparent pixels composited over white.
    pub pixels: RgbImage,
    /// The format of the file.
    pub format: PhotoFormat,
    /// The EXIF orientation (1 to 8, TIFF 6.0 tag 274) that was applied; 1 is upright.
    pub orientation: u8,
}

/// Decodes a photo, by its content whatever its name, and turns it upright.
///
/// JPEG (grey, RGB, CMYK), PNG, WebP, GIF, BMP and TIFF; of an animation the first frame; 16-bit
/// samples are scaled to 8. Colour profiles are not applied.
///
/// # Errors
/// [`PhotoError`] if the content is no complete photo within `limits`. A decoder that panics on
/// hostile content is reported as [`PhotoError::Damaged`].
pub fn decode(bytes: &[u8], limits: &DecodeLimits) -> Result<DecodedPhoto, PhotoError> {
    decode_scaled(bytes, limits, u32::MAX)
}

/// [`decode`] for callers that need only `min_longer_side` pixels on the longer side. A JPEG with four times as many or
/// more, whose sides divide evenly, may be decoded at 1/4 or 1/8 of its size (libjpeg's scaled decoding), in a
/// fraction of the time and memory. Other photos are decoded at full size.
///
/// # Errors
/// Those of [`decode`].
pub fn decode_scaled(
    bytes: &[u8],
    limits: &DecodeLimits,
    min_longer_side: u32,
) -> Result<DecodedPhoto, PhotoError> {
    if bytes.len() as u64 > limits.max_bytes {
        let bytes = bytes.len() as u64;
        return Err(PhotoError::TooManyBytes { bytes, limit: limits.max_bytes });
    }
    let format = PhotoFormat::sniff(bytes)?;
    // One bad photo must not stop a build of thousands.
    catch_unwind(AssertUnwindSafe(|| {
        let scaled = (format == PhotoFormat::Jpeg)
            .then(|| decode_scaled_jpeg(bytes, limits, min_longer_side));
        scaled.flatten().map_or_else(|| decode_full(bytes, format, limits), Ok)
    }))
    .unwrap_or_else(|_| {
        Err(PhotoError::Damaged { format, reason: "the decoder panicked".to_owned() })
    })
}

fn decode_full(
    bytes: &[u8],
    format: PhotoFormat,
    limits: &DecodeLimits,
) -> Result<DecodedPhoto, PhotoError> {
    let failed = |error: image::ImageError| classify(error, format);
    let mut decoder = ImageReader::with_format(Cursor::new(bytes), format.image_format())
        .into_decoder()
        .map_err(failed)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(PhotoError::NoPixels { width, height });
    }
    if u64::from(width) * u64::from(height) > limits.max_pixels {
        let limit = limits.max_pixels / 1_000_000;
        return Err(PhotoError::TooManyPixels { width, height, limit });
    }
    if format == PhotoFormat::Jpeg && !jpeg_is_complete(bytes) {
        return Err(PhotoError::Truncated { format });
    }
    // 8 bytes a pixel are RGBA of 16 bits. TIFF has 32-bit floats, too.
    let needed = decoder.total_bytes();
    if needed > limits.max_pixels.saturating_mul(8) {
        return Err(PhotoError::TooDeep { width, height, megabytes: needed / 1_000_000 });
    }
    let mut allocation = Limits::no_limits();
    // As much again for the decoder's own buffers.
    allocation.max_alloc = Some(limits.max_pixels.saturating_mul(16));
    decoder.set_limits(allocation).map_err(failed)?;

    let orientation = decoder.orientation().map_err(failed)?;
    // Rotation copies the image: convert to 8-bit RGB first.
    let pixels = flatten(DynamicImage::from_decoder(decoder).map_err(failed)?);
    let (pixels, orientation) = upright(pixels, orientation);
    Ok(DecodedPhoto { pixels, format, orientation })
}

/// A JPEG at a fraction of its size; `None` if the full decoder has to decode or refuse it.
fn decode_scaled_jpeg(
    bytes: &[u8],
    limits: &DecodeLimits,
    min_longer_side: u32,
) -> Option<DecodedPhoto> {
    let header = jpeg::Header::read(bytes)?;
    if u64::from(header.width) * u64::from(header.height) > limits.max_pixels {
        return None;
    }
    let pixels = jpeg::decode(bytes, &header, min_longer_side)?;
    // The decoder would copy the scan, too, which EXIF is not in.
    let orientation = jpeg_orientation(&bytes[..header.scan])?;
    let (pixels, orientation) = upright(pixels, orientation);
    Some(DecodedPhoto { pixels, format: PhotoFormat::Jpeg, orientation })
}

fn classify(error: image::ImageError, format: PhotoFormat) -> PhotoError {
    let cut_short = matches!(&error, image::ImageError::IoError(io)
        if io.kind() == std::io::ErrorKind::UnexpectedEof);
    if cut_short {
        return PhotoError::Truncated { format };
    }
    if matches!(error, image::ImageError::Limits(_)) {
        return PhotoError::TooMuchMemory { format };
    }
    // Decoders put line breaks in their messages; error messages here are one line.
    let reason = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    PhotoError::Damaged { format, reason }
}

/// RGB8, composited over white: cut-out product images have arbitrary colours (mostly black) under their
/// transparent pixels.
fn flatten(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let rgba = image.into_rgba8();
    let (width, height) = rgba.dimensions();
    let mut rgb = Vec::with_capacity(width as usize * height as usize * 3);
    for pixel in rgba.pixels() {
        let alpha = u32::from(pixel[3]);
        for channel in 0..3 {
            let over_white = u32::from(pixel[channel]) * alpha + 255 * (255 - alpha);
            rgb.push(((over_white + 127) / 255) as u8);
        }
    }
    RgbImage::from_raw(width, height, rgb).expect("three bytes were pushed for every pixel")
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, Rgb, Rgba};

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
                    matches!(error, Err(PhotoError::Truncated { .. } | PhotoError::Damaged { .. })),
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
