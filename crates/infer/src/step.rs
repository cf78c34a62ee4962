//! A step of a plan: a layer with everything that is fused into it, and how its work is shared among threads.

use std::ops::Range;

use crate::activation::Activation;
use crate::aligned::{AlignedVec, take_buffer};
use crate::conv::{self, ConvInput};
use crate::depthwise::{Depthwise, FloatRows};
use crate::direct_weights::DirectWeights;
use crate::feature_map::{FeatureMap, OutputPart, Shape};
use crate::gemm::{Epilogue, PackedWeights};
use crate::int8::op::{Int8Context, Int8Op};
use crate::int8::quantise_map::QuantiseMap;
use crate::int8::scales::QuantParams;
use crate::line_buffer::{CopyLines, ExpandLines, Expansion};
use crate::parallel::{WEIGHT_BOUND_POSITIONS, for_each_part, parts_by_rows, split, split_rows};
use crate::pool::{GlobalAveragePool, MaxPool};
use crate::simd_level::SimdLevel;
use crate::stem;
use crate::tensor_id::TensorId;
use crate::window::{Geometry, Window};
use crate::winograd::{self, WinogradWeights};

/// The operator of a step.
pub(crate) enum Op {
    Stem(DirectWeights),
    Convolve {
        weights: PackedWeights,
        bias: AlignedVec,
    },
    Winograd {
        weights: WinogradWeights,
        bias: AlignedVec,
    },
    Depthwise {
        expansion: Option<Expansion>,
        kernels: DirectWeights,
    },
    MaxPool,
    GlobalAveragePool,
    /// An operator with a uint8 input.
    Int8(Box<Int8Op>),
}

/// A step of a plan. Step `i` writes tensor `i + 1`.
pub(crate) struct Step {
    pub(crate) op: Op,
    pub(crate) window: Window,
    pub(crate) from: TensorId,
    pub(crate) gate: Option<TensorId>,
    pub(crate) add: Option<TensorId>,
    pub(crate) activation: Activation,
    pub(crate) channels: usize,
}

/// What a step reads, and the number of threads.
pub(crate) struct RunContext<'a> {
    pub(crate) level: SimdLevel,
    pub(crate) threads: usize,
    /// The network's input, NCHW.
    pub(crate) input: &'a [f32],
    /// The tensors of earlier steps, as far as later ones read them; `None` for the input.
    pub(crate) maps: &'a [Option<FeatureMap>],
    /// For each tensor, its quantisation parameters; `None` for f32 tensors.
    pub(crate) quant: &'a [Option<QuantParams>],
}

impl Step {
    /// Computes the step's tensor, in buffers taken from the spare ones.
    pub(crate) fn run(
        &self,
        context: &RunContext,
        tensor: TensorId,
        geometry: Geometry,
        shape: Shape,
        spare: &mut Vec<AlignedVec>,
    ) -> FeatureMap {
        let RunContext { level, threads, .. } = *context;
        let (lanes, len) = (level.lanes(), FeatureMap::len(shape, level.lanes()));
        let mut new_map = |len: usize| FeatureMap { shape, lanes, data: take_buffer(spare, len) };
        let Some(quant) = &context.quant[tensor.0] else {
            let mut map = new_map(len);
            self.compute(context, None, geometry, &mut map);
            return map;
        };
        let mut quantised = new_map(len / size_of::<f32>());
        if matches!(self.op, Op::Int8(_)) {
            self.compute(context, Some(quant), geometry, &mut quantised);
            return quantised;
        }
        let mut map = new_map(len);
        self.compute(context, None, geometry, &mut map);
        let blocks = shape.channels.div_ceil(lanes);
        let (blocks, positions) = split_rows(&map, threads, len, blocks, false);
        for_each_part(quantised.u8_parts(&blocks, &positions), |part, _| {
            level.run_int8(QuantiseMap { map: &map, quant, part });
        });
        spare.push(map.data);
        quantised
    }

    pub(crate) fn inputs(&self) -> impl Iterator<Item = TensorId> + use<> {
        [Some(self.from), self.gate, self.add].into_iter().flatten()
    }

    /// The window's geometry over an input, and the output's shape.
    pub(crate) fn geometry(&self, input: Shape) -> (Geometry, Shape) {
        let geometry = self.window.over(input, self.channels);
        let is_global_pool = match &self.op {
            Op::GlobalAveragePool => true,
            Op::Int8(op) => matches!(**op, Int8Op::GlobalAveragePool),
            _ => false,
        };
        if is_global_pool {
            (geometry, Shape { channels: self.channels, height: 1, width: 1, ..input })
        } else {
            (geometry, geometry.output)
        }
    }

