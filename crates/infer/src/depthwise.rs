//! Convolutions of each channel by itself, with the convolution that makes the channels.
//!
//! A few rows are worked on at a time, with zeros around them. Where a 1x1 convolution makes more channels
//! only for a depthwise one to take them in, as in MobileNet's blocks, it makes just these rows, and its
//! result is never a whole map: that would be the largest of all maps, written and read again.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use crate::aligned::{Aligned, Scratch};
use crate::kernels::Kernels;
use crate::level::Level;
use crate::map::{Map, Part, Shape};
use crate::product::{Finish, Product, Tiling, Weights};
use crate::tile::Activation;
use crate::window::View;

/// Numbers of padded rows that are worked on at a time, so that a core's second cache holds them.
const CACHED: usize = 1 << 15;

/// The most neighbouring positions that are computed side by side.
const LONGEST: usize = 8;

/// A 1x1 convolution that makes what a depthwise one takes in.
pub(crate) struct Expansion {
    pub(crate) weights: Weights,
    /// A number for each channel.
    pub(crate) bias: Aligned,
    pub(crate) activation: Activation,
}

/// A depthwise convolution, by one thread; its positions are whole rows.
pub(crate) struct Depthwise<'a> {
    pub(crate) level: Level,
    pub(crate) expansion: Option<&'a Expansion>,
    pub(crate) map: &'a Map,
    pub(crate) view: View,
    pub(crate) kernels: &'a Kernels,
    pub(crate) activation: Activation,
    pub(crate) part: Part<'a>,
    pub(crate) scratch: &'a mut Scratch,
}

impl WithSimd for Depthwise<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let window = self.view.window;
        match (window.side, window.stride) {
            (3, 1) => simd.vectorize(Sized::<3, 1>(self)),
            (3, 2) => simd.vectorize(Sized::<3, 2>(self)),
            (5, 1) => simd.vectorize(Sized::<5, 1>(self)),
            (5, 2) => simd.vectorize(Sized::<5, 2>(self)),
            (side, stride) => unreachable!("a depthwise kernel of {side} in steps of {stride}"),
        }
    }
}

struct Sized<'a, const K: usize, const STRIDE: usize>(Depthwise<'a>);

impl<const K: usize, const STRIDE: usize> WithSimd for Sized<'_, K, STRIDE> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Depthwise { level, expansion, map, view, kernels, activation, part, scratch } = self.0;
        let Shape { height, width, .. } = view.result;
        // Of a row of the result, what its windows see.
        let padded = (width - 1) * STRIDE + K;
        let vectors = padded * S::F32_LANES;
        let rows_cached = ((CACHED / vectors).saturating_sub(K) / STRIDE).clamp(1, height);
        let rows = part.positions.start / width..part.positions.end / width;
        // A product of two blocks takes its inputs from the registers.
        let together = if expansion.is_some() { 2 } else { 1 };
        let room = ((rows_cached - 1) * STRIDE + K) * vectors;
        let bands = scratch.of(room * together);
        let mut bands: Vec<&mut [f32]> = bands.chunks_exact_mut(room).collect();
        let taps = K * K;
        let mut outs = part.outs;
        for (group, outs) in outs.chunks_mut(together).enumerate() {
            let block = part.blocks.start + group * together;
            let bands = &mut bands[..outs.len()];
            let (mut row, mut kept) = (rows.start, 0);
            while row < rows.end {
                let image_end = (row / height + 1) * height;
                let end = (row + rows_cached).min(rows.end).min(image_end);
                let seen = (end - row - 1) * STRIDE + K;
                let band = Band { view, padded, row, lines: kept..seen };
                match expansion {
                    Some(expansion) => {
                        band.expand(simd, level, map, expansion, block, part.blocks.end, bands);
                    }
                    None => band.copy::<S>(map, block, bands),
                }
                for ((at, band), out) in bands.iter().enumerate().zip(outs.iter_mut()) {
                    let weights = S::as_simd_f32s(kernels.weights.as_slice()).0;
                    let weights = &weights[(block + at) * taps..][..taps];
                    let bias = S::as_simd_f32s(kernels.bias.as_slice()).0[block + at];
                    let band = S::as_simd_f32s(band).0;
                    let out = S::as_mut_simd_f32s(out).0;
                    let lines = out[(row - rows.start) * width..].chunks_exact_mut(width);
                    for (at, out) in lines.take(end - row).enumerate() {
                        let band = &band[at * STRIDE * padded..][..K * padded];
                        let line = Line::<S, K, STRIDE> { simd, band, padded, weights, bias, out };
                        match activation {
                            Activation::None => line.run(Activation::None),
                            Activation::Relu => line.run(Activation::Relu),
                            Activation::HardSwish => line.run(Activation::HardSwish),
                            Activation::HardSigmoid => line.run(Activation::HardSigmoid),
                        }
                    }
                }
                // The next rows see the last lines, too.
                kept = if end < image_end { K - STRIDE } else { 0 };
                for band in bands.iter_mut() {
                    band.copy_within((seen - kept) * vectors..seen * vectors, 0);
                }
                row = end;
            }
        }
    }
}

/// Lines with zeros around them, those that windows see from a row of the result on.
struct Band {
    view: View,
    /// Positions in a line.
    padded: usize,
    row: usize,
    /// Those that are not there yet.
    lines: Range<usize>,
}

