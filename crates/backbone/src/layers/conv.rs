//! The layer that networks are made of: a convolution, then a bias or a batch norm, then an activation.

use candle_core::{Result, Tensor};

use super::batch_norm::BatchNorm;
use super::pass::Pass;
use crate::ops::activation::Activation;
use crate::ops::conv::ConvShape;
use crate::ops::fused_conv::fused_conv;
use crate::ops::inplace;

/// A convolution with what follows it.
#[derive(Debug, Clone)]
pub(crate) struct Conv {
    /// `(out, in / groups, k, k)`
    weight: Tensor,
    bias_or_norm: BiasOrNorm,
    shape: ConvShape,
    activation: Activation,
}

/// What comes between a convolution and its activation.
#[derive(Debug, Clone)]
pub(crate) enum BiasOrNorm {
    /// `(out,)`; a folded batch norm is one.
    Bias(Tensor),
    /// Batch norm that is trained.
    Norm(BatchNorm),
}

impl Conv {
    /// From a weight of `(out, in / groups, k, k)`.
    pub(crate) fn new(
        weight: Tensor,
        bias_or_norm: BiasOrNorm,
        shape: ConvShape,
        activation: Activation,
    ) -> Self {
        Self { weight, bias_or_norm, shape, activation }
    }

    /// `(out, in / groups, k, k)`
    pub(crate) fn weight(&self) -> &Tensor {
        &self.weight
    }

    pub(crate) fn bias_or_norm(&self) -> &BiasOrNorm {
        &self.bias_or_norm
    }

    pub(crate) fn shape(&self) -> ConvShape {
        self.shape
    }

    pub(crate) fn activation(&self) -> Activation {
        self.activation
    }

    /// Number of output channels.
    pub(crate) fn outputs(&self) -> usize {
        self.weight.dims()[0]
    }

    /// `(n, c, h, w)` to `(n, out, h', w')`.
    pub(crate) fn forward(&self, x: &Tensor, pass: Pass) -> Result<Tensor> {
        let (weight, activation) = (&self.weight, self.activation);
        match (pass, &self.bias_or_norm) {
            (Pass::Infer | Pass::Adopt, BiasOrNorm::Bias(bias)) => {
                self.inferred(x, &weight.detach(), &bias.detach())
            }
            (Pass::Infer, BiasOrNorm::Norm(norm)) => {
                let (scale, shift) = norm.running_affine()?;
                let weight =
                    weight.detach().broadcast_mul(&scale.detach().reshape(((), 1, 1, 1))?);
                self.inferred(x, &weight?, &shift.detach())
            }
            (Pass::Adopt, BiasOrNorm::Norm(norm)) => {
                norm.adopt(&self.shape.forward(x, &weight.detach())?)?;
                self.forward(x, Pass::Infer)
            }
            (Pass::Train(..), BiasOrNorm::Bias(bias)) => {
                fused_conv(x, weight, bias, self.shape, activation)
            }
            (Pass::Train(mode, recorder), BiasOrNorm::Norm(norm)) if mode.batch_statistics => {
                let none = norm.beta.zeros_like()?.detach();
                let y = fused_conv(x, weight, &none, self.shape, Activation::None)?;
                let (y, observed) = norm.by_batch(&y, activation)?;
                recorder.add(observed);
                Ok(y)
            }
            (Pass::Train(..), BiasOrNorm::Norm(norm)) => {
                let (scale, shift) = norm.running_affine()?;
                let weight = weight.broadcast_mul(&scale.reshape(((), 1, 1, 1))?)?;
                fused_conv(x, &weight, &shift, self.shape, activation)
            }
        }
    }

    fn inferred(&self, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
        let bias = bias.reshape((1, (), 1, 1))?;
        inplace::add_bias(self.shape.forward(x, weight)?, &bias, self.activation)
    }
}
