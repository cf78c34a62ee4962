//! Layers of an int8 plan: which operators have uint8 inputs, and their quantised weights.

use crate::activation::Activation;
use crate::builder::{Builder, Conv, FusedOps};
use crate::int8::depthwise::Expansion;
use crate::int8::gemm::{Epilogue, PackedWeights};
use crate::int8::op::Int8Op;
use crate::int8::scales::{QuantParams, Range};
use crate::int8::stem;
use crate::step::Op;
use crate::tensor_id::TensorId;

impl Builder {
    /// An int8 convolution, if its inputs are quantised already or are to be quantised by it.
    pub(crate) fn int8_conv(
        &self,
        from: TensorId,
        conv: &Conv,
        fused: &FusedOps,
        weight: impl Fn(usize, usize, usize) -> f32 + Sync,
    ) -> Option<Op> {
        let (inputs, outputs) = (self.shapes[from.0].channels, conv.bias.len());
        let input_ranges = self.ranges.inputs.get(self.steps.len()).and_then(Option::as_deref);
        let input = input_ranges.filter(|ranges| ranges.len() == inputs).map(QuantParams::new);
        if fused.gate.is_some() && input.is_none() {
            return None;
        }
        let quant = input.as_ref().or(self.quant[from.0].as_ref())?;
        let taps = conv.window.taps();
        let weights = if from.0 == 0 {
            let inputs_and_taps = stem::inputs_and_taps(conv.window);
            let weight = stem::weight(inputs, conv.window, weight);
            let quant = quant.repeated(conv.window.side);
            PackedWeights::pack(outputs, &quant, inputs_and_taps, weight)
        } else {
            PackedWeights::pack(outputs, quant, (inputs, taps), weight)
        };
        let added = match fused.add {
            Some(tensor) => Some(self.quant[tensor.0].as_ref()?),
            None => None,
        };
        let output = self.next_quant(outputs);
        let epilogue = Epilogue::new(&weights, conv.bias, fused.activation, added, output.as_ref());
        Some(Op::Int8(Box::new(Int8Op::Convolve { weights, epilogue, input })))
    }

    /// Quantisation parameters of the next step's output; `None` if it stays f32.
    pub(crate) fn next_quant(&self, channels: usize) -> Option<QuantParams> {
        let ranges = self.ranges.tensors.get(self.steps.len() + 1)?.as_deref();
        ranges.filter(|ranges| ranges.len() == channels).map(QuantParams::new)
    }

    /// The int8 expansion before a depthwise convolution, if the tensor is quantised.
    pub(crate) fn int8_expansion(
        &self,
        from: TensorId,
        expansion: &Conv,
        activation: Activation,
    ) -> Option<Expansion> {
        let (inputs, channels) = (self.shapes[from.0].channels, expansion.bias.len());
        let weight =
            |output: usize, input: usize, _: usize| expansion.weight[output * inputs + input];
        let quant = self.quant[from.0].as_ref()?;
        let weights = PackedWeights::pack(channels, quant, (inputs, 1), weight);
        let epilogue = Epilogue::new(&weights, expansion.bias, activation, None, None);
        Some(Expansion { weights, epilogue })
    }

    /// Adds a depthwise convolution of a uint8 tensor.
    pub(crate) fn int8_depthwise(
        &mut self,
        expansion: Option<Expansion>,
        channels: usize,
        from: TensorId,
        conv: Conv,
        activation: Activation,
    ) -> TensorId {
        let kernels = self.depthwise_kernels(channels, &conv);
        let op = Op::Int8(Box::new(Int8Op::Depthwise { expansion, kernels }));
        self.step(op, conv.window, from, FusedOps::activation(activation), channels)
    }

    /// Whether a step contradicts the calibration ranges: other channels, or an f32 operator that would read uint8.
    pub(crate) fn is_mismatch(
        &self,
        op: &Op,
        from: TensorId,
        add: Option<TensorId>,
        channels: usize,
    ) -> bool {
        let differs = |ranges: Option<&Option<Vec<Range>>>, channels: usize| {
            ranges.and_then(Option::as_ref).is_some_and(|ranges| ranges.len() != channels)
        };
        let step = self.steps.len();
        let is_quantised = |tensor: TensorId| self.quant[tensor.0].is_some();
        differs(self.ranges.tensors.get(step + 1), channels)
            || differs(self.ranges.inputs.get(step), self.shapes[from.0].channels)
            || (!matches!(op, Op::Int8(_)) && (is_quantised(from) || add.is_some_and(is_quantised)))
    }
}
