//! Scaled JPEG decoding against the full decoder. `jpeg/make.py` wrote the JPEGs.

use std::path::Path;

use lookalike_photo::{
    DecodeLimits, DecodedPhoto, PhotoError, RgbImage, decode, decode_scaled, resize,
};
use lookalike_testkit::jpeg::{JpegKind, Oddity, jpeg};

const DECODED_HERE: [&str; 8] =
    ["grey", "444", "422", "440", "420", "optimised_huffman", "restart_intervals", "progressive"];

fn bytes(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jpeg");
    std::fs::read(folder.join(name).with_extension("jpg")).expect("a JPEG")
}

fn whole(bytes: &[u8]) -> RgbImage {
    decode(bytes, &DecodeLimits::default()).expect("a photo").pixels
}

fn scaled(bytes: &[u8], min_longer_side: u32) -> Result<DecodedPhoto, PhotoError> {
    decode_scaled(bytes, &DecodeLimits::default(), min_longer_side)
}

/// The mean of each `side` by `side` pixels.
fn means(image: &RgbImage, side: u32) -> RgbImage {
    RgbImage::from_fn(image.width() / side, image.height() / side, |x, y| {
        let pixels = (0..side * side).map(|at| (x * side + at % side, y * side + at / side));
        let mut sums = [0; 3];
        for (x, y) in pixels {
            let pixel = image.get_pixel(x, y);
            (0..3).for_each(|channel| sums[channel] += u32::from(pixel[channel]));
        }
        image::Rgb(sums.map(|sum| ((sum + side * side / 2) / (side * side)) as u8))
    })
}

/// Mean and largest difference of two images' samples.
fn differences(a: &RgbImage, b: &RgbImage) -> (f64, u8) {
    assert_eq!(a.dimensions(), b.dimensions());
    let all = || a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b));
    let sum: u64 = all().map(u64::from).sum();
    (sum as f64 / a.len() as f64, all().max().unwrap_or(0))
}

#[test]
fn a_scaled_pixel_is_the_mean_of_the_pixels_it_covers() {
    for name in DECODED_HERE {
        let bytes = bytes(name);
        let whole = whole(&bytes);
        assert_eq!(whole.dimensions(), (144, 96), "{name}");
        for (longest, side) in [(18, 8), (36, 4)] {
            let small = scaled(&bytes, longest).expect("a photo").pixels;
            let (off, worst) = differences(&small, &means(&whole, side));
            // At 1/8 a pixel is the DC coefficient, which is the mean. At 1/4 it is a low-pass, which differs from
            // the mean at edges; so does subsampled chroma at 1/8.
            let (mean, most) = if (name, side) == ("grey", 8) { (0.1, 1) } else { (1.8, 20) };
            assert!(off <= mean && worst <= most, "{name} {longest}: {off:.2}, {worst} at most");
        }
    }
}

/// Sides that are no whole number of scaled pixels: the picture is neither cut nor stretched.
#[test]
fn odd_sides_are_resampled_to_whole_ones() {
    for name in ["partial_blocks", "odd_sides"] {
        let bytes = bytes(name);
        let whole = whole(&bytes);
        for scale in [8, 4] {
            let longer = whole.width().max(whole.height()) / scale;
            let small = scaled(&bytes, longer).expect("a photo").pixels;
            assert!(small.width().max(small.height()) <= longer + 1, "{name}");
            let full = resize(&whole, small.width(), small.height());
            let (off, worst) = differences(&small, &full);
            assert!(off <= 4.0 && worst <= 40, "{name} 1/{scale}: {off:.2}, {worst} at most");
        }
    }
}

