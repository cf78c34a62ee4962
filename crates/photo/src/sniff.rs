//! Format detection by content (magic numbers): extensions are unreliable ("photo.jpg" is often a PNG).

use image::ImageFormat;

use crate::{PhotoError, PhotoFormat};

impl PhotoFormat {
    /// Detects the format from the first bytes of a file (magic numbers).
    ///
    /// # Errors
    /// [`PhotoError::Heic`] without the feature `heic`, [`PhotoError::Avif`], [`PhotoError::Empty`] and
    /// [`PhotoError::UnknownFormat`] otherwise.
    pub fn sniff(bytes: &[u8]) -> Result<Self, PhotoError> {
        if bytes.is_empty() {
            return Err(PhotoError::Empty);
        }
        match iso_media_brand(bytes) {
            Some(PhotoError::Heic) if cfg!(feature = "heic") => return Ok(Self::Heic),
            Some(refused) => return Err(refused),
            None => {}
        }
        // BigTIFF has another version number than TIFF.
        if bytes.starts_with(b"II+\0") || bytes.starts_with(b"MM\0+") {
            return Ok(Self::Tiff);
        }
        match image::guess_format(bytes) {
            Ok(ImageFormat::Bmp) => Ok(Self::Bmp),
            Ok(ImageFormat::Gif) => Ok(Self::Gif),
            Ok(ImageFormat::Jpeg) => Ok(Self::Jpeg),
            Ok(ImageFormat::Png) => Ok(Self::Png),
            Ok(ImageFormat::Tiff) => Ok(Self::Tiff),
            Ok(ImageFormat::WebP) => Ok(Self::WebP),
            _ => Err(PhotoError::UnknownFormat),
        }
    }
}

/// HEIC and AVIF share the ISO base media container (ISO/IEC 14496-12): a `ftyp` box at offset 4
/// whose major brand comes at offset 8, followed by a version and the compatible brands.
fn iso_media_brand(bytes: &[u8]) -> Option<PhotoError> {
    if bytes.get(4..8) != Some(b"ftyp") {
        return None;
    }
    let announced = u32::from_be_bytes(bytes[..4].try_into().ok()?) as usize;
    let end = announced.clamp(12, 256).min(bytes.len());
    let brands = || bytes[8..end].chunks_exact(4);
    if brands().any(|brand| brand == b"avif" || brand == b"avis") {
        return Some(PhotoError::Avif);
    }
    let heif: [&[u8]; 8] = [b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"];
    brands().any(|brand| heif.contains(&brand)).then_some(PhotoError::Heic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ftyp(major: &[u8; 4], compatible: &[&[u8; 4]]) -> Vec<u8> {
        let mut bytes = (16 + 4 * compatible.len() as u32).to_be_bytes().to_vec();
        bytes.extend_from_slice(b"ftyp");
        bytes.extend_from_slice(major);
        bytes.extend_from_slice(&[0; 4]);
        compatible.iter().for_each(|brand| bytes.extend_from_slice(*brand));
        bytes
    }

    #[test]
    fn heic_and_avif_are_told_apart_by_brand() {
        let heic =
            if cfg!(feature = "heic") { Ok(PhotoFormat::Heic) } else { Err(PhotoError::Heic) };
        assert_eq!(PhotoFormat::sniff(&ftyp(b"heic", &[b"mif1"])), heic);
        assert_eq!(PhotoFormat::sniff(&ftyp(b"mif1", &[b"heic"])), heic);
        assert_eq!(PhotoFormat::sniff(&ftyp(b"avif", &[b"mif1"])), Err(PhotoError::Avif));
        assert_eq!(PhotoFormat::sniff(&ftyp(b"mif1", &[b"avif"])), Err(PhotoError::Avif));
        assert_eq!(PhotoFormat::sniff(&ftyp(b"mp42", &[])), Err(PhotoError::UnknownFormat));
        // Shorter than its own header announces.
        assert_eq!(PhotoFormat::sniff(&ftyp(b"heic", &[])[..12]), heic);
    }

    #[test]
    fn text_and_nothing_are_not_photos() {
        assert_eq!(PhotoFormat::sniff(b""), Err(PhotoError::Empty));
        assert_eq!(PhotoFormat::sniff(b"<html>"), Err(PhotoError::UnknownFormat));
    }
}
