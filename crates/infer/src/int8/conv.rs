//! Dense int8 convolutions: implicit GEMM over the map where possible, im2col otherwise. The micro-kernel takes an offset
//! per step, so that taps of a padded band need no copies.

use std::ops::Range;

use pulp::bytemuck;

use crate::aligned::Scratch;
use crate::conv::MIN_BAND_POSITIONS;
use crate::feature_map::{FeatureMap, OutputPart};
use crate::gemm::Tiling;
use crate::int8::gemm::{ACCUMULATORS, Epilogue, Gemm, PackedWeights, block_offsets};
use crate::int8::micro_kernel::GemmOutput;
use crate::int8::quantise_map::quantise_positions;
use crate::int8::scales::QuantParams;
use crate::int8::simd::{Int8Simd, LANES, QUAD, WithInt8Simd};
use crate::window::Geometry;

/// Bytes of a band of inputs, which is read once per channel block: a second-level cache should hold it beside some
/// weights.
pub(crate) const BAND_BYTES: usize = 3 << 17;

/// Input of a convolution, with its quantisation parameters.
#[derive(Clone, Copy)]
pub(crate) enum ConvInput<'a> {
    /// A uint8 map.
    Quantised(&'a FeatureMap, &'a QuantParams),
    /// An f32 map that is quantised first, and a gate: a map of one position per image, by which its channels are
    /// multiplied before.
    Float(&'a FeatureMap, Option<&'a FeatureMap>, &'a QuantParams),
    /// The network's input, NCHW: `(images, channels, height, width)`.
    Photos(&'a [f32], &'a QuantParams),
}

impl ConvInput<'_> {
    /// Whether parts must be whole rows.
    pub(crate) fn is_by_rows(self, geometry: Geometry) -> bool {
        match self {
            Self::Quantised(..) | Self::Float(..) => is_sliding(geometry),
            Self::Photos(..) => true,
        }
    }
}

/// A convolution by one thread.
pub(crate) struct Convolve<'a, T> {
    pub(crate) input: ConvInput<'a>,
    pub(crate) geometry: Geometry,
    pub(crate) weights: &'a PackedWeights,
    pub(crate) epilogue: &'a Epilogue,
    pub(crate) add: Option<&'a FeatureMap>,
    pub(crate) part: OutputPart<'a, T>,
    pub(crate) scratch: &'a mut Scratch,
}

/// Whether windows of neighbouring positions are adjacent, so that a padded band of rows can be read in place.
fn is_sliding(geometry: Geometry) -> bool {
    geometry.window.stride == 1 && !geometry.window.is_point() && geometry.output.positions() > 1
}

impl<T: GemmOutput + bytemuck::Pod> WithInt8Simd for Convolve<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_int8_simd<I: Int8Simd>(mut self, isa: I) {
        if let ConvInput::Float(map, gate, quant) = self.input
            && !self.geometry.window.is_point()
        {
            // The whole map, once, because windows overlap.
            let mut quantised = FeatureMap::quantised(map.shape);
            let positions = map.shape.positions();
            let to = bytemuck::cast_slice_mut(quantised.data.as_mut_slice());
            quantise_positions(isa, (map, gate, quant), 0..positions, positions, to);
            let Self { geometry, weights, epilogue, add, part, scratch, .. } = self;
            let input = ConvInput::Quantised(&quantised, quant);
            // Not a recursive call, which would be compiled without these instructions.
            return isa.run(Convolve { input, geometry, weights, epilogue, add, part, scratch });
        }
        let mut scratch = std::mem::take(self.scratch);
        match self.input {
            ConvInput::Quantised(map, _) if self.geometry.window.is_point() => {
                let offsets = block_offsets(map);
                let a: &[u32] = bytemuck::cast_slice(map.as_u8());
                let positions = self.part.positions.clone();
                let rows = (BAND_BYTES / (self.weights.steps() * LANES)).max(MIN_BAND_POSITIONS);
                for band in crate::feature_map::split_evenly(
                    positions.len(),
                    positions.len().div_ceil(rows),
                ) {
                    let tiling = Tiling::new(band.len(), ACCUMULATORS);
                    let band = positions.start + band.start..positions.start + band.end;
                    let tiles = tiling.tiles(band.len());
                    let tiles = tiles.map(|tile| {
                        let first = band.start + tile.start;
                        (first * (LANES / QUAD), first, tile.len())
                    });
                    self.tiles(isa, tiling, a, &offsets, tiles);
                }
            }
            ConvInput::Quantised(map, quant) if is_sliding(self.geometry) => {
                self.sliding(isa, map, quant, &mut scratch);
            }
            ConvInput::Photos(photos, quant) => self.stem(isa, photos, quant, &mut scratch),
            _ => self.im2col(isa, &mut scratch),
        }
        *self.scratch = scratch;
    }
}

