//! Which files are photos, by their names and, where those do not say it, by their first bytes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Extensions of photos. The decoder detects the format by the content.
const PHOTOS: &[&str] =
    &["avif", "bmp", "gif", "heic", "heif", "jpeg", "jpg", "png", "tif", "tiff", "webp"];

/// Extensions that other files have, too: photos by their content.
const MAYBE_PHOTOS: &[&str] = &["jfif", "jpe", "mpo", "pjp", "pjpeg"];

/// Most bytes that [`looks_like_image`] reads.
const START: u64 = 16;

/// Whether a file is a photo. Reads at most 16 bytes of it, and none where its name says it.
pub(crate) fn is_photo(path: &Path) -> bool {
    let extension = match path.extension() {
        None => return file_looks_like_image(path),
        Some(extension) => extension.to_string_lossy().to_ascii_lowercase(),
    };
    PHOTOS.contains(&extension.as_str())
        || MAYBE_PHOTOS.contains(&extension.as_str()) && file_looks_like_image(path)
}

fn file_looks_like_image(path: &Path) -> bool {
    let mut start = Vec::with_capacity(START as usize);
    File::open(path).is_ok_and(|file| file.take(START).read_to_end(&mut start).is_ok())
        && looks_like_image(&start)
}

/// Whether a file's first 16 bytes are those of a JPEG, PNG, GIF, BMP, TIFF, WebP, HEIC or AVIF.
pub fn looks_like_image(start: &[u8]) -> bool {
    const MARKS: &[&[u8]] = &[
        b"\xFF\xD8\xFF",
        b"\x89PNG\r\n\x1A\n",
        b"GIF87a",
        b"GIF89a",
        b"II*\0",
        b"MM\0*",
        b"II+\0",
        b"MM\0+",
    ];
    const BRANDS: &[&[u8]] =
        &[b"avif", b"avis", b"heic", b"heim", b"heis", b"heix", b"hevc", b"hevx", b"mif1", b"msf1"];
    // A text may begin with "BM", but its 6th to 9th byte are not all 0.
    let is_bmp = start.starts_with(b"BM") && start.get(6..10) == Some(&[0; 4]);
    let is_webp = start.starts_with(b"RIFF") && start.get(8..12) == Some(b"WEBP");
    let is_heif = start.get(4..8) == Some(b"ftyp")
        && start.get(8..12).is_some_and(|brand| BRANDS.contains(&brand));
    MARKS.iter().any(|mark| start.starts_with(mark)) || is_bmp || is_webp || is_heif
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_bytes_of_images() {
        for (start, is) in [
            (&b"\xFF\xD8\xFF\xE0"[..], true),
            (b"\x89PNG\r\n\x1A\n", true),
            (b"GIF89a", true),
            (b"BM\x36\x00\x0C\x00\0\0\0\0\x36\0\0\0", true),
            (b"BMW, parts and more", false),
            (b"II*\0", true),
            (b"MM\0*", true),
            (b"RIFF\0\0\0\0WEBPVP8 ", true),
            (b"RIFF\0\0\0\0WAVEfmt ", false),
            (b"\0\0\0\x18ftypheic", true),
            (b"\0\0\0\x1Cftypavif", true),
            (b"\0\0\0\x18ftypmp42", false),
            (b"PK\x03\x04", false),
            (b"", false),
        ] {
            assert_eq!(looks_like_image(start), is, "{start:?}");
        }
    }

    #[test]
    fn names_that_do_not_say_it_are_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, content, is) in [
            ("사진.JPG", &b""[..], true),
            ("IMG_1", b"\xFF\xD8\xFF\xE1", true),
            ("README", b"Read me", false),
            ("3.mpo", b"\xFF\xD8\xFF\xE1", true),
            ("4.pjpeg", b"text", false),
            ("5.jfif", b"\xFF\xD8\xFF\xE0", true),
            ("6.psd", b"\xFF\xD8\xFF\xE0", false),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, content).expect("a file");
            assert_eq!(is_photo(&path), is, "{name}");
        }
        assert!(!is_photo(&folder.path().join("missing")));
    }
}
