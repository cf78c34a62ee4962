//! The graph of a network for inference on the CPU: what `lookalike_infer` compiles.

use candle_core::{Result, bail};
use lookalike_infer::{
    Activation as InferActivation, Builder, Conv as InferConv, FusedOps, Padding as InferPadding,
    TensorId, Window,
};

use crate::layers::conv::{BiasOrNorm, Conv};
use crate::layers::squeeze_excite::SqueezeExcite;
use crate::ops::activation::Activation;
use crate::ops::conv::ConvShape;
use crate::ops::padding::PaddingStyle;
use crate::ops::values::Values;

/// The nodes of a graph that have a network's results.
pub(crate) struct GraphOutputs {
    /// Names and results of the stages; see [`crate::Backbone::stages`].
    pub(crate) stages: Vec<(String, TensorId)>,
    pub(crate) embedding: TensorId,
    /// The only side that photos may have, if it is fixed.
    pub(crate) side: Option<usize>,
}

/// Builds the graph of a network, layer by layer, for a plan of fused kernels.
pub(crate) struct GraphBuilder(pub(super) Builder);

impl GraphBuilder {
    pub(crate) fn input(&self) -> TensorId {
        self.0.input()
    }

    /// A convolution with its own activation.
    pub(crate) fn conv(&mut self, from: TensorId, conv: &Conv) -> Result<TensorId> {
        self.conv_with(from, conv, FusedOps::activation(infer_activation(conv.activation())))
    }

    /// A convolution fused with more than its own activation: a gate before it, a sum behind it.
    pub(crate) fn conv_with(
        &mut self,
        from: TensorId,
        conv: &Conv,
        fused: FusedOps,
    ) -> Result<TensorId> {
        let BiasOrNorm::Bias(bias) = conv.bias_or_norm() else {
            bail!("a network for training cannot be compiled")
        };
        let window = window(conv.shape(), conv.weight().dim(3)?);
        let (weight, bias) = (Values::of(conv.weight())?, Values::of(bias)?);
        let infer_conv = InferConv { weight: &weight, bias: &bias, window };
        Ok(match conv.shape() {
            ConvShape::Depthwise { .. } => self.0.depthwise(from, infer_conv, fused.activation),
            ConvShape::Pointwise | ConvShape::Full { .. } => self.0.conv(from, infer_conv, fused),
        })
    }

    /// A 1x1 convolution and a depthwise one that is the only consumer of its result.
    pub(crate) fn expanded(
        &mut self,
        from: TensorId,
        expand: &Conv,
        depthwise: &Conv,
    ) -> Result<TensorId> {
        let (BiasOrNorm::Bias(bias), BiasOrNorm::Bias(last_bias)) =
            (expand.bias_or_norm(), depthwise.bias_or_norm())
        else {
            bail!("a network for training cannot be compiled")
        };
        let (weight, bias) = (Values::of(expand.weight())?, Values::of(bias)?);
        let first = InferConv { weight: &weight, bias: &bias, window: Window::POINT };
        let window = window(depthwise.shape(), depthwise.weight().dim(3)?);
        let (weight, bias) = (Values::of(depthwise.weight())?, Values::of(last_bias)?);
        let last = InferConv { weight: &weight, bias: &bias, window };
        let between = infer_activation(expand.activation());
        let after = infer_activation(depthwise.activation());
        Ok(self.0.expanded_depthwise(from, (first, between), last, after))
    }

    /// A dense layer on a whole map of `side` by `side`, as a convolution with a kernel of that size.
    pub(crate) fn dense(&mut self, from: TensorId, conv: &Conv, side: usize) -> Result<TensorId> {
        let BiasOrNorm::Bias(bias) = conv.bias_or_norm() else {
            bail!("a network for training cannot be compiled")
        };
        let (weight, bias) = (Values::of(conv.weight())?, Values::of(bias)?);
        let window = Window { side, stride: 1, padding: InferPadding::Symmetric(0) };
        let infer_conv = InferConv { weight: &weight, bias: &bias, window };
        Ok(self.0.conv(from, infer_conv, FusedOps::activation(infer_activation(conv.activation()))))
    }

    /// The factor of each channel of a map, by squeeze-and-excitation.
    pub(crate) fn gate(&mut self, from: TensorId, layers: &SqueezeExcite) -> Result<TensorId> {
        let pooled = self.0.global_average_pool(from);
        let squeezed = self.conv(pooled, &layers.squeeze)?;
        self.conv_with(squeezed, &layers.excite, FusedOps::activation(InferActivation::HardSigmoid))
    }

    pub(crate) fn max_pool(
        &mut self,
        from: TensorId,
        side: usize,
        stride: usize,
        zeros: usize,
    ) -> TensorId {
        self.0.max_pool(from, Window { side, stride, padding: InferPadding::Symmetric(zeros) })
    }

    pub(crate) fn global_average_pool(&mut self, from: TensorId) -> TensorId {
        self.0.global_average_pool(from)
    }
}

/// An activation by `lookalike_infer`'s name.
pub(crate) fn infer_activation(activation: Activation) -> InferActivation {
    match activation {
        Activation::None => InferActivation::None,
        Activation::Relu => InferActivation::Relu,
        Activation::Relu6 => InferActivation::Relu6,
        Activation::HardSwish => InferActivation::HardSwish,
    }
}

fn window(shape: ConvShape, side: usize) -> Window {
    match shape {
        ConvShape::Pointwise => Window::POINT,
        ConvShape::Depthwise { stride, padding } | ConvShape::Full { stride, padding } => {
            let padding = match padding {
                PaddingStyle::Symmetric => InferPadding::Symmetric(side / 2),
                PaddingStyle::Same => InferPadding::Same,
            };
            Window { side, stride, padding }
        }
    }
}