    fn compute(
        &self,
        context: &RunContext,
        quant: Option<&QuantParams>,
        geometry: Geometry,
        out: &mut FeatureMap,
    ) {
        let RunContext { level, threads, input: photos, maps, .. } = *context;
        let of = |tensor: TensorId| maps[tensor.0].as_ref().expect("a tensor that is still needed");
        let add = self.add.map(|tensor| (of(tensor).as_f32(), of(tensor).block_stride()));
        let epilogue = |bias| Epilogue {
            bias: Some(bias),
            add,
            activation: self.activation,
            prefetch_output: true,
        };
        let shape = out.shape;
        let blocks = shape.channels.div_ceil(level.lanes());
        match &self.op {
            Op::Int8(op) => {
                let context = Int8Context {
                    level,
                    threads,
                    geometry,
                    photos,
                    from: maps[self.from.0]
                        .as_ref()
                        .map(|map| (map, context.quant[self.from.0].as_ref())),
                    gate: self.gate.map(of),
                    add: self.add.map(of),
                    activation: self.activation,
                    quant,
                };
                op.run(&context, out);
            }
            Op::Stem(kernels) => {
                let activation = self.activation;
                let macs = shape.positions() * shape.channels * geometry.input.channels;
                let parts = parts_by_rows(out, threads, macs * self.window.taps(), blocks, false);
                for_each_part(parts, |part, scratch| {
                    level.run(stem::Convolve {
                        photos,
                        geometry,
                        kernels,
                        activation,
                        part,
                        scratch,
                    });
                });
            }
            Op::Convolve { weights, bias } => {
                let input = match maps[self.from.0].as_ref() {
                    Some(map) => ConvInput::Blocked(map, self.gate.map(of)),
                    None => ConvInput::Nchw(photos),
                };
                let positions = shape.positions().max(WEIGHT_BOUND_POSITIONS);
                let macs = positions * shape.channels * weights.inputs();
                let input_len = geometry.input.channels * geometry.input.positions();
                let weight_len = shape.channels * weights.inputs();
                let (blocks, positions) =
                    split(threads, macs, blocks, shape.positions(), weight_len > input_len);
                let epilogue = epilogue(bias.as_slice());
                for_each_part(out.parts(&blocks, &positions), |part, scratch| {
                    level.run(conv::Convolve {
                        level,
                        input,
                        geometry,
                        weights,
                        epilogue,
                        part,
                        scratch,
                    });
                });
            }
            Op::Winograd { weights, bias } => {
                let map = of(self.from);
                let rows = shape.images * winograd::tiles(shape).0;
                let macs = shape.positions() * shape.channels * weights.inputs() * 3;
                let (block_parts, row_parts) = split(threads, macs, blocks, rows, rows < 16);
                let positions: Vec<_> =
                    row_parts.iter().map(|rows| winograd::positions(shape, rows.clone())).collect();
                let epilogue = epilogue(bias.as_slice());
                let parts = out.parts(&block_parts, &positions);
                let parts = parts.into_iter().zip(row_parts.iter().cycle()).collect();
                for_each_part(parts, |(part, rows): (OutputPart, &Range<usize>), scratch| {
                    let rows = rows.clone();
                    level.run(winograd::Convolve {
                        level,
                        map,
                        geometry,
                        weights,
                        epilogue,
                        part,
                        rows,
                        scratch,
                    });
                });
            }
            Op::Depthwise { expansion, kernels } => {
                let (map, activation) = (of(self.from), self.activation);
                let expansion = expansion.as_ref();
                let expansion_macs = expansion.map_or(0, |expansion| {
                    map.shape.positions() * shape.channels * expansion.weights.inputs()
                });
                let macs = shape.positions() * shape.channels * self.window.taps() + expansion_macs;
                for_each_part(parts_by_rows(out, threads, macs, blocks, true), |part, scratch| {
                    let OutputPart { blocks, positions, outs } = part;
                    let rows = FloatRows(outs);
                    match expansion {
                        Some(expansion) => level.run(Depthwise {
                            source: ExpandLines { level, map, expansion },
                            geometry,
                            kernels,
                            activation,
                            blocks,
                            positions,
                            rows,
                            scratch,
                        }),
                        None => level.run(Depthwise {
                            source: CopyLines(map),
                            geometry,
                            kernels,
                            activation,
                            blocks,
                            positions,
                            rows,
                            scratch,
                        }),
                    }
                });
            }
            Op::MaxPool => {
                let map = of(self.from);
                let macs = shape.positions() * shape.channels * self.window.taps();
                for_each_part(parts_by_rows(out, threads, macs, blocks, true), |part, _| {
                    level.run(MaxPool { map, geometry, part });
                });
            }
            Op::GlobalAveragePool => {
                let map = of(self.from);
                let macs = map.shape.positions() * shape.channels;
                let (blocks, images) = split(threads, macs, blocks, shape.images, true);
                for_each_part(out.parts(&blocks, &images), |part, _| {
                    level.run(GlobalAveragePool { map, part });
                });
            }
        }
    }
}
