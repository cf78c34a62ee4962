//! Convolution by its shape: pointwise as a matrix product, depthwise, or full as im2col.

use candle_core::{Result, Tensor};

use super::depthwise::{depthwise, depthwise_gradients};
use super::im2col::{im2col, im2col_gradients};
use super::padding::PaddingStyle;
use super::portable;
use super::values::Values;

/// What kind of convolution a layer is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ConvShape {
    /// 1x1, stride 1: a matrix product.
    Pointwise,
    /// One kernel a channel.
    Depthwise { stride: usize, padding: PaddingStyle },
    /// All channels with all.
    Full { stride: usize, padding: PaddingStyle },
}

/// Values of a weight (16 MB) that a core's cache does not keep from one photo to the next.
const LARGE_WEIGHT: usize = 1 << 22;

impl ConvShape {
    /// `(n, c, h, w)` by a weight of `(out, c / groups, k, k)`.
    pub(crate) fn forward(self, x: &Tensor, weight: &Tensor) -> Result<Tensor> {
        let (n, c, h, w) = x.dims4()?;
        let (out, _, k, _) = weight.dims4()?;
        match self {
            // Pooled features have one position a photo: one matrix product for the whole batch. It
            // transposes the weight, which for a few photos costs 8 % of indexing (MobileNetV3
            // minimalistic, four at a time), unless the weight is too large to be read for each photo.
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
            Self::Full { stride, padding } => im2col(x, weight, stride, padding.of(k, stride, h)),
        }
    }

    /// [`Self::forward`] made of candle's operations, which have gradients on every device.
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
                im2col_gradients(x, weight, grad, stride, padding.of(k, stride, h), of_x)
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
