//! An activation map of a photo: the L2 norm over a feature map's channels, and the regions that stand out in it.

use lookalike_photo::{BBox, RgbImage};
use serde::{Deserialize, Serialize};

use super::regions::{Region, erode, regions};
use crate::{DetectedObject, non_maximum_suppression};

/// Levels are between a map's weak end, 0, and its strong end, 1. Cells above this one are foreground.
const FOREGROUND_LEVEL: f32 = 0.2;
/// The area of boxes drawn by people, from the fraction of foreground cells: the least-squares line through the
/// photos with even numbers of COCO128.
const SLOPE: f64 = 1.64;
const OFFSET: f64 = -0.82;
/// Connected cells above this level are one object of the foreground.
const OBJECT_LEVEL: f32 = 0.5;
/// Fraction of the cells at either end that are outliers.
const OUTLIERS: f32 = 0.02;
/// Smaller regions are no objects: as a fraction of the photo, and of the largest region.
const MIN_AREA: f64 = 0.02;
const MIN_AREA_OF_LARGEST: f64 = 0.2;
/// Levels at which regions are proposed: what is one region at one level may be several at the next.
const PROPOSAL_LEVELS: [f32; 4] = [0.3, 0.4, 0.5, 0.65];
/// Cells by which the map is eroded before, so that regions joined by a neck come apart.
const EROSIONS: [usize; 4] = [0, 1, 2, 4];
/// Proposals whose box, or one of its sides, is a smaller fraction of the photo's are left out: at the edges of
/// plain photos the zero padding makes such.
const MIN_PROPOSAL_AREA: f32 = 0.01;
const MIN_PROPOSAL_SIDE: f32 = 0.08;
/// Threshold of non-maximum suppression among proposals.
const PROPOSAL_IOU: f32 = 0.7;

/// What of a photo is foreground.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Foreground {
    /// Fraction of the photo that all objects together cover, 0 to 1.
    pub area_fraction: f64,
    /// The separate objects, the largest first.
    pub objects: Vec<DetectedObject>,
}

/// A network's response to a photo.
pub struct ActivationMap {
    /// The network's embedding of the photo. It is computed at a larger input size than an index's embeddings
    /// and cannot be compared with them.
    pub embedding: Vec<f32>,
    /// L2 norm of each cell's features, row-major, over the photo without padding.
    values: Vec<f32>,
    /// The weak and the strong end of the values.
    range: (f32, f32),
    columns: usize,
    rows: usize,
}

impl ActivationMap {
    /// A map of `columns` by `rows` values, row-major.
    pub(super) fn new(embedding: Vec<f32>, values: Vec<f32>, columns: usize, rows: usize) -> Self {
        Self { embedding, range: robust_range(&values), values, columns, rows }
    }

    /// How much of the photo is foreground, and the objects that stand apart in it.
    pub fn foreground(&self) -> Foreground {
        let cells = self.values.len().max(1);
        let level = self.level(FOREGROUND_LEVEL);
        let above = self.values.iter().filter(|&&value| value > level).count();
        let fraction = above as f64 / cells as f64;
        let mut found = regions(&self.values, self.columns, self.level(OBJECT_LEVEL));
        let largest = found.first().map_or(0, |region| region.cells) as f64;
        let is_object = |region: &Region| {
            let area = region.cells as f64;
            area >= MIN_AREA * cells as f64 && area >= MIN_AREA_OF_LARGEST * largest
        };
        found.retain(is_object);
        let objects: Vec<_> =
            found.iter().map(|region| region.object(self.columns, self.rows)).collect();
        Foreground { area_fraction: (SLOPE * fraction + OFFSET).clamp(0.0, 1.0), objects }
    }

    /// The map as a grey image of a pixel to a cell: white where the response is strongest.
    pub fn to_image(&self) -> RgbImage {
        let (weak, strong) = (self.level(0.0), self.level(1.0));
        let mut image = RgbImage::new(self.columns as u32, self.rows as u32);
        for (pixel, value) in image.pixels_mut().zip(&self.values) {
            let level = (value - weak) / (strong - weak).max(f32::MIN_POSITIVE);
            pixel.0 = [(255.0 * level.clamp(0.0, 1.0)) as u8; 3];
        }
        image
    }

