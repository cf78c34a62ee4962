//! Annotations of photos: what each shows and where, in the terms of COCO (bounding box, area), a line of JSON a photo.

use serde::{Deserialize, Serialize};

use crate::photo_plan::{PhotoKind, Split};
use crate::renderer::ray_tracer::SegmentationMap;

/// A bounding box in fractions of a photo's width and height, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct BoundingBox {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// A product of the shop in a photo.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Annotation {
    /// The product's id.
    pub product: String,
    /// The smallest box around its pixels.
    pub bbox: BoundingBox,
    /// The fraction of the photo's pixels that show it, 0 to 1.
    pub area_fraction: f64,
}

/// The annotations of a photo: a line of `annotations.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhotoAnnotations {
    /// Path relative to the shop's folder, parts separated by `/`.
    pub photo: String,
    /// Id of the product that the photo is a review of.
    pub product: String,
    /// The split that the photo is in.
    pub split: Split,
    /// What the photo is like.
    pub kind: PhotoKind,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Every product of the shop in it, the largest first.
    pub annotations: Vec<Annotation>,
    /// Out of focus, or with motion blur.
    pub blurry: bool,
    /// Strongly underexposed.
    pub dark: bool,
    /// Strongly overexposed.
    pub bright: bool,
    /// The photo of which it is the same file.
    pub duplicate_of: Option<String>,
    /// The photo that it was made from, with small changes.
    pub near_duplicate_of: Option<String>,
}

/// The annotations of a rendered photo, the largest product first; `ids` are those of all products.
pub(super) fn annotate(segmentation: &SegmentationMap, ids: &[String]) -> Vec<Annotation> {
    let mut numbers: Vec<u16> = segmentation.products.iter().flatten().copied().collect();
    numbers.sort_unstable();
    numbers.dedup();
    // Millionths are finer than a pixel, and the same in every JSON reader.
    let rounded = |value: f64| (value * 1e6).round() / 1e6;
    let (width, height) = (f64::from(segmentation.width), f64::from(segmentation.height));
    let mut annotations: Vec<Annotation> = numbers
        .into_iter()
        .filter_map(|number| {
            let (left, top, right, bottom) = segmentation.bounds(number)?;
            let product = ids.get(usize::from(number))?.clone();
            let bbox = BoundingBox {
                x: rounded(f64::from(left) / width),
                y: rounded(f64::from(top) / height),
                width: rounded(f64::from(right - left) / width),
                height: rounded(f64::from(bottom - top) / height),
            };
            let area_fraction = rounded(f64::from(segmentation.coverage(number)));
            Some(Annotation { product, bbox, area_fraction })
        })
        .collect();
    annotations.sort_by(|a, b| {
        b.area_fraction.total_cmp(&a.area_fraction).then_with(|| a.product.cmp(&b.product))
    });
    annotations
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_around_their_pixels() {
        let mut products = vec![None; 10 * 5];
        for (x, y) in [(2, 1), (3, 1), (3, 3)] {
            products[y * 10 + x] = Some(1);
        }
        products[0] = Some(0);
        let segmentation = SegmentationMap { width: 10, height: 5, products };
        let found = annotate(&segmentation, &["a".to_owned(), "b".to_owned()]);
        assert_eq!((found[0].product.as_str(), found[1].product.as_str()), ("b", "a"));
        assert_eq!(found[0].bbox, BoundingBox { x: 0.2, y: 0.2, width: 0.2, height: 0.6 });
        assert!((found[0].area_fraction - 0.06).abs() < 1e-6);
    }
}
