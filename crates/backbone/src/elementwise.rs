//! What follows a convolution, with gradients: for training. Inference does the same in place, see
//! `inplace.rs`, where it also says why these are not candle's own operations.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor, bail};

use crate::depthwise::contiguous;
use crate::layers::{Activation, hard_sigmoid};
use crate::values::Values;

/// `activation(x * scale + shift)`: `x` is `(n, c, h, w)`, scale and shift are `(c,)`.
pub(crate) fn affine(
    x: &Tensor,
    scale: &Tensor,
    shift: &Tensor,
    activation: Activation,
) -> Result<Tensor> {
    if x.device().is_cpu() {
        return x.contiguous()?.apply_op3(scale, shift, Affine(activation));
    }
    let by_channel = |t: &Tensor| t.reshape((1, (), 1, 1));
    activate(&x.broadcast_mul(&by_channel(scale)?)?.broadcast_add(&by_channel(shift)?)?, activation)
}

/// `activation(x + y)`, both `(n, c, h, w)`.
pub(crate) fn add(x: &Tensor, y: &Tensor, activation: Activation) -> Result<Tensor> {
    if x.device().is_cpu() && activation != Activation::HardSwish {
        return x
            .contiguous()?
            .apply_op2(&y.contiguous()?, Add { relu: activation == Activation::Relu });
    }
    activate(&(x + y)?, activation)
}

/// Every channel of `x`, `(n, c, h, w)`, times its own factor, `(n, c, 1, 1)`.
pub(crate) fn scale(x: &Tensor, factors: &Tensor) -> Result<Tensor> {
    if x.device().is_cpu() {
        return x.contiguous()?.apply_op2(&factors.contiguous()?, Scale);
    }
    x.broadcast_mul(factors)
}

fn activate(x: &Tensor, activation: Activation) -> Result<Tensor> {
    match activation {
        Activation::None => Ok(x.clone()),
        Activation::Relu => x.relu(),
        Activation::HardSwish => x * hard_sigmoid(x)?,
    }
}

struct Affine(Activation);

impl Affine {
    #[inline]
    fn activated(&self, x: f32) -> f32 {
        match self.0 {
            Activation::None => x,
            Activation::Relu => x.max(0.0),
            Activation::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
        }
    }

    #[inline]
    fn slope(&self, x: f32) -> f32 {
        match self.0 {
            Activation::None => 1.0,
            Activation::Relu => f32::from(u8::from(x > 0.0)),
            // PyTorch's too where the slope jumps: 0 at -3, 1 at 3.
            Activation::HardSwish if x <= -3.0 => 0.0,
            Activation::HardSwish if x >= 3.0 => 1.0,
            Activation::HardSwish => x / 3.0 + 0.5,
        }
    }
}

impl CustomOp3 for Affine {
    fn name(&self) -> &'static str {
        "affine"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        scale: &CpuStorage,
        scale_layout: &Layout,
        shift: &CpuStorage,
        shift_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, channels, h, w) = x_layout.shape().dims4()?;
        let x = contiguous(x, x_layout)?;
        let scale = contiguous(scale, scale_layout)?;
        let shift = contiguous(shift, shift_layout)?;
        if scale.len() != channels || shift.len() != channels {
            bail!("{} scales and {} shifts for {channels} channels", scale.len(), shift.len());
        }
        let mut out = Vec::with_capacity(x.len());
        for (plane, x) in x.chunks_exact((h * w).max(1)).enumerate() {
            let (scale, shift) = (scale[plane % channels], shift[plane % channels]);
            out.extend(x.iter().map(|x| self.activated(x * scale + shift)));
        }
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        scale: &Tensor,
        shift: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (_, channels, h, w) = x.dims4()?;
        let (x_values, grad) = (Values::of(x)?, Values::of(grad)?);
        let (scales, shifts) = (Values::of(scale)?, Values::of(shift)?);
        let mut of_x = Vec::with_capacity(x_values.len());
        let (mut of_scale, mut of_shift) = (vec![0f32; channels], vec![0f32; channels]);
        let planes = x_values.chunks_exact(h * w).zip(grad.chunks_exact(h * w));
        for (plane, (x, grad)) in planes.enumerate() {
            let channel = plane % channels;
            let (scale, shift) = (scales[channel], shifts[channel]);
            let (mut with_x, mut alone) = (0f32, 0f32);
            of_x.extend(x.iter().zip(grad).map(|(&x, &grad)| {
                let grad = grad * self.slope(x * scale + shift);
                with_x += grad * x;
                alone += grad;
                grad * scale
            }));
            of_scale[channel] += with_x;
            of_shift[channel] += alone;
        }
        let tensor = |values: Vec<f32>, like: &Tensor| {
            Tensor::from_vec(values, like.shape(), like.device()).map(Some)
        };
        Ok((tensor(of_x, x)?, tensor(of_scale, scale)?, tensor(of_shift, shift)?))
    }
}

struct Add {
    relu: bool,
}

