//! Convolutions of each channel by itself, a few rows at a time.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use crate::aligned::{Aligned, Scratch};
use crate::bands::{Band, Fill};
use crate::kernels::Kernels;
use crate::map::Shape;
use crate::tile::{Activation, is_written_out_once};
use crate::window::View;

/// Numbers of padded rows that are worked on at a time, so that a core's second cache holds them.
const CACHED: usize = 1 << 15;

/// The most neighbouring positions that are computed side by side.
const LONGEST: usize = 8;

/// Where rows of the result go.
pub(crate) trait Rows {
    /// The room of a row, by its numbers among the thread's of a block.
    fn row(&mut self, at: usize, numbers: Range<usize>) -> &mut [f32];

    /// It is written: these positions.
    fn done(&mut self, at: usize, positions: Range<usize>);
}

/// Rows of a map of numbers.
pub(crate) struct Numbers<'a>(pub(crate) Vec<&'a mut [f32]>);

impl Rows for Numbers<'_> {
    #[inline(always)]
    fn row(&mut self, at: usize, numbers: Range<usize>) -> &mut [f32] {
        &mut self.0[at][numbers]
    }

    #[inline(always)]
    fn done(&mut self, _: usize, _: Range<usize>) {}
}

/// A depthwise convolution, by one thread.
pub(crate) struct Depthwise<'a, F, R> {
    pub(crate) fill: F,
    pub(crate) view: View,
    pub(crate) kernels: &'a Kernels,
    pub(crate) activation: Activation,
    pub(crate) blocks: Range<usize>,
    /// Whole rows.
    pub(crate) positions: Range<usize>,
    pub(crate) rows: R,
    pub(crate) scratch: &'a mut Scratch,
}

impl<F: Fill, R: Rows> WithSimd for Depthwise<'_, F, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let window = self.view.window;
        match (window.side, window.stride) {
            (3, 1) => simd.vectorize(Sized::<F, R, 3, 1>(self)),
            (3, 2) => simd.vectorize(Sized::<F, R, 3, 2>(self)),
            (5, 1) => simd.vectorize(Sized::<F, R, 5, 1>(self)),
            (5, 2) => simd.vectorize(Sized::<F, R, 5, 2>(self)),
            (side, stride) => unreachable!("a depthwise kernel of {side} in steps of {stride}"),
        }
    }
}

struct Sized<'a, F, R, const K: usize, const STRIDE: usize>(Depthwise<'a, F, R>);

impl<'a, F: Fill, R: Rows, const K: usize, const STRIDE: usize> WithSimd
    for Sized<'a, F, R, K, STRIDE>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Depthwise { fill, view, kernels, activation, blocks, positions, mut rows, scratch } =
            self.0;
        let Shape { height, width, .. } = view.result;
        // Of a row of the result, what its windows see.
        let padded = (width - 1) * STRIDE + K;
        let vectors = padded * S::F32_LANES;
        let rows_cached = ((CACHED / vectors).saturating_sub(K) / STRIDE).clamp(1, height);
        let lines = positions.start / width..positions.end / width;
        let room = ((rows_cached - 1) * STRIDE + K) * vectors;
        let bands = scratch.of(room * F::TOGETHER);
        let mut bands: Vec<&mut [f32]> = bands.chunks_exact_mut(room).collect();
        let taps = K * K;
        for block in blocks.clone().step_by(F::TOGETHER) {
            let together = F::TOGETHER.min(blocks.end - block);
            let bands = &mut bands[..together];
            let (mut row, mut kept) = (lines.start, 0);
            while row < lines.end {
                let image_end = (row / height + 1) * height;
                let end = (row + rows_cached).min(lines.end).min(image_end);
                let seen = (end - row - 1) * STRIDE + K;
                let band = Band { view, padded, row, lines: kept..seen };
                fill.fill(simd, &band, block, blocks.end, bands);
                for (at, band) in bands.iter().enumerate() {
                    let lanes = S::F32_LANES;
                    let of_block = |all: &'a Aligned, count: usize| {
                        &all.as_slice()[(block + at) * count * lanes..][..count * lanes]
                    };
                    let weights = of_block(&kernels.weights, taps);
                    let bias = of_block(&kernels.bias, 1);
                    let at = block + at - blocks.start;
                    for line in 0..end - row {
                        let band = &band[line * STRIDE * vectors..][..K * vectors];
                        let start = (row + line - lines.start) * width;
                        let out = rows.row(at, start * lanes..(start + width) * lanes);
                        let work =
                            Line::<K, STRIDE> { band, padded, weights, bias, activation, out };
                        simd.vectorize(work);
                        rows.done(at, start..start + width);
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

/// A row of the result: a function of its own, whatever fills the bands.
struct Line<'a, const K: usize, const STRIDE: usize> {
    /// `K` rows with zeros around them.
    band: &'a [f32],
    padded: usize,
    weights: &'a [f32],
    bias: &'a [f32],
    activation: Activation,
    out: &'a mut [f32],
}

impl<const K: usize, const STRIDE: usize> WithSimd for Line<'_, K, STRIDE> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.activation {
            Activation::None => self.run(simd, Activation::None),
            Activation::Relu => self.run(simd, Activation::Relu),
            Activation::HardSwish => self.run(simd, Activation::HardSwish),
            Activation::HardSigmoid => self.run(simd, Activation::HardSigmoid),
        }
    }
}

impl<const K: usize, const STRIDE: usize> Line<'_, K, STRIDE> {
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S, activation: Activation) {
        let width = self.out.len() / S::F32_LANES;
        if is_written_out_once::<S>() {
            (0..width).for_each(|at| self.tile::<S, 1>(simd, at, activation));
            return;
        }
        // AVX2's 16 registers do not hold more.
        let longest = if S::F32_LANES == 8 { LONGEST / 2 } else { LONGEST };
        for tile in crate::map::ranges(width, width.div_ceil(longest)) {
            match tile.len() {
                1 => self.tile::<S, 1>(simd, tile.start, activation),
                2 => self.tile::<S, 2>(simd, tile.start, activation),
                3 => self.tile::<S, 3>(simd, tile.start, activation),
                4 => self.tile::<S, 4>(simd, tile.start, activation),
                5 => self.tile::<S, 5>(simd, tile.start, activation),
                6 => self.tile::<S, 6>(simd, tile.start, activation),
                7 => self.tile::<S, 7>(simd, tile.start, activation),
                _ => self.tile::<S, 8>(simd, tile.start, activation),
            }
        }
    }

    #[inline(always)]
    fn tile<S: Simd, const R: usize>(&mut self, simd: S, start: usize, activation: Activation) {
        let (band, weights) = (S::as_simd_f32s(self.band).0, S::as_simd_f32s(self.weights).0);
        let mut sums = [S::as_simd_f32s(self.bias).0[0]; R];
        for down in 0..K {
            let seen = &band[down * self.padded + start * STRIDE..][..(R - 1) * STRIDE + K];
            for right in 0..K {
                let weight = weights[down * K + right];
                for (at, sum) in sums.iter_mut().enumerate() {
                    *sum = simd.mul_add_e_f32s(seen[at * STRIDE + right], weight, *sum);
                }
            }
        }
        let out = &mut S::as_mut_simd_f32s(self.out).0[start..][..R];
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = activation.of(simd, sum);
        }
    }
}
