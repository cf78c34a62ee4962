//! Line buffers: the zero-padded input rows of a few output rows of a depthwise convolution.
//!
//! In an inverted residual block (Sandler et al., "MobileNetV2", 2018) a 1x1 convolution expands the channels and a
//! depthwise convolution reads them. Fused, the expansion computes only these rows and the expanded map, the largest
//! of the network, never goes to memory.

use std::ops::Range;

use pulp::Simd;

use crate::activation::Activation;
use crate::aligned::AlignedVec;
use crate::feature_map::{FeatureMap, Shape};
use crate::gemm::{Epilogue, Gemm, PackedWeights, Tiling};
use crate::simd_level::SimdLevel;
use crate::window::Geometry;

/// The 1x1 convolution before a depthwise one.
pub(crate) struct Expansion {
    pub(crate) weights: PackedWeights,
    /// One per channel.
    pub(crate) bias: AlignedVec,
    pub(crate) activation: Activation,
}

/// Source of the lines that a depthwise convolution reads.
pub(crate) trait LineSource {
    /// Channel blocks that are filled together.
    const BLOCKS: usize;

    /// Fills the missing lines of the buffers of consecutive channel blocks, from `block` on. Blocks from `end` on
    /// belong to other threads.
    fn fill<S: Simd>(
        &self,
        simd: S,
        lines: &Lines,
        block: usize,
        end: usize,
        buffers: &mut [&mut [f32]],
    );
}

/// Which lines a buffer holds: the zero-padded input rows of the windows from an output row on.
pub(crate) struct Lines {
    pub(crate) geometry: Geometry,
    /// Positions per line, padding included.
    pub(crate) padded: usize,
    /// The output row whose window begins at the first line; rows of all images are counted on.
    pub(crate) row: usize,
    /// Lines that are to be filled; those before are kept from the last output rows.
    pub(crate) missing: Range<usize>,
}

impl Lines {
    /// The input row of a line; `None` in the padding.
    #[inline(always)]
    fn row(&self, line: usize) -> Option<usize> {
        let Geometry { window, input: Shape { height, .. }, padding, output } = self.geometry;
        let (image, row) = (self.row / output.height, self.row % output.height);
        let row = (row * window.stride + line).wrapping_sub(padding.0);
        (row < height).then(|| image * height + row)
    }

    /// Input columns that a line holds.
    pub(crate) fn columns(&self) -> usize {
        self.geometry.input.width.min(self.padded - self.geometry.padding.1)
    }

    /// For each missing line outside the padding: the position where it begins in the input map, and in the buffer.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (usize, usize)> {
        self.missing.clone().filter_map(|line| {
            let offset = line * self.padded + self.geometry.padding.1;
            Some((self.row(line)? * self.geometry.input.width, offset))
        })
    }

    /// Writes the padding of the missing lines.
    #[inline(always)]
    pub(crate) fn pad(&self, to: &mut [f32], lanes: usize) {
        let (before, count) = (self.geometry.padding.1 * lanes, self.columns() * lanes);
        for line in self.missing.clone() {
            let to = &mut to[line * self.padded * lanes..][..self.padded * lanes];
            if self.row(line).is_some() {
                to[..before].fill(0.0);
                to[before + count..].fill(0.0);
            } else {
                to.fill(0.0);
            }
        }
    }
}

/// Copies rows of a map.
pub(crate) struct CopyLines<'a>(pub(crate) &'a FeatureMap);

impl LineSource for CopyLines<'_> {
    const BLOCKS: usize = 1;

    #[inline(always)]
    fn fill<S: Simd>(
        &self,
        _: S,
        lines: &Lines,
        block: usize,
        _: usize,
        buffers: &mut [&mut [f32]],
    ) {
        let (map, lanes) = (self.0, S::F32_LANES);
        for (at, to) in buffers.iter_mut().enumerate() {
            let from = &map.as_f32()[(block + at) * map.block_stride()..];
            lines.pad(to, lanes);
            for (start, offset) in lines.rows() {
                let count = lines.columns() * lanes;
                to[offset * lanes..][..count].copy_from_slice(&from[start * lanes..][..count]);
            }
        }
    }
}

/// Computes rows by a 1x1 convolution of a map.
pub(crate) struct ExpandLines<'a> {
    pub(crate) level: SimdLevel,
    pub(crate) map: &'a FeatureMap,
    pub(crate) expansion: &'a Expansion,
}

impl LineSource for ExpandLines<'_> {
    // The micro-kernel then uses each input for two blocks.
    const BLOCKS: usize = 2;

    #[inline(always)]
    fn fill<S: Simd>(
        &self,
        simd: S,
        lines: &Lines,
        block: usize,
        end: usize,
        buffers: &mut [&mut [f32]],
    ) {
        let Self { level, map, expansion } = *self;
        let lanes = S::F32_LANES;
        // The tiling for many positions: tiles of two blocks, which are these buffers.
        let tiling = Tiling::new(usize::MAX, level.accumulators());
        let Expansion { weights, bias, activation } = expansion;
        let epilogue = Epilogue {
            bias: Some(bias.as_slice()),
            add: None,
            activation: *activation,
            prefetch_output: false,
        };
        let after = block + buffers.len();
        let next = weights.blocks(after..(after + 2).min(end.max(after)));
        let ahead = next.len().div_ceil(lines.missing.len().max(1)).max(1);
        for to in buffers.iter_mut() {
            lines.pad(to, lanes);
        }
        for (number, (from, offset)) in lines.rows().enumerate() {
            let mut next = next.chunks(ahead).nth(number).unwrap_or_default();
            for tile in tiling.tiles(lines.columns()) {
                let gemm = Gemm {
                    a: &map.as_f32()[(from + tile.start) * lanes..],
                    a_stride: map.block_stride(),
                    weights,
                    epilogue,
                    block,
                    position: 0,
                    rows: tile.len(),
                    prefetch: std::mem::take(&mut next),
                };
                gemm.run(simd, tiling, buffers, (offset + tile.start) * lanes);
            }
        }
    }
}
