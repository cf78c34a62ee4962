//! Builds a plan from a network's layers: chooses an algorithm for each, packs its weights and fuses what follows it.

use std::sync::Mutex;

use crate::activation::Activation;
use crate::aligned::AlignedVec;
use crate::direct_weights::DirectWeights;
use crate::feature_map::Shape;
use crate::gemm::PackedWeights;
use crate::int8::op::Int8Op;
use crate::int8::ranges::Ranges;
use crate::int8::scales::QuantParams;
use crate::line_buffer::Expansion;
use crate::plan::Plan;
use crate::simd_level::SimdLevel;
use crate::stem;
use crate::step::{Op, Step};
use crate::tensor_id::TensorId;
use crate::window::Window;
use crate::winograd::WinogradWeights;

/// A convolution's parameters.
#[derive(Debug, Clone, Copy)]
pub struct Conv<'a> {
    /// OIHW: `(outputs, inputs, side, side)`; `(outputs, 1, side, side)` if depthwise.
    pub weight: &'a [f32],
    /// `(outputs,)`
    pub bias: &'a [f32],
    /// Kernel size, stride and padding.
    pub window: Window,
}

/// What is fused into a convolution (oneDNN's post-ops, and a gate before it).
#[derive(Debug, Clone, Copy)]
pub struct FusedOps {
    /// Squeeze-and-excitation gate, one position per image: multiplies the channels of the input.
    pub gate: Option<TensorId>,
    /// Residual: added to the output, before the activation.
    pub add: Option<TensorId>,
    /// Activation of the output.
    pub activation: Activation,
}

impl FusedOps {
    /// Only an activation.
    pub fn activation(activation: Activation) -> Self {
        Self { gate: None, add: None, activation }
    }
}

/// Takes the layers of a network in execution order and makes a [`Plan`] of them.
pub struct Builder {
    pub(crate) level: SimdLevel,
    /// Shapes of all tensors for one image of the usual size, by which algorithms are chosen.
    pub(crate) shapes: Vec<Shape>,
    pub(crate) steps: Vec<Step>,
    /// Calibration ranges of the tensors that are quantised; empty for an f32 plan.
    pub(crate) ranges: Ranges,
    /// For each tensor, its quantisation parameters; `None` for f32 tensors.
    pub(crate) quant: Vec<Option<QuantParams>>,
    /// Whether the ranges belong to another network.
    pub(crate) ranges_mismatch: bool,
}

/// Positions of a map below which Winograd's tiles would be mostly empty, and reading the transformed weights would take
/// longer than using them.
const MIN_WINOGRAD_POSITIONS: usize = 10 * 10;

impl Builder {
    /// For images of `channels` channels, usually `side` pixels high and wide. Other sizes can be run, too.
    pub fn new(level: SimdLevel, channels: usize, side: usize) -> Self {
        let shape = Shape { images: 1, channels, height: side, width: side };
        let (steps, ranges, quant) = (Vec::new(), Ranges::default(), vec![None]);
        Self { level, shapes: vec![shape], steps, ranges, quant, ranges_mismatch: false }
    }

    /// For an int8 plan of a network whose calibration ranges ([`Plan::ranges`]) are known.
    ///
    /// # Panics
    /// If the level is not an int8 level.
    pub fn int8(level: SimdLevel, channels: usize, side: usize, ranges: Ranges) -> Self {
        assert!(level.is_for_int8(), "an int8 level, not {}", level.name());
        Self { ranges, ..Self::new(level, channels, side) }
    }

    /// Whether the calibration ranges belong to the network whose layers were added. If not, the plan is invalid.
    pub fn ranges_match(&self) -> bool {
        let (tensors, inputs) = (self.ranges.tensors.len(), self.ranges.inputs.len());
        let none = tensors == 0 && inputs == 0;
        let all = tensors == self.shapes.len() && inputs == self.steps.len();
        !self.ranges_mismatch && (none || all)
    }

    /// The network's input.
    pub fn input(&self) -> TensorId {
        TensorId(0)
    }

    /// Adds a dense convolution. A dense layer of a pooled map is one with a 1x1 window.
    ///
    /// # Panics
    /// If the weights do not fit the input's channels, or the network's input is gated.
    pub fn conv(&mut self, from: TensorId, conv: Conv, fused: FusedOps) -> TensorId {
        let (inputs, outputs) = (self.shapes[from.0].channels, conv.bias.len());
        let (window, taps, lanes) = (conv.window, conv.window.taps(), self.level.lanes());
        assert_eq!(conv.weight.len(), outputs * inputs * taps, "weights of a convolution");
        assert!(from.0 > 0 || fused.gate.is_none(), "the network's input cannot be gated");
        let bias = self.pad_to_blocks(conv.bias);
        let shape = self.shapes[from.0];
        let use_winograd = from.0 > 0
            && fused.gate.is_none()
            && WinogradWeights::supports(window)
            && shape.height * shape.width >= MIN_WINOGRAD_POSITIONS;
        let weight = |output: usize, input: usize, tap: usize| {
            conv.weight[(output * inputs + input) * taps + tap]
        };
        if let Some(op) = self.int8_conv(from, &conv, &fused, weight) {
            return self.step(op, window, from, fused, outputs);
        }
        let op = if use_winograd {
            let weights = WinogradWeights::transform(lanes, outputs, inputs, conv.weight);
            Op::Winograd { weights, bias }
        } else if from.0 == 0 && stem::supports(window.side, window.stride) {
            Op::Stem(DirectWeights::pack(lanes, outputs, conv.weight, bias))
        } else if from.0 == 0 {
            // Patches of NCHW images are one row of inputs: by channel, then by tap.
            let weights =
                PackedWeights::pack(lanes, outputs, inputs * taps, 1, |output, input, _| {
                    weight(output, input / taps, input % taps)
                });
            Op::Convolve { weights, bias }
        } else {
            let weights = PackedWeights::pack(lanes, outputs, inputs, taps, weight);
            Op::Convolve { weights, bias }
        };
        self.step(op, window, from, fused, outputs)
    }

