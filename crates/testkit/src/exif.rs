//! Writes the EXIF orientation tag (Exif 2.32, section 4.6.4; values as in TIFF 6.0, tag 274).

use image::RgbImage;

/// The pixels as a camera stores them in this orientation; applying the orientation gives `upright` again.
pub(crate) fn stored(upright: &RgbImage, orientation: u8) -> RgbImage {
    let (width, height) = upright.dimensions();
    let (right, bottom) = (width.saturating_sub(1), height.saturating_sub(1));
    let swapped = orientation >= 5;
    let (stored_width, stored_height) = if swapped { (height, width) } else { (width, height) };
    RgbImage::from_fn(stored_width, stored_height, |x, y| {
        // Comments: the sides of the upright image that are stored as row 0 and column 0.
        let (x, y) = match orientation {
            1 => (x, y),                  // top, left
            2 => (right - x, y),          // top, right
            3 => (right - x, bottom - y), // bottom, right
            4 => (x, bottom - y),         // bottom, left
            5 => (y, x),                  // left, top
            6 => (right - y, x),          // right, top
            7 => (right - y, bottom - x), // right, bottom
            8 => (y, bottom - x),         // left, bottom
            _ => panic!("EXIF orientations run from 1 to 8, not {orientation}"),
        };
        *upright.get_pixel(x, y)
    })
}

/// Inserts an APP1 segment with only the orientation after the start-of-image marker.
pub(crate) fn insert_orientation(jpeg: &mut Vec<u8>, orientation: u8) {
    let mut body = b"Exif\0\0".to_vec();
    body.extend(b"MM\0*\0\0\0\x08"); // big-endian TIFF, its first directory at byte 8
    body.extend([0, 1]); // one entry
    body.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1]); // tag 274, a SHORT, one of them
    body.extend([0, orientation, 0, 0]);
    body.extend([0; 4]); // no further directory
    let length = body.len() as u8 + 2;
    let segment = [0xFF, 0xE1, 0, length].into_iter().chain(body);
    jpeg.splice(2..2, segment);
}
