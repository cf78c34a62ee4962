//! Depthwise convolutions, computed directly from line buffers, a few rows at a time.

use std::ops::Range;

use pulp::{Simd, WithSimd};

use crate::activation::Activation;
use crate::aligned::{AlignedVec, Scratch};
use crate::direct_weights::DirectWeights;
use crate::feature_map::Shape;
use crate::line_buffer::{LineSource, Lines};
use crate::micro_kernel::is_scalar_fallback;
use crate::window::Geometry;

/// Elements of a line buffer, so that it stays in a core's second-level cache.
const BUFFER_LEN: usize = 1 << 15;

/// Largest tile: neighbouring positions accumulated in registers.
const MAX_TILE: usize = 8;

/// Destination of output rows.
pub(crate) trait OutputRows {
    /// Memory for a row of the thread's `at`-th block; `elements` is its range in the block.
    fn row(&mut self, at: usize, elements: Range<usize>) -> &mut [f32];

    /// Called when the row at these positions is written.
    fn done(&mut self, at: usize, positions: Range<usize>);
}

/// Rows of an f32 map.
pub(crate) struct FloatRows<'a>(pub(crate) Vec<&'a mut [f32]>);

impl OutputRows for FloatRows<'_> {
    #[inline(always)]
    fn row(&mut self, at: usize, elements: Range<usize>) -> &mut [f32] {
        &mut self.0[at][elements]
    }

    #[inline(always)]
    fn done(&mut self, _: usize, _: Range<usize>) {}
}

/// A depthwise convolution, by one thread.
pub(crate) struct Depthwise<'a, L, R> {
    pub(crate) source: L,
    pub(crate) geometry: Geometry,
    pub(crate) kernels: &'a DirectWeights,
    pub(crate) activation: Activation,
    pub(crate) blocks: Range<usize>,
    /// Whole rows.
    pub(crate) positions: Range<usize>,
    pub(crate) rows: R,
    pub(crate) scratch: &'a mut Scratch,
}

impl<L: LineSource, R: OutputRows> WithSimd for Depthwise<'_, L, R> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let window = self.geometry.window;
        match (window.side, window.stride) {
            (3, 1) => simd.vectorize(Sized::<L, R, 3, 1>(self)),
            (3, 2) => simd.vectorize(Sized::<L, R, 3, 2>(self)),
            (5, 1) => simd.vectorize(Sized::<L, R, 5, 1>(self)),
            (5, 2) => simd.vectorize(Sized::<L, R, 5, 2>(self)),
            (side, stride) => unreachable!("a depthwise kernel of {side} in steps of {stride}"),
        }
    }
}

struct Sized<'a, L, R, const K: usize, const STRIDE: usize>(Depthwise<'a, L, R>);

impl<'a, L: LineSource, R: OutputRows, const K: usize, const STRIDE: usize> WithSimd
    for Sized<'a, L, R, K, STRIDE>
{
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Depthwise {
            source,
            geometry,
            kernels,
            activation,
            blocks,
            positions,
            mut rows,
            scratch,
        } = self.0;
        let Shape { height, width, .. } = geometry.output;
        // Positions that the windows of an output row cover.
        let padded = (width - 1) * STRIDE + K;
        let vectors = padded * S::F32_LANES;
        let rows_cached = ((BUFFER_LEN / vectors).saturating_sub(K) / STRIDE).clamp(1, height);
        let out_rows = positions.start / width..positions.end / width;
        let buffer_len = ((rows_cached - 1) * STRIDE + K) * vectors;
        let buffers = scratch.get(buffer_len * L::BLOCKS);
        let mut buffers: Vec<&mut [f32]> = buffers.chunks_exact_mut(buffer_len).collect();
        let taps = K * K;
        for block in blocks.clone().step_by(L::BLOCKS) {
            let together = L::BLOCKS.min(blocks.end - block);
            let buffers = &mut buffers[..together];
            let (mut row, mut kept) = (out_rows.start, 0);
            while row < out_rows.end {
                let image_end = (row / height + 1) * height;
                let end = (row + rows_cached).min(out_rows.end).min(image_end);
                let line_count = (end - row - 1) * STRIDE + K;
                let lines = Lines { geometry, padded, row, missing: kept..line_count };
                source.fill(simd, &lines, block, blocks.end, buffers);
                for (at, buffer) in buffers.iter().enumerate() {
                    let lanes = S::F32_LANES;
                    let of_block = |all: &'a AlignedVec, count: usize| {
                        &all.as_slice()[(block + at) * count * lanes..][..count * lanes]
                    };
                    let weights = of_block(&kernels.weights, taps);
                    let bias = of_block(&kernels.bias, 1);
                    let at = block + at - blocks.start;
                    for line in 0..end - row {
                        let input = &buffer[line * STRIDE * vectors..][..K * vectors];
                        let start = (row + line - out_rows.start) * width;
                        let out = rows.row(at, start * lanes..(start + width) * lanes);
                        let work =
                            Line::<K, STRIDE> { input, padded, weights, bias, activation, out };
                        simd.vectorize(work);
                        rows.done(at, start..start + width);
                    }
                }
                // The next output rows read the last lines again.
                kept = if end < image_end { K - STRIDE } else { 0 };
                for buffer in buffers.iter_mut() {
                    buffer.copy_within((line_count - kept) * vectors..line_count * vectors, 0);
                }
                row = end;
            }
        }
    }
}

/// An output row; compiled once for all line sources.
struct Line<'a, const K: usize, const STRIDE: usize> {
    /// `K` zero-padded input rows.
    input: &'a [f32],
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
            Activation::Relu6 => self.run(simd, Activation::Relu6),
            Activation::HardSwish => self.run(simd, Activation::HardSwish),
            Activation::HardSigmoid => self.run(simd, Activation::HardSigmoid),
        }
    }
}

impl<const K: usize, const STRIDE: usize> Line<'_, K, STRIDE> {
    #[inline(always)]
    fn run<S: Simd>(mut self, simd: S, activation: Activation) {
        let width = self.out.len() / S::F32_LANES;
        if is_scalar_fallback::<S>() {
            (0..width).for_each(|at| self.tile::<S, 1>(simd, at, activation));
            return;
        }
        // AVX2 has 16 registers only.
        let max_tile = if S::F32_LANES == 8 { MAX_TILE / 2 } else { MAX_TILE };
        for tile in crate::feature_map::split_evenly(width, width.div_ceil(max_tile)) {
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
        let (lines, weights) = (S::as_simd_f32s(self.input).0, S::as_simd_f32s(self.weights).0);
        let mut sums = [S::as_simd_f32s(self.bias).0[0]; R];
        for down in 0..K {
            let input = &lines[down * self.padded + start * STRIDE..][..(R - 1) * STRIDE + K];
            for right in 0..K {
                let weight = weights[down * K + right];
                for (at, sum) in sums.iter_mut().enumerate() {
                    *sum = simd.mul_add_e_f32s(input[at * STRIDE + right], weight, *sum);
                }
            }
        }
        let out = &mut S::as_mut_simd_f32s(self.out).0[start..][..R];
        for (out, sum) in out.iter_mut().zip(sums) {
            *out = activation.apply(simd, sum);
        }
    }
}
