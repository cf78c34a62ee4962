//! Recognises JPEGs that were cut off, before a decoder fills the rest with grey.

/// Whether a JPEG stream has its end-of-image marker. The decoder fills a cut-off image with
/// grey instead of failing, and a grey half would be indexed as if it were the product.
///
/// The search starts after the first start-of-scan marker, because an EXIF thumbnail in the header has an
/// end-of-image marker of its own.
pub(crate) fn jpeg_is_complete(bytes: &[u8]) -> bool {
    let mut at = 2; // after the start-of-image marker
    while let Some(&[0xFF, marker]) =
        bytes.get(at..at + 2).and_then(|m| <&[u8; 2]>::try_from(m).ok())
    {
        match marker {
            0xFF => at += 1,               // fill byte
            0x01 | 0xD0..=0xD7 => at += 2, // markers without a length
            // Usually at the very end.
            0xDA => return memchr::memmem::rfind(&bytes[at..], &[0xFF, 0xD9]).is_some(),
            _ => {
                let Some(length) = bytes.get(at + 2..at + 4) else { return false };
                at += 2 + usize::from(u16::from_be_bytes([length[0], length[1]]));
            }
        }
    }
    // Not a chain of marker segments: leave it to the decoder.
    at < bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exif_thumbnail_does_not_make_a_cut_jpeg_complete() {
        let mut jpeg = vec![0xFF, 0xD8];
        jpeg.extend([0xFF, 0xE1, 0x00, 0x06, 0xAA, 0xFF, 0xD9, 0xBB]); // APP1 with an inner EOI
        jpeg.extend([0xFF, 0xDA, 0x00, 0x02, 1, 2, 3]);
        assert!(!jpeg_is_complete(&jpeg));
        jpeg.extend([0xFF, 0xD9]);
        assert!(jpeg_is_complete(&jpeg));
    }
}
