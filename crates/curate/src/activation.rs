//! Things found by how strongly a network responds where they are.

use candle_core::{Device, Tensor};
use image::RgbImage;
use lookalike_backbone::{BackboneError, LoadedBackbone};
use lookalike_photo::Preprocess;

use crate::regions::{Region, regions, scale};
use crate::{CurateError, Finder, Finding, Things};

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

/// Finds things by a late feature map of a classification network: where its response is strong, cut into
/// connected regions, after Wei, Luo, Wu and Zhou, "Selective convolutional descriptor aggregation", 2017,
/// section III. Theirs is the sum of the last map's channels above its mean; the length of the vectors of
/// a finer map agrees better with boxes that people drew (`examples/coco_shares.rs`).
///
/// It needs no weights of its own, and is uncertain: it sees what a network finds worth looking at, not
/// things. The share it gives is a little better than a guess, and the number of things is none that
/// anything should be decided by.
pub struct ActivationFinder {
    loaded: LoadedBackbone,
    preprocess: Preprocess,
}

struct Response {
    embedding: Vec<f32>,
    /// How strongly it responds, row by row, in cells over the photo.
    map: Vec<f32>,
    width: usize,
    height: usize,
}

impl ActivationFinder {
    /// A finder that looks through a network.
    pub fn new(loaded: LoadedBackbone) -> Self {
        let preprocess = loaded.preprocess.resized(SIDE);
        Self { loaded, preprocess }
    }

    /// What the network makes of a photo.
    fn response(&self, photo: &RgbImage) -> Result<Response, BackboneError> {
        let side = self.preprocess.size();
        let tensor = self.preprocess.tensor(photo);
        let batch = Tensor::from_vec(tensor, (1, 3, side, side), &Device::Cpu)?;
        let (embedding, map) = self.loaded.network.embed_with_map(&batch, side / STRIDE)?;
        let embedding = embedding.flatten_all()?.to_vec1()?;
        let lengths = map.sqr()?.sum(1)?.sqrt()?.squeeze(0)?.to_vec2::<f32>()?;
        // Only what lies over the photo: the padding's cells say nothing.
        let cells = lengths.len();
        let (width, height) = photo.dimensions();
        let longest = width.max(height).max(1) as usize;
        let over = |length: u32| (length as usize * cells).div_ceil(longest).clamp(1, cells);
        let (width, height) = (over(width), over(height));
        let (left, top) = ((cells - width) / 2, (cells - height) / 2);
        let rows = lengths.iter().skip(top).take(height);
        let map = rows.flat_map(|row| row[left..left + width].iter().copied()).collect();
        Ok(Response { embedding, map, width, height })
    }
}

impl Finder for ActivationFinder {
    fn find(&self, photo: &RgbImage) -> Result<Finding, CurateError> {
        let Response { embedding, map, width, height } = self.response(photo)?;
        let (photo_width, photo_height) = photo.dimensions();
        let longest = photo_width.max(photo_height).max(1) as usize;
        let fine = |length: u32| (length as usize * CELLS / longest).max(1);
        let (columns, rows) = (fine(photo_width), fine(photo_height));
        let map = scale(&map, (width, height), (columns, rows));
        Ok(Finding { things: things(&map, columns, rows), embedding: Some(embedding) })
    }
}

fn things(map: &[f32], columns: usize, rows: usize) -> Things {
    let cells = map.len().max(1);
    let mut sorted = map.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    let end =
        |share: f32| sorted.get((share * (cells - 1) as f32) as usize).copied().unwrap_or(0.0);
    let (weak, strong) = (end(OUTLIERS), end(1.0 - OUTLIERS));
    let level = |share: f32| weak + share * (strong - weak);
    let seen = map.iter().filter(|&&value| value > level(SOMETHING)).count() as f64 / cells as f64;
    let mut found = regions(map, columns, level(STANDS_OUT));
    let largest = found.first().map_or(0, |region| region.cells) as f64;
    let is_thing = |region: &Region| {
        let share = region.cells as f64;
        share >= LEAST * cells as f64 && share >= LEAST_OF_LARGEST * largest
    };
    found.retain(is_thing);
    let items: Vec<_> = found.iter().map(|region| region.item(columns, rows)).collect();
    Things { share: (SLOPE * seen + OFFSET).clamp(0.0, 1.0), items }
}
