//! Draws what a finder sees in photos: the network's map over the photo, and boxes.
//!
//! ```text
//! cargo run --release -p lookalike-detect --example see -- OUT.png PHOTO...
//! ```

use std::error::Error;

use image::{Rgb, RgbImage, imageops};
use lookalike_detect::{ActivationFinder, ItemFinder};
use lookalike_photo::{DecodeLimits, decode, read, scaled};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let [out, photos @ ..] = &args[..] else {
        return Err("name a file to write, and photos".into());
    };
    let limits = DecodeLimits::default();
    let finder = ActivationFinder::new(&lookalike_backbone::load(
        lookalike_backbone::BUNDLED.as_ref(),
        None,
    )?);
    let mut sheet = RgbImage::new(800, 400 * photos.len() as u32);
    for (row, file) in (0..).zip(photos) {
        let photo = decode(&read(file.as_ref(), &limits)?, &limits)?.pixels;
        let mut seen = scaled(&photo, 400, 400);
        for item in finder.find(&photo)? {
            let edge = |share: f32| ((share * 400.0) as u32).min(399);
            let area = item.area;
            for x in edge(area.left)..=edge(area.right) {
                seen.put_pixel(x, edge(area.top), Rgb([255, 0, 0]));
                seen.put_pixel(x, edge(area.bottom), Rgb([255, 0, 0]));
            }
            for y in edge(area.top)..=edge(area.bottom) {
                seen.put_pixel(edge(area.left), y, Rgb([255, 0, 0]));
                seen.put_pixel(edge(area.right), y, Rgb([255, 0, 0]));
            }
        }
        let sight = finder.look_closely(&photo)?;
        let map = scaled(&sight.picture(), 400, 400);
        imageops::replace(&mut sheet, &seen, 0, i64::from(row) * 400);
        imageops::replace(&mut sheet, &map, 400, i64::from(row) * 400);
    }
    sheet.save(out)?;
    Ok(())
}
