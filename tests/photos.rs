//! Unusual photos that must work.

use image::RgbImage;
use lookalike_photo::{DecodeLimits, decode};

use crate::helpers::{Shop, fixture, fixtures, new_photo_of};

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

/// A photo whose second half of data is missing, though it has an end marker.
fn damaged(mut jpeg: Vec<u8>) -> Vec<u8> {
    jpeg.truncate(jpeg.len() * 7 / 10);
    jpeg.extend([0xFF, 0xD9]);
    jpeg
}

#[test]
fn a_photo_of_which_a_part_is_missing_is_answered_and_not_indexed() {
    let shop = Shop::new();
    shop.add("rug 1/half.jpg", &damaged(new_photo_of(4)));
    let text = shop.build().ok();
    assert!(
        text.contains("indexed 18 of 19 photos") && text.contains("% of the picture"),
        "{text}"
    );
    let photo = shop.beside("q.jpg", damaged(new_photo_of(0)));
    let answer = shop.search(&photo);
    let missing = answer["missing_percent"].as_u64().expect("a share");
    assert!((5..=50).contains(&missing), "{answer}");
    let objects = ["search".as_ref(), photo.as_os_str(), "--json".as_ref(), "--objects".as_ref()];
    assert_eq!(shop.run(objects).json()["missing_percent"], answer["missing_percent"]);
    let said = shop.run(["search".as_ref(), photo.as_os_str()]).ok();
    assert!(said.starts_with("the photo is damaged or cut short"), "{said}");
    let whole = shop.search(&shop.beside("w.jpg", new_photo_of(0)));
    assert!(whole["missing_percent"].is_null(), "{whole}");
}
