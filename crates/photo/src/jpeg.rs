//! JPEG photos at a fraction of their size, for what needs no more pixels.
//!
//! A 12-megapixel photo is embedded from 224 pixels. Of each block of 8x8 pixels, the lowest 1x1 or 2x2 frequencies
//! are a picture at an eighth or a quarter of the size; the others need not be read, only passed over, several at
//! a time. What is usual for photos is decoded here (ITU-T T.81: Huffman codes, one scan, grey or YCbCr with
//! colours at full or half resolution); all else is left to the decoder of whole pictures. At half of the size, most
//! of the work would be left, and that decoder is as fast.

mod bits;
mod blocks;
mod codes;
mod colour;
mod header;
mod inverse;
mod scan;

use image::RgbImage;

pub(crate) use header::Header;

/// Pixels that are left of 8.
const SIDES: [u32; 2] = [1, 2];

/// A JPEG of which the header is known, at the smallest size that leaves its longest side so many pixels, as it lies
/// in the file; `None` where that is the whole size, and of what is unusual or damaged.
///
/// Sides have to be whole multiples, as those of cameras' photos are, so that the picture keeps its shape: a pixel
/// that is half beside the picture would shift the others by more than all else costs.
pub(crate) fn decode(bytes: &[u8], header: &Header, longest: u32) -> Option<RgbImage> {
    let fits = |side: u32| {
        let (width, height) = (u64::from(header.width * side), u64::from(header.height * side));
        width.max(height) >= u64::from(longest) * 8 && width % 8 == 0 && height % 8 == 0
    };
    let side = SIDES.into_iter().find(|&side| fits(side))?;
    let planes = scan::planes(bytes, header, side as usize)?;
    Some(colour::picture(header, &planes, side))
}
