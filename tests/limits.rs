//! Extremes that real catalogues hold.

use image::{Rgb, RgbImage};
use lookalike_testkit::photos;

use crate::helpers::{PRODUCTS, Shop, new_photo_of};

#[test]
fn extreme_sizes_are_photos_too() {
    let shop = Shop::new();
    for (name, width, height) in [("dot", 1, 1), ("tall", 1, 6000), ("wide", 6000, 2)] {
        let line = RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 200]));
        shop.add(&format!("{name}/1.png"), &png(&line));
    }
    // A 12-megapixel phone photo.
    let photo = photos::jpeg(&photos::pattern(3, 4000, 3000), 85);
    let text = shop.build().ok();
    assert!(text.contains("indexed 21 of 21 photos"), "{text}");
    let answer = shop.search(&shop.beside("phone.jpg", photo));
    assert_eq!(answer["matches"][0]["product"]["id"], PRODUCTS[3]);
}

/// One photo that many customers uploaded must hide no other product.
#[test]
fn hundreds_of_copies_hide_nothing() {
    let shop = Shop::new();
    let picture = photos::pattern(77, 40, 30);
    for product in 0..150 {
        // The same pixels in different files, so that they are no exact copies on disk.
        let mut bytes = png(&picture);
        bytes.extend_from_slice(format!("trailing {product}").as_bytes());
        shop.add(&format!("bulk/{}/{product}.png", product % 3), &bytes);
    }
    shop.build().ok();
    assert!(shop.run(["index", "verify"]).ok().contains(": 0 not found,"));
    for (number, product) in PRODUCTS.iter().enumerate() {
        let answer = shop.search(&shop.beside("query.jpg", new_photo_of(number)));
        assert_eq!(answer["matches"][0]["product"]["id"], *product);
    }
    let photo = shop.beside("bulk.png", png(&picture));
    let answer =
        shop.run(["search", photo.to_str().expect("UTF-8"), "--json", "--top", "6"]).json();
    let ids = answer["matches"].as_array().expect("a list").len();
    assert_eq!(ids, 6, "the search goes on behind 150 copies until it has six products");
}

#[test]
fn a_single_photo_is_a_catalogue() {
    let shop = Shop::empty();
    shop.add("cup/1.jpg", &new_photo_of(0));
    shop.build().ok();
    let answer = shop.search(&shop.beside("query.jpg", new_photo_of(0)));
    assert_eq!(answer["matches"].as_array().map(Vec::len), Some(1));
    assert_eq!(answer["matches"][0]["product"]["id"], "cup");
}

fn png(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).expect("written to memory");
    bytes.into_inner()
}
