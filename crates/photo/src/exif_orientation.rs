//! Turns photos upright by their EXIF orientation (TIFF 6.0 tag 274): cameras store the sensor's rows and note how the
//! camera was held.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage};

/// The upright pixels, and the orientation as EXIF writes it, 1 to 8; 1 is upright.
pub(crate) fn upright(pixels: RgbImage, orientation: Orientation) -> (RgbImage, u8) {
    let mut image = DynamicImage::ImageRgb8(pixels);
    image.apply_orientation(orientation);
    (image.into_rgb8(), orientation.to_exif())
}

/// The orientation that a JPEG's header, which ends before its first scan, states.
pub(crate) fn jpeg_orientation(header: &[u8]) -> Option<Orientation> {
    let reader = ImageReader::with_format(Cursor::new(header), ImageFormat::Jpeg);
    reader.into_decoder().ok()?.orientation().ok()
}
