//! JPEG files: what they consist of, whether all of the picture is there, and scaled decoding: a photo at 1/8 or 1/4 of
//! its size, for callers that need few pixels (libjpeg's `scale_num`/`scale_denom`).
//!
//! A network reads a 12-megapixel photo at 224 pixels. The lowest 1x1 or 2x2 DCT coefficients of each 8x8 block give
//! the image at an eighth or a quarter of its size; the other coefficients are skipped, several codes per table
//! lookup. Baseline and extended sequential JPEG with Huffman codes, one interleaved scan, greyscale or YCbCr with
//! chroma subsampling of 1 or 2 (ITU-T T.81) are decoded here. Everything else is left to the full decoders. At half
//! the size most of the work would remain, and the full decoder is as fast.

mod bits;
mod block;
mod colour;
mod coverage;
mod huffman;
mod idct;
mod markers;
mod scan;
mod skip_table;
mod standard_tables;
mod structure;

use image::RgbImage;

pub(crate) use coverage::Coverage;
pub(crate) use markers::segment;
pub(crate) use structure::{Colours, Structure};

/// Sides of a scaled block, in pixels; a full block has 8.
const SCALED_BLOCK_SIDES: [u32; 2] = [1, 2];

/// Decodes a JPEG at the smallest scale whose longer side has `min_longer_side` pixels or more, not yet upright.
/// `None` if that is the full size, or if the file is damaged or of a kind that is not decoded here.
///
/// Scaled sides must be whole numbers, as they are for cameras' photos: an image half a pixel too narrow would be
/// stretched, which costs more accuracy than everything else here.
pub(crate) fn decode(
    bytes: &[u8],
    structure: &Structure,
    min_longer_side: u32,
) -> Option<RgbImage> {
    let fits = |side: u32| {
        let (width, height) = (structure.width * side, structure.height * side);
        width.max(height) >= min_longer_side.saturating_mul(8) && width % 8 == 0 && height % 8 == 0
    };
    let side = SCALED_BLOCK_SIDES.into_iter().find(|&side| fits(side))?;
    let planes = scan::decode_planes(bytes, structure, side as usize)?;
    Some(colour::to_rgb(structure, &planes, side))
}
