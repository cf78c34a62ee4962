//! Depthwise convolution. candle runs a grouped convolution as one convolution a group, which for
//! 960 groups is many times slower than the arithmetic.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

use crate::values::Values;

/// Zeros put around a picture before a convolution: `(before, after)`, the same for both axes.
pub(crate) type Padding = (usize, usize);

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

/// The gradients of the input, if it is wanted, and of the kernel, from that of the result.
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

    /// The gradient of the input: that of the result, with the stride's gaps filled by zeros,
    /// convolved with the kernel turned by half.
    fn of_input(&self, input: &Tensor, kernel: &Tensor, grad: &Tensor) -> Result<Tensor> {
        let (n, channels, h, w) = input.dims4()?;
        let (_, _, out_h, out_w) = grad.dims4()?;
        let k = kernel.dim(3)?;
        let (before, after) = self.padding;
        let turned: Vec<f32> = Values::of(kernel)?
            .chunks_exact(k * k)
            .flat_map(|kernel| kernel.iter().rev().copied())
            .collect();
        let turned = Tensor::from_vec(turned, kernel.shape(), input.device())?;
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
        depthwise(&wide, &turned, 1, (k - 1 - before, k - 1 - after))
    }

    /// The gradient of the kernel: each weight's with all that it met.
    fn of_kernel(&self, input: &Tensor, kernel: &Tensor, grad: &Tensor) -> Result<Tensor> {
        let (_, channels, h, w) = input.dims4()?;
        let (_, _, out_h, out_w) = grad.dims4()?;
        let k = kernel.dim(3)?;
        let phases = Phases::new(self, (h, w), k, (out_h, out_w));
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
        let (arch, phases) = (Arch::new(), Phases::new(self, (h, w), k, (out_h, out_w)));
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
        let sides = crate::cuda::Sides { stride: self.stride, before: self.padding.0, out };
        crate::cuda::depthwise((input, input_layout), (kernel, kernel_layout), sides)
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

/// Sums computed at a time: they stay in registers while the kernel's weights pass by.
const BLOCK: usize = 64;

/// How a padded picture is taken apart, so that what one weight meets lies in one piece.
///
/// With a stride of 2, the weight in the kernel's corner meets every second number of every second
/// row. The picture is therefore split by the remainders of row and column: one phase for a stride of
/// 1, four for 2. In its phase, what a weight meets is the phase itself, shifted.
struct Phases {
    stride: usize,
    padding: usize,
    picture_width: usize,
    out_width: usize,
    /// Row length of a phase, which rows of sums have too; those beyond the result are dropped.
    width: usize,
    /// Sums of all rows, in whole blocks.
    sums: usize,
    /// Numbers in a phase: the sums, and as far as weights are shifted.
    len: usize,
    /// For each weight of the kernel, where in the phases the numbers begin that it meets.
    met: Vec<usize>,
}

impl Phases {
    fn new(
        convolution: &Depthwise,
        picture: (usize, usize),
        kernel: usize,
        out: (usize, usize),
    ) -> Self {
        let Depthwise { stride, padding: (before, after) } = *convolution;
        let width = (picture.1 + before + after).div_ceil(stride);
        let rows = (picture.0 + before + after).div_ceil(stride);
        let shift = (kernel - 1) / stride;
        let sums = (out.0 * width).next_multiple_of(BLOCK);
        // Pictures may be smaller than a block, and have rows that no kernel reaches.
        let len = (sums + shift * width + shift).max(rows * width);
        let (picture_width, out_width) = (picture.1, out.1);
        let met = |at: usize| {
            let (y, x) = (at / kernel, at % kernel);
            (y % stride * stride + x % stride) * len + y / stride * width + x / stride
        };
        let met = (0..kernel * kernel).map(met).collect();
        Self { stride, padding: before, met, picture_width, out_width, width, sums, len }
    }

    /// Copies a plane's numbers to their places in the phases.
    #[inline(always)] // into functions that are compiled for the CPU's vectors
    fn take_apart(&self, input: &[f32], planes: &mut [f32]) {
        let &Self { stride, padding, picture_width, width, len, .. } = self;
        for (y, row) in input.chunks_exact(picture_width).enumerate() {
            let (phase_y, y) = ((y + padding) % stride, (y + padding) / stride);
            for phase_x in 0..stride {
                // The first column of the picture that falls into this phase.
                let first = (phase_x + stride - padding % stride) % stride;
                let start =
                    (phase_y * stride + phase_x) * len + y * width + (first + padding) / stride;
                let values = row.iter().skip(first).step_by(stride);
                planes[start..].iter_mut().zip(values).for_each(|(to, from)| *to = *from);
            }
        }
    }

    /// Room for the phases and the sums of one plane; zero, as the padding stays.
    fn scratch(&self) -> Vec<f32> {
        vec![0.0; self.stride * self.stride * self.len + self.sums]
    }
}

/// One channel of one picture.
struct Plane<'a> {
    phases: &'a Phases,
    input: &'a [f32],
    kernel: &'a [f32],
    out: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl WithSimd for Plane<'_> {
    type Output = ();

    #[inline(always)] // or it would not be compiled for the CPU's vectors
    fn with_simd<S: Simd>(self, _: S) {
        let Self { phases, input, kernel, out, scratch } = self;
        let &Phases { stride, width, len, .. } = phases;
        let (planes, sums) = scratch.split_at_mut(stride * stride * len);
        phases.take_apart(input, planes);
        for (block, sums) in sums.chunks_exact_mut(BLOCK).enumerate() {
            let mut block_sums = [0f32; BLOCK];
            for (&weight, &start) in kernel.iter().zip(&phases.met) {
                let values = &planes[start + block * BLOCK..][..BLOCK];
                for (sum, value) in block_sums.iter_mut().zip(values) {
                    *sum += weight * value;
                }
            }
            sums.copy_from_slice(&block_sums);
        }
        let rows = out.chunks_exact_mut(phases.out_width).zip(sums.chunks_exact(width));
        rows.for_each(|(out, sums)| out.copy_from_slice(&sums[..out.len()]));
    }
}