impl Band {
    /// A line's row in the map, if it is not padding.
    #[inline(always)]
    fn row(&self, line: usize) -> Option<usize> {
        let Shape { height, .. } = self.view.seen;
        let (image, row) = (self.row / self.view.result.height, self.row % self.view.result.height);
        let row = (row * self.view.window.stride + line).wrapping_sub(self.view.before.0);
        (row < height).then(|| image * height + row)
    }

    /// Columns of the map that are seen at all.
    #[inline(always)]
    fn columns(&self) -> usize {
        self.view.seen.width.min(self.padded - self.view.before.1)
    }

    /// Writes zeros where a line has no numbers.
    #[inline(always)]
    fn zero<S: Simd>(&self, line: &mut [f32], is_padding: bool) {
        let before = self.view.before.1 * S::F32_LANES;
        let past = before + self.columns() * S::F32_LANES;
        if is_padding {
            line.fill(0.0);
        } else {
            line[..before].fill(0.0);
            line[past..].fill(0.0);
        }
    }

    #[inline(always)]
    fn copy<S: Simd>(&self, map: &Map, block: usize, bands: &mut [&mut [f32]]) {
        let width = self.view.seen.width * S::F32_LANES;
        let (before, count) = (self.view.before.1 * S::F32_LANES, self.columns() * S::F32_LANES);
        for (at, band) in bands.iter_mut().enumerate() {
            let from = &map.numbers()[(block + at) * map.plane()..];
            let lines = band.chunks_exact_mut(self.padded * S::F32_LANES).enumerate();
            for (line, to) in lines.take(self.lines.end).skip(self.lines.start) {
                let row = self.row(line);
                self.zero::<S>(to, row.is_none());
                if let Some(row) = row {
                    to[before..][..count].copy_from_slice(&from[row * width..][..count]);
                }
            }
        }
    }

    #[inline(always)]
    #[expect(clippy::too_many_arguments, reason = "all of the one place that it is called from")]
    fn expand<S: Simd>(
        &self,
        simd: S,
        level: Level,
        map: &Map,
        expansion: &Expansion,
        block: usize,
        end: usize,
        bands: &mut [&mut [f32]],
    ) {
        let (lanes, columns) = (S::F32_LANES, self.columns());
        // As for many positions: two blocks at a time, whose bands these are.
        let tiling = Tiling::of(usize::MAX, level.sums());
        let Expansion { weights, bias, activation } = expansion;
        let finish =
            Finish { bias: Some(bias.as_slice()), add: None, activation: *activation, far: false };
        let after = block + bands.len();
        let next = weights.blocks(after..(after + 2).min(end.max(after)));
        let ahead = next.len().div_ceil(self.lines.len().max(1)).max(1);
        for (number, line) in self.lines.clone().enumerate() {
            let row = self.row(line);
            let place = line * self.padded * lanes;
            for band in bands.iter_mut() {
                self.zero::<S>(&mut band[place..][..self.padded * lanes], row.is_none());
            }
            let Some(row) = row else { continue };
            let mut next = next.chunks(ahead).nth(number).unwrap_or_default();
            for tile in tiling.tiles(columns) {
                let product = Product {
                    a: &map.numbers()[(row * self.view.seen.width + tile.start) * lanes..],
                    a_step: map.plane(),
                    weights,
                    finish,
                    block,
                    position: 0,
                    rows: tile.len(),
                    next: std::mem::take(&mut next),
                };
                let start = place + (self.view.before.1 + tile.start) * lanes;
                product.run(simd, tiling, bands, start);
            }
        }
    }
}

/// A row of the result.
struct Line<'a, S: Simd, const K: usize, const STRIDE: usize> {
    simd: S,
    band: &'a [S::f32s],
    padded: usize,
    weights: &'a [S::f32s],
    bias: S::f32s,
    out: &'a mut [S::f32s],
}

impl<S: Simd, const K: usize, const STRIDE: usize> Line<'_, S, K, STRIDE> {
    #[inline(always)]
    fn run(mut self, activation: Activation) {
        // AVX2's 16 registers do not hold more.
        let longest = if S::F32_LANES == 8 { LONGEST / 2 } else { LONGEST };
        let width = self.out.len();
        for tile in crate::map::ranges(width, width.div_ceil(longest)) {
            match tile.len() {
                1 => self.tile::<1>(tile.start, activation),
                2 => self.tile::<2>(tile.start, activation),
                3 => self.tile::<3>(tile.start, activation),
                4 => self.tile::<4>(tile.start, activation),
                5 => self.tile::<5>(tile.start, activation),
                6 => self.tile::<6>(tile.start, activation),
                7 => self.tile::<7>(tile.start, activation),
                _ => self.tile::<8>(tile.start, activation),
            }
        }
    }

    #[inline(always)]
    fn tile<const R: usize>(&mut self, start: usize, activation: Activation) {
        let simd = self.simd;
        let mut sums = [self.bias; R];
        for down in 0..K {
            let seen = &self.band[down * self.padded + start * STRIDE..][..(R - 1) * STRIDE + K];
            for right in 0..K {
                let weight = self.weights[down * K + right];
                for (at, sum) in sums.iter_mut().enumerate() {
                    *sum = simd.mul_add_e_f32s(seen[at * STRIDE + right], weight, *sum);
                }
            }
        }
        let out = &mut self.out[start..][..R];
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = activation.of(simd, sum);
        }
    }
}
