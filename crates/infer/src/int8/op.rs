//! Operators with uint8 inputs, and how their work is shared among threads.

use std::ops::Range;

use pulp::WithSimd as _;

use crate::activation::Activation;
use crate::aligned::Scratch;
use crate::depthwise::{Depthwise, FloatRows, OutputRows};
use crate::direct_weights::DirectWeights;
use crate::feature_map::{FeatureMap, OutputPart, Shape};
use crate::int8::conv::{ConvInput, Convolve};
use crate::int8::depthwise::{DequantiseLines, ExpandLines, Expansion, QuantiseRows};
use crate::int8::gemm::{Epilogue, PackedWeights, block_offsets};
use crate::int8::micro_kernel::GemmOutput;
use crate::int8::pool::{GlobalAveragePool, MaxPool};
use crate::int8::scales::QuantParams;
use crate::int8::simd::{Int8Simd, LANES, WithInt8Simd};
use crate::line_buffer::LineSource;
use crate::parallel::{Split, WEIGHT_BOUND_POSITIONS, for_each_part, split};
use crate::simd_level::SimdLevel;
use crate::window::Geometry;

/// An operator with a uint8 input.
pub(crate) enum Int8Op {
    Convolve {
        weights: PackedWeights,
        epilogue: Epilogue,
        /// Quantisation parameters of the input, if it is f32 and quantised by the operator.
        input: Option<QuantParams>,
    },
    Depthwise {
        expansion: Option<Expansion>,
        kernels: DirectWeights,
    },
    MaxPool,
    GlobalAveragePool,
}

/// What an operator reads, and the number of threads.
pub(crate) struct Int8Context<'a> {
    pub(crate) level: SimdLevel,
    pub(crate) threads: usize,
    pub(crate) geometry: Geometry,
    /// The network's input, NCHW.
    pub(crate) photos: &'a [f32],
    /// The operator's input and its quantisation parameters; `None` for the network's input.
    pub(crate) from: Option<(&'a FeatureMap, Option<&'a QuantParams>)>,
    pub(crate) gate: Option<&'a FeatureMap>,
    pub(crate) add: Option<&'a FeatureMap>,
    pub(crate) activation: Activation,
    /// Quantisation parameters of the output; `None` if it is f32.
    pub(crate) quant: Option<&'a QuantParams>,
}

impl<'a> Int8Context<'a> {
    fn map(&self) -> &'a FeatureMap {
        self.from.expect("a map").0
    }

    fn input_quant(&self) -> &'a QuantParams {
        self.from.and_then(|(_, quant)| quant).expect("a uint8 map")
    }

    /// Splits an output among threads. Int8 multiply-accumulates take about half as long as f32 ones.
    fn split(&self, shape: Shape, macs: usize, prefer_blocks: bool, whole_rows: bool) -> Split {
        let blocks = shape.channels.div_ceil(LANES);
        let width = if whole_rows { shape.width } else { 1 };
        let rows = shape.positions() / width;
        let (blocks, rows) = split(self.threads, macs / 2, blocks, rows, prefer_blocks);
        (blocks, rows.iter().map(|rows| rows.start * width..rows.end * width).collect())
    }
}

impl Int8Op {
    pub(crate) fn run(&self, context: &Int8Context, out: &mut FeatureMap) {
        let Int8Context { geometry, .. } = *context;
        let shape = out.shape;
        match self {
            Self::Convolve { weights, epilogue, input } => {
                let input = match (input, context.from) {
                    (Some(quant), None) => ConvInput::Photos(context.photos, quant),
                    (Some(quant), Some((map, _))) => ConvInput::Float(map, context.gate, quant),
                    (None, _) => ConvInput::Quantised(context.map(), context.input_quant()),
                };
                let positions = shape.positions().max(WEIGHT_BOUND_POSITIONS);
                let macs = positions * shape.channels * weights.inputs();
                let weight_len = shape.channels * weights.inputs();
                let input_len = geometry.input.channels * geometry.input.positions();
                let (blocks, positions) =
                    context.split(shape, macs, weight_len > input_len, input.is_by_rows(geometry));
                let conv = Convolution { geometry, input, weights, epilogue, add: context.add };
                match context.quant {
                    Some(_) => conv.run(context, out.u8_parts(&blocks, &positions)),
                    None => conv.run(context, out.parts(&blocks, &positions)),
                }
            }
            Self::Depthwise { expansion, kernels } => {
                let map = context.map();
                let expansion_macs = expansion.as_ref().map_or(0, |expansion| {
                    map.shape.positions() * shape.channels * expansion.weights.inputs() / 4
                });
                let macs =
                    shape.positions() * shape.channels * geometry.window.taps() + expansion_macs;
                let (blocks, positions) = context.split(shape, 2 * macs, true, true);
                let (expansion, offsets) = (expansion.as_ref(), &block_offsets(map)[..]);
                let conv = DepthwiseConvolution { context, expansion, kernels, offsets };
                let run = |part, scratch: &mut Scratch| {
                    context.level.run_int8(DepthwisePart { conv: &conv, part, scratch });
                };
                match context.quant {
                    Some(quant) => {
                        for_each_part(out.u8_parts(&blocks, &positions), |part, scratch| {
                            run(Destination::Quantised(part, quant), scratch);
                        });
                    }
                    None => for_each_part(out.parts(&blocks, &positions), |part, scratch| {
                        run(Destination::Float(part), scratch);
                    }),
                }
            }
            Self::MaxPool => {
                let map = context.map();
                let macs = shape.positions() * shape.channels * geometry.window.taps();
                let (blocks, positions) = context.split(shape, macs, true, true);
                for_each_part(out.u8_parts(&blocks, &positions), |part, _| {
                    context.level.run_int8(MaxPool { map, geometry, part });
                });
            }
            Self::GlobalAveragePool => {
                let (map, quant) = (context.map(), context.input_quant());
                let macs = map.shape.positions() * shape.channels;
                let (blocks, positions) = context.split(shape, macs, true, false);
                for_each_part(out.parts(&blocks, &positions), |part, _| {
                    context.level.run_int8(GlobalAveragePool { map, quant, part });
                });
            }
        }
    }
}

