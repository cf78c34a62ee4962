//! Depthwise convolution. candle runs a grouped convolution as one convolution a group, which for
//! 960 groups is many times slower than the arithmetic.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
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
        out.par_chunks_mut(out_h * out_w).enumerate().for_each(|(plane, out)| {
            let input = &input[plane * h * w..][..h * w];
            let kernel = &kernel[plane % channels * k * k..][..k * k];
            for (y, row) in out.chunks_exact_mut(out_w).enumerate() {
                for ky in 0..k {
                    let Some(in_y) = (y * self.stride + ky).checked_sub(before) else { continue };
                    if in_y < h {
                        let weights = &kernel[ky * k..][..k];
                        self.add_row(row, &input[in_y * w..][..w], weights);
                    }
                }
            }
        });
        Ok((CpuStorage::F32(out), (n, channels, out_h, out_w).into()))
    }
}

impl Depthwise {
    /// Adds one kernel row's share of one output row. The loop over `x` has no branches, so that
    /// the compiler can vectorise it.
    fn add_row(&self, out: &mut [f32], input: &[f32], weights: &[f32]) {
        let before = self.padding.0;
        for (kx, &weight) in weights.iter().enumerate() {
            // Output columns whose input column `x * stride + kx - before` lies in the picture.
            let first = before.saturating_sub(kx).div_ceil(self.stride);
            let past = (input.len() + before).saturating_sub(kx).div_ceil(self.stride);
            let past = past.min(out.len());
            if first >= past {
                continue;
            }
            let start = first * self.stride + kx - before;
            let columns = input[start..].iter().step_by(self.stride);
            if self.stride == 1 {
                for (out, value) in out[first..past].iter_mut().zip(&input[start..]) {
                    *out += weight * value;
                }
            } else {
                for (out, value) in out[first..past].iter_mut().zip(columns) {
                    *out += weight * value;
                }
            }
        }
    }
}

fn contiguous<'a>(storage: &'a CpuStorage, layout: &Layout) -> Result<&'a [f32]> {
    let CpuStorage::F32(values) = storage else { bail!("depthwise convolution is f32 only") };
    match layout.contiguous_offsets() {
        Some((start, end)) => Ok(&values[start..end]),
        None => bail!("depthwise convolution needs contiguous tensors"),
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
