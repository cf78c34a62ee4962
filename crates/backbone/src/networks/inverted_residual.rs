//! Inverted residual blocks (Sandler et al., "MobileNetV2", 2018): expansion, depthwise convolution, projection.

use candle_core::{Result, Tensor};
use lookalike_infer::{FusedOps, TensorId};

use super::graph::{GraphBuilder, infer_activation};
use crate::layers::conv::Conv;
use crate::layers::pass::Pass;
use crate::layers::residual::residual;
use crate::layers::squeeze_excite::SqueezeExcite;
use crate::ops::activation::Activation;

/// A block of MobileNetV3 or EfficientNet-Lite.
pub(super) struct InvertedResidual {
    /// None in the first block, which is not expanded.
    pub(super) expand: Option<Conv>,
    pub(super) depthwise: Conv,
    pub(super) squeeze_excite: Option<SqueezeExcite>,
    pub(super) project: Conv,
    /// Whether the block's input is added to its output.
    pub(super) residual: bool,
}

impl InvertedResidual {
    pub(super) fn forward(&self, x: &Tensor, pass: Pass) -> Result<Tensor> {
        let expanded = match &self.expand {
            Some(expand) => expand.forward(x, pass)?,
            None => x.clone(),
        };
        let mut y = self.depthwise.forward(&expanded, pass)?;
        if let Some(squeeze_excite) = &self.squeeze_excite {
            y = squeeze_excite.forward(y, pass)?;
        }
        let y = self.project.forward(&y, pass)?;
        if self.residual { residual(y, x, Activation::None, pass) } else { Ok(y) }
    }

    pub(super) fn add_to(&self, x: TensorId, graph: &mut GraphBuilder) -> Result<TensorId> {
        let y = match &self.expand {
            Some(expand) => graph.expanded(x, expand, &self.depthwise)?,
            None => graph.conv(x, &self.depthwise)?,
        };
        let gate = self.squeeze_excite.as_ref().map(|gate| graph.gate(y, gate)).transpose()?;
        let fused = FusedOps {
            gate,
            add: self.residual.then_some(x),
            activation: infer_activation(self.project.activation()),
        };
        graph.conv_with(y, &self.project, fused)
    }
}
