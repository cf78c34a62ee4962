//! Changed photos of every format end in a picture or an error: no panic reaches the terminal, and none aborts.

use std::path::Path;

use lookalike_photo::{DecodeLimits, PhotoError, decode_damaged};
use lookalike_testkit::Mutations;
use lookalike_testkit::jpeg::{JpegKind, jpeg};

/// Markers of JPEG, chunks of PNG and WebP, and tags of TIFF.
const INTERESTING: [&[u8]; 9] = [
    &[0xFF, 0xD9],
    &[0xFF, 0xDA],
    &[0xFF, 0xC4, 0, 3],
    &[0xFF, 0xD0],
    &[0xFF, 0xFF],
    b"IDAT",
    b"eXIf",
    b"EXIF",
    &[1, 1, 4, 0, 0xFF, 0xFF],
];

fn decoded(files: impl Iterator<Item = Vec<u8>>, each: usize) -> (usize, usize) {
    let limits = DecodeLimits { max_pixels: 1_000_000, ..DecodeLimits::default() };
    let mut mutations = Mutations::new(1);
    let (mut taken, mut refused) = (0, 0);
    for file in files {
        for _ in 0..each {
            let file = mutations.of(&file, &INTERESTING);
            match decode_damaged(&file, &limits, 32) {
                Ok(photo) => {
                    assert!(photo.pixels.width() > 0 && (0.0..1.0).contains(&photo.missing));
                    taken += 1;
                }
                Err(error) => {
                    assert!(!error.to_string().contains('\n'), "{error}");
                    refused += usize::from(error != PhotoError::Empty);
                }
            }
        }
    }
    (taken, refused)
}

#[test]
fn mutated_jpegs_of_every_kind() {
    let each = Mutations::count(12_000) / 600;
    let files = (0..600).map(|number| jpeg(&JpegKind::numbered(number)));
    let (taken, refused) = decoded(files, each);
    assert!(taken > 300 && refused > 300, "{taken} {refused}");
}

#[test]
fn mutated_photos_of_every_other_format() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let folders = [tests.join("odd"), tests.join("bad"), tests.join("../crates/photo/tests/heic")];
    let mut files = Vec::new();
    for folder in folders {
        for entry in std::fs::read_dir(&folder).expect("a folder of files") {
            files.push(entry.expect("an entry").path());
        }
    }
    // A bomb is refused by its header, however it is changed, and takes its time to be copied.
    files.retain(|file| std::fs::metadata(file).is_ok_and(|file| file.len() < 100_000));
    files.sort();
    let each = Mutations::count(6_000) / files.len().max(1);
    let read = files.iter().map(|file| std::fs::read(file).expect("a file"));
    let (taken, refused) = decoded(read, each);
    assert!(taken > 100 && refused > 300, "{taken} {refused}");
}
