//! Draws a contact sheet of all products: the catalogue picture, and a photo beside it.
//!
//! `cargo run --release -p lookalike-demo --example contact_sheet -- OUT.png [SEED] [SIDE]`

use std::error::Error;
use std::path::Path;

use image::{RgbImage, imageops};
use lookalike_base::progress::Silent;
use lookalike_demo::{PhotoAnnotations, PhotoKind, Settings, Shop, catalogue_picture, write};

const COLUMNS: u32 = 6;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().ok_or("name the picture to write: contact_sheet OUT.png")?;
    let seed = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let side: u32 = arguments.next().map_or(Ok(160), |text| text.parse())?;

    let shop = Shop::new(seed);
    let photos = 2 * shop.products().len() as u32;
    let settings = Settings { seed, photos, side };
    let folder = tempfile::tempdir()?;
    let began = std::time::Instant::now();
    let written = write(folder.path(), &settings, &Silent)?;
    println!(
        "{photos} photos and {} pictures in {:.1} s",
        shop.products().len(),
        began.elapsed().as_secs_f64()
    );

    let annotations: Vec<PhotoAnnotations> = std::fs::read_to_string(written.annotations)?
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let rows = (shop.products().len() as u32).div_ceil(COLUMNS);
    let mut sheet = RgbImage::from_pixel(COLUMNS * side * 2, rows * side, image::Rgb([60; 3]));
    for (number, product) in shop.products().iter().enumerate() {
        let own = || annotations.iter().filter(|photo| photo.product == product.id);
        let Some(annotated) =
            own().find(|photo| photo.kind == PhotoKind::Good).or_else(|| own().next())
        else {
            continue;
        };
        let photo = image::open(folder.path().join(Path::new(&annotated.photo)))?.to_rgb8();
        let (column, row) = (number as u32 % COLUMNS, number as u32 / COLUMNS);
        let (x, y) = (i64::from(column * side * 2), i64::from(row * side));
        imageops::replace(&mut sheet, &catalogue_picture(&shop, number, side), x, y);
        let margin = |size: u32| i64::from((side - size) / 2);
        let (dx, dy) = (margin(photo.width()), margin(photo.height()));
        imageops::replace(&mut sheet, &photo, x + i64::from(side) + dx, y + dy);
    }
    sheet.save(&out)?;
    Ok(())
}
