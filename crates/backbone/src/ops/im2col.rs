//! Convolution as matrix products of unfolded patches ("im2col": Chellapilla et al., 2006).
//!
//! In place of candle's convolution of a picture's three channels it took indexing from 179 to 197 photos
//! a second (MobileNetV3 minimalistic, two cores).

use std::ops::Range;

use candle_core::conv::CudnnFwdAlgo;
use candle_core::{CpuStorage, CustomOp2, Device, Layout, Result, Shape, Tensor, bail};

use super::padding::Padding;
use super::values::{Values, contiguous};

/// Values of the patch matrix that are unfolded at a time: more would not fit a core's cache, and a whole
/// layer of VGG19 takes 115 MB a photo.
const BAND: usize = 1 << 19;

/// Convolves `(n, c, h, w)` with kernels of `(out, c, k, k)`.
pub(crate) fn im2col(
    input: &Tensor,
    kernel: &Tensor,
    stride: usize,
    padding: Padding,
) -> Result<Tensor> {
    let (_, channels, _, _) = input.dims4()?;
    let (_, kernel_channels, k, _) = kernel.dims4()?;
    if kernel_channels != channels {
        bail!("a kernel for {kernel_channels} channels on {channels}");
    }
    if !input.device().is_cpu() {
        let (before, after) = padding;
        if before == after {
            return by_cudnn(&input.contiguous()?, &kernel.contiguous()?, before, stride);
        }
        let padded = input.pad_with_zeros(2, before, after)?.pad_with_zeros(3, before, after)?;
        return by_cudnn(&padded, &kernel.contiguous()?, 0, stride);
    }
    input.contiguous()?.apply_op2(&kernel.contiguous()?, Convolution { kernel: k, stride, padding })
}

/// By cuDNN with a fixed algorithm. Left to itself it picks one at every call: for ResNet50 in bf16 that
/// took 90 ms on an H200, whatever the batch.
fn by_cudnn(input: &Tensor, kernel: &Tensor, padding: usize, stride: usize) -> Result<Tensor> {
    let algorithm = Some(CudnnFwdAlgo::ImplicitPrecompGemm);
    let convolved = input.conv2d_with_algo(kernel, padding, stride, 1, 1, algorithm);
    convolved.or_else(|_| input.conv2d(kernel, padding, stride, 1, 1))
}

/// The gradients of the input, if `of_input`, and of the kernel, from that of the result.
pub(crate) fn im2col_gradients(
    input: &Tensor,
    kernel: &Tensor,
    grad: &Tensor,
    stride: usize,
    padding: Padding,
    of_input: bool,
) -> Result<(Option<Tensor>, Tensor)> {
    let convolution = Convolution { kernel: kernel.dim(3)?, stride, padding };
    convolution.gradients(input, kernel, grad, of_input)
}

#[derive(Clone, Copy)]
struct Convolution {
    kernel: usize,
    stride: usize,
    padding: Padding,
}

/// One picture's shape, and its result's.
#[derive(Clone, Copy)]
struct Sides {
    channels: usize,
    h: usize,
    w: usize,
    out_h: usize,
    out_w: usize,
}

impl Convolution {
    fn sides(&self, (_, channels, h, w): (usize, usize, usize, usize)) -> Result<Sides> {
        let side =
            |side: usize| match (side + self.padding.0 + self.padding.1).checked_sub(self.kernel) {
                Some(room) => Ok(room / self.stride + 1),
                None => bail!("a side of {side} is smaller than the kernel of {}", self.kernel),
            };
        Ok(Sides { channels, h, w, out_h: side(h)?, out_w: side(w)? })
    }

    /// Rows of the result that are computed at a time.
    fn bands(&self, sides: Sides) -> impl Iterator<Item = Range<usize>> + use<> {
        let numbers_a_row = sides.channels * self.kernel * self.kernel * sides.out_w;
        let rows = (BAND / numbers_a_row.max(1)).clamp(1, sides.out_h.max(1));
        (0..sides.out_h).step_by(rows).map(move |from| from..(from + rows).min(sides.out_h))
    }

