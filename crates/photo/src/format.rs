//! The photo formats that can be decoded.

use std::fmt;

use image::ImageFormat;

/// A format that can be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum PhotoFormat {
    Bmp,
    Gif,
    /// With the feature `heic` only.
    Heic,
    Jpeg,
    Png,
    Tiff,
    WebP,
}

impl PhotoFormat {
    /// The format's name in the `image` crate; `None` of HEIC, which it does not know.
    pub(crate) fn image_format(self) -> Option<ImageFormat> {
        Some(match self {
            Self::Bmp => ImageFormat::Bmp,
            Self::Gif => ImageFormat::Gif,
            Self::Heic => return None,
            Self::Jpeg => ImageFormat::Jpeg,
            Self::Png => ImageFormat::Png,
            Self::Tiff => ImageFormat::Tiff,
            Self::WebP => ImageFormat::WebP,
        })
    }

    /// The media type (IANA), e.g. `image/jpeg`.
    pub fn media_type(self) -> &'static str {
        self.image_format().map_or("image/heic", |format| format.to_mime_type())
    }
}

impl fmt::Display for PhotoFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bmp => "BMP",
            Self::Gif => "GIF",
            Self::Heic => "HEIC",
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Tiff => "TIFF",
            Self::WebP => "WebP",
        })
    }
}
