//! Batch norm as a layer (Ioffe and Szegedy, 2015): its parameters and running statistics.

use candle_core::{Result, Tensor, Var};

use super::statistics::LayerStatistics;
use crate::ops::activation::Activation;
use crate::ops::batch_norm::{batch_norm, moments_of};

/// A batch norm's parameters and running statistics, each `(c,)`.
#[derive(Debug, Clone)]
pub(crate) struct BatchNorm {
    pub(crate) gamma: Var,
    pub(crate) beta: Var,
    pub(crate) mean: Var,
    pub(crate) variance: Var,
    pub(crate) eps: f64,
    /// Whether it is behind a randomly initialised layer.
    pub(crate) is_new: bool,
}

impl BatchNorm {
    /// Scale and shift by the running statistics, which are constants.
    pub(crate) fn running_affine(&self) -> Result<(Tensor, Tensor)> {
        let deviation = (self.variance.detach() + self.eps)?.sqrt()?;
        let scale = (self.gamma.as_tensor() / deviation)?;
        let shift = (self.beta.as_tensor() - (self.mean.detach() * &scale)?)?;
        Ok((scale, shift))
    }

    /// `x`, `(n, c, h, w)`, normalised by its own mean and variance, activated; and those statistics. As
    /// in PyTorch, the variance for the running one is the unbiased one.
    pub(crate) fn by_batch(
        &self,
        x: &Tensor,
        activation: Activation,
    ) -> Result<(Tensor, LayerStatistics)> {
        let (n, _, h, w) = x.dims4()?;
        let count = n * h * w;
        let (mean, variance) = moments_of(x)?;
        let unbiased = (variance.detach() * (count as f64 / (count.max(2) - 1) as f64))?;
        let statistics = LayerStatistics {
            mean: (self.mean.clone(), mean.detach()),
            variance: (self.variance.clone(), unbiased),
        };
        let affine = (self.gamma.as_tensor(), self.beta.as_tensor());
        Ok((batch_norm(x, (mean, variance), affine, self.eps, activation)?, statistics))
    }

    /// Takes `x`'s mean and variance as the running ones, and changes scale and shift so that the result
    /// stays the same. Behind a randomly initialised layer ([`Self::is_new`]) scale and shift are reset
    /// instead: its results then have a mean of 0 and a variance of 1.
    pub(crate) fn adopt(&self, x: &Tensor) -> Result<()> {
        let (scale, shift) = self.running_affine()?;
        let (mean, variance) = moments_of(x)?;
        if self.is_new {
            self.gamma.set(&mean.ones_like()?)?;
            self.beta.set(&mean.zeros_like()?)?;
        } else {
            let gamma = (scale.detach() * (&variance + self.eps)?.sqrt()?)?;
            self.gamma.set(&gamma)?;
            self.beta.set(&(shift.detach() + (&mean * scale.detach())?)?)?;
        }
        self.mean.set(&mean)?;
        self.variance.set(&variance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{Inputs, assert_close, gradients};
    use candle_core::Device;

    fn input_and_norm() -> Result<(Var, BatchNorm)> {
        let inputs = Inputs::default();
        let var = |shape: &[usize]| inputs.var(shape, 0.5, 2.0);
        let norm = BatchNorm {
            gamma: var(&[5])?,
            beta: var(&[5])?,
            mean: var(&[5])?,
            variance: Var::from_tensor(&var(&[5])?.sqr()?)?,
            eps: 1e-5,
            is_new: false,
        };
        Ok((var(&[3, 5, 4, 6])?, norm))
    }

    fn flat(t: &Tensor) -> Result<Vec<f32>> {
        t.flatten_all()?.to_vec1()
    }

    /// Values, gradients and statistics are those of the definition, written in candle's operations.
    #[test]
    fn agrees_with_the_definition_there_and_back() -> Result<()> {
        let (x, norm) = input_and_norm()?;
        for activation in
            [Activation::None, Activation::Relu, Activation::Relu6, Activation::HardSwish]
        {
            let (ours, statistics) = norm.by_batch(&x, activation)?;
            let mean = x.mean_keepdim((0, 2, 3))?;
            let off = x.broadcast_sub(&mean)?;
            let variance = off.sqr()?.mean_keepdim((0, 2, 3))?;
            let unit = off.broadcast_div(&(&variance + norm.eps)?.sqrt()?)?;
            let by_channel = |v: &Var| v.reshape((1, 5, 1, 1));
            let theirs = unit
                .broadcast_mul(&by_channel(&norm.gamma)?)?
                .broadcast_add(&by_channel(&norm.beta)?)?;
            let theirs = activation.of(&theirs)?;
            assert_close(&[flat(&ours)?], &[flat(&theirs)?], "batch norm");
            let of = [&x, &norm.gamma, &norm.beta];
            assert_close(&gradients(&ours, &of)?, &gradients(&theirs, &of)?, "its gradient");
            let unbiased = (variance * (72.0 / 71.0))?;
            assert_close(&[flat(&statistics.mean.1)?], &[flat(&mean)?], "mean");
            assert_close(&[flat(&statistics.variance.1)?], &[flat(&unbiased)?], "variance");
        }
        Ok(())
    }

    #[test]
    fn adopting_statistics_changes_nothing_but_the_statistics() -> Result<()> {
        let (x, norm) = input_and_norm()?;
        let apply = || {
            let (scale, shift) = norm.running_affine()?;
            let by_channel = |t: &Tensor| t.reshape((1, 5, 1, 1));
            flat(&x.broadcast_mul(&by_channel(&scale)?)?.broadcast_add(&by_channel(&shift)?)?)
        };
        let before = apply()?;
        norm.adopt(&x)?;
        assert_close(&[apply()?], std::slice::from_ref(&before), "running statistics");
        assert_close(
            &[flat(&norm.by_batch(&x, Activation::None)?.0)?],
            &[before],
            "the batch's own",
        );
        BatchNorm { is_new: true, ..norm.clone() }.adopt(&x)?;
        let (mean, variance) =
            moments_of(&Tensor::new(apply()?, &Device::Cpu)?.reshape(x.shape())?)?;
        assert_close(&[flat(&mean)?, flat(&variance)?], &[vec![0.0; 5], vec![1.0; 5]], "a new one");
        Ok(())
    }
}
