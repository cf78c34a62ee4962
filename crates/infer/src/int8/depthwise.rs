//! Depthwise convolutions of uint8 maps: line buffers are dequantised, output rows requantised, and the convolution itself
//! is that of [`crate::depthwise`] in f32.

use std::ops::Range;

use pulp::{Simd, bytemuck};

use crate::depthwise::OutputRows;
use crate::feature_map::FeatureMap;
use crate::gemm::Tiling;
use crate::int8::gemm::{ACCUMULATORS, Epilogue, Gemm, PackedWeights};
use crate::int8::scales::QuantParams;
use crate::int8::simd::{Int8Simd, LANES, QUAD};
use crate::line_buffer::{LineSource, Lines};

/// The int8 1x1 convolution before a depthwise one, with f32 output.
pub(crate) struct Expansion {
    pub(crate) weights: PackedWeights,
    pub(crate) epilogue: Epilogue,
}

/// Dequantises rows of a map.
pub(crate) struct DequantiseLines<'a, I> {
    pub(crate) isa: I,
    pub(crate) map: &'a FeatureMap,
    pub(crate) quant: &'a QuantParams,
}

impl<I: Int8Simd> LineSource for DequantiseLines<'_, I> {
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
        let positions = self.map.shape.positions();
        for (at, to) in buffers.iter_mut().enumerate() {
            let from = &self.map.as_u8().as_chunks().0[(block + at) * positions..];
            lines.pad(to, LANES);
            let to = I::Simd::as_mut_simd_f32s(to).0;
            for (start, offset) in lines.rows() {
                let count = lines.columns();
                let (from, to) = (&from[start..][..count], &mut to[offset..][..count]);
                self.quant.dequantise(self.isa, block + at, from, to);
            }
        }
    }
}

/// Computes rows by an int8 1x1 convolution of a map.
pub(crate) struct ExpandLines<'a, I> {
    pub(crate) isa: I,
    pub(crate) map: &'a FeatureMap,
    pub(crate) expansion: &'a Expansion,
    /// The map's [`block_offsets`](crate::int8::gemm::block_offsets).
    pub(crate) offsets: &'a [usize],
}

impl<I: Int8Simd> LineSource for ExpandLines<'_, I> {
    const BLOCKS: usize = 2;

    #[inline(always)]
    fn fill<S: Simd>(
        &self,
        _: S,
        lines: &Lines,
        block: usize,
        end: usize,
        buffers: &mut [&mut [f32]],
    ) {
        let Expansion { weights, epilogue } = self.expansion;
        // The tiling for many positions: tiles of two blocks, which are these buffers.
        let tiling = Tiling::new(usize::MAX, ACCUMULATORS);
        let after = block + buffers.len();
        let mut next = weights.blocks(after..(after + 2).min(end.max(after)));
        for to in buffers.iter_mut() {
            lines.pad(to, LANES);
        }
        let a: &[u32] = bytemuck::cast_slice(self.map.as_u8());
        let mut outs: Vec<&mut [[f32; LANES]]> =
            buffers.iter_mut().map(|buffer| buffer.as_chunks_mut().0).collect();
        for (from, offset) in lines.rows() {
            for tile in tiling.tiles(lines.columns()) {
                let gemm = Gemm {
                    a: &a[(from + tile.start) * (LANES / QUAD)..],
                    offsets: self.offsets,
                    weights,
                    epilogue,
                    add: None,
                    block,
                    position: 0,
                    rows: tile.len(),
                    prefetch: std::mem::take(&mut next),
                };
                gemm.run(self.isa, tiling, &mut outs, offset + tile.start);
            }
        }
    }
}

/// Quantises output rows.
pub(crate) struct QuantiseRows<'a, I> {
    pub(crate) isa: I,
    pub(crate) quant: &'a QuantParams,
    /// Channel block of the first of `outs`.
    pub(crate) block: usize,
    pub(crate) outs: Vec<&'a mut [u8]>,
    /// A row in f32.
    pub(crate) buffer: &'a mut [f32],
}

impl<I: Int8Simd> OutputRows for QuantiseRows<'_, I> {
    #[inline(always)]
    fn row(&mut self, _: usize, elements: Range<usize>) -> &mut [f32] {
        &mut self.buffer[..elements.len()]
    }

    #[inline(always)]
    fn done(&mut self, at: usize, positions: Range<usize>) {
        let from = &I::Simd::as_simd_f32s(self.buffer).0[..positions.len()];
        let to = &mut self.outs[at].as_chunks_mut().0[positions];
        self.quant.quantise(self.isa, self.block + at, from, to);
    }
}