    /// For each row of a band's patch matrix (an input channel and a position in the kernel) and each row of
    /// the band: the offsets of its values in the picture and in the matrix.
    ///
    /// `visit(matrix, picture, count)` stands for `count` values, contiguous from `matrix` in the matrix, and
    /// strided from `picture` in the picture; all others are padding.
    fn each_run(
        &self,
        sides: Sides,
        band: &Range<usize>,
        mut visit: impl FnMut(usize, usize, usize),
    ) {
        let Sides { channels, h, w, out_w, .. } = sides;
        let (k, stride, before) = (self.kernel, self.stride, self.padding.0);
        let columns = band.len() * out_w;
        for row in 0..channels * k * k {
            let (plane, ky, kx) = (row / (k * k), row / k % k, row % k);
            // Output columns whose input column `x * stride + kx - before` lies in the picture.
            let first = before.saturating_sub(kx).div_ceil(stride);
            let past = (w + before).saturating_sub(kx).div_ceil(stride).min(out_w);
            if first >= past {
                continue;
            }
            for (line, y) in band.clone().enumerate() {
                let Some(in_y) = (y * stride + ky).checked_sub(before) else { continue };
                if in_y < h {
                    let picture = (plane * h + in_y) * w + first * stride + kx - before;
                    visit(row * columns + line * out_w + first, picture, past - first);
                }
            }
        }
    }

    /// The patch matrix, `(c * k * k, columns)`: a column has the kernel's inputs at one position.
    fn unfold(&self, sides: Sides, band: &Range<usize>, picture: &[f32]) -> Result<Tensor> {
        let shape = (sides.channels * self.kernel * self.kernel, band.len() * sides.out_w);
        let mut patches = vec![0f32; shape.0 * shape.1];
        self.each_run(sides, band, |matrix, start, count| {
            let to = &mut patches[matrix..][..count];
            if self.stride == 1 {
                to.copy_from_slice(&picture[start..][..count]);
            } else {
                let inputs = picture[start..].iter().step_by(self.stride);
                to.iter_mut().zip(inputs).for_each(|(to, from)| *to = *from);
            }
        });
        Tensor::from_vec(patches, shape, &Device::Cpu)
    }

    /// Adds the gradient of [`Self::unfold`]'s result to that of the picture ("col2im").
    fn fold(&self, sides: Sides, band: &Range<usize>, patches: &[f32], picture: &mut [f32]) {
        self.each_run(sides, band, |matrix, start, count| {
            let to = picture[start..].iter_mut().step_by(self.stride);
            to.zip(&patches[matrix..][..count]).for_each(|(to, from)| *to += from);
        });
    }
}

impl CustomOp2 for Convolution {
    fn name(&self) -> &'static str {
        "convolution"
    }

    fn cpu_fwd(
        &self,
        input: &CpuStorage,
        input_layout: &Layout,
        kernel: &CpuStorage,
        kernel_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let shape = input_layout.shape().dims4()?;
        let (n, sides) = (shape.0, self.sides(shape)?);
        let (out, ..) = kernel_layout.shape().dims4()?;
        let input = contiguous(input, input_layout)?;
        let rows = sides.channels * self.kernel * self.kernel;
        let kernel =
            Tensor::from_slice(contiguous(kernel, kernel_layout)?, (out, rows), &Device::Cpu)?;
        let plane = sides.out_h * sides.out_w;
        let mut result = vec![0f32; n * out * plane];
        let pictures = input.chunks_exact(sides.channels * sides.h * sides.w);
        for (picture, result) in pictures.zip(result.chunks_exact_mut(out * plane)) {
            for band in self.bands(sides) {
                let product = kernel.matmul(&self.unfold(sides, &band, picture)?)?;
                let (product, columns) = (Values::of(&product)?, band.len() * sides.out_w);
                let planes = result.chunks_exact_mut(plane).zip(product.chunks_exact(columns));
                let start = band.start * sides.out_w;
                planes.for_each(|(to, from)| to[start..][..columns].copy_from_slice(from));
            }
        }
        Ok((CpuStorage::F32(result), (n, out, sides.out_h, sides.out_w).into()))
    }

    fn bwd(
        &self,
        input: &Tensor,
        kernel: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (of_input, of_kernel) = self.gradients(input, kernel, grad, true)?;
        Ok((of_input, Some(of_kernel)))
    }
}

