//! From the plan to files' bytes: originals, and what was made from them.

use image::RgbImage;

use crate::develop::{develop, jpeg};
use crate::error::DemoError;
use crate::plan::{Kind, Planned};
use crate::render::{Shown, render};
use crate::rng::Rng;
use crate::shop::Shop;
use crate::stage;
use crate::truth::{Truth, seen};
use crate::write::Settings;

/// A photo's bytes and what is known of it.
pub(crate) struct Made {
    pub(crate) bytes: Vec<u8>,
    pub(crate) truth: Truth,
}

/// Path of a photo, relative to the shop's folder.
pub(crate) fn path(shop: &Shop, planned: &Planned) -> String {
    format!("photos/{}/{:05}.jpg", shop.products()[planned.product].id, planned.number)
}

/// Path of a catalogue picture, relative to the shop's folder.
pub(crate) fn catalogue_path(shop: &Shop, product: usize) -> String {
    format!("catalogue/{}.jpg", shop.products()[product].id)
}

/// Makes a photo and those that repeat it: `family` begins with the original.
pub(crate) fn make(
    shop: &Shop,
    settings: &Settings,
    family: &[&Planned],
) -> Result<Vec<Made>, DemoError> {
    let Some((original, repeats)) = family.split_first() else { return Ok(Vec::new()) };
    let mut rng = Rng::new(settings.seed, u64::from(original.number));
    let shot = stage::set(shop.items(), original, settings.side, &mut rng);
    let picture = render(&shot.scene, &shot.camera, shot.width, shot.height);
    let image = develop(&picture, &shot.development, &mut rng);
    let bytes = jpeg(&image, shot.development.quality)?;
    let of = path(shop, original);
    let mut made = Vec::with_capacity(family.len());
    for planned in repeats {
        let mut rng = Rng::new(settings.seed, u64::from(planned.number));
        if planned.kind == Kind::Duplicate {
            let truth = truth(shop, planned, &picture.shown, Some(&of));
            made.push(Made { bytes: bytes.clone(), truth });
        } else {
            let (image, shown) = nearly(&image, &picture.shown, &mut rng);
            let bytes = jpeg(&image, 50 + rng.below(35) as u8)?;
            made.push(Made { bytes, truth: truth(shop, planned, &shown, Some(&of)) });
        }
    }
    made.insert(0, Made { bytes, truth: truth(shop, original, &picture.shown, None) });
    Ok(made)
}

/// The clean picture of a product, as JPEG.
pub(crate) fn make_catalogue(
    shop: &Shop,
    settings: &Settings,
    product: usize,
) -> Result<Vec<u8>, DemoError> {
    jpeg(&catalogue_picture(shop, product, settings.side), 92)
}

/// The catalogue picture of a product: `side` pixels square, the product on white. All white if
/// there is no product of that number.
pub fn catalogue_picture(shop: &Shop, product: usize, side: u32) -> RgbImage {
    let Some(item) = shop.items().get(product) else {
        return RgbImage::from_pixel(side, side, image::Rgb([255; 3]));
    };
    let shot = stage::catalogue(item, product as u16, side);
    let picture = render(&shot.scene, &shot.camera, shot.width, shot.height);
    develop(&picture, &shot.development, &mut Rng::new(0, 0))
}

fn truth(shop: &Shop, planned: &Planned, shown: &Shown, of: Option<&String>) -> Truth {
    let ids: Vec<String> = shop.products().iter().map(|p| p.id.clone()).collect();
    Truth {
        photo: path(shop, planned),
        product: ids[planned.product].clone(),
        split: planned.split,
        kind: planned.kind,
        width: shown.width,
        height: shown.height,
        shown: seen(shown, &ids),
        blurred: planned.kind == Kind::Blurred,
        dark: planned.kind == Kind::Dark,
        bright: planned.kind == Kind::Bright,
        duplicate_of: of.filter(|_| planned.kind == Kind::Duplicate).cloned(),
        near_duplicate_of: of.filter(|_| planned.kind == Kind::NearDuplicate).cloned(),
    }
}

/// The same photo, as it is after another program had it: cropped, brighter, or only encoded again.
fn nearly(image: &RgbImage, shown: &Shown, rng: &mut Rng) -> (RgbImage, Shown) {
    let (width, height) = image.dimensions();
    let (mut result, mut seen) = (image.clone(), shown.clone());
    let change = rng.below(3);
    if change == 1 {
        let mut cut = |size: u32| ((size as f32 * rng.between(0.015, 0.05)) as u32).max(1);
        let (left, top, right, bottom) = (cut(width), cut(height), cut(width), cut(height));
        let (w, h) = (width - left - right, height - top - bottom);
        result = image::imageops::crop_imm(image, left, top, w, h).to_image();
        seen = shown.cropped(left, top, w, h);
    } else if change == 2 {
        let gain = if rng.chance(0.5) { rng.between(1.07, 1.18) } else { rng.between(0.84, 0.94) };
        for channel in result.iter_mut() {
            *channel = (f32::from(*channel) * gain + 0.5).min(255.0) as u8;
        }
    }
    (result, seen)
}
