//! f32 GEMM: packed weights, tiling, epilogue, and the loop over micro-kernels.

use std::ops::Range;

use pulp::Simd;

use crate::activation::Activation;
use crate::aligned::AlignedVec;
use crate::micro_kernel::{Depth, MicroKernel, TileEpilogue, is_scalar_fallback};

/// Packed weights (the B panels of GEMM), in the order in which the micro-kernel reads them: for each output channel
/// block, for each input, a vector.
pub(crate) struct PackedWeights {
    data: AlignedVec,
    pub(crate) depth: Depth,
    inputs: usize,
    lanes: usize,
}

impl PackedWeights {
    /// Packs `weight(output, input, tap)`. Inputs come in blocks of `lanes`, the last perhaps shorter; each block is
    /// read once per tap.
    pub(crate) fn pack(
        lanes: usize,
        outputs: usize,
        inputs: usize,
        taps: usize,
        weight: impl Fn(usize, usize, usize) -> f32,
    ) -> Self {
        let tail = inputs % lanes;
        let depth = Depth {
            steps: inputs.div_ceil(lanes) * taps,
            tail_steps: if tail > 0 { taps } else { 0 },
            tail,
        };
        let blocks = outputs.div_ceil(lanes);
        let mut data = AlignedVec::zeros(blocks * inputs * taps * lanes);
        let mut vectors = data.as_mut_slice().chunks_exact_mut(lanes);
        for block in 0..blocks {
            let outputs = block * lanes..((block + 1) * lanes).min(outputs);
            for first in (0..inputs).step_by(lanes) {
                for tap in 0..taps {
                    let inputs = first..(first + lanes).min(inputs);
                    for (input, to) in inputs.zip(&mut vectors) {
                        for (output, to) in outputs.clone().zip(to) {
                            *to = weight(output, input, tap);
                        }
                    }
                }
            }
        }
        Self { data, depth, inputs: inputs * taps, lanes }
    }

    /// Weights of a range of blocks, as far as they exist.
    pub(crate) fn blocks(&self, blocks: Range<usize>) -> &[f32] {
        let (len, all) = (self.inputs * self.lanes, self.data.as_slice());
        &all[(blocks.start * len).min(all.len())..(blocks.end * len).min(all.len())]
    }

    fn block(&self, block: usize) -> &[f32] {
        let len = self.inputs * self.lanes;
        &self.data.as_slice()[block * len..][..len]
    }

    /// Inputs of each output (K).
    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }
}

/// Size of a tile: positions by channel blocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tiling {
    pub(crate) rows: usize,
    pub(crate) blocks: usize,
}

impl Tiling {
    /// For `positions` positions and this many accumulator registers. Additions have a latency, so as many accumulators
    /// as possible are used: few positions leave registers for more blocks.
    pub(crate) fn new(positions: usize, accumulators: usize) -> Self {
        let rows = |blocks: usize| (accumulators / blocks).min(MAX_ROWS[blocks.ilog2() as usize]);
        let blocks = [8, 4].into_iter().find(|&blocks| rows(blocks) >= positions).unwrap_or(2);
        Self { rows: rows(blocks), blocks }
    }

    /// Splits positions into tiles of about equal size.
    pub(crate) fn tiles(self, positions: usize) -> impl Iterator<Item = Range<usize>> + Clone {
        crate::feature_map::split_evenly(positions, positions.div_ceil(self.rows))
    }
}

/// Largest number of positions of a tile, by the logarithm of its blocks.
const MAX_ROWS: [usize; 4] = [14, 14, 6, 3];

/// What is fused behind a product: bias, residual, activation.
#[derive(Clone, Copy)]
pub(crate) struct Epilogue<'a> {
    /// One per channel.
    pub(crate) bias: Option<&'a [f32]>,
    /// Residual: a map of the output's shape, and its block stride.
    pub(crate) add: Option<(&'a [f32], usize)>,
    pub(crate) activation: Activation,
    /// Whether to prefetch the output, because it is not in the cache.
    pub(crate) prefetch_output: bool,
}

/// The product of a few positions with some channel blocks.
pub(crate) struct Gemm<'a> {
    /// A vector per position; `a_stride` elements from input block to input block.
    pub(crate) a: &'a [f32],
    pub(crate) a_stride: usize,
    pub(crate) weights: &'a PackedWeights,
    pub(crate) epilogue: Epilogue<'a>,
    /// First channel block.
    pub(crate) block: usize,
    /// First position in the output map, for the residual.
    pub(crate) position: usize,
    pub(crate) rows: usize,
    /// Weights to prefetch.
    pub(crate) prefetch: &'a [f32],
}

impl Gemm<'_> {
    /// Computes as many blocks as there are `outs`, each from its `start` on.
    #[inline(always)]
    pub(crate) fn run<S: Simd>(
        &self,
        simd: S,
        tiling: Tiling,
        outs: &mut [&mut [f32]],
        start: usize,
    ) {
        if is_scalar_fallback::<S>() {
            let lanes = S::F32_LANES;
            for (at, out) in outs.iter_mut().enumerate() {
                let out = std::slice::from_mut(out);
                for row in 0..self.rows {
                    let (a, position) = (&self.a[row * lanes..], self.position + row);
                    let one = Self { a, position, ..*self };
                    one.micro_kernel::<S, 1, 1>(simd, self.block + at, out, start + row * lanes);
                }
            }
            return;
        }
        let (mut block, mut rest) = (self.block, outs);
        while !rest.is_empty() {
            let count = [8, 4, 2].into_iter().find(|&n| n <= tiling.blocks.min(rest.len()));
            let (now, later) = rest.split_at_mut(count.unwrap_or(1));
            self.tile(simd, block, now, start);
            block += now.len();
            rest = later;
        }
    }

    #[inline(always)]
    fn tile<S: Simd>(&self, simd: S, block: usize, outs: &mut [&mut [f32]], start: usize) {
        macro_rules! by_rows {
            ($blocks:literal: $($rows:literal)*) => {
                match self.rows {
                    $($rows => self.micro_kernel::<S, $rows, $blocks>(simd, block, outs, start),)*
                    rows => unreachable!("a tile of {rows} by {}", $blocks),
                }
            };
        }
        match outs.len() {
            1 => by_rows!(1: 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
            2 => by_rows!(2: 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
            4 => by_rows!(4: 1 2 3 4 5 6),
            _ => by_rows!(8: 1 2 3),
        }
    }

    #[inline(always)]
    fn micro_kernel<S: Simd, const MR: usize, const NB: usize>(
        &self,
        simd: S,
        block: usize,
        outs: &mut [&mut [f32]],
        start: usize,
    ) {
        let (lanes, len) = (S::F32_LANES, MR * S::F32_LANES);
        let outs: &mut [&mut [f32]; NB] = outs.try_into().expect("as many as there are blocks");
        let Epilogue { bias, add, activation, prefetch_output } = self.epilogue;
        let blocks: [usize; NB] = std::array::from_fn(|at| block + at);
        let epilogue = TileEpilogue {
            bias: bias.map(|bias| blocks.map(|block| &bias[block * lanes..][..lanes])),
            add: add.map(|(add, plane)| {
                blocks.map(|block| &add[block * plane + self.position * lanes..][..len])
            }),
            activation,
            prefetch_output,
        };
        simd.vectorize(MicroKernel::<MR, NB> {
            a: self.a,
            a_stride: self.a_stride,
            depth: self.weights.depth,
            w: blocks.map(|block| self.weights.block(block)),
            epilogue,
            prefetch: self.prefetch,
            out: outs.each_mut().map(|out| &mut out[start..][..len]),
        });
    }
}
