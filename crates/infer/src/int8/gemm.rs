//! Int8 GEMM: quantised packed weights, the requantising epilogue, and the loop over micro-kernels.

use std::ops::Range;

use pulp::bytemuck;
use rayon::prelude::*;

use crate::activation::Activation;
use crate::aligned::AlignedVec;
use crate::feature_map::FeatureMap;
use crate::gemm::Tiling;
use crate::int8::micro_kernel::{GemmOutput, MicroKernel, TileEpilogue};
use crate::int8::scales::QuantParams;
use crate::int8::simd::{Int8Simd, LANES, QUAD, Quad};

/// Accumulator registers of a micro-kernel.
pub(crate) const ACCUMULATORS: usize = 28;

/// Largest K for which sums of products fit an int32.
const MAX_INPUTS: usize = i32::MAX as usize / (255 * 127);

/// Packed int8 weights with a symmetric scale per output channel, in the order in which the micro-kernel reads them: for
/// each output channel block, for each block of 16 inputs, for each tap, up to four quads.
pub(crate) struct PackedWeights {
    data: AlignedVec,
    /// Scale of each output's accumulator.
    scales: Vec<f32>,
    /// What the inputs' zero points contribute to each accumulator.
    zero_point_sums: Vec<f32>,
    input_blocks: usize,
    taps: usize,
    inputs: usize,
}

impl PackedWeights {
    /// Quantises and packs `weight(output, input, tap)`; the scales of the inputs are folded into the weights.
    ///
    /// # Panics
    /// If sums may not fit an int32: for more than 66,000 inputs and taps.
    pub(crate) fn pack(
        outputs: usize,
        quant: &QuantParams,
        (inputs, taps): (usize, usize),
        weight: impl Fn(usize, usize, usize) -> f32 + Sync,
    ) -> Self {
        assert!(inputs * taps <= MAX_INPUTS, "{inputs} inputs, whose sums would not fit 32 bits");
        let blocks = outputs.div_ceil(LANES);
        let input_blocks = inputs.div_ceil(LANES);
        let quads = inputs.div_ceil(QUAD) * taps;
        let mut data = AlignedVec::zeros(blocks * quads * LANES);
        let all: &mut [Quad] = bytemuck::cast_slice_mut(data.as_mut_slice());
        let mut scales = vec![0.0; blocks * LANES];
        let mut zero_point_sums = vec![0.0; blocks * LANES];
        let of_outputs = scales.par_iter_mut().zip(&mut zero_point_sums).chunks(LANES);
        let blocks = all.par_chunks_mut(quads.max(1)).zip(of_outputs).enumerate();
        blocks.for_each(|(block, (all, of_outputs))| {
            let mut folded = vec![0.0; inputs * taps];
            let of_outputs = of_outputs.into_iter().enumerate().take(outputs - block * LANES);
            for (lane, (to_scale, to_sum)) in of_outputs {
                for (input, to) in folded.chunks_exact_mut(taps).enumerate() {
                    let input_scale = quant.scales()[input];
                    for (tap, to) in to.iter_mut().enumerate() {
                        *to = weight(block * LANES + lane, input, tap) * input_scale;
                    }
                }
                let largest = folded.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
                // If all weights are 0, any scale will do.
                let scale = if largest > 0.0 { largest / 127.0 } else { 1.0 };
                *to_scale = scale;
                *to_sum = quantise_weights(&folded, scale, quant, (inputs, taps), all, lane);
            }
        });
        Self { data, scales, zero_point_sums, input_blocks, taps, inputs }
    }

    /// Vectors of 16 inputs per output: steps of the micro-kernel.
    pub(crate) fn steps(&self) -> usize {
        self.input_blocks * self.taps
    }

    /// Inputs of each output (K).
    pub(crate) fn inputs(&self) -> usize {
        self.inputs * self.taps
    }

    /// How many steps at the end are partial, and their quads.
    fn tail(&self) -> (usize, usize) {
        match self.inputs % LANES {
            0 => (0, 0),
            rest => (self.taps, rest.div_ceil(QUAD)),
        }
    }

