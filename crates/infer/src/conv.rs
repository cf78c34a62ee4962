//! Dense convolutions as im2col and GEMM: window patches are gathered into rows and multiplied with packed weights.
//! 1x1 convolutions read the map directly.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use crate::aligned::Scratch;
use crate::feature_map::{FeatureMap, OutputPart, Shape};
use crate::gemm::{Epilogue, Gemm, PackedWeights, Tiling};
use crate::simd_level::SimdLevel;
use crate::window::Geometry;

/// Patch elements of a band, which is read once per channel block: half of a small second-level cache.
const BAND_LEN: usize = 1 << 16;

/// Smallest band if the weights do not fit the second-level cache: they are read once per band.
pub(crate) const MIN_BAND_POSITIONS: usize = 56;

/// Input of a convolution.
#[derive(Clone, Copy)]
pub(crate) enum ConvInput<'a> {
    /// The network's input, NCHW: `(images, channels, height, width)`.
    Nchw(&'a [f32]),
    /// A feature map, and a gate: a map of one position per image, by which its channels are multiplied.
    Blocked(&'a FeatureMap, Option<&'a FeatureMap>),
}

/// A convolution, by one thread.
pub(crate) struct Convolve<'a> {
    pub(crate) level: SimdLevel,
    pub(crate) input: ConvInput<'a>,
    pub(crate) geometry: Geometry,
    pub(crate) weights: &'a PackedWeights,
    pub(crate) epilogue: Epilogue<'a>,
    pub(crate) part: OutputPart<'a>,
    pub(crate) scratch: &'a mut Scratch,
}

impl WithSimd for Convolve<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let depth = self.weights.depth.steps * S::F32_LANES;
        let tiling = Tiling::new(self.part.positions.len(), self.level.accumulators());
        let weight_len = self.weights.inputs() * self.part.blocks.len() * S::F32_LANES;
        let min_rows = if weight_len > BAND_LEN { MIN_BAND_POSITIONS } else { tiling.rows };
        let rows = (BAND_LEN / depth).max(min_rows).next_multiple_of(tiling.rows);
        let positions = self.part.positions.clone();
        let bands = positions.len().div_ceil(rows);
        for band in crate::feature_map::split_evenly(positions.len(), bands) {
            let band = positions.start + band.start..positions.start + band.end;
            match self.input {
                ConvInput::Blocked(map, None) if self.geometry.window.is_point() => {
                    let from = |tile: &Range<usize>| tile.start * S::F32_LANES;
                    self.band(simd, tiling, &band, map.as_f32(), map.block_stride(), from);
                }
                _ => {
                    let mut scratch = std::mem::take(self.scratch);
                    let patches = scratch.get(band.len() * depth);
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
    /// All channel blocks for a band of positions. The inputs of a tile begin at `from(tile)`, `stride` elements from step
    /// to step; a stride of 0 means patches, packed per tile.
    #[inline(always)]
    fn band<S: Simd>(
        &mut self,
        simd: S,
        tiling: Tiling,
        band: &Range<usize>,
        inputs: &[f32],
        stride: usize,
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
                let gemm = Gemm {
                    a: &inputs[from(&tile)..],
                    a_stride: if stride == 0 { tile.len() * S::F32_LANES } else { stride },
                    weights: self.weights,
                    epilogue: self.epilogue,
                    block,
                    position: tile.start,
                    rows: tile.len(),
                    prefetch: next.chunks(ahead.max(1)).nth(number).unwrap_or_default(),
                };
                let start = (tile.start - self.part.positions.start) * S::F32_LANES;
                gemm.run(simd, tiling, outs, start);
            }
        }
    }

    /// im2col of a tile: for each step of the weights, a vector per position.
    #[inline(always)]
    fn patches<S: Simd>(&self, simd: S, tile: Range<usize>, to: &mut [f32]) {
        match self.input {
            ConvInput::Nchw(photos) => self.nchw_patches::<S>(photos, tile, to),
            ConvInput::Blocked(map, gate) => self.map_patches(simd, map, gate, tile, to),
        }
    }

    #[inline(always)]
    fn map_patches<S: Simd>(
        &self,
        simd: S,
        map: &FeatureMap,
        gate: Option<&FeatureMap>,
        tile: Range<usize>,
        to: &mut [f32],
    ) {
        let to = S::as_mut_simd_f32s(to).0;
        let from = S::as_simd_f32s(map.as_f32()).0;
        let gates = gate.map(|gate| S::as_simd_f32s(gate.as_f32()).0);
        let (rows, images, plane) = (tile.len(), map.shape.images, map.shape.positions());
        let (taps, blocks) =
            (self.geometry.window.taps(), map.shape.channels.div_ceil(S::F32_LANES));
        let zero = simd.splat_f32s(0.0);
        for (row, position) in self.geometry.positions(tile).enumerate() {
            self.geometry.taps(position, |tap, at| {
                let to = to[tap * rows + row..].iter_mut().step_by(taps * rows).take(blocks);
                match (at, gates) {
                    (None, _) => to.for_each(|to| *to = zero),
                    (Some(at), None) => {
                        let from = from[at..].iter().step_by(plane);
                        to.zip(from).for_each(|(to, from)| *to = *from);
                    }
                    (Some(at), Some(gates)) => {
                        let from = from[at..].iter().step_by(plane);
                        let gates = gates[position.image..].iter().step_by(images);
                        let each = to.zip(from.zip(gates));
                        each.for_each(|(to, (from, gate))| *to = simd.mul_f32s(*from, *gate));
                    }
                }
            });
        }
    }

    /// The elements of a window as one row: by channel, then by row and column of the window.
    #[inline(always)]
    fn nchw_patches<S: Simd>(&self, photos: &[f32], tile: Range<usize>, to: &mut [f32]) {
        let Shape { channels, height, width, .. } = self.geometry.input;
        let (lanes, rows, area) = (S::F32_LANES, tile.len(), height * width);
        let taps = self.geometry.window.taps();
        for (row, position) in self.geometry.positions(tile).enumerate() {
            self.geometry.taps(position, |tap, at| {
                for channel in 0..channels {
                    let input = channel * taps + tap;
                    // `at` counts one channel per image.
                    let from = |at| photos[at + (position.image * (channels - 1) + channel) * area];
                    to[(input / lanes * rows + row) * lanes + input % lanes] = at.map_or(0.0, from);
                }
            });
        }
    }
}