impl CustomOp2 for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        y: &CpuStorage,
        y_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        if x_layout.shape() != y_layout.shape() {
            bail!("add: {:?} and {:?}", x_layout.shape(), y_layout.shape());
        }
        let sums = contiguous(x, x_layout)?.iter().zip(contiguous(y, y_layout)?);
        let floor = if self.relu { 0.0 } else { f32::NEG_INFINITY };
        let out = sums.map(|(x, y)| (x + y).max(floor)).collect();
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        sum: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        if !self.relu {
            return Ok((Some(grad.clone()), Some(grad.clone())));
        }
        let (sums, values) = (Values::of(sum)?, Values::of(grad)?);
        let passed = sums.iter().zip(values.iter()).map(|(&s, &g)| if s > 0.0 { g } else { 0.0 });
        let passed = Tensor::from_vec(passed.collect::<Vec<_>>(), sum.shape(), sum.device())?;
        Ok((Some(passed.clone()), Some(passed)))
    }
}

struct Scale;

impl CustomOp2 for Scale {
    fn name(&self) -> &'static str {
        "scale"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        factors: &CpuStorage,
        factors_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (n, channels, h, w) = x_layout.shape().dims4()?;
        if factors_layout.shape().dims4()? != (n, channels, 1, 1) {
            bail!("scale: {:?} by {:?}", x_layout.shape(), factors_layout.shape());
        }
        let x = contiguous(x, x_layout)?;
        let mut out = Vec::with_capacity(x.len());
        let planes = x.chunks_exact((h * w).max(1)).zip(contiguous(factors, factors_layout)?);
        planes.for_each(|(plane, factor)| out.extend(plane.iter().map(|x| x * factor)));
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        factors: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (_, _, h, w) = x.dims4()?;
        let (values, grads) = (Values::of(x)?, Values::of(grad)?);
        let of_factors: Vec<f32> = values
            .chunks_exact(h * w)
            .zip(grads.chunks_exact(h * w))
            .map(|(x, grad)| x.iter().zip(grad).map(|(x, grad)| x * grad).sum())
            .collect();
        let of_factors = Tensor::from_vec(of_factors, factors.shape(), x.device())?;
        Ok((Some(scale(grad, factors)?), Some(of_factors)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Var};

    fn gradients(y: &Tensor, of: &[&Var]) -> Result<Vec<Vec<f32>>> {
        let count = y.elem_count();
        let factors: Vec<f32> = (0..count).map(|i| ((i * 7) % 11) as f32 - 5.0).collect();
        let gradients =
            (y * Tensor::from_vec(factors, y.shape(), y.device())?)?.sum_all()?.backward()?;
        let of_one =
            |var: &&Var| gradients.get(var).expect("it decides y").flatten_all()?.to_vec1();
        of.iter().map(of_one).collect()
    }

    fn assert_close(ours: &[Vec<f32>], theirs: &[Vec<f32>], what: &str) {
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert_eq!(ours.len(), theirs.len(), "{what}");
            let off = ours.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 2e-4, "{what} is off by {off}");
        }
    }

    /// Values and gradients are those of candle's own operations.
    #[test]
    fn agrees_with_candle_there_and_back() -> Result<()> {
        let var =
            |shape: &[usize]| Var::from_tensor(&Tensor::randn(0f32, 3.0, shape, &Device::Cpu)?);
        let (x, y) = (var(&[2, 5, 4, 3])?, var(&[2, 5, 4, 3])?);
        let (a, b, factors) = (var(&[5])?, var(&[5])?, var(&[2, 5, 1, 1])?);
        let flat = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
        for activation in [Activation::None, Activation::Relu, Activation::HardSwish] {
            let ours = affine(&x, &a, &b, activation)?;
            let channels = |t: &Tensor| t.reshape((1, 5, 1, 1));
            let theirs = x.broadcast_mul(&channels(&a)?)?.broadcast_add(&channels(&b)?)?;
            let theirs = activate(&theirs, activation)?;
            assert_close(&[flat(&ours)?], &[flat(&theirs)?], "affine");
            let of = [&x, &a, &b];
            assert_close(&gradients(&ours, &of)?, &gradients(&theirs, &of)?, "affine's gradient");

            let (ours, theirs) = (
                add(&x, &y, activation)?,
                activate(&(x.as_tensor() + y.as_tensor())?, activation)?,
            );
            assert_close(&[flat(&ours)?], &[flat(&theirs)?], "add");
            let of = [&x, &y];
            assert_close(&gradients(&ours, &of)?, &gradients(&theirs, &of)?, "add's gradient");
        }
        let (ours, theirs) = (scale(&x, &factors)?, x.broadcast_mul(&factors)?);
        assert_close(&[flat(&ours)?], &[flat(&theirs)?], "scale");
        let of = [&x, &factors];
        assert_close(&gradients(&ours, &of)?, &gradients(&theirs, &of)?, "scale's gradient");
        Ok(())
    }
}
