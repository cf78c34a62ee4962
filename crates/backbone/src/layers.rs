use candle_core::{D, Result, Tensor};

use crate::convolve::{convolve, convolve_gradients};
use crate::depthwise::{Padding, depthwise, depthwise_gradients};
use crate::fused::fused;
use crate::norm::{BatchNorm, Recorder};
use crate::train::TrainMode;
use crate::values::Values;
use crate::{elementwise, inplace, portable};

/// What follows a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    None,
    Relu,
    /// `x * relu6(x + 3) / 6` (Howard et al., 2019, section 5.2).
    HardSwish,
}

impl Activation {
    /// candle's own operations.
    pub(crate) fn of(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::None => Ok(x.clone()),
            Self::Relu => x.relu(),
            Self::HardSwish => x * hard_sigmoid(x)?,
        }
    }
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
    /// For its results, while batch norms take the batch's statistics for their own.
    Adopt,
    /// For gradients.
    Train(&'a TrainMode, &'a Recorder),
}

impl Pass<'_> {
    /// The pass through a stage, the stages counted from the picture: those that are frozen run as
    /// they are.
    pub(crate) fn at(self, stage: usize) -> Self {
        match self {
            Self::Train(mode, _) if stage < mode.frozen_stages => Self::Infer,
            pass => pass,
        }
    }
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

    /// `(out, in / groups, k, k)`
    pub(crate) fn weight(&self) -> &Tensor {
        &self.weight
    }

    pub(crate) fn follower(&self) -> &Follower {
        &self.follower
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
        match (pass, &self.follower) {
            (Pass::Infer | Pass::Adopt, Follower::Bias(bias)) => {
                self.inferred(x, &weight.detach(), &bias.detach())
            }
            (Pass::Infer, Follower::Norm(norm)) => {
                let (scale, shift) = norm.running_affine()?;
                let weight =
                    weight.detach().broadcast_mul(&scale.detach().reshape(((), 1, 1, 1))?);
                self.inferred(x, &weight?, &shift.detach())
            }
            (Pass::Adopt, Follower::Norm(norm)) => {
                norm.adopt(&self.shape.forward(x, &weight.detach())?)?;
                self.forward(x, Pass::Infer)
            }
            (Pass::Train(..), Follower::Bias(bias)) => {
                fused(x, weight, bias, self.shape, activation)
            }
            (Pass::Train(mode, recorder), Follower::Norm(norm)) if mode.batch_statistics => {
                let none = norm.beta.zeros_like()?.detach();
                let y = fused(x, weight, &none, self.shape, Activation::None)?;
                let (y, observed) = norm.by_batch(&y, activation)?;
                recorder.add(observed);
                Ok(y)
            }
            (Pass::Train(..), Follower::Norm(norm)) => {
                let (scale, shift) = norm.running_affine()?;
                let weight = weight.broadcast_mul(&scale.reshape(((), 1, 1, 1))?)?;
                fused(x, &weight, &shift, self.shape, activation)
            }
        }
    }

    fn inferred(&self, x: &Tensor, weight: &Tensor, bias: &Tensor) -> Result<Tensor> {
        let bias = bias.reshape((1, (), 1, 1))?;
        inplace::add_bias(self.shape.forward(x, weight)?, &bias, self.activation)
    }
}

impl ConvShape {
    /// `(n, c, h, w)` by a weight of `(out, c / groups, k, k)`.
    pub(crate) fn forward(self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        let (n, c, h, w) = x.dims4()?;
        let (out, _, k, _) = weight.dims4()?;
        match self {
            // What is left of a pooled picture is one column: one product for the whole batch. For a
            // few photos that costs 8 % of indexing (MobileNetV3 minimalistic, four at a time), since
            // the weight is turned over for it, unless the weight is too large to be read for each.
            Self::Pointwise if h * w == 1 && (n > 8 || out * c > LARGE_WEIGHT) => {
                let weight = weight.reshape((out, c))?;
                x.reshape((n, c))?.matmul(&weight.t()?)?.reshape((n, out, 1, 1))
            }
            Self::Pointwise => {
                let weight = weight.reshape((1, out, c))?.broadcast_as((n, out, c))?;
                weight.matmul(&x.reshape((n, c, h * w))?)?.reshape((n, out, h, w))
            }
            Self::Depthwise { stride, padding } => {
                depthwise(x, weight, stride, padding.of(k, stride, h))
            }
            Self::Full { stride, padding } => convolve(x, weight, stride, padding.of(k, stride, h)),
        }
    }

    /// [`Self::forward`] out of operations that have a gradient on every device.
    pub(crate) fn forward_portable(self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        let (k, h) = (weight.dim(3)?, x.dim(2)?);
        match self {
            Self::Pointwise => self.forward(x, weight),
            Self::Depthwise { stride, padding } => {
                portable::depthwise(x, weight, stride, padding.of(k, stride, h))
            }
            Self::Full { stride, padding } => {
                portable::convolve(x, weight, stride, padding.of(k, stride, h))
            }
        }
    }

    /// The gradients of `x`, if it is wanted, and of the weight, from that of the result.
    pub(crate) fn gradients(
        self,
        x: &Tensor,
        weight: &Tensor,
        grad: &Tensor,
        of_x: bool,
    ) -> Result<(Option<Tensor>, Tensor)> {
        let (k, h) = (weight.dim(3)?, x.dim(2)?);
        match self {
            Self::Pointwise => pointwise_gradients(x, weight, grad, of_x),
            Self::Depthwise { stride, padding } => {
                depthwise_gradients(x, weight, grad, stride, padding.of(k, stride, h), of_x)
            }
            Self::Full { stride, padding } => {
                convolve_gradients(x, weight, grad, stride, padding.of(k, stride, h), of_x)
            }
        }
    }
}

fn pointwise_gradients(
    x: &Tensor,
    weight: &Tensor,
    grad: &Tensor,
    of_x: bool,
) -> Result<(Option<Tensor>, Tensor)> {
    let (n, c, h, w) = x.dims4()?;
    let out = weight.dim(0)?;
    let matrix = weight.reshape((out, c))?;
    if h * w == 1 {
        let (x, grad) = (x.reshape((n, c))?, grad.reshape((n, out))?);
        let of_x = of_x.then(|| grad.matmul(&matrix)?.reshape((n, c, 1, 1))).transpose()?;
        return Ok((of_x, grad.t()?.matmul(&x)?.reshape(weight.shape())?));
    }
    let (x, grad) = (x.reshape((n, c, h * w))?, grad.reshape((n, out, h * w))?);
    let of_x = of_x
        .then(|| {
            let turned = matrix.t()?.contiguous()?.reshape((1, c, out))?;
            turned.broadcast_as((n, c, out))?.matmul(&grad)?.reshape((n, c, h, w))
        })
        .transpose()?;
    let each = grad.matmul(&x.t()?)?;
    let mut of_weight = vec![0f32; out * c];
    for one in Values::of(&each)?.chunks_exact(out * c) {
        of_weight.iter_mut().zip(one).for_each(|(sum, one)| *sum += one);
    }
    Ok((of_x, Tensor::from_vec(of_weight, weight.shape(), weight.device())?))
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
            Pass::Infer | Pass::Adopt => inplace::scale(x, &gate),
            Pass::Train(..) => elementwise::scale(&x, &gate),
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
        Pass::Infer | Pass::Adopt => inplace::add(branch, shortcut, activation),
        Pass::Train(..) => elementwise::add(&branch, shortcut, activation),
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
