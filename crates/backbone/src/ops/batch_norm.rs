//! Batch norm by the batch's own statistics (Ioffe and Szegedy, 2015), with its gradient.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::activation::{Activation, backward, scale_shift};
use super::dispatch::on_cpu;
use super::reduce::{dot, sum};
use super::values::{Values, contiguous};

/// `activation((x - mean) / sqrt(variance + eps) * gamma + beta)`, channel by channel. `x` is
/// `(n, c, h, w)`; mean and variance are `x`'s own, from [`moments_of`].
pub(crate) fn batch_norm(
    x: &Tensor,
    (mean, variance): (Tensor, Tensor),
    (gamma, beta): (&Tensor, &Tensor),
    eps: f64,
    activation: Activation,
) -> Result<Tensor> {
    if !on_cpu(x) {
        let channels = x.dim(1)?;
        let scale = (gamma / (variance + eps)?.sqrt()?)?;
        let shift = (beta - (mean * &scale)?)?;
        let by_channel = |t: Tensor| t.reshape((1, channels, 1, 1));
        let y = x.broadcast_mul(&by_channel(scale)?)?.broadcast_add(&by_channel(shift)?)?;
        return activation.of(&y);
    }
    let (means, variances) = (mean.to_vec1::<f32>()?, variance.to_vec1::<f32>()?);
    let rooted = |v: &f32| (1.0 / (f64::from(*v) + eps).sqrt()) as f32;
    let inverse = variances.iter().map(rooted).collect();
    x.contiguous()?.apply_op3(gamma, beta, BatchNormOp { means, inverse, activation })
}

/// Mean and (biased) variance of every channel, each `(c,)`.
pub(crate) fn moments_of(x: &Tensor) -> Result<(Tensor, Tensor)> {
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

/// [`moments_of`] planes of `plane` values.
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

/// [`batch_norm`] as one operation on the CPU.
struct BatchNormOp {
    means: Vec<f32>,
    /// One over the deviation.
    inverse: Vec<f32>,
    activation: Activation,
}

impl BatchNormOp {
    fn affine(&self, gamma: &[f32], beta: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let scale: Vec<f32> = gamma.iter().zip(&self.inverse).map(|(g, i)| g * i).collect();
        let moved = scale.iter().zip(&self.means).map(|(scale, mean)| scale * mean);
        let shift = beta.iter().zip(moved).map(|(beta, moved)| beta - moved).collect();
        (scale, shift)
    }
}

impl CustomOp3 for BatchNormOp {
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
        let out = scale_shift(contiguous(x, x_layout)?, &scale, &shift, h * w, self.activation);
        Ok((CpuStorage::F32(out), x_layout.shape().clone()))
    }

    /// The gradient of `x` is projected orthogonally to the constant and to `x` itself, since the
    /// forward pass normalises both away.
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
        let mut passed = if self.activation.needs_input() {
            let before = scale_shift(&values, &scale, &shift, plane, Activation::None);
            backward(self.activation, &before, &grad)
        } else {
            backward(self.activation, &Values::of(out)?, &grad)
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
