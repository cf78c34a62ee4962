//! Why a photo cannot be decoded.

use crate::PhotoFormat;

/// Why a photo cannot be decoded. Each message is one line that says what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PhotoError {
    /// The file cannot be read.
    #[error("cannot be read: {reason}")]
    Unreadable {
        /// The operating system's reason.
        reason: String,
    },
    /// A folder, a pipe or a device.
    #[error("not a file")]
    NotAFile,
    /// The file has no bytes.
    #[error("the file is empty (0 bytes): copy the photo again")]
    Empty,
    /// The file is larger than [`crate::DecodeLimits::max_bytes`].
    #[error("the file has {bytes} bytes, more than the limit of {limit}: save it smaller")]
    TooManyBytes {
        /// Size of the file.
        bytes: u64,
        /// The limit in force.
        limit: u64,
    },
    /// An iPhone photo in HEIC/HEIF, read by programs that are built with the feature `heic` only.
    #[error(
        "HEIC/HEIF photos are not read by this program: build it with `--features heic`, or convert it to JPEG, e.g. `heif-convert in.heic out.jpg` \
         (on an iPhone: Settings > Camera > Formats > Most Compatible)"
    )]
    Heic,
    /// An AVIF photo, which no maintained pure-Rust decoder under a permissive licence reads.
    #[error("AVIF photos cannot be read: convert it to JPEG, e.g. `avifdec in.avif out.png`")]
    Avif,
    /// The content is no known photo format, whatever the file is called.
    #[error("not a photo: the content is none of JPEG, PNG, WebP, GIF, BMP, TIFF")]
    UnknownFormat,
    /// The header announces more pixels than [`crate::DecodeLimits::max_pixels`].
    #[error(
        "{width}x{height} pixels are more than the limit of {limit} megapixels: save it smaller"
    )]
    TooManyPixels {
        /// Announced width.
        width: u32,
        /// Announced height.
        height: u32,
        /// The limit in megapixels.
        limit: u64,
    },
    /// The decoded pixels need more memory than [`crate::DecodeLimits::max_pixels`] of 16-bit RGBA.
    #[error(
        "{width}x{height} pixels take {megabytes} MB to decode: save it with 8 bits a channel, or smaller"
    )]
    TooDeep {
        /// Announced width.
        width: u32,
        /// Announced height.
        height: u32,
        /// Memory that they need, in MB.
        megabytes: u64,
    },
    /// The decoder asked for more memory than its limit, because of what the header announces.
    #[error("the {format} file announces more pixels than there may be: save it smaller")]
    TooMuchMemory {
        /// The format of the file.
        format: PhotoFormat,
    },
    /// The image has no pixels.
    #[error("the image has no pixels ({width}x{height})")]
    NoPixels {
        /// Announced width.
        width: u32,
        /// Announced height.
        height: u32,
    },
    /// The file ends before the image does.
    #[error("the {format} file is cut short: copy or download it again")]
    Truncated {
        /// The format of the file.
        format: PhotoFormat,
    },
    /// A part of the picture is not there: the file is cut short, or damaged inside.
    #[error(
        "the {format} file is damaged or cut short: about {percent} % of the picture is there: copy or download it again"
    )]
    Incomplete {
        /// The format of the file.
        format: PhotoFormat,
        /// How much of the picture could be decoded before the damage, 0 to 99.
        percent: u32,
    },
    /// A kind of a known format that is not read.
    #[error("{kind} is not read: save the photo as an ordinary JPEG or PNG")]
    Unsupported {
        /// The kind, by its name.
        kind: String,
    },
    /// The decoder refused the content.
    #[error("damaged {format} file ({reason}): copy or export it again")]
    Damaged {
        /// The format of the file.
        format: PhotoFormat,
        /// The decoder's message.
        reason: String,
    },
}