/// Every sampling, progressive or not, with restart markers and the oddities of real files.
#[test]
fn all_kinds_look_the_same_at_a_fraction() {
    let (mut progressive, mut sequential) = (0, 0);
    for number in 0..4000 {
        let kind = JpegKind::numbered(number);
        let bytes = jpeg(&kind);
        let Ok(whole) = decode(&bytes, &DecodeLimits::default()) else { continue };
        let (width, height) = whole.pixels.dimensions();
        for scale in [8, 4] {
            let small = scaled(&bytes, width.max(height) / scale).expect("a photo").pixels;
            if small.dimensions() == (width, height) {
                continue;
            }
            let count = if kind.progressive { &mut progressive } else { &mut sequential };
            *count += 1;
            let full = resize(&whole.pixels, small.width(), small.height());
            let (off, worst) = differences(&small, &full);
            assert!(off <= 8.0 && worst <= 60, "1/{scale}: {off:.2}, {worst} at most: {kind:?}");
        }
    }
    assert!(progressive > 300 && sequential > 300, "{progressive} {sequential}");
}

/// At a fraction, too, a progressive JPEG is the picture of the sequential one with the same coefficients.
#[test]
fn progressive_is_the_same_as_sequential() {
    let mut compared = 0;
    for number in 0..4000 {
        let kind = JpegKind { oddity: Oddity::None, ..JpegKind::numbered(number) };
        if !kind.progressive || kind.sampling.len() == 4 {
            continue;
        }
        let all = (0..kind.sampling.len()).collect();
        let sequential = jpeg(&JpegKind { progressive: false, scans: vec![all], ..kind.clone() });
        for scale in [8, 4] {
            let longer = u32::from(kind.width.max(kind.height)) / scale;
            let other = scaled(&sequential, longer).expect("a photo").pixels;
            if other.width() < u32::from(kind.width) {
                let one = scaled(&jpeg(&kind), longer).expect("a photo").pixels;
                assert!(one == other, "1/{scale}: {kind:?}");
                compared += 1;
            }
        }
    }
    assert!(compared > 300, "{compared}");
}

#[test]
fn the_longer_side_is_never_below_the_minimum() {
    let bytes = bytes("420");
    let sides = [(1, 18), (18, 18), (19, 36), (36, 36), (37, 144), (144, 144), (1000, 144)];
    for (longest, width) in sides {
        let photo = scaled(&bytes, longest).expect("a photo").pixels;
        assert_eq!(photo.dimensions(), (width, width * 2 / 3), "{longest}");
    }
}

#[test]
fn a_scaled_photo_is_upright() {
    let photo = scaled(&bytes("exif_rotated"), 18).expect("a photo");
    assert_eq!((photo.orientation, photo.pixels.dimensions()), (6, (12, 18)));
    let straight = scaled(&bytes("420"), 18).expect("a photo").pixels;
    assert!(photo.pixels == image::imageops::rotate90(&straight));
}

#[test]
fn other_jpegs_are_decoded_at_full_size() {
    let bytes = bytes("cmyk");
    let photo = scaled(&bytes, 10).expect("a photo").pixels;
    assert!(photo == whole(&bytes), "{:?}", photo.dimensions());
}

#[test]
fn limits_hold_for_scaled_decoding() {
    let bytes = bytes("420");
    let limits = DecodeLimits { max_pixels: 10_000, ..Default::default() };
    let error = decode_scaled(&bytes, &limits, 10).expect_err("too large");
    assert!(matches!(error, PhotoError::TooManyPixels { .. }), "{error}");
}

/// A truncated file is refused, scaled or not; any other damage is refused only by the full decoder.
#[test]
fn damage_is_refused_as_by_the_full_decoder() {
    for name in DECODED_HERE {
        let sound = bytes(name);
        for length in (2..sound.len()).step_by(61) {
            let cut = scaled(&sound[..length], 18).map(|_| length);
            let whole = decode(&sound[..length], &DecodeLimits::default()).map(|_| length);
            assert_eq!(cut, whole, "{name} cut to {length}");
            assert!(cut.is_err(), "{name} cut to {length}");
        }
        let mut state = 1u32;
        for _ in 0..500 {
            let mut damaged = sound.clone();
            for _ in 0..3 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = (state >> 8) as usize % damaged.len();
                damaged[at] ^= 1 << (state & 7);
            }
            // Only the full decoder refuses.
            let refused = scaled(&damaged, 18).is_err();
            assert!(!refused || decode(&damaged, &DecodeLimits::default()).is_err(), "{name}");
        }
    }
}
