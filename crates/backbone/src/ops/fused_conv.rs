//! Convolution, bias and activation fused into one operation with gradients: for training on the CPU.
//!
//! candle's backward pass allocates, zeroes and accumulates a gradient for every operation of the forward
//! pass, reshapes included. With bias, activation and matrix product as operations of their own that took
//! 75 ms a photo of MobileNetV3, seven times as long as the forward pass.

use std::sync::Mutex;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::activation::{Activation, backward, scale_shift};
use super::conv::ConvShape;
use super::dispatch::on_cpu;
use super::reduce::sum;
use super::values::{Values, contiguous};

/// `activation(conv(x, weight) + shift)`: `x` is `(n, c, h, w)`, the shift `(out,)`.
pub(crate) fn fused_conv(
    x: &Tensor,
    weight: &Tensor,
    shift: &Tensor,
    shape: ConvShape,
    activation: Activation,
) -> Result<Tensor> {
    if !on_cpu(x) {
        let y =
            shape.forward_portable(x, weight)?.broadcast_add(&shift.reshape((1, (), 1, 1))?)?;
        return activation.of(&y);
    }
    let convolved = shape.forward(&x.detach(), &weight.detach())?.contiguous()?;
    let (x, weight) = (x.contiguous()?, weight.contiguous()?);
    let convolved = Mutex::new(Some(convolved));
    x.apply_op3(&weight, &shift.contiguous()?, Fused { convolved, shape, activation })
}

struct Fused {
    /// The convolution's result, before the shift. Kept only where the backward pass needs it.
    convolved: Mutex<Option<Tensor>>,
    shape: ConvShape,
    activation: Activation,
}

impl Fused {
    fn convolved(&self, keep: bool) -> Result<Tensor> {
        let mut held = self.convolved.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let convolved = if keep { held.clone() } else { held.take() };
        match convolved {
            Some(convolved) => Ok(convolved),
            None => bail!("this operation has already run"),
        }
    }
}

impl CustomOp3 for Fused {
    fn name(&self) -> &'static str {
        "fused"
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        shift: &CpuStorage,
        shift_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let convolved = self.convolved(self.activation.needs_input())?;
        let (_, channels, h, w) = convolved.dims4()?;
        let shift = contiguous(shift, shift_layout)?;
        if shift.len() != channels {
            bail!("{} shifts for {channels} channels", shift.len());
        }
        let values = Values::of(&convolved)?;
        let ones = vec![1.0; channels];
        let out = scale_shift(&values, &ones, shift, h * w, self.activation);
        Ok((CpuStorage::F32(out), convolved.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        weight: &Tensor,
        shift: &Tensor,
        out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (_, channels, h, w) = out.dims4()?;
        let grad = Values::of(grad)?;
        let mut of_shift = vec![0f32; channels];
        let passed = if self.activation.needs_input() {
            let (convolved, shift) = (self.convolved(true)?, Values::of(shift)?);
            let ones = vec![1.0; channels];
            let before =
                scale_shift(&Values::of(&convolved)?, &ones, &shift, h * w, Activation::None);
            backward(self.activation, &before, &grad)
        } else {
            backward(self.activation, &Values::of(out)?, &grad)
        };
        for (plane, values) in passed.chunks_exact((h * w).max(1)).enumerate() {
            of_shift[plane % channels] += sum(values);
        }
        let passed = Tensor::from_vec(passed, out.shape(), out.device())?;
        let (of_x, of_weight) =
            self.shape.gradients(&x.detach(), &weight.detach(), &passed, x.track_op())?;
        let of_shift = Tensor::from_vec(of_shift, shift.shape(), shift.device())?;
        Ok((of_x, Some(of_weight), Some(of_shift)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::padding::PaddingStyle;
    use crate::ops::testing::{Inputs, assert_close, gradients};

    /// Values and gradients are those of candle's own operations, one after the other.
    #[test]
    fn agrees_with_candle_there_and_back() -> Result<()> {
        let inputs = Inputs::default();
        let var = |shape: &[usize]| inputs.var(shape, 0.0, 1.5);
        let full = ConvShape::Full { stride: 1, padding: PaddingStyle::Symmetric };
        for (sides, shape, kernel) in [
            ((7, 6), ConvShape::Pointwise, 1),
            ((1, 1), ConvShape::Pointwise, 1),
            ((7, 6), full, 3),
        ] {
            let (x, weight) = (var(&[3, 4, sides.0, sides.1])?, var(&[5, 4, kernel, kernel])?);
            let shift = var(&[5])?;
            for activation in
                [Activation::None, Activation::Relu, Activation::Relu6, Activation::HardSwish]
            {
                let ours = fused_conv(&x, &weight, &shift, shape, activation)?;
                let theirs = x.conv2d(&weight, kernel / 2, 1, 1, 1)?;
                let theirs = theirs.broadcast_add(&shift.reshape((1, 5, 1, 1))?)?;
                let theirs = activation.of(&theirs)?;
                let flat = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
                let what = format!("{shape:?} {activation:?}");
                assert_close(&[flat(&ours)?], &[flat(&theirs)?], &what);
                let of = [&x, &weight, &shift];
                assert_close(&gradients(&ours, &of)?, &gradients(&theirs, &of)?, &what);
            }
        }
        Ok(())
    }
}
