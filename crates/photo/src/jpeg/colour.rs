//! Component planes to RGB.

use image::RgbImage;

use super::scan::Planes;
use super::structure::Structure;

/// The RGB image of planes with `side` pixels for each 8 of the full image; the last pixels may reach beyond it.
pub(super) fn to_rgb(structure: &Structure, planes: &Planes, side: u32) -> RgbImage {
    let scaled = |length: u32| (length * side).div_ceil(8);
    let (width, height) = (scaled(structure.width), scaled(structure.height));
    let mut rgb = Vec::with_capacity((width * height * 3) as usize);
    for y in 0..height as usize {
        let row = |plane: usize| &planes.samples[plane][y * planes.stride..][..width as usize];
        if planes.samples.len() == 1 {
            rgb.extend(row(0).iter().flat_map(|&grey| [grey; 3]));
        } else {
            let pixels = row(0).iter().zip(row(1).iter().zip(row(2)));
            rgb.extend(pixels.flat_map(|(&y, (&cb, &cr))| ycbcr_to_rgb(y, cb, cr)));
        }
    }
    RgbImage::from_raw(width, height, rgb).expect("three bytes for each pixel")
}

/// JFIF's conversion (ITU-T T.871), in fixed point with 16 fractional bits.
fn ycbcr_to_rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let fixed = |factor: f64| (factor * 65536.0).round() as i32;
    let (y, cb, cr) = ((i32::from(y) << 16) + (1 << 15), i32::from(cb) - 128, i32::from(cr) - 128);
    let byte = |value: i32| (value >> 16).clamp(0, 255) as u8;
    [
        byte(y + fixed(1.402) * cr),
        byte(y - fixed(0.344_136) * cb - fixed(0.714_136) * cr),
        byte(y + fixed(1.772) * cb),
    ]
}
