//! Depthwise convolution. candle runs a grouped convolution as one convolution a group, which for 960
//! groups takes many times as long.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use pulp::Arch;
use rayon::prelude::*;

use super::padding::Padding;
use super::phases::{KernelGradient, Phases, Plane};
use super::values::{Values, contiguous};

/// Convolves every channel of `(n, c, h, w)` with its own kernel of `(c, 1, k, k)`.
pub(crate) fn depthwise(
    input: &Tensor,
    kernel: &Tensor,
    stride: usize,
    padding: Padding,
) -> Result<Tensor> {
    if input.device().is_cpu() || cfg!(feature = "cuda") && input.device().is_cuda() {
        return input.contiguous()?.apply_op2(&kernel.contiguous()?, Depthwise { stride, padding });
    }
    let groups = input.dim(1)?;
    let (before, after) = padding;
    let padded = input.pad_with_zeros(2, before, after)?.pad_with_zeros(3, before, after)?;
    padded.conv2d(kernel, 0, stride, 1, groups)
}

/// The gradients of the input, if `of_input`, and of the kernel, from that of the result.
pub(crate) fn depthwise_gradients(
    input: &Tensor,
    kernel: &Tensor,
    grad: &Tensor,
    stride: usize,
    padding: Padding,
    of_input: bool,
) -> Result<(Option<Tensor>, Tensor)> {
    let convolution = Depthwise { stride, padding };
    let of_input = of_input.then(|| convolution.of_input(input, kernel, grad)).transpose()?;
    Ok((of_input, convolution.of_kernel(input, kernel, grad)?))
}

struct Depthwise {
    stride: usize,
    padding: Padding,
}

impl Depthwise {
    /// Height and width of the result of a picture.
    fn out(&self, (h, w): (usize, usize), k: usize) -> Result<(usize, usize)> {
        let side = |side: usize| match (side + self.padding.0 + self.padding.1).checked_sub(k) {
            Some(room) => Ok(room / self.stride + 1),
            None => bail!("a {h}x{w} picture is smaller than the {k}x{k} kernel"),
        };
        Ok((side(h)?, side(w)?))
    }

    /// The gradient of the input: that of the result, spread over the stride with zeros between,
    /// convolved with the kernel rotated by 180 degrees.
    fn of_input(&self, input: &Tensor, kernel: &Tensor, grad: &Tensor) -> Result<Tensor> {
        let (n, channels, h, w) = input.dims4()?;
        let (_, _, out_h, out_w) = grad.dims4()?;
        let k = kernel.dim(3)?;
        let (before, after) = self.padding;
        let rotated: Vec<f32> = Values::of(kernel)?
            .chunks_exact(k * k)
            .flat_map(|kernel| kernel.iter().rev().copied())
            .collect();
        let rotated = Tensor::from_vec(rotated, kernel.shape(), input.device())?;
        let (wide_h, wide_w) = (h + before + after + 1 - k, w + before + after + 1 - k);
        let wide = if self.stride == 1 {
            grad.detach()
        } else {
            let mut wide = vec![0f32; n * channels * wide_h * wide_w];
            let grads = Values::of(grad)?;
            let planes = wide.chunks_exact_mut(wide_h * wide_w);
            for (wide, grad) in planes.zip(grads.chunks_exact(out_h * out_w)) {
                let rows = wide.chunks_exact_mut(wide_w).step_by(self.stride);
                for (row, grad) in rows.zip(grad.chunks_exact(out_w)) {
                    row.iter_mut().step_by(self.stride).zip(grad).for_each(|(to, g)| *to = *g);
                }
            }
            Tensor::from_vec(wide, (n, channels, wide_h, wide_w), input.device())?
        };
        depthwise(&wide, &rotated, 1, (k - 1 - before, k - 1 - after))
    }

    /// The gradient of the kernel: for each weight, its inputs times the gradients of their outputs.
    fn of_kernel(&self, input: &Tensor, kernel: &Tensor, grad: &Tensor) -> Result<Tensor> {
        let (_, channels, h, w) = input.dims4()?;
        let (_, _, out_h, out_w) = grad.dims4()?;
        let k = kernel.dim(3)?;
        let phases = Phases::new((self.stride, self.padding), (h, w), k, (out_h, out_w));
        let (arch, mut scratch) = (Arch::new(), phases.scratch());
        let (inputs, grads) = (Values::of(input)?, Values::of(grad)?);
        let mut sums = vec![0f32; channels * k * k];
        let planes = inputs.chunks_exact(h * w).zip(grads.chunks_exact(out_h * out_w));
        for (plane, (input, grad)) in planes.enumerate() {
            let sums = &mut sums[plane % channels * k * k..][..k * k];
            let scratch = &mut scratch;
            arch.dispatch(KernelGradient { phases: &phases, input, grad, sums, scratch });
        }
        Tensor::from_vec(sums, kernel.shape(), input.device())
    }
}

