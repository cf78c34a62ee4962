//! JPEG files: what they consist of, whether all of the picture is there, and scaled decoding: a photo at 1/8 or 1/4 of
//! its size, for callers that need few pixels (libjpeg's `scale_num`/`scale_denom`).
//!
//! A network reads a 12-megapixel photo at 224 pixels. The lowest 1x1 or 2x2 DCT coefficients of each 8x8 block give
//! the image at an eighth or a quarter of its size; the other coefficients are skipped, several codes per table
//! lookup. Decoded here are baseline, extended sequential and progressive JPEG with Huffman codes (of sequential ones
//! those with one scan), greyscale or YCbCr with chroma subsampling of 1 or 2 (ITU-T T.81). Everything else is left to
//! the full decoders. At half the size most of the work would remain, and the full decoder is as fast.

mod bits;
mod block;
mod colour;
mod coverage;
mod huffman;
mod idct;
mod markers;
mod progressive;
mod scan;
mod scan_codes;
mod segments;
mod skip_table;
mod standard_tables;
mod structure;
mod walker;

use image::RgbImage;

use crate::resize::resample_part;

pub(crate) use coverage::Coverage;
pub(crate) use markers::segment;
pub(crate) use structure::{Colours, Structure};

/// Sides of a scaled block, in pixels; a full block has 8.
const SCALED_BLOCK_SIDES: [u32; 2] = [1, 2];

/// Decodes a JPEG at the smallest scale whose longer side has `min_longer_side` pixels or more, not yet upright.
/// `None` if that is the full size, or if the file is damaged or of a kind that is not decoded here.
///
/// Where a side is no whole number of scaled pixels, the last of them is cut and the image resampled to whole numbers:
/// an image half a pixel too narrow would be stretched.
pub(crate) fn decode(
    bytes: &[u8],
    structure: &Structure,
    min_longer_side: u32,
) -> Option<RgbImage> {
    let longer = structure.width.max(structure.height);
    let fits = |side: &u32| longer * side >= min_longer_side.saturating_mul(8);
    let side = SCALED_BLOCK_SIDES.into_iter().find(fits)?;
    let decode_planes = match structure.is_progressive() {
        true => progressive::decode_planes,
        false => scan::decode_planes,
    };
    let planes = decode_planes(bytes, structure, side as usize)?;
    let image = colour::to_rgb(structure, &planes, side);
    let scaled = |length: u32| f64::from(length * side) / 8.0;
    let (width, height) = (scaled(structure.width), scaled(structure.height));
    Some(resample_part(image, width, height, min_longer_side))
}
