use candle_core::{D, Result, Tensor, Var};

use crate::convolve::convolve;
use crate::depthwise::{Padding, depthwise};
use crate::train::TrainMode;
use crate::{elementwise, inplace};

/// What follows a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    None,
    Relu,
    /// `x * relu6(x + 3) / 6` (Howard et al., 2019, section 5.2).
    HardSwish,
}

/// `relu6(x + 3) / 6`
pub(crate) fn hard_sigmoid(x: &Tensor) -> Result<Tensor> {
    x.affine(1.0 / 6.0, 0.5)?.clamp(0.0, 1.0)
}

/// How the zeros around a picture are laid out when a convolution strides over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PaddingStyle {
    /// PyTorch: `k / 2` on each side.
    Symmetric,
    /// TensorFlow's SAME for even sides: what does not divide evenly goes behind.
    Same,
}

impl PaddingStyle {
    fn of(self, kernel: usize, stride: usize, side: usize) -> Padding {
        match self {
            Self::Symmetric => (kernel / 2, kernel / 2),
            Self::Same => {
                let covered = (side.div_ceil(stride) - 1) * stride + kernel;
                let total = covered.saturating_sub(side);
                (total / 2, total - total / 2)
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum ConvShape {
    /// 1x1, stride 1: a matrix product.
    Pointwise,
    /// One kernel a channel.
    Depthwise { stride: usize, padding: PaddingStyle },
    /// All channels with all.
    Full { stride: usize, padding: PaddingStyle },
}

/// Why a network runs, which decides how its layers do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pass<'a> {
    /// For its results: operations change them in place, and nothing is kept for gradients.
    Infer,
    /// For gradients.
    Train(&'a TrainMode),
}

/// Numbers of a weight, 16 MB of them, that a core's cache does not hold from one photo to the next.
const LARGE_WEIGHT: usize = 1 << 22;

/// A convolution with what follows it.
#[derive(Debug, Clone)]
pub(crate) struct Conv {
    /// `(out, in / groups, k, k)`
    weight: Tensor,
    follower: Follower,
    shape: ConvShape,
    activation: Activation,
}

/// What comes between a convolution and its activation.
#[derive(Debug, Clone)]
pub(crate) enum Follower {
    /// `(out,)`; a folded batch norm is one.
    Bias(Tensor),
    /// Batch norm that is trained.
    Norm(BatchNorm),
}

impl Conv {
    /// From a weight of `(out, in / groups, k, k)`.
    pub(crate) fn new(
        weight: Tensor,
        follower: Follower,
        shape: ConvShape,
        activation: Activation,
    ) -> Self {
        Self { weight, follower, shape, activation }
    }

    /// Number of output channels.
    pub(crate) fn outputs(&self) -> usize {
        self.weight.dims()[0]
    }

    /// `(n, c, h, w)` to `(n, out, h', w')`.
    pub(crate) fn forward(&self, x: &Tensor, pass: Pass) -> Result<Tensor> {
        match (pass, &self.follower) {
            (Pass::Infer, Follower::Bias(bias)) => {
                let bias = bias.detach().reshape((1, (), 1, 1))?;
                inplace::add_bias(self.convolve(x, &self.weight.detach())?, &bias, self.activation)
            }
            (Pass::Infer, Follower::Norm(norm)) => {
                let y = self.convolve(x, &self.weight.detach())?;
                let (scale, shift) = norm.running_affine()?;
                elementwise::affine(&y, &scale.detach(), &shift.detach(), self.activation)
            }
            (Pass::Train(_), Follower::Bias(bias)) => {
                let y = self.convolve(x, &self.weight)?;
                elementwise::affine(&y, &bias.ones_like()?.detach(), bias, self.activation)
            }
            (Pass::Train(mode), Follower::Norm(norm)) => {
                let y = self.convolve(x, &self.weight)?;
                let (scale, shift) = if mode.batch_statistics {
                    norm.batch_affine(&y, mode.momentum)?
                } else {
                    norm.running_affine()?
                };
                elementwise::affine(&y, &scale, &shift, self.activation)
            }
        }
    }

    fn convolve(&self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        let (n, c, h, w) = x.dims4()?;
        let (out, _, k, _) = weight.dims4()?;
        match self.shape {
            // What is left of a pooled picture is one column: one product for the whole batch. For a
            // few photos that costs 8 % of indexing (MobileNetV3 minimalistic, four at a time), since
            // the weight is turned over for it, unless the weight is too large to be read for each.
            ConvShape::Pointwise if h * w == 1 && (n > 8 || out * c > LARGE_WEIGHT) => {
                let weight = weight.reshape((out, c))?;
                x.reshape((n, c))?.matmul(&weight.t()?)?.reshape((n, out, 1, 1))
            }
            ConvShape::Pointwise => {
                let weight = weight.reshape((1, out, c))?.broadcast_as((n, out, c))?;
                weight.matmul(&x.reshape((n, c, h * w))?)?.reshape((n, out, h, w))
            }
            ConvShape::Depthwise { stride, padding } => {
                depthwise(x, weight, stride, padding.of(k, stride, h))
            }
            ConvShape::Full { stride, padding } => {
                convolve(x, weight, stride, padding.of(k, stride, h))
            }
        }
    }
}

/// Batch norm (Ioffe and Szegedy, 2015) with its parameters and running statistics, each `(c,)`.
#[derive(Debug, Clone)]
pub(crate) struct BatchNorm {
    pub(crate) gamma: Tensor,
    pub(crate) beta: Tensor,
    pub(crate) mean: Var,
    pub(crate) variance: Var,
    pub(crate) eps: f64,
}

impl BatchNorm {
    /// Scale and shift by the running statistics, which are constants.
    fn running_affine(&self) -> Result<(Tensor, Tensor)> {
        self.affine(&self.mean.detach(), &self.variance.detach())
    }

    /// Scale and shift by the batch's own mean and variance, and the running ones moved towards them
    /// by `momentum`: PyTorch's convention, with the unbiased variance.
    fn batch_affine(&self, x: &Tensor, momentum: f64) -> Result<(Tensor, Tensor)> {
        let (n, c, h, w) = x.dims4()?;
        let count = (n * h * w) as f64;
        let mean = x.mean((0, 2, 3))?;
        let variance = x.broadcast_sub(&mean.reshape((1, c, 1, 1))?)?.sqr()?.mean((0, 2, 3))?;
        let moved = |running: &Var, batch: &Tensor| {
            running
                .set(&((running.as_tensor() * (1.0 - momentum))? + (batch.detach() * momentum)?)?)
        };
        moved(&self.mean, &mean)?;
        moved(&self.variance, &(variance.detach() * (count / (count - 1.0).max(1.0)))?)?;
        self.affine(&mean, &variance)
    }

    fn affine(&self, mean: &Tensor, variance: &Tensor) -> Result<(Tensor, Tensor)> {
        let scale = (&self.gamma / (variance + self.eps)?.sqrt()?)?;
        let shift = (&self.beta - (mean * &scale)?)?;
        Ok((scale, shift))
    }
}

/// Channels weighted by what the whole picture shows (Hu et al., 2018): pooled, squeezed, expanded
/// and gated by a hard sigmoid.
#[derive(Debug, Clone)]
pub(crate) struct SqueezeExcite {
    pub(crate) squeeze: Conv,
    pub(crate) excite: Conv,
}

impl SqueezeExcite {
    pub(crate) fn forward(&self, x: Tensor, pass: Pass) -> Result<Tensor> {
        let squeezed = self.squeeze.forward(&global_average(&x)?, pass)?;
        let gate = hard_sigmoid(&self.excite.forward(&squeezed, pass)?)?;
        match pass {
            Pass::Infer => inplace::scale(x, &gate),
            Pass::Train(_) => elementwise::scale(&x, &gate),
        }
    }
}

/// `activation(branch + shortcut)`, of the same shape; never with a hard swish.
pub(crate) fn residual(
    branch: Tensor,
    shortcut: &Tensor,
    activation: Activation,
    pass: Pass,
) -> Result<Tensor> {
    match pass {
        Pass::Infer => inplace::add(branch, shortcut, activation),
        Pass::Train(_) => elementwise::add(&branch, shortcut, activation),
    }
}

/// `(n, c, h, w)` to `(n, c, 1, 1)`.
pub(crate) fn global_average(x: &Tensor) -> Result<Tensor> {
    x.mean_keepdim(D::Minus1)?.mean_keepdim(D::Minus2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_padding_is_tensorflows() {
        assert_eq!(PaddingStyle::Same.of(3, 2, 224), (0, 1));
        assert_eq!(PaddingStyle::Same.of(3, 2, 7), (1, 1));
        assert_eq!(PaddingStyle::Same.of(3, 1, 56), (1, 1));
        assert_eq!(PaddingStyle::Symmetric.of(5, 2, 56), (2, 2));
    }
}
