//! A HEIC photo against libheif. `heic/make.py` wrote it.
#![cfg(feature = "heic")]

use std::path::Path;

use lookalike_photo::{DecodeLimits, PhotoError, PhotoFormat, decode};

fn bytes(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/heic");
    std::fs::read(folder.join(name)).expect("a file")
}

#[test]
fn a_photo_looks_as_libheif_shows_it() {
    let photo = decode(&bytes("plain.heic"), &DecodeLimits::default()).expect("a photo");
    assert_eq!(photo.format, PhotoFormat::Heic);
    let golden = image::load_from_memory(&bytes("plain.png")).expect("pixels").into_rgb8();
    assert_eq!(photo.pixels.dimensions(), golden.dimensions());
    let both = photo.pixels.iter().zip(golden.iter());
    let off: u64 = both.map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    // Ways of upsampling colours differ at edges.
    assert!(off < golden.len() as u64 * 2, "off by {off}");
}

#[test]
fn cut_and_changed_photos_are_errors_or_pictures() {
    let whole = bytes("plain.heic");
    let limits = DecodeLimits { max_pixels: 1_000_000, ..DecodeLimits::default() };
    for keep in (0..whole.len()).step_by(37) {
        assert!(decode(&whole[..keep], &limits).is_err(), "cut to {keep}");
    }
    let mut random = 1u64;
    for _ in 0..2000 {
        let mut changed = whole.clone();
        for _ in 0..3 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let at = random as usize % changed.len();
            changed[at] = (random >> 40) as u8;
        }
        let _ = decode(&changed, &limits);
    }
    let small = DecodeLimits { max_pixels: 1000, ..limits };
    let error = decode(&whole, &small).expect_err("too many pixels");
    assert!(matches!(error, PhotoError::TooMuchMemory { .. }), "{error}");
}
