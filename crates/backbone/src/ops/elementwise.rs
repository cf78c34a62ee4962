//! Sums and products of feature maps, with gradients: for training. Inference does the same in place
//! (`inplace.rs`, which says why these are not candle's operations).

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};

use super::activation::Activation;
use super::dispatch::on_cpu;
use super::values::{Values, contiguous};

/// `activation(x + y)`, both `(n, c, h, w)`.
pub(crate) fn add(x: &Tensor, y: &Tensor, activation: Activation) -> Result<Tensor> {
    if on_cpu(x) && matches!(activation, Activation::None | Activation::Relu) {
        return x
            .contiguous()?
            .apply_op2(&y.contiguous()?, Add { relu: activation == Activation::Relu });
    }
    activation.of(&(x + y)?)
}

/// Every channel of `x`, `(n, c, h, w)`, times its own factor, `(n, c, 1, 1)`.
pub(crate) fn scale(x: &Tensor, factors: &Tensor) -> Result<Tensor> {
    if on_cpu(x) {
        return x.contiguous()?.apply_op2(&factors.contiguous()?, Scale);
    }
    x.broadcast_mul(factors)
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
    use crate::ops::testing::{Inputs, assert_close, gradients};

    /// Values and gradients are those of candle's own operations.
    #[test]
    fn agrees_with_candle_there_and_back() -> Result<()> {
        let inputs = Inputs::default();
        let var = |shape: &[usize]| inputs.var(shape, 0.0, 3.0);
        let (x, y) = (var(&[2, 5, 4, 3])?, var(&[2, 5, 4, 3])?);
        let factors = var(&[2, 5, 1, 1])?;
        let flat = |t: &Tensor| t.flatten_all()?.to_vec1::<f32>();
        for activation in
            [Activation::None, Activation::Relu, Activation::Relu6, Activation::HardSwish]
        {
            let (ours, theirs) =
                (add(&x, &y, activation)?, activation.of(&(x.as_tensor() + y.as_tensor())?)?);
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
