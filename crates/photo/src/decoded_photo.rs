//! A decoded photo, and the limits of decoding.

use image::RgbImage;

use crate::PhotoFormat;

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
    /// The share of the picture that the file does not have, about, 0 to 1: 0 but for [`crate::decode_damaged`].
    pub missing: f32,
}