/// A dense convolution.
struct Convolution<'a> {
    geometry: Geometry,
    input: ConvInput<'a>,
    weights: &'a PackedWeights,
    epilogue: &'a Epilogue,
    add: Option<&'a FeatureMap>,
}

impl Convolution<'_> {
    fn run<T: GemmOutput + Sync + pulp::bytemuck::Pod>(
        &self,
        context: &Int8Context,
        parts: Vec<OutputPart<'_, T>>,
    ) {
        let Self { geometry, input, weights, epilogue, add } = *self;
        for_each_part(parts, |part, scratch| {
            let work = Convolve { input, geometry, weights, epilogue, add, part, scratch };
            context.level.run_int8(work);
        });
    }
}

/// A depthwise convolution.
struct DepthwiseConvolution<'a> {
    context: &'a Int8Context<'a>,
    expansion: Option<&'a Expansion>,
    kernels: &'a DirectWeights,
    offsets: &'a [usize],
}

/// The part of an output that one thread writes, by its element type.
enum Destination<'a> {
    Float(OutputPart<'a, f32>),
    Quantised(OutputPart<'a, u8>, &'a QuantParams),
}

struct DepthwisePart<'a> {
    conv: &'a DepthwiseConvolution<'a>,
    part: Destination<'a>,
    scratch: &'a mut Scratch,
}

impl WithInt8Simd for DepthwisePart<'_> {
    type Output = ();

    #[inline(always)]
    fn with_int8_simd<I: Int8Simd>(self, isa: I) {
        let Self { conv, part, scratch } = self;
        let map = conv.context.map();
        match conv.expansion {
            Some(expansion) => {
                let source = ExpandLines { isa, map, expansion, offsets: conv.offsets };
                conv.run_part(isa, source, part, scratch);
            }
            None => {
                let quant = conv.context.input_quant();
                conv.run_part(isa, DequantiseLines { isa, map, quant }, part, scratch);
            }
        }
    }
}

impl DepthwiseConvolution<'_> {
    #[inline(always)]
    fn run_part<I: Int8Simd, L: LineSource>(
        &self,
        isa: I,
        source: L,
        part: Destination,
        scratch: &mut Scratch,
    ) {
        match part {
            Destination::Float(OutputPart { blocks, positions, outs }) => {
                self.run_rows(isa, source, (blocks, positions), FloatRows(outs), scratch);
            }
            Destination::Quantised(OutputPart { blocks, positions, outs }, quant) => {
                let mut buffer = vec![0.0; self.context.geometry.output.width * LANES];
                let buffer = &mut buffer[..];
                let rows = QuantiseRows { isa, quant, block: blocks.start, outs, buffer };
                self.run_rows(isa, source, (blocks, positions), rows, scratch);
            }
        }
    }

    #[inline(always)]
    fn run_rows<I: Int8Simd, L: LineSource, R: OutputRows>(
        &self,
        isa: I,
        source: L,
        (blocks, positions): (Range<usize>, Range<usize>),
        rows: R,
        scratch: &mut Scratch,
    ) {
        let Int8Context { geometry, activation, .. } = *self.context;
        let kernels = self.kernels;
        let work =
            Depthwise { source, geometry, kernels, activation, blocks, positions, rows, scratch };
        work.with_simd(isa.simd());
    }
}
