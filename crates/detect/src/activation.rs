//! Things found by how strongly a network responds where they are.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use lookalike_backbone::{Backbone, BackboneError, BackboneKind, LoadedBackbone};
use lookalike_photo::{BBox, Preprocess, RgbImage};
use serde::{Deserialize, Serialize};

use crate::regions::{Region, narrower, regions, scale};
use crate::{DetectError, Item, ItemFinder, distinct};

/// Side of the square that photos are scaled to: larger than the network was trained with, so that its
/// map is finer.
const SIDE: u32 = 448;
/// Pixels of that square to a cell of the map: the last map that is so fine tells more of where things
/// are than the last of all.
const STRIDE: usize = 16;
/// Cells along the longer side of the map that is cut into regions.
const CELLS: usize = 32;
/// Where, between the weak and the strong end of the map, the network sees something at all.
const SOMETHING: f32 = 0.2;
/// What boxes that people drew cover together, from the share of cells that show something: the line of
/// least squares through the photos of even numbers of COCO128.
const SLOPE: f64 = 1.64;
const OFFSET: f64 = -0.82;
/// Where, between the weak and the strong end, things stand apart.
const STANDS_OUT: f32 = 0.5;
/// Share of the cells at either end that do not count as its ends.
const OUTLIERS: f32 = 0.02;
/// Regions smaller than this share of the photo are no things.
const LEAST: f64 = 0.02;
/// Regions smaller than this share of the largest are no things.
const LEAST_OF_LARGEST: f64 = 0.2;
/// Side of the square, and cells along the longer side of its map, where things are looked for one by one.
const FINE_SIDE: u32 = 640;
const FINE_CELLS: usize = 80;
/// Where, between the weak and the strong end, things are looked for one by one: what is one thing at the
/// first of these may be several at the next.
const LEVELS: [f32; 4] = [0.3, 0.4, 0.5, 0.65];
/// By so many cells regions are made narrower, so that those that only touch come apart.
const NARROWER: [usize; 4] = [0, 1, 2, 4];
/// Things whose box is smaller than this share of the photo, or of one of its sides, are not looked for one by one:
/// the edges of plain photos, where zeros are beside them, look like such.
const SMALLEST: f32 = 0.01;
const NARROWEST: f32 = 0.08;
/// Boxes with a larger intersection over union are of one thing.
const SAME: f32 = 0.7;

/// Finds things by a late feature map of a classification network: where its response is strong, cut into
/// connected regions, after Wei, Luo, Wu and Zhou, "Selective convolutional descriptor aggregation", 2017,
/// section III. Theirs is the sum of the last map's channels above its mean; the length of the vectors of
/// a finer map agrees better with boxes that people drew.
///
/// It needs no weights of its own, and is uncertain: it sees what a network finds worth looking at, not
/// things.
pub struct ActivationFinder {
    network: Arc<dyn Backbone>,
    preprocess: Preprocess,
    fine: Preprocess,
}

/// The things in a photo.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Things {
    /// Share of the photo that they fill together, 0 to 1.
    pub share: f64,
    /// Each of those that stand apart, the largest first.
    pub items: Vec<Item>,
}

/// What a network makes of a photo.
pub struct Sight {
    /// Of the whole photo; not one to compare with an index's.
    pub embedding: Vec<f32>,
    /// How strongly it responds, row by row, in cells over the photo.
    map: Vec<f32>,
    /// Its weak and its strong end.
    ends: (f32, f32),
    columns: usize,
    rows: usize,
}

impl ActivationFinder {
    /// A finder that looks through a network.
    pub fn new(loaded: &LoadedBackbone) -> Self {
        let network = Arc::clone(&loaded.network);
        let has_one_side = loaded.identity.backbone == BackboneKind::Vgg19.name();
        Self::through(network, loaded.preprocess, has_one_side)
    }

    /// [`Self::new`], of a network's parts: one that `has_one_side` takes photos of no other side than
    /// its own, and its map is coarser then.
    pub fn through(network: Arc<dyn Backbone>, preprocess: Preprocess, has_one_side: bool) -> Self {
        let sized = |side| if has_one_side { preprocess } else { preprocess.resized(side) };
        Self { network, preprocess: sized(SIDE), fine: sized(FINE_SIDE) }
    }

    /// What the network makes of a photo.
    ///
    /// # Errors
    /// When the network fails.
    pub fn look(&self, photo: &RgbImage) -> Result<Sight, BackboneError> {
        self.look_with(&self.preprocess, CELLS, photo)
    }

    /// [`Self::look`], at a larger picture.
    ///
    /// # Errors
    /// When the network fails.
    pub fn look_closely(&self, photo: &RgbImage) -> Result<Sight, BackboneError> {
        self.look_with(&self.fine, FINE_CELLS, photo)
    }

    fn look_with(
        &self,
        preprocess: &Preprocess,
        fine_cells: usize,
        photo: &RgbImage,
    ) -> Result<Sight, BackboneError> {
        let side = preprocess.size();
        let tensor = preprocess.tensor(photo);
        let batch = Tensor::from_vec(tensor, (1, 3, side, side), &Device::Cpu)?;
        let (embedding, map) = self.network.embed_with_map(&batch, side / STRIDE)?;
        let embedding = embedding.flatten_all()?.to_vec1()?;
        let lengths = map.sqr()?.sum(1)?.sqrt()?.squeeze(0)?.to_vec2::<f32>()?;
        // Only what lies over the photo: the padding's cells say nothing.
        let cells = lengths.len();
        let (width, height) = photo.dimensions();
        let longest = width.max(height).max(1) as usize;
        let over = |length: u32| (length as usize * cells).div_ceil(longest).clamp(1, cells);
        let seen = (over(width), over(height));
        let (left, top) = ((cells - seen.0) / 2, (cells - seen.1) / 2);
        let lines = lengths.iter().skip(top).take(seen.1);
        let map: Vec<f32> =
            lines.flat_map(|line| line[left..left + seen.0].iter().copied()).collect();
        let fine = |length: u32| (length as usize * fine_cells / longest).max(1);
        let (columns, rows) = (fine(width), fine(height));
        let map = scale(&map, seen, (columns, rows));
        Ok(Sight { embedding, ends: ends(&map), map, columns, rows })
    }
}

