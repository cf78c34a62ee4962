//! JPEGs of which something is missing: what is a whole picture, and what is not.

use std::path::Path;

use lookalike_photo::{DecodeLimits, PhotoError, RgbImage, decode, decode_damaged};
use lookalike_testkit::jpeg::{JpegKind, Oddity, jpeg};

/// Of 200x160 pixels; progressive, with restart markers, and with a scan for each component, or not.
fn kinds() -> Vec<JpegKind> {
    let plain = JpegKind {
        width: 200,
        height: 160,
        sampling: vec![(2, 2), (1, 1), (1, 1)],
        adobe: None,
        scans: vec![vec![0, 1, 2]],
        progressive: false,
        restart_interval: 0,
        oddity: Oddity::None,
        seed: 7,
    };
    vec![
        plain.clone(),
        JpegKind { restart_interval: 3, ..plain.clone() },
        JpegKind { scans: vec![vec![0], vec![1], vec![2]], ..plain.clone() },
        JpegKind { progressive: true, ..plain.clone() },
        JpegKind { sampling: vec![(1, 1)], scans: vec![vec![0]], ..plain },
    ]
}

fn whole(bytes: &[u8]) -> RgbImage {
    decode(bytes, &DecodeLimits::default()).expect("a whole picture").pixels
}

/// The share that is missing, by both ways of decoding; none if the strict one refuses nothing.
fn missing(bytes: &[u8], what: &str) -> f32 {
    let strict = decode(bytes, &DecodeLimits::default());
    let incomplete = matches!(strict, Err(PhotoError::Incomplete { .. }));
    assert!(incomplete, "{what}: {strict:?}");
    // At a fraction, too.
    for longest in [20, u32::MAX] {
        let damaged = decode_damaged(bytes, &DecodeLimits::default(), longest);
        match damaged {
            Ok(photo) if longest == u32::MAX => return photo.missing,
            Ok(photo) => assert!(photo.missing > 0.0, "{what}"),
            Err(PhotoError::Incomplete { percent, .. }) => return 1.0 - percent as f32 / 100.0,
            Err(error) => panic!("{what}: {error}"),
        }
    }
    unreachable!()
}

/// Where the first scan's data begins.
fn data(bytes: &[u8]) -> usize {
    let at = memchr::memmem::find(bytes, &[0xFF, 0xDA]).expect("a scan");
    at + 2 + usize::from(bytes[at + 2]) * 256 + usize::from(bytes[at + 3])
}

#[test]
fn half_a_picture_with_an_end_marker_is_half_a_picture() {
    for kind in kinds() {
        let bytes = jpeg(&kind);
        let (from, to) = (data(&bytes), bytes.len());
        for percent in [30, 60, 90] {
            let cut = &bytes[..from + (to - from) * percent / 100];
            let with_end = [cut, &[0xFF, 0xD9]].concat();
            // A second picture, as in a phone's MPO, is no part of the first.
            let second = [cut, &bytes].concat();
            for (what, bytes) in [("cut", cut), ("with an end", &with_end), ("second", &second)] {
                let share = missing(bytes, &format!("{what} at {percent} %: {kind:?}"));
                assert!(share > 0.0, "{what} at {percent} %: {kind:?}");
                if kind.scans.len() == 1 && !kind.progressive {
                    let expected = 1.0 - percent as f32 / 100.0;
                    assert!((share - expected).abs() < 0.25, "{what}: {share} of {expected}");
                }
            }
        }
    }
}

#[test]
fn zeros_and_stray_markers_inside_are_damage() {
    for kind in kinds() {
        let bytes = jpeg(&kind);
        let from = data(&bytes);
        let middle = from + (bytes.len() - from) / 3;
        let mut zeros = bytes.clone();
        zeros[middle..middle + 1000].fill(0);
        let mut stray = bytes.clone();
        stray.splice(middle..middle, [0xFF, 0xC8, 0xFF, 0xB3]);
        for (what, bytes) in [("zeros", zeros), ("a stray marker", stray)] {
            assert!(missing(&bytes, &format!("{what}: {kind:?}")) > 0.0);
        }
    }
}

#[test]
fn a_whole_picture_needs_no_end_marker() {
    for kind in kinds() {
        let bytes = jpeg(&kind);
        let picture = whole(&bytes);
        let no_end = &bytes[..bytes.len() - 2];
        let trailer =
            [no_end, b"SEFH\0\x66\0\0\x01made by a phone, with 1 byte more\0SEFT"].concat();
        let padded = [no_end, &[0; 3000], &[0xFF, 0xD9]].concat();
        for (what, bytes) in [("no end", no_end), ("a trailer", &trailer), ("padding", &padded)] {
            assert!(whole(bytes) == picture, "{what}: {kind:?}");
        }
    }
}

#[test]
fn frames_of_motion_jpeg_have_the_standard_tables() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jpeg/420.jpg");
    let bytes = std::fs::read(file).expect("a JPEG with the standard tables");
    let mut without = Vec::new();
    let mut at = 2;
    without.extend(&bytes[..2]);
    while bytes[at + 1] != 0xDA {
        let end = at + 2 + usize::from(bytes[at + 2]) * 256 + usize::from(bytes[at + 3]);
        if bytes[at + 1] != 0xC4 {
            without.extend(&bytes[at..end]);
        }
        at = end;
    }
    without.extend(&bytes[at..]);
    assert!(without.len() + 400 < bytes.len());
    assert!(whole(&without) == whole(&bytes));
    let small = |bytes: &[u8]| decode_damaged(bytes, &DecodeLimits::default(), 18).expect("small");
    assert_eq!(small(&without), small(&bytes));
}

#[test]
fn kinds_that_are_not_read_are_refused_by_name() {
    let bytes = jpeg(&kinds()[0]);
    let sof = memchr::memmem::find(&bytes, &[0xFF, 0xC0]).expect("a frame header");
    for (marker, name) in [(0xC9, "arithmetic"), (0xC3, "lossless"), (0xC5, "hierarchical")] {
        let mut other = bytes.clone();
        other[sof + 1] = marker;
        let error = decode(&other, &DecodeLimits::default()).expect_err(name).to_string();
        assert!(error.contains(name) && !error.contains("damaged"), "{error}");
    }
    // A frame of two components: no colours that anyone knows.
    let two =
        JpegKind { sampling: vec![(1, 1), (1, 1)], scans: vec![vec![0, 1]], ..kinds()[0].clone() };
    let error = decode(&jpeg(&two), &DecodeLimits::default()).expect_err("two").to_string();
    assert!(!error.contains("gave up"), "{error}");
    let mut deep = bytes;
    (deep[sof + 1], deep[sof + 4]) = (0xC1, 12);
    let error = decode(&deep, &DecodeLimits::default()).expect_err("12 bits").to_string();
    assert!(error.contains("12-bit"), "{error}");
}
