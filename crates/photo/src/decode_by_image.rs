//! Decodes photos by the `image` crate.

use std::io::Cursor;

use image::{DynamicImage, ImageDecoder, ImageReader, Limits, RgbImage};

use crate::{DecodeLimits, PhotoError, PhotoFormat};

/// The pixels by the `image` crate, not yet upright.
pub(crate) fn decode_by_image(
    bytes: &[u8],
    format: PhotoFormat,
    limits: &DecodeLimits,
) -> Result<RgbImage, PhotoError> {
    let failed = |error: image::ImageError| classify(error, format);
    let Some(image_format) = format.image_format() else {
        return Err(PhotoError::UnknownFormat);
    };
    let mut decoder = ImageReader::with_format(Cursor::new(bytes), image_format)
        .into_decoder()
        .map_err(failed)?;
    let (width, height) = decoder.dimensions();
    if width == 0 || height == 0 {
        return Err(PhotoError::NoPixels { width, height });
    }
    too_many_pixels(width, height, limits)?;
    // 8 bytes a pixel are RGBA of 16 bits. TIFF has 32-bit floats, too.
    let needed = decoder.total_bytes();
    if needed > limits.max_pixels.saturating_mul(8) {
        return Err(PhotoError::TooDeep { width, height, megabytes: needed / 1_000_000 });
    }
    let mut allocation = Limits::no_limits();
    // As much again for the decoder's own buffers.
    allocation.max_alloc = Some(limits.max_pixels.saturating_mul(16));
    decoder.set_limits(allocation).map_err(failed)?;
    // Rotation copies the image: convert to 8-bit RGB first.
    Ok(flatten(DynamicImage::from_decoder(decoder).map_err(failed)?))
}

pub(crate) fn too_many_pixels(
    width: u32,
    height: u32,
    limits: &DecodeLimits,
) -> Result<(), PhotoError> {
    if u64::from(width) * u64::from(height) > limits.max_pixels {
        let limit = limits.max_pixels / 1_000_000;
        return Err(PhotoError::TooManyPixels { width, height, limit });
    }
    Ok(())
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
    if let image::ImageError::Unsupported(error) = &error {
        return PhotoError::Unsupported { kind: unsupported_kind(error, format) };
    }
    // Decoders put line breaks in their messages; error messages here are one line.
    let reason = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    PhotoError::Damaged { format, reason }
}

/// What a decoder does not take, without its decoder's words around it.
fn unsupported_kind(error: &image::error::UnsupportedError, format: PhotoFormat) -> String {
    use image::error::UnsupportedErrorKind as Kind;
    match error.kind() {
        Kind::Color(_) => format!("{format} with colours other than grey, RGB and CMYK"),
        Kind::GenericFeature(feature) => {
            let feature = feature.split_whitespace().collect::<Vec<_>>().join(" ");
            format!("{format} ({})", feature.trim_end_matches(" is unsupported"))
        }
        _ => format!("this kind of {format}"),
    }
}

/// RGB8, composited over white: cut-out product images have arbitrary colours (mostly black) under their
/// transparent pixels. Where all are transparent, a program has left the channel unused.
fn flatten(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let rgba = image.into_rgba8();
    if rgba.pixels().all(|pixel| pixel[3] == 0) {
        return DynamicImage::ImageRgba8(rgba).into_rgb8();
    }
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
