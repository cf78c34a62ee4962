//! Draws the boxes that the activation detector proposes, beside the network's activation map.
//!
//! ```text
//! cargo run --release -p lookalike-detect --example draw_detections -- OUT.png PHOTO...
//! ```

use std::error::Error;

use image::{Rgb, RgbImage, imageops};
use lookalike_detect::{ActivationDetector, ObjectDetector};
use lookalike_photo::{DecodeLimits, decode, read, resize};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let [out, photos @ ..] = &args[..] else {
        return Err("name a file to write, and photos".into());
    };
    let limits = DecodeLimits::default();
    let detector = ActivationDetector::new(&lookalike_backbone::load(
        lookalike_backbone::BUNDLED.as_ref(),
        None,
    )?);
    let mut sheet = RgbImage::new(800, 400 * photos.len() as u32);
    for (row, file) in (0..).zip(photos) {
        let photo = decode(&read(file.as_ref(), &limits)?, &limits)?.pixels;
        let mut drawn = resize(&photo, 400, 400);
        for object in detector.detect(&photo)? {
            let edge = |fraction: f32| ((fraction * 400.0) as u32).min(399);
            let bbox = object.bbox;
            for x in edge(bbox.left)..=edge(bbox.right) {
                drawn.put_pixel(x, edge(bbox.top), Rgb([255, 0, 0]));
                drawn.put_pixel(x, edge(bbox.bottom), Rgb([255, 0, 0]));
            }
            for y in edge(bbox.top)..=edge(bbox.bottom) {
                drawn.put_pixel(edge(bbox.left), y, Rgb([255, 0, 0]));
                drawn.put_pixel(edge(bbox.right), y, Rgb([255, 0, 0]));
            }
        }
        let map = detector.fine_activation_map(&photo)?;
        let map = resize(&map.to_image(), 400, 400);
        imageops::replace(&mut sheet, &drawn, 0, i64::from(row) * 400);
        imageops::replace(&mut sheet, &map, 400, i64::from(row) * 400);
    }
    sheet.save(out)?;
    Ok(())
}