    /// Weights of a range of blocks, as far as they exist.
    pub(crate) fn blocks(&self, blocks: Range<usize>) -> &[Quad] {
        let all: &[Quad] = bytemuck::cast_slice(self.data.as_slice());
        let len = self.inputs.div_ceil(QUAD) * self.taps;
        &all[(blocks.start * len).min(all.len())..(blocks.end * len).min(all.len())]
    }
}

/// Writes an output's quantised weights into its lane of the quads. Returns what the inputs' zero points contribute to its
/// accumulator.
fn quantise_weights(
    folded: &[f32],
    scale: f32,
    quant: &QuantParams,
    (inputs, taps): (usize, usize),
    quads: &mut [Quad],
    lane: usize,
) -> f32 {
    // Adding and subtracting 3 * 2^22 rounds to the nearest integer, ties to even.
    const ROUND: f32 = (3 << 22) as f32;
    let mut zero_point_sum = 0.0;
    let mut quads = quads.iter_mut();
    for first in (0..inputs).step_by(LANES) {
        let block = first..(first + LANES).min(inputs);
        for tap in 0..taps {
            for (first, quad) in block.clone().step_by(QUAD).zip(&mut quads) {
                for input in first..(first + QUAD).min(block.end) {
                    let q = (folded[input * taps + tap] / scale + ROUND) - ROUND;
                    quad[lane * QUAD + input - first] = q as i8;
                    zero_point_sum += f64::from(q) * f64::from(quant.zero_points()[input]);
                }
            }
        }
    }
    zero_point_sum as f32
}

/// Dequantisation, bias, residual, activation and requantisation of all output channels; see [`TileEpilogue`].
pub(crate) struct Epilogue {
    scale: AlignedVec,
    shift: AlignedVec,
    /// Scale of the residual.
    add_scale: Option<AlignedVec>,
    activation: Activation,
    /// Scale and shift of the requantisation, if the activation does not commute with it.
    out: Option<(AlignedVec, AlignedVec)>,
}

impl Epilogue {
    /// `added`: parameters of the residual; `output`: those of the output, if it is quantised.
    pub(crate) fn new(
        weights: &PackedWeights,
        bias: &[f32],
        activation: Activation,
        added: Option<&QuantParams>,
        output: Option<&QuantParams>,
    ) -> Self {
        let channels = bias.len().next_multiple_of(LANES);
        let is_clamp = activation.is_clamp();
        let per_channel = |value: &dyn Fn(usize) -> f32| {
            let mut all = AlignedVec::zeros(channels);
            all.as_mut_slice()[..bias.len()]
                .iter_mut()
                .enumerate()
                .for_each(|(channel, to)| *to = value(channel));
            all
        };
        // Requantisation is folded into scale and shift if the activation allows it.
        let inverse_scale = |channel: usize| match output {
            Some(quant) if is_clamp => quant.inverse_scales()[channel],
            _ => 1.0,
        };
        let zero_point = |channel: usize| match output {
            Some(quant) if is_clamp => quant.zero_points()[channel],
            _ => 0.0,
        };
        let scale = per_channel(&|channel| weights.scales[channel] * inverse_scale(channel));
        let shift = per_channel(&|channel| {
            let sum = bias[channel] - weights.zero_point_sums[channel] * weights.scales[channel];
            let add = added.map_or(0.0, |add| add.zero_points()[channel] * add.scales()[channel]);
            (sum - add) * inverse_scale(channel) + zero_point(channel)
        });
        let add_scale =
            added.map(|add| per_channel(&|channel| add.scales()[channel] * inverse_scale(channel)));
        let out = output.filter(|_| !is_clamp).map(|quant| {
            (per_channel(&|c| quant.inverse_scales()[c]), per_channel(&|c| quant.zero_points()[c]))
        });
        Self { scale, shift, add_scale, activation, out }
    }
}

fn vector(values: &AlignedVec, block: usize) -> &[f32; LANES] {
    &values.as_slice().as_chunks().0[block]
}