    /// Region proposals: boxes that may hold an object, with the filled fraction of the box as confidence.
    pub(super) fn proposals(&self) -> Vec<DetectedObject> {
        let mut found = Vec::new();
        for cells in EROSIONS {
            let eroded = erode(&self.values, self.columns, cells);
            for level in PROPOSAL_LEVELS {
                for region in regions(&eroded, self.columns, self.level(level)) {
                    let mut object = region
                        .dilate(cells, self.columns, self.rows)
                        .object(self.columns, self.rows);
                    let BBox { left, top, right, bottom } = object.bbox;
                    let is_wide = (right - left).min(bottom - top) >= MIN_PROPOSAL_SIDE;
                    if is_wide && object.bbox.area() >= MIN_PROPOSAL_AREA {
                        let filled = (object.area_fraction / f64::from(object.bbox.area())) as f32;
                        object.confidence = Some(filled.min(1.0));
                        found.push(object);
                    }
                }
            }
        }
        non_maximum_suppression(found, PROPOSAL_IOU, false)
    }

    /// The value at a level between the weak end, 0, and the strong end, 1.
    fn level(&self, level: f32) -> f32 {
        let (weak, strong) = self.range;
        weak + level * (strong - weak)
    }
}

/// The smallest and the largest value of a map without outliers.
fn robust_range(values: &[f32]) -> (f32, f32) {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let last = sorted.len().max(1) - 1;
    let quantile = |q: f32| sorted.get((q * last as f32) as usize).copied().unwrap_or(0.0);
    (quantile(OUTLIERS), quantile(1.0 - OUTLIERS))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A map with strong squares on a weak ground.
    fn map(squares: &[[usize; 4]]) -> ActivationMap {
        let (columns, rows) = (40, 30);
        let mut values = vec![0.1; columns * rows];
        for &[left, top, right, bottom] in squares {
            for y in top..bottom {
                values[y * columns + left..y * columns + right].fill(1.0);
            }
        }
        ActivationMap::new(Vec::new(), values, columns, rows)
    }

    fn has(objects: &[DetectedObject], [left, top, right, bottom]: [usize; 4]) -> bool {
        let across = |cell: usize| cell as f32 / 40.0;
        let down = |cell: usize| cell as f32 / 30.0;
        let bbox =
            BBox { left: across(left), top: down(top), right: across(right), bottom: down(bottom) };
        objects.iter().any(|object| object.bbox.iou(&bbox) > 0.8)
    }

    #[test]
    fn separate_objects_and_touching_objects_are_proposed() {
        let apart = [[2, 2, 14, 12], [20, 10, 36, 26]];
        let found = map(&apart).proposals();
        assert!(apart.iter().all(|square| has(&found, *square)), "{found:?}");
        assert!(found.iter().all(|one| one.confidence.is_some_and(|c| (0.0..=1.0).contains(&c))));
        // Two that touch at a corner: both, and the two as one.
        let touching = [[2, 2, 14, 12], [13, 11, 30, 26]];
        let found = map(&touching).proposals();
        assert!(touching.iter().all(|square| has(&found, *square)), "{found:?}");
        assert!(has(&found, [2, 2, 30, 26]), "{found:?}");
    }

    #[test]
    fn a_uniform_map_has_no_objects() {
        assert!(map(&[]).proposals().is_empty());
        assert!(map(&[]).foreground().objects.is_empty());
    }

    #[test]
    fn the_image_is_white_where_the_map_is_strong() {
        let image = map(&[[2, 2, 14, 12]]).to_image();
        assert_eq!(image.dimensions(), (40, 30));
        assert_eq!((image.get_pixel(3, 3).0, image.get_pixel(30, 20).0), ([255; 3], [0; 3]));
    }
}
