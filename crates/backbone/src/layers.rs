use candle_core::{D, Result, Tensor};

use crate::depthwise::{Padding, depthwise};
use crate::inplace::{add_bias, scale};
use crate::unfold::convolve;

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

/// A convolution with its bias (a folded batch norm included) and activation.
#[derive(Debug, Clone)]
pub(crate) struct Conv {
    /// `(out, in)` for [`ConvShape::Pointwise`], `(out, in / groups, k, k)` otherwise.
    weight: Tensor,
    /// `(1, out, 1, 1)`
    bias: Tensor,
    shape: ConvShape,
    activation: Activation,
}

impl Conv {
    /// From a weight of `(out, in / groups, k, k)` and a bias of `(out,)`.
    pub(crate) fn new(
        weight: Tensor,
        bias: Tensor,
        shape: ConvShape,
        activation: Activation,
    ) -> Result<Self> {
        let weight = match shape {
            ConvShape::Pointwise => weight.squeeze(3)?.squeeze(2)?,
            _ => weight,
        };
        let bias = bias.reshape((1, (), 1, 1))?;
        Ok(Self { weight, bias, shape, activation })
    }

    /// `(n, c, h, w)` to `(n, out, h', w')`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (n, c, h, w) = x.dims4()?;
        let y = match self.shape {
            ConvShape::Pointwise => {
                let out = self.weight.dim(0)?;
                let weight = self.weight.broadcast_as((n, out, c))?;
                weight.matmul(&x.reshape((n, c, h * w))?)?.reshape((n, out, h, w))?
            }
            ConvShape::Depthwise { stride, padding } => {
                let k = self.weight.dim(D::Minus1)?;
                depthwise(x, &self.weight, stride, padding.of(k, stride, h))?
            }
            ConvShape::Full { stride, padding } => {
                let k = self.weight.dim(D::Minus1)?;
                convolve(x, &self.weight, stride, padding.of(k, stride, h))?
            }
        };
        add_bias(y, &self.bias, self.activation)
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
    pub(crate) fn forward(&self, x: Tensor) -> Result<Tensor> {
        let pooled = global_average(&x)?;
        let gate = hard_sigmoid(&self.excite.forward(&self.squeeze.forward(&pooled)?)?)?;
        scale(x, &gate)
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
