//! The stem, a network's first convolution: a direct convolution of NCHW photos with few channels.

use pulp::{Simd, WithSimd};

use crate::activation::Activation;
use crate::aligned::Scratch;
use crate::direct_weights::DirectWeights;
use crate::feature_map::{OutputPart, Shape};
use crate::window::Geometry;

/// Neighbouring positions accumulated in registers.
const TILE: usize = 8;

/// Whether there is a kernel for windows of this side and stride.
pub(crate) fn supports(side: usize, stride: usize) -> bool {
    matches!((side, stride), (3, 1 | 2) | (7, 2))
}

/// A stem convolution, by one thread; its positions are whole rows.
pub(crate) struct Convolve<'a> {
    /// `(images, channels, height, width)`
    pub(crate) photos: &'a [f32],
    pub(crate) geometry: Geometry,
    /// By input channel, then by row and column of the window.
    pub(crate) kernels: &'a DirectWeights,
    pub(crate) activation: Activation,
    pub(crate) part: OutputPart<'a>,
    pub(crate) scratch: &'a mut Scratch,
}

impl WithSimd for Convolve<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let window = self.geometry.window;
        match (window.side, window.stride) {
            (3, 1) => simd.vectorize(Sized::<3, 1>(self)),
            (3, 2) => simd.vectorize(Sized::<3, 2>(self)),
            (7, 2) => simd.vectorize(Sized::<7, 2>(self)),
            (side, stride) => unreachable!("a first kernel of {side} in steps of {stride}"),
        }
    }
}

struct Sized<'a, const K: usize, const STRIDE: usize>(Convolve<'a>);

impl<const K: usize, const STRIDE: usize> WithSimd for Sized<'_, K, STRIDE> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Convolve { photos, geometry, kernels, activation, mut part, scratch } = self.0;
        let Shape { height, width, .. } = geometry.output;
        let channels = geometry.input.channels;
        // Positions that the windows of a row of whole tiles cover.
        let padded = (width.next_multiple_of(TILE) - 1) * STRIDE + K;
        let taps = channels * K * K;
        let rows = part.positions.start / width..part.positions.end / width;
        let input = scratch.get(channels * K * padded);
        for (line, row) in rows.enumerate() {
            pad(photos, geometry, (row / height, row % height), padded, input);
            let mut blocks = part.blocks.clone();
            let mut outs = &mut part.outs[..];
            while !outs.is_empty() {
                let (now, later) = outs.split_at_mut(outs.len().min(2));
                let strip = Strip::<K, STRIDE> { input, padded, channels };
                let weights = &S::as_simd_f32s(kernels.weights.as_slice()).0[blocks.start * taps..];
                let bias = &S::as_simd_f32s(kernels.bias.as_slice()).0[blocks.start..];
                let line = line * width * S::F32_LANES..(line + 1) * width * S::F32_LANES;
                match now {
                    [one] => {
                        let out = [S::as_mut_simd_f32s(&mut one[line]).0];
                        strip.run(simd, [&weights[..taps]], [bias[0]], out, activation);
                    }
                    [one, other] => {
                        let weights = [&weights[..taps], &weights[taps..][..taps]];
                        let out = [
                            S::as_mut_simd_f32s(&mut one[line.clone()]).0,
                            S::as_mut_simd_f32s(&mut other[line]).0,
                        ];
                        strip.run(simd, weights, [bias[0], bias[1]], out, activation);
                    }
                    _ => (),
                }
                blocks.start += 2;
                outs = later;
            }
        }
    }
}

/// Copies the input rows of an output row, channel by channel, and pads them with zeros.
#[inline(always)]
fn pad(
    photos: &[f32],
    geometry: Geometry,
    (image, row): (usize, usize),
    padded: usize,
    to: &mut [f32],
) {
    let Shape { channels, height, width, .. } = geometry.input;
    let (side, before) = (geometry.window.side, geometry.padding.1);
    let count = width.min(padded - before);
    for (at, to) in to.chunks_exact_mut(padded).enumerate() {
        let (channel, down) = (at / side, at % side);
        let row = (row * geometry.window.stride + down).wrapping_sub(geometry.padding.0);
        to.fill(0.0);
        if row < height {
            let from = ((image * channels + channel) * height + row) * width;
            to[before..before + count].copy_from_slice(&photos[from..][..count]);
        }
    }
}

/// The zero-padded input rows of an output row.
struct Strip<'a, const K: usize, const STRIDE: usize> {
    /// `K` rows per channel.
    input: &'a [f32],
    padded: usize,
    channels: usize,
}

impl<const K: usize, const STRIDE: usize> Strip<'_, K, STRIDE> {
    #[inline(always)]
    fn run<S: Simd, const NB: usize>(
        &self,
        simd: S,
        weights: [&[S::f32s]; NB],
        bias: [S::f32s; NB],
        mut outs: [&mut [S::f32s]; NB],
        activation: Activation,
    ) {
        let width = outs[0].len();
        for start in (0..width).step_by(TILE) {
            let mut sums = [bias; TILE];
            for line in 0..self.channels * K {
                let input = &self.input[line * self.padded + start * STRIDE..];
                let input = &input[..(TILE - 1) * STRIDE + K];
                let weights = weights.map(|weights| &weights[line * K..][..K]);
                for right in 0..K {
                    let weights = weights.map(|weights| weights[right]);
                    for (at, sums) in sums.iter_mut().enumerate() {
                        let x = simd.splat_f32s(input[at * STRIDE + right]);
                        for (sum, weight) in sums.iter_mut().zip(weights) {
                            *sum = simd.mul_add_e_f32s(x, weight, *sum);
                        }
                    }
                }
            }
            let count = TILE.min(width - start);
            for (block, out) in outs.iter_mut().enumerate() {
                let finished: [S::f32s; TILE] = std::array::from_fn(|at| sums[at][block]);
                let out = &mut out[start..][..count];
                out.copy_from_slice(&finished[..count]);
                out.iter_mut().for_each(|x| *x = activation.apply(simd, *x));
            }
        }
    }
}
