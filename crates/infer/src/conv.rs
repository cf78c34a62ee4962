//! Convolutions of all channels with all, as products of patches with weights.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use crate::aligned::Scratch;
use crate::level::Level;
use crate::map::{Map, Part, Shape};
use crate::product::{Finish, Product, Tiling, Weights};
use crate::window::View;

/// Numbers of inputs that a thread goes through again and again: half of what the second cache of a
/// core holds, where it is small.
const CACHED: usize = 1 << 16;

/// Positions for which weights are read at the least, where a core's second cache does not hold them.
pub(crate) const FEWEST: usize = 56;

/// What a convolution looks at.
#[derive(Clone, Copy)]
pub(crate) enum Seen<'a> {
    /// Photos: `(images, channels, height, width)`, one number after the other.
    Planar(&'a [f32]),
    /// A map, and, where there is one, a number by which each of its channels is multiplied first: one
    /// position for each photo.
    Map(&'a Map, Option<&'a Map>),
}

/// A convolution of a map or of photos, by one thread.
pub(crate) struct Convolve<'a> {
    pub(crate) level: Level,
    pub(crate) seen: Seen<'a>,
    pub(crate) view: View,
    pub(crate) weights: &'a Weights,
    pub(crate) finish: Finish<'a>,
    pub(crate) part: Part<'a>,
    pub(crate) scratch: &'a mut Scratch,
}

impl WithSimd for Convolve<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let depth = self.weights.depth.steps * S::F32_LANES;
        let tiling = Tiling::of(self.part.positions.len(), self.level.sums());
        let of_weights = self.weights.inputs() * self.part.blocks.len() * S::F32_LANES;
        let fewest = if of_weights > CACHED { FEWEST } else { tiling.rows };
        let rows = (CACHED / depth).max(fewest).next_multiple_of(tiling.rows);
        let positions = self.part.positions.clone();
        let bands = positions.len().div_ceil(rows);
        for band in crate::map::ranges(positions.len(), bands) {
            let band = positions.start + band.start..positions.start + band.end;
            match self.seen {
                Seen::Map(map, None) if self.view.window.is_point() => {
                    let from = |tile: &Range<usize>| tile.start * S::F32_LANES;
                    self.band(simd, tiling, &band, map.numbers(), map.plane(), from);
                }
                _ => {
                    let mut scratch = std::mem::take(self.scratch);
                    let patches = scratch.of(band.len() * depth);
                    for tile in tiling.tiles(band.len()) {
                        let to = &mut patches[tile.start * depth..][..tile.len() * depth];
                        let tile = band.start + tile.start..band.start + tile.end;
                        self.patches(simd, tile, to);
                    }
                    let from = |tile: &Range<usize>| (tile.start - band.start) * depth;
                    self.band(simd, tiling, &band, patches, 0, from);
                    *self.scratch = scratch;
                }
            }
        }
    }
}

impl Convolve<'_> {
    /// All blocks of channels for a band of positions, whose inputs begin `from` a tile on; they are a
    /// tile's vectors apart where `step` is 0.
    #[inline(always)]
    fn band<S: Simd>(
        &mut self,
        simd: S,
        tiling: Tiling,
        band: &Range<usize>,
        inputs: &[f32],
        step: usize,
        from: impl Fn(&Range<usize>) -> usize,
    ) {
        let Range { start: first, end } = self.part.blocks;
        let groups = self.part.outs.chunks_mut(tiling.blocks).enumerate();
        for (group, outs) in groups {
            let block = first + group * tiling.blocks;
            let next = block + outs.len();
            let next = self.weights.blocks(next..(next + tiling.blocks).min(end));
            let tiles = tiling.tiles(band.len());
            let ahead = next.len().div_ceil(tiles.clone().count().max(1));
            for (number, tile) in tiles.enumerate() {
                let tile = band.start + tile.start..band.start + tile.end;
                let product = Product {
                    a: &inputs[from(&tile)..],
                    a_step: if step == 0 { tile.len() * S::F32_LANES } else { step },
                    weights: self.weights,
                    finish: self.finish,
                    block,
                    position: tile.start,
                    rows: tile.len(),
                    next: next.chunks(ahead.max(1)).nth(number).unwrap_or_default(),
                };
                let start = (tile.start - self.part.positions.start) * S::F32_LANES;
                product.run(simd, tiling, outs, start);
            }
        }
    }

    /// What the window shows at some positions of the result: for each step of the weights, a vector
    /// for each position.
    #[inline(always)]
    fn patches<S: Simd>(&self, simd: S, tile: Range<usize>, to: &mut [f32]) {
        match self.seen {
            Seen::Planar(photos) => self.photo_patches::<S>(photos, tile, to),
            Seen::Map(map, gate) => self.map_patches(simd, map, gate, tile, to),
        }
    }

    #[inline(always)]
    fn map_patches<S: Simd>(
        &self,
        simd: S,
        map: &Map,
        gate: Option<&Map>,
        tile: Range<usize>,
        to: &mut [f32],
    ) {
        let to = S::as_mut_simd_f32s(to).0;
        let from = S::as_simd_f32s(map.numbers()).0;
        let gates = gate.map(|gate| S::as_simd_f32s(gate.numbers()).0);
        let (rows, images, plane) = (tile.len(), map.shape.images, map.shape.positions());
        let (taps, blocks) = (self.view.window.taps(), map.shape.channels.div_ceil(S::F32_LANES));
        let zero = simd.splat_f32s(0.0);
        for (row, place) in self.view.places(tile).enumerate() {
            self.view.taps(place, |tap, seen| {
                let to = to[tap * rows + row..].iter_mut().step_by(taps * rows).take(blocks);
                match (seen, gates) {
                    (None, _) => to.for_each(|to| *to = zero),
                    (Some(at), None) => {
                        let from = from[at..].iter().step_by(plane);
                        to.zip(from).for_each(|(to, from)| *to = *from);
                    }
                    (Some(at), Some(gates)) => {
                        let from = from[at..].iter().step_by(plane);
                        let gates = gates[place.image..].iter().step_by(images);
                        let each = to.zip(from.zip(gates));
                        each.for_each(|(to, (from, gate))| *to = simd.mul_f32s(*from, *gate));
                    }
                }
            });
        }
    }

    /// The numbers of a window in one row: by channel, then by row and column of the window.
    #[inline(always)]
    fn photo_patches<S: Simd>(&self, photos: &[f32], tile: Range<usize>, to: &mut [f32]) {
        let Shape { channels, height, width, .. } = self.view.seen;
        let (lanes, rows, area) = (S::F32_LANES, tile.len(), height * width);
        let taps = self.view.window.taps();
        for (row, place) in self.view.places(tile).enumerate() {
            self.view.taps(place, |tap, seen| {
                for channel in 0..channels {
                    let input = channel * taps + tap;
                    // The photo's other channels lie behind it.
                    let from = |at| photos[at + (place.image * (channels - 1) + channel) * area];
                    to[(input / lanes * rows + row) * lanes + input % lanes] =
                        seen.map_or(0.0, from);
                }
            });
        }
    }
}
