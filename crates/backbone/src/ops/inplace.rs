//! In-place bias, activation, residual sum and scaling of a convolution's result, for inference.
//!
//! candle has these operations, but splits each of more than 65,536 values over all cores, through one
//! lock for the process and threads that wait by spinning. With a photo on every core that took most of
//! the time: two cores embedded fewer photos than one.

use candle_core::{CpuStorage, InplaceOp2, Layout, Result, Tensor, bail};

use super::activation::{Activation, hard_sigmoid};

/// Adds a bias of `(1, c, 1, 1)` to `x` of `(n, c, h, w)` and activates the sum.
///
/// Like the others here, this overwrites `x`, which must not share its storage with another tensor.
pub(crate) fn add_bias(x: Tensor, bias: &Tensor, activation: Activation) -> Result<Tensor> {
    if has_kernels(&x) {
        x.inplace_op2(bias, &Operation::AddBias(activation))?;
        return Ok(x);
    }
    let x = x.broadcast_add(bias)?;
    match activation {
        Activation::None => Ok(x),
        Activation::Relu => x.relu(),
        Activation::Relu6 => x.clamp(0.0, 6.0),
        Activation::HardSwish => &x * hard_sigmoid(&x)?,
    }
}

/// Adds `y` to `x`, both `(n, c, h, w)`, and activates the sum: with a ReLU, or not at all.
pub(crate) fn add(x: Tensor, y: &Tensor, activation: Activation) -> Result<Tensor> {
    let relu = activation == Activation::Relu;
    if has_kernels(&x) {
        x.inplace_op2(y, &Operation::Add { relu })?;
        return Ok(x);
    }
    let sum = (x + y)?;
    if relu { sum.relu() } else { Ok(sum) }
}

/// Multiplies every channel of `x`, `(n, c, h, w)`, by its own factor, `(n, c, 1, 1)`.
pub(crate) fn scale(x: Tensor, factors: &Tensor) -> Result<Tensor> {
    if has_kernels(&x) {
        x.inplace_op2(factors, &Operation::Scale)?;
        return Ok(x);
    }
    x.broadcast_mul(factors)
}

/// Whether a tensor's device has operations of our own.
fn has_kernels(x: &Tensor) -> bool {
    x.device().is_cpu() || cfg!(feature = "cuda") && x.device().is_cuda()
}

enum Operation {
    AddBias(Activation),
    Add { relu: bool },
    Scale,
}

impl Operation {
    /// Values of `x` in a plane, one channel of one picture.
    fn plane(&self, x: &Layout, y: &Layout) -> Result<usize> {
        let (n, channels, h, w) = x.shape().dims4()?;
        let wanted = match self {
            Self::AddBias(_) => (1, channels, 1, 1),
            Self::Add { .. } => (n, channels, h, w),
            Self::Scale => (n, channels, 1, 1),
        };
        if y.shape().dims4()? != wanted {
            bail!("{}: {:?} with {:?}", self.name(), x.shape(), y.shape());
        }
        Ok((h * w).max(1))
    }
}

impl InplaceOp2 for Operation {
    fn name(&self) -> &'static str {
        match self {
            Self::AddBias(_) => "add_bias",
            Self::Add { .. } => "add",
            Self::Scale => "scale",
        }
    }

    fn cpu_fwd(
        &self,
        x: &mut CpuStorage,
        x_layout: &Layout,
        y: &CpuStorage,
        y_layout: &Layout,
    ) -> Result<()> {
        let plane = self.plane(x_layout, y_layout)?;
        let (CpuStorage::F32(x), CpuStorage::F32(y)) = (x, y) else {
            bail!("{} is f32 only", self.name())
        };
        let (Some((x_start, x_end)), Some((y_start, y_end))) =
            (x_layout.contiguous_offsets(), y_layout.contiguous_offsets())
        else {
            bail!("{} needs contiguous tensors", self.name())
        };
        let (x, y) = (&mut x[x_start..x_end], &y[y_start..y_end]);
        match self {
            Self::Add { relu } => {
                let floor = if *relu { 0.0 } else { f32::NEG_INFINITY };
                x.iter_mut().zip(y).for_each(|(x, y)| *x = (*x + y).max(floor));
            }
            Self::Scale => x
                .chunks_exact_mut(plane)
                .zip(y)
                .for_each(|(plane, y)| plane.iter_mut().for_each(|x| *x *= y)),
            Self::AddBias(activation) => {
                for (plane, &bias) in x.chunks_exact_mut(plane).zip(y.iter().cycle()) {
                    match activation {
                        Activation::None => plane.iter_mut().for_each(|x| *x += bias),
                        Activation::Relu => {
                            plane.iter_mut().for_each(|x| *x = (*x + bias).max(0.0))
                        }
                        Activation::Relu6 => {
                            plane.iter_mut().for_each(|x| *x = (*x + bias).clamp(0.0, 6.0))
                        }
                        Activation::HardSwish => plane.iter_mut().for_each(|x| {
                            let sum = *x + bias;
                            *x = sum * (sum / 6.0 + 0.5).clamp(0.0, 1.0);
                        }),
                    }
                }
            }
        }
        Ok(())
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        x: &mut candle_core::CudaStorage,
        x_layout: &Layout,
        y: &candle_core::CudaStorage,
        y_layout: &Layout,
    ) -> Result<()> {
        let plane = self.plane(x_layout, y_layout)?;
        let (x, y) = ((x, x_layout), (y, y_layout));
        match self {
            Self::AddBias(activation) => crate::cuda::kernels::add_bias(x, y, plane, *activation),
            Self::Add { relu } => crate::cuda::kernels::add(x, y, *relu),
            Self::Scale => crate::cuda::kernels::scale(x, y, plane),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::Inputs;

    fn largest_difference(a: &Tensor, b: &Tensor) -> Result<f32> {
        assert_eq!(a.dims(), b.dims());
        (a - b)?.abs()?.max_all()?.to_scalar()
    }

    #[test]
    fn agrees_with_candles_own_operations() -> Result<()> {
        let inputs = Inputs::default();
        let randn = |shape: [usize; 4]| inputs.normal(&shape, 0.0, 3.0);
        let (x, y) = (randn([2, 5, 4, 3])?, randn([2, 5, 4, 3])?);
        let (bias, factors) = (randn([1, 5, 1, 1])?, randn([2, 5, 1, 1])?);
        let sum = x.broadcast_add(&bias)?;
        let activated = [
            (Activation::None, sum.clone()),
            (Activation::Relu, sum.relu()?),
            (Activation::Relu6, sum.clamp(0.0, 6.0)?),
            (Activation::HardSwish, (&sum * hard_sigmoid(&sum)?)?),
        ];
        for (activation, wanted) in activated {
            let found = add_bias(x.copy()?, &bias, activation)?;
            assert!(largest_difference(&found, &wanted)? < 1e-5, "{activation:?}");
        }
        let sum = (&x + &y)?;
        let added = add(x.copy()?, &y, Activation::None)?;
        assert_eq!(largest_difference(&added, &sum)?, 0.0);
        let added = add(x.copy()?, &y, Activation::Relu)?;
        assert_eq!(largest_difference(&added, &sum.relu()?)?, 0.0);
        let scaled = scale(x.copy()?, &factors)?;
        assert_eq!(largest_difference(&scaled, &x.broadcast_mul(&factors)?)?, 0.0);
        assert!(add(x.copy()?, &bias, Activation::None).is_err(), "another shape");
        Ok(())
    }
}