    /// Adds a depthwise convolution with a kernel of 3x3 or 5x5 and a stride of 1 or 2.
    ///
    /// # Panics
    /// If the kernel is another, or the weights do not fit the input's channels.
    pub fn depthwise(&mut self, from: TensorId, conv: Conv, activation: Activation) -> TensorId {
        let channels = self.shapes[from.0].channels;
        if self.quant[from.0].is_some() {
            return self.int8_depthwise(None, channels, from, conv, activation);
        }
        self.float_depthwise(None, channels, from, conv, activation)
    }

    /// Adds a 1x1 convolution and a depthwise one of its output, fused: nothing else can read the output between.
    ///
    /// # Panics
    /// If the first kernel is not 1x1, and as [`Self::depthwise`].
    pub fn expanded_depthwise(
        &mut self,
        from: TensorId,
        (expansion, between): (Conv, Activation),
        conv: Conv,
        activation: Activation,
    ) -> TensorId {
        let (inputs, channels) = (self.shapes[from.0].channels, expansion.bias.len());
        assert!(expansion.window.is_point() && from.0 > 0, "an expansion of a map by 1x1");
        assert_eq!(expansion.weight.len(), channels * inputs, "weights of an expansion");
        if let Some(expansion) = self.int8_expansion(from, &expansion, between) {
            return self.int8_depthwise(Some(expansion), channels, from, conv, activation);
        }
        let lanes = self.level.lanes();
        let weights = PackedWeights::pack(lanes, channels, inputs, 1, |output, input, _| {
            expansion.weight[output * inputs + input]
        });
        let bias = self.pad_to_blocks(expansion.bias);
        let expansion = Expansion { weights, bias, activation: between };
        self.float_depthwise(Some(expansion), channels, from, conv, activation)
    }

    fn float_depthwise(
        &mut self,
        expansion: Option<Expansion>,
        channels: usize,
        from: TensorId,
        conv: Conv,
        activation: Activation,
    ) -> TensorId {
        let op = Op::Depthwise { expansion, kernels: self.depthwise_kernels(channels, &conv) };
        self.step(op, conv.window, from, FusedOps::activation(activation), channels)
    }

    pub(crate) fn depthwise_kernels(&self, channels: usize, conv: &Conv) -> DirectWeights {
        let Window { side, stride, .. } = conv.window;
        let taps = conv.window.taps();
        assert!([3, 5].contains(&side) && [1, 2].contains(&stride), "{:?}", conv.window);
        assert_eq!((conv.weight.len(), conv.bias.len()), (channels * taps, channels));
        let bias = self.pad_to_blocks(conv.bias);
        DirectWeights::pack(self.level.lanes(), channels, conv.weight, bias)
    }

    /// Adds max pooling.
    pub fn max_pool(&mut self, from: TensorId, window: Window) -> TensorId {
        let channels = self.shapes[from.0].channels;
        let fused = FusedOps::activation(Activation::None);
        // Quantisation keeps the order: the output has the input's quantisation parameters.
        if let Some(ranges) = self.ranges.tensors.get(from.0).and_then(Clone::clone) {
            if let Some(output) = self.ranges.tensors.get_mut(self.steps.len() + 1) {
                *output = Some(ranges);
            }
            let op = Op::Int8(Box::new(Int8Op::MaxPool));
            return self.step(op, window, from, fused, channels);
        }
        self.step(Op::MaxPool, window, from, fused, channels)
    }

    /// Adds global average pooling: one position per image.
    pub fn global_average_pool(&mut self, from: TensorId) -> TensorId {
        let channels = self.shapes[from.0].channels;
        let fused = FusedOps::activation(Activation::None);
        let op = match self.quant[from.0] {
            Some(_) => Op::Int8(Box::new(Int8Op::GlobalAveragePool)),
            None => Op::GlobalAveragePool,
        };
        let tensor = self.step(op, Window::POINT, from, fused, channels);
        let shape = &mut self.shapes[tensor.0];
        (shape.height, shape.width) = (1, 1);
        tensor
    }

    /// The plan of all layers.
    pub fn build(self) -> Plan {
        let channels = self.shapes[0].channels;
        let (steps, quant, spare) = (self.steps, self.quant, Mutex::default());
        Plan { level: self.level, channels, steps, quant, spare }
    }

    /// Fills up the last channel block with zeros.
    fn pad_to_blocks(&self, bias: &[f32]) -> AlignedVec {
        let mut padded = AlignedVec::zeros(bias.len().next_multiple_of(self.level.lanes()));
        padded.as_mut_slice()[..bias.len()].copy_from_slice(bias);
        padded
    }

    pub(crate) fn step(
        &mut self,
        op: Op,
        window: Window,
        from: TensorId,
        fused: FusedOps,
        channels: usize,
    ) -> TensorId {
        let FusedOps { gate, add, activation } = fused;
        self.ranges_mismatch |= self.is_mismatch(&op, from, add, channels);
        self.quant.push(self.next_quant(channels));
        self.steps.push(Step { op, window, from, gate, add, activation, channels });
        self.shapes.push(window.over(self.shapes[from.0], channels).output);
        TensorId(self.steps.len())
    }
}