impl<T: GemmOutput + bytemuck::Pod> Convolve<'_, T> {
    /// All channel blocks for some tiles, each with its offset in `a`, its first output position, and its number of
    /// positions.
    #[inline(always)]
    pub(crate) fn tiles<I: Int8Simd>(
        &mut self,
        isa: I,
        tiling: Tiling,
        a: &[u32],
        offsets: &[usize],
        tiles: impl Iterator<Item = (usize, usize, usize)> + Clone,
    ) {
        let Range { start: first, end } = self.part.blocks;
        let start = self.part.positions.start;
        let count = tiles.clone().count().max(1);
        let mut outs: Vec<&mut [[T; LANES]]> =
            self.part.outs.iter_mut().map(|out| out.as_chunks_mut().0).collect();
        for (group, outs) in outs.chunks_mut(tiling.blocks).enumerate() {
            let block = first + group * tiling.blocks;
            let next = block + outs.len();
            let next = self.weights.blocks(next..(next + tiling.blocks).min(end));
            let ahead = next.len().div_ceil(count).max(1);
            for (number, (from, position, rows)) in tiles.clone().enumerate() {
                let gemm = Gemm {
                    a: &a[from..],
                    offsets,
                    weights: self.weights,
                    epilogue: self.epilogue,
                    add: self.add.map(|map| (map.as_u8(), map.block_stride())),
                    block,
                    position,
                    rows,
                    prefetch: next.chunks(ahead).nth(number).unwrap_or_default(),
                };
                gemm.run(isa, tiling, outs, position - start);
            }
        }
    }

    /// Implicit GEMM: rows are copied with padding around them; a tap is then an offset in these.
    #[inline(always)]
    fn sliding<I: Int8Simd>(
        &mut self,
        isa: I,
        map: &FeatureMap,
        quant: &QuantParams,
        scratch: &mut Scratch,
    ) {
        let Geometry { window, input, padding, output } = self.geometry;
        let side = window.side;
        let (width, padded) = (output.width, output.width + side - 1);
        let blocks = input.channels.div_ceil(LANES);
        let rows = self.part.positions.start / width..self.part.positions.end / width;
        let row_bytes = padded * blocks * LANES;
        let max_rows = (BAND_BYTES / row_bytes).saturating_sub(side - 1).max(1);
        let mut row = rows.start;
        while row < rows.end {
            let image = row / output.height;
            let end = (row + max_rows).min(rows.end).min((image + 1) * output.height);
            let lines = end - row + side - 1;
            let plane = lines * padded;
            let band = scratch.get(blocks * plane * LANES / QUAD);
            let quantised: &mut [[u8; LANES]] = bytemuck::cast_slice_mut(band);
            for (block, quantised) in quantised.chunks_exact_mut(plane).enumerate() {
                let from = &map.as_u8().as_chunks().0[block * input.positions()..];
                let zero_point = quant.zero_point(block);
                for (line, to) in quantised.chunks_exact_mut(padded).enumerate() {
                    let at = (row - image * output.height + line).wrapping_sub(padding.0);
                    if at < input.height {
                        let count = input.width.min(padded - padding.1);
                        let from = &from[(image * input.height + at) * input.width..][..count];
                        to[..padding.1].fill(zero_point);
                        to[padding.1..][..count].copy_from_slice(from);
                        to[padding.1 + count..].fill(zero_point);
                    } else {
                        to.fill(zero_point);
                    }
                }
            }
            let offsets: Vec<usize> = (0..blocks)
                .flat_map(|block| (0..side * side).map(move |tap| (block, tap)))
                .map(|(block, tap)| {
                    (block * plane + tap / side * padded + tap % side) * (LANES / QUAD)
                })
                .collect();
            let tiling = Tiling::new(width.min(ACCUMULATORS / 2), ACCUMULATORS);
            let tiles = (row..end).flat_map(|of| tiling.tiles(width).map(move |tile| (of, tile)));
            let tiles = tiles.map(|(of, tile)| {
                let from = (of - row) * padded + tile.start;
                (from * (LANES / QUAD), of * width + tile.start, tile.len())
            });
            self.tiles(isa, tiling, bytemuck::cast_slice(band), &offsets, tiles);
            row = end;
        }
    }

    /// im2col: for each tile, for each step, a vector per position.
    #[inline(always)]
    fn im2col<I: Int8Simd>(&mut self, isa: I, scratch: &mut Scratch) {
        let depth = self.weights.steps();
        let positions = self.part.positions.clone();
        let rows = (BAND_BYTES / (depth * LANES)).max(MIN_BAND_POSITIONS);
        for band in
            crate::feature_map::split_evenly(positions.len(), positions.len().div_ceil(rows))
        {
            let tiling = Tiling::new(band.len(), ACCUMULATORS);
            // All tiles have the length of the longest, so that they share the offsets.
            let longest = tiling.tiles(band.len()).map(|tile| tile.len()).max().unwrap_or(1);
            let tile_len = longest * depth;
            let patches = scratch.get(tiling.tiles(band.len()).count() * tile_len * LANES / QUAD);
            let quantised: &mut [[u8; LANES]] = bytemuck::cast_slice_mut(patches);
            let first = positions.start + band.start;
            for (tile, to) in tiling.tiles(band.len()).zip(quantised.chunks_exact_mut(tile_len)) {
                self.patches(isa, first + tile.start..first + tile.end, longest, to);
            }
            let offsets: Vec<usize> =
                (0..depth).map(|step| step * longest * (LANES / QUAD)).collect();
            let tiles = tiling.tiles(band.len()).enumerate().map(|(number, tile)| {
                (number * tile_len * (LANES / QUAD), first + tile.start, tile.len())
            });
            self.tiles(isa, tiling, bytemuck::cast_slice(patches), &offsets, tiles);
        }
    }

    #[inline(always)]
    fn patches<I: Int8Simd>(
        &self,
        isa: I,
        tile: Range<usize>,
        rows: usize,
        to: &mut [[u8; LANES]],
    ) {
        let (map, quant) = match self.input {
            ConvInput::Quantised(map, quant) => (map, quant),
            ConvInput::Float(map, gate, quant) => {
                return quantise_positions(isa, (map, gate, quant), tile, rows, to);
            }
            ConvInput::Photos(..) => unreachable!("photos go to the stem"),
        };
        let taps = self.geometry.window.taps();
        let (plane, blocks) = (map.shape.positions(), map.shape.channels.div_ceil(LANES));
        for (row, position) in self.geometry.positions(tile).enumerate() {
            self.geometry.taps(position, |tap, at| {
                let to = to[tap * rows + row..].iter_mut().step_by(taps * rows).take(blocks);
                match at {
                    None => to.enumerate().for_each(|(block, to)| *to = quant.zero_point(block)),
                    Some(at) => {
                        let from = map.as_u8().as_chunks().0[at..].iter().step_by(plane);
                        to.zip(from).for_each(|(to, from)| *to = *from);
                    }
                }
            });
        }
    }
}
