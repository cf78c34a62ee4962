//! Turns photos upright by their EXIF orientation (TIFF 6.0 tag 274): cameras store the sensor's rows and note how the
//! camera was held. Looks for it wherever programs write it, which is in more places than decoders look.

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};

use crate::{PhotoFormat, jpeg};

/// The tag's number.
const ORIENTATION: u16 = 0x0112;

/// Types of values (TIFF 6.0, section 2): some programs write the tag as LONG or BYTE, where it should be SHORT.
const BYTE: u16 = 1;
const SHORT: u16 = 3;
const LONG: u16 = 4;

/// What some programs write before EXIF data where only JPEG has it.
const JPEG_PREFIX: &[u8] = b"Exif\0\0";

/// The upright pixels, and the orientation as EXIF writes it, 1 to 8; 1 is upright.
pub(crate) fn upright(pixels: RgbImage, orientation: Orientation) -> (RgbImage, u8) {
    let mut image = DynamicImage::ImageRgb8(pixels);
    image.apply_orientation(orientation);
    (image.into_rgb8(), orientation.to_exif())
}

/// The orientation that a file states; upright if it states none.
pub(crate) fn orientation(bytes: &[u8], format: PhotoFormat) -> Orientation {
    let exif = match format {
        PhotoFormat::Jpeg => in_jpeg(bytes),
        PhotoFormat::Png => in_png(bytes),
        PhotoFormat::WebP => in_webp(bytes),
        PhotoFormat::Tiff => Some(bytes),
        _ => None,
    };
    let stated = exif.and_then(stated).and_then(Orientation::from_exif);
    stated.unwrap_or(Orientation::NoTransforms)
}

/// The EXIF data of a JPEG: an APP1 segment before the first scan.
fn in_jpeg(bytes: &[u8]) -> Option<&[u8]> {
    let mut at = 2;
    loop {
        let (marker, segment, end) = jpeg::segment(bytes, at)?;
        match marker {
            0xE1 if segment.starts_with(JPEG_PREFIX) => return Some(&segment[6..]),
            0xDA | 0xD9 => return None,
            _ => at = end,
        }
    }
}

/// That of a PNG: an eXIf chunk before or behind the pixels.
fn in_png(bytes: &[u8]) -> Option<&[u8]> {
    let mut at = 8;
    loop {
        let header = bytes.get(at..at + 8)?;
        let length = u32::from_be_bytes(header[..4].try_into().ok()?) as usize;
        let data = bytes.get(at + 8..at.checked_add(8)?.checked_add(length)?)?;
        if &header[4..] == b"eXIf" {
            return Some(data.strip_prefix(JPEG_PREFIX).unwrap_or(data));
        }
        at += length + 12;
    }
}

/// That of a WebP: an EXIF chunk (RIFF), of even length.
fn in_webp(bytes: &[u8]) -> Option<&[u8]> {
    let mut at = 12;
    loop {
        let header = bytes.get(at..at + 8)?;
        let length = u32::from_le_bytes(header[4..].try_into().ok()?) as usize;
        let data = bytes.get(at + 8..at.checked_add(8)?.checked_add(length)?)?;
        if &header[..4] == b"EXIF" {
            return Some(data.strip_prefix(JPEG_PREFIX).unwrap_or(data));
        }
        at += 8 + length + length % 2;
    }
}

/// The orientation that the first directory of TIFF data states.
fn stated(tiff: &[u8]) -> Option<u8> {
    let little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes: [u8; 2] = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let long = |at: usize| {
        let bytes: [u8; 4] = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    };
    let directory = long(4)? as usize;
    for entry in 0..usize::from(short(directory)?) {
        let at = directory + 2 + entry * 12;
        if short(at)? != ORIENTATION {
            continue;
        }
        let value = match short(at + 2)? {
            BYTE => u32::from(*tiff.get(at + 8)?),
            SHORT => u32::from(short(at + 8)?),
            LONG => long(at + 8)?,
            _ => return None,
        };
        return u8::try_from(value).ok();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TIFF data whose only entry is an orientation of 6.
    fn exif(kind: u16, little: bool) -> Vec<u8> {
        let short = |x: u16| if little { x.to_le_bytes() } else { x.to_be_bytes() };
        let long = |x: u32| if little { x.to_le_bytes() } else { x.to_be_bytes() };
        let mut bytes = if little { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
        bytes.extend(long(8));
        bytes.extend(short(1));
        bytes.extend(short(ORIENTATION));
        bytes.extend(short(kind));
        bytes.extend(long(1));
        match kind {
            LONG => bytes.extend(long(6)),
            SHORT => bytes.extend([short(6), [0; 2]].concat()),
            _ => bytes.extend([6, 0, 0, 0]),
        }
        bytes.extend(long(0));
        bytes
    }

    #[test]
    fn every_type_in_either_byte_order() {
        for little in [true, false] {
            for kind in [BYTE, SHORT, LONG] {
                assert_eq!(stated(&exif(kind, little)), Some(6), "{kind} {little}");
            }
            assert_eq!(stated(&exif(2, little)), None, "text");
        }
        for cut in 0..exif(SHORT, true).len() - 6 {
            assert_eq!(stated(&exif(SHORT, true)[..cut]), None);
        }
    }

    #[test]
    fn behind_the_pixels_of_a_png_and_with_jpegs_prefix_in_a_webp() {
        let exif = exif(LONG, false);
        let chunk = |name: &[u8; 4], data: &[u8]| {
            [&(data.len() as u32).to_be_bytes()[..], name, data, &[0; 4]].concat()
        };
        let png = [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IDAT", b"pixels"), chunk(b"eXIf", &exif)];
        let prefixed = [JPEG_PREFIX, &exif].concat();
        let riff = |name: &[u8; 4], data: &[u8]| {
            let padding = vec![0; data.len() % 2];
            [name, &(data.len() as u32).to_le_bytes()[..], data, &padding].concat()
        };
        let webp = [b"RIFF\0\0\0\0WEBP".to_vec(), riff(b"VP8 ", b"odd"), riff(b"EXIF", &prefixed)];
        for (bytes, format) in [(png, PhotoFormat::Png), (webp, PhotoFormat::WebP)] {
            let bytes = bytes.concat();
            assert_eq!(orientation(&bytes, format), Orientation::Rotate90, "{format}");
            // A length that leads beyond the file, or beyond all numbers.
            assert_eq!(orientation(&bytes[..20], format), Orientation::NoTransforms);
        }
    }
}