impl Convolution {
    fn gradients(
        &self,
        input: &Tensor,
        kernel: &Tensor,
        grad: &Tensor,
        wants_input: bool,
    ) -> Result<(Option<Tensor>, Tensor)> {
        let sides = self.sides(input.dims4()?)?;
        let (out, ..) = kernel.dims4()?;
        let plane = sides.out_h * sides.out_w;
        let matrix = kernel.detach().reshape((out, ()))?;
        let transposed = matrix.t()?.contiguous()?;
        let (pictures, grads) = (Values::of(input)?, Values::of(grad)?);
        let per_picture = sides.channels * sides.h * sides.w;
        let mut of_input = vec![0f32; pictures.len()];
        let mut of_kernel = vec![0f32; matrix.elem_count()];
        let each = pictures.chunks_exact(per_picture).zip(of_input.chunks_exact_mut(per_picture));
        for ((picture, of_picture), grad) in each.zip(grads.chunks_exact(out * plane)) {
            for band in self.bands(sides) {
                let (start, columns) = (band.start * sides.out_w, band.len() * sides.out_w);
                let mut part = Vec::with_capacity(out * columns);
                for plane in grad.chunks_exact(plane) {
                    part.extend_from_slice(&plane[start..][..columns]);
                }
                let part = Tensor::from_vec(part, (out, columns), &Device::Cpu)?;
                let patches = self.unfold(sides, &band, picture)?;
                let product = part.matmul(&patches.t()?)?;
                let product = Values::of(&product)?;
                of_kernel.iter_mut().zip(product.iter()).for_each(|(sum, one)| *sum += one);
                if wants_input {
                    let of_patches = transposed.matmul(&part)?;
                    self.fold(sides, &band, &Values::of(&of_patches)?, of_picture);
                }
            }
        }
        let of_kernel = Tensor::from_vec(of_kernel, kernel.shape(), &Device::Cpu)?;
        let of_input = wants_input
            .then(|| Tensor::from_vec(of_input, input.shape(), &Device::Cpu))
            .transpose()?;
        Ok((of_input, of_kernel))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::Inputs;

    /// Values and gradients are those of candle's own convolution.
    #[test]
    fn agrees_with_candles_convolution_there_and_back() -> Result<()> {
        let cases = [
            (8, 3, 2, (0, 1)),
            (9, 3, 2, (1, 1)),
            (7, 3, 1, (1, 1)),
            (9, 7, 2, (3, 3)),
            (4, 1, 1, (0, 0)),
            (9, 1, 2, (0, 0)),
            (230, 3, 1, (1, 1)), // several bands
        ];
        let inputs = Inputs::default();
        for (side, k, stride, (before, after)) in cases {
            let var = |shape: &[usize]| inputs.var(shape, 0.0, 1.0);
            let input = var(&[2, 3, side, side + 1])?;
            let kernel = var(&[5, 3, k, k])?;
            let ours = im2col(&input, &kernel, stride, (before, after))?;
            let padded =
                input.pad_with_zeros(2, before, after)?.pad_with_zeros(3, before, after)?;
            // The gradient of candle's strided convolution is for squares only.
            let every = |length: usize| {
                Tensor::arange_step(0, (length + 1 - k) as u32, stride as u32, &Device::Cpu)
            };
            let (rows, columns) = (every(padded.dim(2)?)?, every(padded.dim(3)?)?);
            let reference = padded.conv2d(&kernel, 0, 1, 1, 1)?;
            let reference = reference.index_select(&rows, 2)?.index_select(&columns, 3)?;
            assert_eq!(ours.dims(), reference.dims(), "{side} {k} {stride}");
            let off = |a: &Tensor, b: &Tensor| -> Result<f32> {
                let largest = b.abs()?.max_all()?.to_scalar::<f32>()?;
                Ok((a - b)?.abs()?.max_all()?.to_scalar::<f32>()? / largest)
            };
            let factors = inputs.normal(ours.dims(), 0.0, 1.0)?;
            let gradients = |y: &Tensor| (y * &factors)?.sum_all()?.backward();
            let (of_ours, of_reference) = (gradients(&ours)?, gradients(&reference)?);
            let mut offs = vec![off(&ours, &reference)?];
            for var in [&input, &kernel] {
                let gradient = |of: &candle_core::backprop::GradStore| {
                    of.get(var).expect("it decides the result").clone()
                };
                offs.push(off(&gradient(&of_ours), &gradient(&of_reference))?);
            }
            let case = format!("side {side}, kernel {k}, stride {stride}");
            assert!(offs.iter().all(|&off| off < 1e-4), "off by {offs:?} at {case}");
        }
        Ok(())
    }
}
