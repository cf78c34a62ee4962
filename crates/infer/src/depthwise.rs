//! Convolutions of each channel by itself.

use pulp::{Simd, WithSimd};

use crate::aligned::{Aligned, Scratch};
use crate::map::{Map, Part, Shape};
use crate::tile::Activation;
use crate::window::View;

/// Numbers of padded rows that are worked on at a time, so that a core's second cache holds them.
const CACHED: usize = 1 << 15;

/// The most neighbouring positions that are computed side by side.
const LONGEST: usize = 8;

/// Kernels of a depthwise convolution: for each block of channels, a vector for each tap.
pub(crate) struct Kernels {
    pub(crate) weights: Aligned,
    /// A number for each channel.
    pub(crate) bias: Aligned,
}

/// A depthwise convolution, by one thread; its positions are whole rows.
pub(crate) struct Depthwise<'a> {
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
        let Depthwise { map, view, kernels, activation, part, scratch } = self.0;
        let Shape { height, width, .. } = view.result;
        // Of a row of the result, what its windows see.
        let padded = (width - 1) * STRIDE + K;
        let rows_cached = (CACHED / (padded * S::F32_LANES)).saturating_sub(K) / STRIDE;
        let rows = part.positions.start / width..part.positions.end / width;
        let taps = K * K;
        for (block, out) in part.blocks.zip(part.outs) {
            let weights = S::as_simd_f32s(kernels.weights.as_slice()).0;
            let bias = S::as_simd_f32s(kernels.bias.as_slice()).0[block];
            let weights = &weights[block * taps..][..taps];
            let from = &S::as_simd_f32s(map.numbers()).0[block * map.shape.positions()..];
            let out = S::as_mut_simd_f32s(out).0;
            let mut row = rows.start;
            while row < rows.end {
                let image_end = (row / height + 1) * height;
                let end = (row + rows_cached.max(1)).min(rows.end).min(image_end);
                let seen = (end - row - 1) * STRIDE + K;
                let band = scratch.of(seen * padded * S::F32_LANES);
                let band = S::as_mut_simd_f32s(band).0;
                pad(simd, from, view, row, padded, band);
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
                row = end;
            }
        }
    }
}

/// The rows that windows see from a row of the result on, with zeros around them.
#[inline(always)]
fn pad<S: Simd>(
    simd: S,
    from: &[S::f32s],
    view: View,
    row: usize,
    padded: usize,
    to: &mut [S::f32s],
) {
    let Shape { height, width, .. } = view.seen;
    let (image, row) = (row / view.result.height, row % view.result.height);
    let zero = simd.splat_f32s(0.0);
    let before = view.before.1;
    let count = width.min(padded - before);
    for (at, to) in to.chunks_exact_mut(padded).enumerate() {
        let row = (row * view.window.stride + at).wrapping_sub(view.before.0);
        if row < height {
            let from = &from[(image * height + row) * width..][..count];
            to[..before].fill(zero);
            to[before..before + count].copy_from_slice(from);
            to[before + count..].fill(zero);
        } else {
            to.fill(zero);
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
