//! Batch norm that is trained (Ioffe and Szegedy, 2015).

use std::sync::Mutex;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, Var, bail};

use crate::depthwise::contiguous;
use crate::device::on_cpu;
use crate::fused::{dot, passed, scaled, sum};
use crate::layers::Activation;
use crate::values::Values;

/// A batch norm's parameters and running statistics, each `(c,)`.
#[derive(Debug, Clone)]
pub(crate) struct BatchNorm {
    pub(crate) gamma: Var,
    pub(crate) beta: Var,
    pub(crate) mean: Var,
    pub(crate) variance: Var,
    pub(crate) eps: f64,
    /// Whether it is behind a layer that has learnt nothing yet.
    pub(crate) is_new: bool,
}

/// What a batch norm saw of a batch: towards it the running statistics are to move.
#[derive(Debug, Clone)]
pub(crate) struct Observed {
    mean: (Var, Tensor),
    variance: (Var, Tensor),
}

impl Observed {
    /// Moves the running statistics by a share of `momentum`, 0 to 1.
    pub(crate) fn apply(&self, momentum: f64) -> Result<()> {
        for (running, seen) in [&self.mean, &self.variance] {
            running.set(&((running.as_tensor() * (1.0 - momentum))? + (seen * momentum)?)?)?;
        }
        Ok(())
    }
}

impl BatchNorm {
    /// Scale and shift by the running statistics, which are constants.
    pub(crate) fn running_affine(&self) -> Result<(Tensor, Tensor)> {
        let deviation = (self.variance.detach() + self.eps)?.sqrt()?;
        let scale = (self.gamma.as_tensor() / deviation)?;
        let shift = (self.beta.as_tensor() - (self.mean.detach() * &scale)?)?;
        Ok((scale, shift))
    }

    /// `x`, `(n, c, h, w)`, by its own mean and variance, activated; and what those were. As in
    /// PyTorch, the variance that is shown to the running one is the unbiased one.
    pub(crate) fn by_batch(&self, x: &Tensor, act: Activation) -> Result<(Tensor, Observed)> {
        let (n, channels, h, w) = x.dims4()?;
        let count = n * h * w;
        let (mean, variance) = moments_of(x)?;
        let unbiased = (variance.detach() * (count as f64 / (count.max(2) - 1) as f64))?;
        let observed = Observed {
            mean: (self.mean.clone(), mean.detach()),
            variance: (self.variance.clone(), unbiased),
        };
        if !on_cpu(x) {
            let scale = (self.gamma.as_tensor() / (variance + self.eps)?.sqrt()?)?;
            let shift = (self.beta.as_tensor() - (mean * &scale)?)?;
            let by_channel = |t: Tensor| t.reshape((1, channels, 1, 1));
            let y = x.broadcast_mul(&by_channel(scale)?)?.broadcast_add(&by_channel(shift)?)?;
            return Ok((act.of(&y)?, observed));
        }
        let (means, variances) = (mean.to_vec1::<f32>()?, variance.to_vec1::<f32>()?);
        let rooted = |v: &f32| (1.0 / (f64::from(*v) + self.eps).sqrt()) as f32;
        let inverse = variances.iter().map(rooted).collect();
        let op = ByBatch { means, inverse, activation: act };
        Ok((
            x.contiguous()?.apply_op3(self.gamma.as_tensor(), self.beta.as_tensor(), op)?,
            observed,
        ))
    }