/// One channel of one picture, on the way back.
struct KernelGradient<'a> {
    phases: &'a Phases,
    input: &'a [f32],
    grad: &'a [f32],
    /// The gradient of each weight so far.
    sums: &'a mut [f32],
    scratch: &'a mut [f32],
}

impl WithSimd for KernelGradient<'_> {
    type Output = ();

    #[inline(always)] // or it would not be compiled for the CPU's vectors
    fn with_simd<S: Simd>(self, _: S) {
        let Self { phases, input, grad, sums, scratch } = self;
        let (planes, grads) = scratch.split_at_mut(phases.stride * phases.stride * phases.len);
        phases.take_apart(input, planes);
        let rows = grads.chunks_exact_mut(phases.width).zip(grad.chunks_exact(phases.out_width));
        rows.for_each(|(to, from)| to[..from.len()].copy_from_slice(from));
        for (sum, &start) in sums.iter_mut().zip(&phases.met) {
            let mut lanes = [0f32; BLOCK];
            let met = planes[start..].chunks_exact(BLOCK);
            for (grads, met) in grads.chunks_exact(BLOCK).zip(met) {
                for ((lane, grad), met) in lanes.iter_mut().zip(grads).zip(met) {
                    *lane += grad * met;
                }
            }
            *sum += lanes.iter().sum::<f32>();
        }
    }
}

pub(crate) fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let CpuStorage::F32(values) = storage else { bail!("convolutions are f32 only") };
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&values[start..end]),
        None => bail!("convolutions need contiguous tensors"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        for (side, k, stride, (before, after)) in cases {
            let var =
                |shape: &[usize]| Var::from_tensor(&Tensor::randn(0f32, 1.0, shape, &Device::Cpu)?);
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
            let factors = Tensor::randn(0f32, 1.0, ours.shape(), &Device::Cpu)?;
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