impl CustomOp2 for Depthwise {
    fn name(&self) -> &'static str {
        "depthwise"
    }

    fn cpu_fwd(
        &self,
        input: &CpuStorage,
        input_layout: &Layout,
        kernel: &CpuStorage,
        kernel_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (n, channels, h, w) = input_layout.shape().dims4()?;
        let (kernels, one, k, k_w) = kernel_layout.shape().dims4()?;
        if kernels != channels || one != 1 || k != k_w {
            bail!("depthwise kernel {:?} for {channels} channels", kernel_layout.shape());
        }
        let input = contiguous(input, input_layout)?;
        let kernel = contiguous(kernel, kernel_layout)?;
        let (out_h, out_w) = self.out((h, w), k)?;
        let mut out = vec![0f32; n * channels * out_h * out_w];
        let (arch, phases) =
            (Arch::new(), Phases::new((self.stride, self.padding), (h, w), k, (out_h, out_w)));
        out.par_chunks_mut(out_h * out_w).enumerate().for_each_init(
            || phases.scratch(),
            |scratch, (plane, out)| {
                let input = &input[plane * h * w..][..h * w];
                let kernel = &kernel[plane % channels * k * k..][..k * k];
                arch.dispatch(Plane { phases: &phases, input, kernel, out, scratch });
            },
        );
        Ok((CpuStorage::F32(out), (n, channels, out_h, out_w).into()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        input: &candle_core::CudaStorage,
        input_layout: &Layout,
        kernel: &candle_core::CudaStorage,
        kernel_layout: &Layout,
    ) -> Result<(candle_core::CudaStorage, Shape)> {
        let (_, _, h, w) = input_layout.shape().dims4()?;
        let out = self.out((h, w), kernel_layout.shape().dims4()?.2)?;
        let sides =
            crate::cuda::kernels::Sides { stride: self.stride, before: self.padding.0, out };
        crate::cuda::kernels::depthwise((input, input_layout), (kernel, kernel_layout), sides)
    }

    fn bwd(
        &self,
        input: &Tensor,
        kernel: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let Self { stride, padding } = *self;
        let (of_input, of_kernel) =
            depthwise_gradients(input, kernel, grad, stride, padding, true)?;
        Ok((of_input, Some(of_kernel)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::Inputs;
    use candle_core::backprop::GradStore;
    use candle_core::{Device, Var};

    /// Values and gradients are those of candle's own grouped convolution.
    #[test]
    fn agrees_with_candles_grouped_convolution_there_and_back() -> Result<()> {
        // (side, kernel, stride, padding): odd and even sides, TensorFlow's and PyTorch's paddings.
        let cases = [
            (7, 3, 1, (1, 1)),
            (8, 3, 2, (0, 1)),
            (9, 3, 2, (1, 1)),
            (9, 5, 2, (2, 2)),
            (6, 5, 1, (2, 2)),
            (3, 5, 2, (1, 2)),
            (40, 3, 2, (0, 1)),
        ];
        let inputs = Inputs::default();
        for (side, k, stride, (before, after)) in cases {
            let var = |shape: &[usize]| inputs.var(shape, 0.0, 1.0);
            let input = var(&[2, 5, side, side + 1])?;
            let kernel = var(&[5, 1, k, k])?;
            let ours = depthwise(&input, &kernel, stride, (before, after))?;
            let padded =
                input.pad_with_zeros(2, before, after)?.pad_with_zeros(3, before, after)?;
            // The gradient of candle's strided convolution is for squares only.
            let every = |length: usize| {
                Tensor::arange_step(0, (length + 1 - k) as u32, stride as u32, &Device::Cpu)
            };
            let (rows, columns) = (every(padded.dim(2)?)?, every(padded.dim(3)?)?);
            let reference = padded.conv2d(&kernel, 0, 1, 1, 5)?;
            let reference = reference.index_select(&rows, 2)?.index_select(&columns, 3)?;
            assert_eq!(ours.dims(), reference.dims(), "{side} {k} {stride}");
            let off = |a: &Tensor, b: &Tensor| (a - b)?.abs()?.max_all()?.to_scalar::<f32>();
            let factors = inputs.normal(ours.dims(), 0.0, 1.0)?;
            let gradients = |y: &Tensor| (y * &factors)?.sum_all()?.backward();
            let (of_ours, of_reference) = (gradients(&ours)?, gradients(&reference)?);
            let of = |store: &GradStore, var: &Var| store.get(var).expect("it counts").clone();
            let offs = [
                off(&ours, &reference)?,
                off(&of(&of_ours, &input), &of(&of_reference, &input))?,
                off(&of(&of_ours, &kernel), &of(&of_reference, &kernel))?,
            ];
            let case = format!("side {side}, kernel {k}, stride {stride}");
            assert!(offs.iter().all(|&off| off < 1e-3), "off by {offs:?} at {case}");
        }
        Ok(())
    }
}