    /// Takes `x`'s mean and variance for the running ones and changes scale and shift so that the
    /// result stays what it was. Behind a layer of random numbers there is nothing to be kept: its
    /// results get a mean of 0 and a variance of 1, so that what comes after begins in a good range.
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

/// Mean and (biased) variance of every channel, each `(c,)`.
fn moments_of(x: &Tensor) -> Result<(Tensor, Tensor)> {
    let (_, channels, h, w) = x.dims4()?;
    if on_cpu(x) {
        let (mean, variance) = moments(&Values::of(x)?, channels, h * w);
        let tensor = |values: Vec<f32>| Tensor::from_vec(values, channels, x.device());
        return Ok((tensor(mean)?, tensor(variance)?));
    }
    let mean = x.mean((0, 2, 3))?;
    let off = x.broadcast_sub(&mean.reshape((1, channels, 1, 1))?)?;
    Ok((mean, off.sqr()?.mean((0, 2, 3))?))
}

/// [`moments_of`] numbers of `plane` a channel.
fn moments(x: &[f32], channels: usize, plane: usize) -> (Vec<f32>, Vec<f32>) {
    let count = (x.len() / channels.max(1)).max(1) as f64;
    let (mut sums, mut squares) = (vec![0f64; channels], vec![0f64; channels]);
    for (number, x) in x.chunks_exact(plane.max(1)).enumerate() {
        sums[number % channels] += f64::from(sum(x));
    }
    let means: Vec<f32> = sums.iter().map(|sum| (sum / count) as f32).collect();
    let mut off = vec![0f32; plane];
    for (number, x) in x.chunks_exact(plane.max(1)).enumerate() {
        let mean = means[number % channels];
        off.iter_mut().zip(x).for_each(|(off, x)| *off = x - mean);
        squares[number % channels] += f64::from(dot(&off, &off));
    }
    (means, squares.iter().map(|square| (square / count) as f32).collect())
}

/// `activation((x - mean) / deviation * gamma + beta)`, where mean and deviation are `x`'s own.
struct ByBatch {
    means: Vec<f32>,
    /// One over the deviation.
    inverse: Vec<f32>,
    activation: Activation,
}

impl ByBatch {
    fn affine(&self, gamma: &[f32], beta: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let scale: Vec<f32> = gamma.iter().zip(&self.inverse).map(|(g, i)| g * i).collect();
        let moved = scale.iter().zip(&self.means).map(|(scale, mean)| scale * mean);
        let shift = beta.iter().zip(moved).map(|(beta, moved)| beta - moved).collect();
        (scale, shift)
    }
}

impl CustomOp3 for ByBatch {
    fn name(&self) -> &'static str {
        "batch_norm"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        gamma: &CpuStorage,
        gamma_layout: &Layout,
        beta: &CpuStorage,
        beta_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, channels, h, w) = x_layout.shape().dims4()?;
        let gamma = contiguous(gamma, gamma_layout)?;
        let beta = contiguous(beta, beta_layout)?;
        if gamma.len() != channels || beta.len() != channels {
            bail!("{} scales and {} shifts for {channels} channels", gamma.len(), beta.len());
        }
        let (scale, shift) = self.affine(gamma, beta);
        let out = scaled(contiguous(x, x_layout)?, &scale, &shift, h * w, self.activation);
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }

    /// The gradient of `x` lacks its mean and what goes with `x` itself: both were taken out on the
    /// way there.
    fn bwd(
        &self,
        x: &Tensor,
        gamma: &Tensor,
        beta: &Tensor,
        out: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (n, channels, h, w) = x.dims4()?;
        let (plane, count) = ((h * w).max(1), (n * h * w) as f32);
        let (values, gammas, betas) = (Values::of(x)?, Values::of(gamma)?, Values::of(beta)?);
        let (scale, shift) = self.affine(&gammas, &betas);
        let grad = Values::of(grad)?;
        let mut passed = if self.activation == Activation::HardSwish {
            let before = scaled(&values, &scale, &shift, plane, Activation::None);
            passed(self.activation, &before, &grad)
        } else {
            passed(self.activation, &Values::of(out)?, &grad)
        };
        let (mut of_gamma, mut of_beta) = (vec![0f32; channels], vec![0f32; channels]);
        let planes = passed.chunks_exact(plane).zip(values.chunks_exact(plane));
        for (number, (grad, x)) in planes.enumerate() {
            let channel = number % channels;
            let alone = sum(grad);
            of_beta[channel] += alone;
            of_gamma[channel] +=
                (dot(grad, x) - self.means[channel] * alone) * self.inverse[channel];
        }
        let planes = passed.chunks_exact_mut(plane).zip(values.chunks_exact(plane));
        for (number, (grad, x)) in planes.enumerate() {
            let channel = number % channels;
            let slope = of_gamma[channel] * self.inverse[channel] / count;
            let level = of_beta[channel] / count - slope * self.means[channel];
            let scale = scale[channel];
            for (grad, x) in grad.iter_mut().zip(x) {
                *grad = scale * (*grad - level - slope * x);
            }
        }
        let tensor = |values: Vec<f32>, like: &Tensor| {
            Tensor::from_vec(values, like.shape(), like.device()).map(Some)
        };
        Ok((tensor(passed, x)?, tensor(of_gamma, gamma)?, tensor(of_beta, beta)?))
    }
}

/// What the batch norms of a pass saw, gathered on the way.
#[derive(Debug, Default)]
pub(crate) struct Recorder(Mutex<Vec<Observed>>);

impl Recorder {
    pub(crate) fn add(&self, observed: Observed) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(observed);
    }

    pub(crate) fn into_all(self) -> Vec<Observed> {
        self.0.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elementwise::tests::{assert_close, gradients};
    use candle_core::Device;

    fn var(shape: &[usize]) -> Result<Var> {
        Var::from_tensor(&Tensor::randn(0.5f32, 2.0, shape, &Device::Cpu)?)
    }

    fn norm() -> Result<BatchNorm> {
        let variance = Var::from_tensor(&var(&[5])?.sqr()?)?;
        Ok(BatchNorm {
            gamma: var(&[5])?,
            beta: var(&[5])?,
            mean: var(&[5])?,
            variance,
            eps: 1e-5,
            is_new: false,
        })
    }

    fn flat(t: &Tensor) -> Result<Vec<f32>> {
        t.flatten_all()?.to_vec1()
    }

    /// Values, gradients and statistics are those of the definition, written in candle's operations.
    #[test]
    fn agrees_with_the_definition_there_and_back() -> Result<()> {
        let (x, norm) = (var(&[3, 5, 4, 6])?, norm()?);
        for activation in [Activation::None, Activation::Relu, Activation::HardSwish] {
            let (ours, observed) = norm.by_batch(&x, activation)?;
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
            assert_close(&[flat(&observed.mean.1)?], &[flat(&mean)?], "mean");
            assert_close(&[flat(&observed.variance.1)?], &[flat(&unbiased)?], "variance");
        }
        Ok(())
    }

    #[test]
    fn adopting_statistics_changes_nothing_but_the_statistics() -> Result<()> {
        let (x, norm) = (var(&[3, 5, 4, 6])?, norm()?);
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