/// Offsets of a map's channel blocks, in quads: the steps of a 1x1 convolution.
pub(crate) fn block_offsets(map: &FeatureMap) -> Vec<usize> {
    let blocks = map.shape.channels.div_ceil(LANES);
    (0..blocks).map(|block| block * map.block_stride() / QUAD).collect()
}

/// The product of a few positions with some channel blocks.
pub(crate) struct Gemm<'a> {
    /// Uint8 inputs, four to an element.
    pub(crate) a: &'a [u32],
    /// For each step, the offset of its vectors in `a`.
    pub(crate) offsets: &'a [usize],
    pub(crate) weights: &'a PackedWeights,
    pub(crate) epilogue: &'a Epilogue,
    /// Residual: a map of the output's shape, and its block stride.
    pub(crate) add: Option<(&'a [u8], usize)>,
    /// First channel block.
    pub(crate) block: usize,
    /// First position in the output map, for the residual.
    pub(crate) position: usize,
    pub(crate) rows: usize,
    /// Weights to prefetch.
    pub(crate) prefetch: &'a [Quad],
}

impl Gemm<'_> {
    /// Computes as many blocks as there are `outs`, each from its `start` on.
    #[inline(always)]
    pub(crate) fn run<I: Int8Simd, T: GemmOutput>(
        &self,
        isa: I,
        tiling: Tiling,
        outs: &mut [&mut [[T; LANES]]],
        start: usize,
    ) {
        if !I::REGISTER_TILES {
            // One tile size keeps compile times short.
            for (at, out) in outs.iter_mut().enumerate() {
                for row in 0..self.rows {
                    let one = Self {
                        a: &self.a[row * (LANES / QUAD)..],
                        position: self.position + row,
                        ..*self
                    };
                    one.micro_kernel::<I, T, 1, 1>(
                        isa,
                        self.block + at,
                        std::slice::from_mut(out),
                        start + row,
                    );
                }
            }
            return;
        }
        let (mut block, mut rest) = (self.block, outs);
        while !rest.is_empty() {
            let count = [8, 4, 2].into_iter().find(|&n| n <= tiling.blocks.min(rest.len()));
            let (now, later) = rest.split_at_mut(count.unwrap_or(1));
            self.tile(isa, block, now, start);
            block += now.len();
            rest = later;
        }
    }

    #[inline(always)]
    fn tile<I: Int8Simd, T: GemmOutput>(
        &self,
        isa: I,
        block: usize,
        outs: &mut [&mut [[T; LANES]]],
        start: usize,
    ) {
        macro_rules! by_rows {
            ($blocks:literal: $($rows:literal)*) => {
                match self.rows {
                    $($rows => self.micro_kernel::<I, T, $rows, $blocks>(isa, block, outs, start),)*
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
    fn micro_kernel<I: Int8Simd, T: GemmOutput, const MR: usize, const NB: usize>(
        &self,
        isa: I,
        block: usize,
        outs: &mut [&mut [[T; LANES]]],
        start: usize,
    ) {
        let outs: &mut [&mut [[T; LANES]]; NB] =
            outs.try_into().expect("as many as there are blocks");
        let blocks: [usize; NB] = std::array::from_fn(|at| block + at);
        let Epilogue { scale, shift, add_scale, activation, out } = self.epilogue;
        let epilogue = TileEpilogue {
            scale: blocks.map(|block| vector(scale, block)),
            shift: blocks.map(|block| vector(shift, block)),
            add: self.add.zip(add_scale.as_ref()).map(|((add, stride), scale)| {
                blocks.map(|block| {
                    let from = block * stride + self.position * LANES;
                    (&add[from..][..MR * LANES], vector(scale, block))
                })
            }),
            activation: *activation,
            out: out.as_ref().map(|(scale, shift)| {
                blocks.map(|block| (vector(scale, block), vector(shift, block)))
            }),
        };
        isa.run(MicroKernel::<T, MR, NB> {
            a: self.a,
            offsets: self.offsets,
            tail: self.weights.tail(),
            w: blocks.map(|block| self.weights.blocks(block..block + 1)),
            epilogue,
            prefetch: self.prefetch,
            out: outs.each_mut().map(|out| &mut out[start..][..MR]),
        });
    }
}
