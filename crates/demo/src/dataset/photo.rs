//! From planned photos to encoded files with annotations: originals, and the duplicates made from them.

use image::RgbImage;

use super::annotations::{PhotoAnnotations, annotate};
use super::paths::photo_path;
use crate::composition::{catalogue_shot, compose};
use crate::error::DemoError;
use crate::photo_plan::{PhotoKind, PlannedPhoto};
use crate::renderer::post_process::{encode_jpeg, post_process};
use crate::renderer::ray_tracer::{SegmentationMap, render};
use crate::rng::Rng;
use crate::settings::Settings;
use crate::shop::Shop;

/// A photo's file and its annotations.
pub(super) struct EncodedPhoto {
    pub(super) bytes: Vec<u8>,
    pub(super) annotations: PhotoAnnotations,
}

/// Draws a photo and its duplicates: `family` begins with the original.
pub(super) fn encode_family(
    shop: &Shop,
    settings: &Settings,
    family: &[&PlannedPhoto],
) -> Result<Vec<EncodedPhoto>, DemoError> {
    let Some((original, repeats)) = family.split_first() else { return Ok(Vec::new()) };
    let mut rng = Rng::new(settings.seed, u64::from(original.number));
    let shot = compose(shop.specs(), original, settings.side, &mut rng);
    let rendered = render(&shot.scene, &shot.camera, shot.width, shot.height);
    let image = post_process(&rendered, &shot.post_processing, &mut rng);
    let bytes = encode_jpeg(&image, shot.post_processing.jpeg_quality)?;
    let path = photo_path(shop, original);
    let mut encoded = Vec::with_capacity(family.len());
    for planned in repeats {
        let mut rng = Rng::new(settings.seed, u64::from(planned.number));
        if planned.kind == PhotoKind::Duplicate {
            let annotations = annotations(shop, planned, &rendered.segmentation, Some(&path));
            encoded.push(EncodedPhoto { bytes: bytes.clone(), annotations });
        } else {
            let (image, segmentation) = near_duplicate(&image, &rendered.segmentation, &mut rng);
            let bytes = encode_jpeg(&image, 50 + rng.below(35) as u8)?;
            let annotations = annotations(shop, planned, &segmentation, Some(&path));
            encoded.push(EncodedPhoto { bytes, annotations });
        }
    }
    let annotations = annotations(shop, original, &rendered.segmentation, None);
    encoded.insert(0, EncodedPhoto { bytes, annotations });
    Ok(encoded)
}

/// The catalogue picture of a product, as JPEG.
pub(super) fn encode_catalogue_picture(
    shop: &Shop,
    settings: &Settings,
    product: usize,
) -> Result<Vec<u8>, DemoError> {
    encode_jpeg(&catalogue_picture(shop, product, settings.side), 92)
}

/// The catalogue picture of a product: `side` pixels square, the product on white. All white if there is no product
/// of that number.
pub fn catalogue_picture(shop: &Shop, product: usize, side: u32) -> RgbImage {
    let Some(spec) = shop.specs().get(product) else {
        return RgbImage::from_pixel(side, side, image::Rgb([255; 3]));
    };
    let shot = catalogue_shot(spec, product as u16, side);
    let rendered = render(&shot.scene, &shot.camera, shot.width, shot.height);
    post_process(&rendered, &shot.post_processing, &mut Rng::new(0, 0))
}

fn annotations(
    shop: &Shop,
    planned: &PlannedPhoto,
    segmentation: &SegmentationMap,
    original: Option<&String>,
) -> PhotoAnnotations {
    let ids: Vec<String> = shop.products().iter().map(|p| p.id.clone()).collect();
    PhotoAnnotations {
        photo: photo_path(shop, planned),
        product: ids[planned.product].clone(),
        split: planned.split,
        kind: planned.kind,
        width: segmentation.width,
        height: segmentation.height,
        annotations: annotate(segmentation, &ids),
        blurry: planned.kind == PhotoKind::Blurry,
        dark: planned.kind == PhotoKind::Dark,
        bright: planned.kind == PhotoKind::Bright,
        duplicate_of: original.filter(|_| planned.kind == PhotoKind::Duplicate).cloned(),
        near_duplicate_of: original.filter(|_| planned.kind == PhotoKind::NearDuplicate).cloned(),
    }
}

/// The same photo as another program may have saved it: cropped, with another brightness, or only encoded again.
fn near_duplicate(
    image: &RgbImage,
    segmentation: &SegmentationMap,
    rng: &mut Rng,
) -> (RgbImage, SegmentationMap) {
    let (width, height) = image.dimensions();
    let (mut result, mut mapped) = (image.clone(), segmentation.clone());
    let change = rng.below(3);
    if change == 1 {
        let mut cut = |size: u32| ((size as f32 * rng.between(0.015, 0.05)) as u32).max(1);
        let (left, top, right, bottom) = (cut(width), cut(height), cut(width), cut(height));
        let (w, h) = (width - left - right, height - top - bottom);
        result = image::imageops::crop_imm(image, left, top, w, h).to_image();
        mapped = segmentation.cropped(left, top, w, h);
    } else if change == 2 {
        let gain = if rng.chance(0.5) { rng.between(1.07, 1.18) } else { rng.between(0.84, 0.94) };
        for channel in result.iter_mut() {
            *channel = (f32::from(*channel) * gain + 0.5).min(255.0) as u8;
        }
    }
    (result, mapped)
}
