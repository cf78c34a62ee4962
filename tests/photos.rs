//! Unusual photos that must work.

use image::RgbImage;
use lookalike_photo::{DecodeLimits, decode};

use crate::helpers::{fixture, fixtures};

fn pixels(path: &std::path::Path) -> RgbImage {
    let bytes = std::fs::read(path).expect("a fixture");
    decode(&bytes, &DecodeLimits::default()).expect("a photo").pixels
}

/// Mean difference of the channels' values, 0 to 255.
fn difference(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: u64 = a.iter().zip(b.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.len() as f64
}

/// One picture in every format and colour model that photos come in.
#[test]
fn odd_photos_show_what_they_should() {
    let colour = pixels(&fixture("odd/picture.png"));
    let grey = RgbImage::from_fn(colour.width(), colour.height(), |x, y| {
        let [r, g, b] = colour.get_pixel(x, y).0.map(f64::from);
        // ITU-R BT.601, as Pillow's conversion that made the fixtures.
        image::Rgb([(0.299 * r + 0.587 * g + 0.114 * b).round() as u8; 3])
    });
    let files = fixtures("odd");
    assert!(files.len() >= 10, "{files:?}");
    for file in files {
        let is_grey = file.to_string_lossy().contains("grey");
        let off = difference(&pixels(&file), if is_grey { &grey } else { &colour });
        // What JPEG and 200 colours cost; a wrong channel order or inversion is off by dozens.
        assert!(off < 6.0, "{} is off by {off:.1}", file.display());
    }
}
