//! Depthwise convolution. candle runs a grouped convolution as one convolution a group, which for
//! 960 groups is many times slower than the arithmetic.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use pulp::{Arch, Simd, WithSimd};
use rayon::prelude::*;

/// Zeros put around a picture before a convolution: `(before, after)`, the same for both axes.
pub(crate) type Padding = (usize, usize);

/// Convolves every channel of `(n, c, h, w)` with its own kernel of `(c, 1, k, k)`.
pub(crate) fn depthwise(
    input: &Tensor,
    kernel: &Tensor,
    stride: usize,
    padding: Padding,
) -> Result<Tensor> {
    if input.device().is_cpu() {
        return input.apply_op2_no_bwd(kernel, &Depthwise { stride, padding });
    }
    let groups = input.dim(1)?;
    let (before, after) = padding;
    let padded = input.pad_with_zeros(2, before, after)?.pad_with_zeros(3, before, after)?;
    padded.conv2d(kernel, 0, stride, 1, groups)
}

struct Depthwise {
    stride: usize,
    padding: Padding,
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
        let (before, after) = self.padding;
        if h + before + after < k || w + before + after < k {
            bail!("a {h}x{w} picture is smaller than the {k}x{k} kernel");
        }
        let out_h = (h + before + after - k) / self.stride + 1;
        let out_w = (w + before + after - k) / self.stride + 1;
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

    #[inline(always)] // or it would not be compiled for the processor's vectors
    fn with_simd<S: Simd>(self, _: S) {
        let Self { phases, input, kernel, out, scratch } = self;
        let &Phases { stride, padding, picture_width: w, width, len, .. } = phases;
        let (planes, sums) = scratch.split_at_mut(stride * stride * len);
        for (y, row) in input.chunks_exact(w).enumerate() {
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
    use candle_core::Device;

    #[test]
    fn agrees_with_candles_grouped_convolution() -> Result<()> {
        // (side, kernel, stride, padding): odd and even sides, TensorFlow's and PyTorch's paddings.
        let cases = [
            (7, 3, 1, (1, 1)),
            (8, 3, 2, (0, 1)),
            (9, 3, 2, (1, 1)),
            (9, 5, 2, (2, 2)),
            (6, 5, 1, (2, 2)),
            (3, 5, 2, (1, 2)),
        ];
        for (side, k, stride, (before, after)) in cases {
            let input = Tensor::randn(0f32, 1.0, (2, 5, side, side + 1), &Device::Cpu)?;
            let kernel = Tensor::randn(0f32, 1.0, (5, 1, k, k), &Device::Cpu)?;
            let ours = depthwise(&input, &kernel, stride, (before, after))?;
            let padded =
                input.pad_with_zeros(2, before, after)?.pad_with_zeros(3, before, after)?;
            let reference = padded.conv2d(&kernel, 0, stride, 1, 5)?;
            assert_eq!(ours.dims(), reference.dims(), "{side} {k} {stride}");
            let off = (ours - reference)?.abs()?.max_all()?.to_scalar::<f32>()?;
            assert!(off < 1e-4, "off by {off} at side {side}, kernel {k}, stride {stride}");
        }
        Ok(())
    }
}