impl ItemFinder for ActivationFinder {
    fn name(&self) -> &str {
        "activation map"
    }

    fn find(&self, photo: &RgbImage) -> Result<Vec<Item>, DetectError> {
        Ok(self.look_closely(photo)?.items())
    }
}

impl Sight {
    /// What fills the photo, for judging it.
    pub fn things(&self) -> Things {
        let cells = self.map.len().max(1);
        let level = self.level(SOMETHING);
        let seen = self.map.iter().filter(|&&value| value > level).count() as f64 / cells as f64;
        let mut found = regions(&self.map, self.columns, self.level(STANDS_OUT));
        let largest = found.first().map_or(0, |region| region.cells) as f64;
        let is_thing = |region: &Region| {
            let share = region.cells as f64;
            share >= LEAST * cells as f64 && share >= LEAST_OF_LARGEST * largest
        };
        found.retain(is_thing);
        let items: Vec<_> =
            found.iter().map(|region| region.item(self.columns, self.rows)).collect();
        Things { share: (SLOPE * seen + OFFSET).clamp(0.0, 1.0), items }
    }

    /// How strongly the network responds, a pixel to a cell of its map: white where most.
    pub fn picture(&self) -> RgbImage {
        let (weak, strong) = (self.level(0.0), self.level(1.0));
        let mut picture = RgbImage::new(self.columns as u32, self.rows as u32);
        for (pixel, value) in picture.pixels_mut().zip(&self.map) {
            let share = (value - weak) / (strong - weak).max(f32::MIN_POSITIVE);
            pixel.0 = [(255.0 * share.clamp(0.0, 1.0)) as u8; 3];
        }
        picture
    }

    /// Where things may be, for looking at each.
    fn items(&self) -> Vec<Item> {
        let mut found = Vec::new();
        for by in NARROWER {
            let map = narrower(&self.map, self.columns, by);
            for share in LEVELS {
                for region in regions(&map, self.columns, self.level(share)) {
                    let mut item =
                        region.wider(by, self.columns, self.rows).item(self.columns, self.rows);
                    let BBox { left, top, right, bottom } = item.area;
                    let is_wide = (right - left).min(bottom - top) >= NARROWEST;
                    if is_wide && item.area.area() >= SMALLEST {
                        let filled = (item.share / f64::from(item.area.area())) as f32;
                        item.confidence = Some(filled.min(1.0));
                        found.push(item);
                    }
                }
            }
        }
        distinct(found, SAME, false)
    }

    /// A value of the map so far between its weak and its strong end.
    fn level(&self, share: f32) -> f32 {
        let (weak, strong) = self.ends;
        weak + share * (strong - weak)
    }
}

/// The weak and the strong end of a map, outliers left out.
fn ends(map: &[f32]) -> (f32, f32) {
    let mut sorted = map.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let last = sorted.len().max(1) - 1;
    let end = |share: f32| sorted.get((share * last as f32) as usize).copied().unwrap_or(0.0);
    (end(OUTLIERS), end(1.0 - OUTLIERS))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A map with strong squares on a weak ground.
    fn sight(squares: &[[usize; 4]]) -> Sight {
        let (columns, rows) = (40, 30);
        let mut map = vec![0.1; columns * rows];
        for &[left, top, right, bottom] in squares {
            for y in top..bottom {
                map[y * columns + left..y * columns + right].fill(1.0);
            }
        }
        Sight { embedding: Vec::new(), ends: ends(&map), map, columns, rows }
    }

    fn has(items: &[Item], [left, top, right, bottom]: [usize; 4]) -> bool {
        let across = |cell: usize| cell as f32 / 40.0;
        let down = |cell: usize| cell as f32 / 30.0;
        let area =
            BBox { left: across(left), top: down(top), right: across(right), bottom: down(bottom) };
        items.iter().any(|item| item.area.iou(&area) > 0.8)
    }

    #[test]
    fn things_that_stand_apart_and_things_that_touch_are_found() {
        let apart = [[2, 2, 14, 12], [20, 10, 36, 26]];
        let items = sight(&apart).items();
        assert!(apart.iter().all(|square| has(&items, *square)), "{items:?}");
        assert!(items.iter().all(|item| item.confidence.is_some_and(|c| (0.0..=1.0).contains(&c))));
        // Two that touch at a corner: both, and the two as one.
        let touching = [[2, 2, 14, 12], [13, 11, 30, 26]];
        let items = sight(&touching).items();
        assert!(touching.iter().all(|square| has(&items, *square)), "{items:?}");
        assert!(has(&items, [2, 2, 30, 26]), "{items:?}");
    }

    #[test]
    fn a_map_that_is_everywhere_the_same_shows_nothing() {
        assert!(sight(&[]).items().is_empty());
        assert!(sight(&[]).things().items.is_empty());
    }

    #[test]
    fn the_picture_is_white_where_the_map_is_strong() {
        let picture = sight(&[[2, 2, 14, 12]]).picture();
        assert_eq!(picture.dimensions(), (40, 30));
        assert_eq!((picture.get_pixel(3, 3).0, picture.get_pixel(30, 20).0), ([255; 3], [0; 3]));
    }
}
