//! Decodes JPEGs: at a fraction of their size where that is enough, by the fast decoder where it is certainly right, and
//! otherwise by one that takes all kinds.

use image::RgbImage;
use jpeg_decoder::{ColorTransform, PixelFormat};

use crate::decode_by_image::{decode_by_image, too_many_pixels};
use crate::exif_orientation::{orientation, upright};
use crate::jpeg::{self, Colours, Coverage, Structure};
use crate::{DecodeLimits, DecodedPhoto, PhotoError, PhotoFormat};

/// Whether a photo is taken of which a part is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damaged {
    Refused,
    Taken,
}

const FORMAT: PhotoFormat = PhotoFormat::Jpeg;

/// The share of a picture that has to be there for a damaged photo to be worth a look.
const LEAST_SHARE: f32 = 0.5;

/// Decodes a JPEG to `min_longer_side` pixels on the longer side or more.
pub(crate) fn decode_jpeg(
    bytes: &[u8],
    limits: &DecodeLimits,
    min_longer_side: u32,
    damaged: Damaged,
) -> Result<DecodedPhoto, PhotoError> {
    let Some(structure) = Structure::read(bytes) else {
        return Err(header_error(bytes, limits));
    };
    if let Some(kind) = structure.unsupported() {
        return Err(PhotoError::Unsupported { kind: kind.to_owned() });
    }
    too_many_pixels(structure.width, structure.height, limits)?;
    let (mut missing, mut incomplete) = (0.0, None);
    let scaled = jpeg::decode(bytes, &structure, min_longer_side);
    let pixels = match scaled {
        Some(pixels) => pixels,
        None => {
            if let Coverage::Damaged(share) = structure.coverage(bytes) {
                let percent = ((100.0 * share) as u32).min(99);
                let error = PhotoError::Incomplete { format: FORMAT, percent };
                if damaged == Damaged::Refused || share < LEAST_SHARE {
                    return Err(error);
                }
                (missing, incomplete) = (1.0 - share, Some(error));
            }
            let completed = structure.completed(bytes);
            let bytes = completed.as_deref().unwrap_or(bytes);
            let decoded = match structure.is_common() {
                true => decode_by_image(bytes, FORMAT, limits),
                false => decode_any(bytes, &structure, limits),
            };
            // A decoder may give up on what is damaged.
            decoded.map_err(|error| incomplete.unwrap_or(error))?
        }
    };
    let (pixels, orientation) = upright(pixels, orientation(bytes, FORMAT));
    Ok(DecodedPhoto { pixels, format: FORMAT, orientation, missing })
}

/// What is wrong with a JPEG whose header cannot be read.
fn header_error(bytes: &[u8], limits: &DecodeLimits) -> PhotoError {
    match decode_by_image(bytes, FORMAT, limits) {
        Err(error) => error,
        // The fast decoder makes something of it; nobody knows what.
        Ok(_) => {
            let reason = "its tables or scans cannot be read".to_owned();
            PhotoError::Damaged { format: FORMAT, reason }
        }
    }
}

/// Decodes scans in any order and any sampling, more slowly.
fn decode_any(
    bytes: &[u8],
    structure: &Structure,
    limits: &DecodeLimits,
) -> Result<RgbImage, PhotoError> {
    let failed = |error: jpeg_decoder::Error| match error {
        jpeg_decoder::Error::Unsupported(kind) => {
            PhotoError::Unsupported { kind: format!("JPEG with {kind:?}") }
        }
        error => PhotoError::Damaged { format: FORMAT, reason: error.to_string() },
    };
    if !structure.has_usual_block_counts() {
        let kind = "JPEG of an unusual chroma sampling, in scans apart".to_owned();
        return Err(PhotoError::Unsupported { kind });
    }
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    decoder.set_color_transform(match structure.colours() {
        Colours::Grey => ColorTransform::Grayscale,
        Colours::Rgb => ColorTransform::RGB,
        Colours::YCbCr => ColorTransform::YCbCr,
        Colours::Cmyk => ColorTransform::CMYK,
        Colours::Ycck => ColorTransform::YCCK,
    });
    let most = usize::try_from(limits.max_pixels.saturating_mul(4)).unwrap_or(usize::MAX);
    decoder.set_max_decoding_buffer_size(most);
    let samples = decoder.decode().map_err(failed)?;
    let damaged = |reason: &str| PhotoError::Damaged { format: FORMAT, reason: reason.to_owned() };
    let info = decoder.info().ok_or_else(|| damaged("no picture"))?;
    let rgb = match info.pixel_format {
        PixelFormat::RGB24 => samples,
        PixelFormat::L8 => samples.into_iter().flat_map(|grey| [grey; 3]).collect(),
        PixelFormat::CMYK32 => samples.chunks_exact(4).flat_map(cmyk_to_rgb).collect(),
        PixelFormat::L16 => return Err(damaged("16 bits")),
    };
    let (width, height) = (u32::from(info.width), u32::from(info.height));
    RgbImage::from_raw(width, height, rgb).ok_or_else(|| damaged("no picture"))
}

/// Without a profile of the inks.
fn cmyk_to_rgb(cmyk: &[u8]) -> [u8; 3] {
    let black = 255 - u32::from(cmyk[3]);
    std::array::from_fn(|at| ((255 - u32::from(cmyk[at])) * black / 255) as u8)
}
