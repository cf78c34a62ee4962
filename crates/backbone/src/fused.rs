//! A convolution with what follows it as one operation, with gradients: for training on the CPU.
//!
//! candle's own way back through a network allots, zeroes and adds up a gradient for every operation
//! on the way there, reshapes included: with a bias, an activation and a matrix product apart that took
//! 75 ms a photo of MobileNetV3, seven times as long as the way there.

use std::sync::Mutex;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use pulp::Arch;

use crate::depthwise::contiguous;
use crate::device::on_cpu;
use crate::layers::{Activation, ConvShape};
use crate::values::Values;

/// Numbers that are added up side by side, so that the compiler can use vectors.
const LANES: usize = 32;

/// `activation(conv(x, weight) + shift)`: `x` is `(n, c, h, w)`, the shift `(out,)`.
pub(crate) fn fused(
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
    /// The convolution's result, before the shift. Kept only where the way back needs it.
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
        let convolved = self.convolved(self.activation == Activation::HardSwish)?;
        let (_, channels, h, w) = convolved.dims4()?;
        let shift = contiguous(shift, shift_layout)?;
        if shift.len() != channels {
            bail!("{} shifts for {channels} channels", shift.len());
        }
        let values = Values::of(&convolved)?;
        let ones = vec![1.0; channels];
        let out = scaled(&values, &ones, shift, h * w, self.activation);
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
        let passed = if self.activation == Activation::HardSwish {
            let (convolved, shift) = (self.convolved(true)?, Values::of(shift)?);
            let ones = vec![1.0; channels];
            let before = scaled(&Values::of(&convolved)?, &ones, &shift, h * w, Activation::None);
            passed(self.activation, &before, &grad)
        } else {
            passed(self.activation, &Values::of(out)?, &grad)
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

/// `activation(x * scale + shift)`, channel by channel, of planes of `plane` numbers.
pub(crate) fn scaled(
    x: &[f32],
    scale: &[f32],
    shift: &[f32],
    plane: usize,
    activation: Activation,
) -> Vec<f32> {
    let mut out = vec![0f32; x.len()];
    let planes = out.chunks_exact_mut(plane.max(1)).zip(x.chunks_exact(plane.max(1)));
    Arch::new().dispatch(|| {
        for (number, (out, x)) in planes.enumerate() {
            let channel = number % scale.len();
            let (scale, shift) = (scale[channel], shift[channel]);
            let each = out.iter_mut().zip(x);
            match activation {
                Activation::None => each.for_each(|(out, x)| *out = x * scale + shift),
                Activation::Relu => each.for_each(|(out, x)| *out = (x * scale + shift).max(0.0)),
                Activation::HardSwish => each.for_each(|(out, x)| {
                    let y = x * scale + shift;
                    *out = y * (y / 6.0 + 0.5).clamp(0.0, 1.0);
                }),
            }
        }
    });
    out
}

/// What of a gradient gets back through an activation. `seen` is what the activation was given, or, of
/// a ReLU, what it made of it.
pub(crate) fn passed(activation: Activation, seen: &[f32], grad: &[f32]) -> Vec<f32> {
    let mut out = vec![0f32; grad.len()];
    let each = out.iter_mut().zip(seen.iter().zip(grad));
    Arch::new().dispatch(|| match activation {
        Activation::None => each.for_each(|(out, (_, grad))| *out = *grad),
        Activation::Relu => each.for_each(|(out, (&x, &grad))| {
            *out = if x > 0.0 { grad } else { 0.0 };
        }),
        // PyTorch's too where the slope jumps: 0 at -3, 1 at 3.
        Activation::HardSwish => each.for_each(|(out, (&x, &grad))| {
            let slope = if x >= 3.0 { 1.0 } else { x / 3.0 + 0.5 };
            *out = if x <= -3.0 { 0.0 } else { grad * slope };
        }),
    });
    out
}

/// The sum of many numbers.
pub(crate) fn sum(values: &[f32]) -> f32 {
    Arch::new().dispatch(|| {
        let mut lanes = [0f32; LANES];
        let whole = values.chunks_exact(LANES);
        let rest: f32 = whole.remainder().iter().sum();
        for chunk in whole {
            lanes.iter_mut().zip(chunk).for_each(|(lane, x)| *lane += x);
        }
        lanes.iter().sum::<f32>() + rest
    })
}

/// The sum of products of two rows of numbers.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    Arch::new().dispatch(|| {
        let mut lanes = [0f32; LANES];
        let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        let rest: f32 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
        for (a, b) in a.zip(b) {
            for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
                *lane += a * b;
            }
        }
        lanes.iter().sum::<f32>() + rest
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elementwise::tests::{assert_close, gradients};
    use crate::layers::PaddingStyle;
    use candle_core::{Device, Var};

    /// Values and gradients are those of candle's own operations, one after the other.
    #[test]
    fn agrees_with_candle_there_and_back() -> Result<()> {
        let var =
            |shape: &[usize]| Var::from_tensor(&Tensor::randn(0f32, 1.5, shape, &Device::Cpu)?);
        let full = ConvShape::Full { stride: 1, padding: PaddingStyle::Symmetric };
        for (sides, shape, kernel) in [
            ((7, 6), ConvShape::Pointwise, 1),
            ((1, 1), ConvShape::Pointwise, 1),
            ((7, 6), full, 3),
        ] {
            let (x, weight) = (var(&[3, 4, sides.0, sides.1])?, var(&[5, 4, kernel, kernel])?);
            let shift = var(&[5])?;
            for activation in [Activation::None, Activation::Relu, Activation::HardSwish] {
                let ours = fused(&x, &weight, &shift, shape, activation)?;
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

    #[test]
    fn sums_take_in_every_number() {
        let numbers: Vec<f32> = (1..=100).map(|x| x as f32).collect();
        assert_eq!(sum(&numbers), 5050.0);
        assert_eq!(dot(&numbers, &numbers), 338_350.0);
    }
}
