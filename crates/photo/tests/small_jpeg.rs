//! JPEGs at a fraction of their size, against the decoder of whole pictures. `jpeg/make.py` wrote them.

use std::path::Path;

use lookalike_photo::{DecodeLimits, DecodedPhoto, PhotoError, RgbImage, decode, decode_at_least};

const USUAL: [&str; 7] = [
    "grey",
    "colours_full",
    "colours_half_across",
    "colours_half_down",
    "colours_half",
    "codes_of_its_own",
    "restarts",
];

fn bytes(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/jpeg");
    std::fs::read(folder.join(name).with_extension("jpg")).expect("a JPEG")
}

fn whole(bytes: &[u8]) -> RgbImage {
    decode(bytes, &DecodeLimits::default()).expect("a photo").pixels
}

fn at_least(bytes: &[u8], longest: u32) -> Result<DecodedPhoto, PhotoError> {
    decode_at_least(bytes, &DecodeLimits::default(), longest)
}

/// The mean of each `side` by `side` pixels.
fn means(picture: &RgbImage, side: u32) -> RgbImage {
    RgbImage::from_fn(picture.width() / side, picture.height() / side, |x, y| {
        let pixels = (0..side * side).map(|at| (x * side + at % side, y * side + at / side));
        let mut sums = [0; 3];
        for (x, y) in pixels {
            let pixel = picture.get_pixel(x, y);
            (0..3).for_each(|channel| sums[channel] += u32::from(pixel[channel]));
        }
        image::Rgb(sums.map(|sum| ((sum + side * side / 2) / (side * side)) as u8))
    })
}

/// Mean and largest difference of two pictures' numbers.
fn differences(a: &RgbImage, b: &RgbImage) -> (f64, u8) {
    assert_eq!(a.dimensions(), b.dimensions());
    let all = || a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b));
    let sum: u64 = all().map(u64::from).sum();
    (sum as f64 / a.len() as f64, all().max().unwrap_or(0))
}

#[test]
fn a_fraction_is_the_mean_of_what_it_stands_for() {
    for name in USUAL {
        let bytes = bytes(name);
        let whole = whole(&bytes);
        assert_eq!(whole.dimensions(), (144, 96), "{name}");
        for (longest, side) in [(18, 8), (36, 4)] {
            let small = at_least(&bytes, longest).expect("a photo").pixels;
            let (off, worst) = differences(&small, &means(&whole, side));
            // Of 8 pixels, 1 is their mean; 2 are the lower frequencies, which at edges is not quite that, and
            // colours at half resolution are at 2.
            let (mean, most) = if (name, side) == ("grey", 8) { (0.1, 1) } else { (1.8, 20) };
            assert!(off <= mean && worst <= most, "{name} {longest}: {off:.2}, {worst} at most");
        }
    }
}

#[test]
fn half_a_block_at_the_edge_is_half_as_wide() {
    let bytes = bytes("halves_of_blocks");
    let whole = whole(&bytes);
    assert_eq!(whole.dimensions(), (140, 92));
    // An eighth would end within a pixel.
    let small = at_least(&bytes, 17).expect("a photo").pixels;
    let (off, worst) = differences(&small, &means(&whole, 4));
    assert!(off <= 1.8 && worst <= 20, "{off:.2}, {worst} at most");
}

#[test]
fn it_is_never_smaller_than_was_asked_for() {
    let bytes = bytes("colours_half");
    let sides = [(1, 18), (18, 18), (19, 36), (36, 36), (37, 144), (144, 144), (1000, 144)];
    for (longest, width) in sides {
        let photo = at_least(&bytes, longest).expect("a photo").pixels;
        assert_eq!(photo.dimensions(), (width, width * 2 / 3), "{longest}");
    }
}

#[test]
fn a_fraction_is_upright() {
    let photo = at_least(&bytes("turned"), 18).expect("a photo");
    assert_eq!((photo.orientation, photo.pixels.dimensions()), (6, (12, 18)));
    let straight = at_least(&bytes("colours_half"), 18).expect("a photo").pixels;
    assert!(photo.pixels == image::imageops::rotate90(&straight));
}

#[test]
fn what_is_unusual_comes_whole() {
    for name in ["progressive", "cmyk", "odd_sides"] {
        let bytes = bytes(name);
        let photo = at_least(&bytes, 10).expect("a photo").pixels;
        assert!(photo == whole(&bytes), "{name}: {:?}", photo.dimensions());
    }
}

#[test]
fn limits_hold_for_fractions() {
    let bytes = bytes("colours_half");
    let limits = DecodeLimits { max_pixels: 10_000, ..Default::default() };
    let error = decode_at_least(&bytes, &limits, 10).expect_err("too large");
    assert!(matches!(error, PhotoError::TooManyPixels { .. }), "{error}");
}

/// What is cut off is refused at a fraction, too; of what else is damaged, the decoder of whole pictures judges.
#[test]
fn damage_is_judged_as_in_whole_pictures() {
    for name in USUAL {
        let sound = bytes(name);
        for length in (2..sound.len()).step_by(61) {
            let cut = at_least(&sound[..length], 18).map(|_| length);
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
            // Nothing is refused but by the decoder of whole pictures.
            let refused = at_least(&damaged, 18).is_err();
            assert!(!refused || decode(&damaged, &DecodeLimits::default()).is_err(), "{name}");
        }
    }
}
