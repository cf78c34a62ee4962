//! Convolution and max-pooling made of candle's operations, with candle's gradients: for training on a GPU.
//!
//! candle's own convolution has a slow gradient (and none for a stride over what is not a square), and its
//! max-pooling has one for windows that do not overlap, divided by the window's size. Here each weight of
//! the kernel gets a strided copy of its inputs, which runs at the speed of the GPU's memory, and the rest
//! is matrix products.

use candle_core::{Result, Tensor, bail};

use super::padding::Padding;

/// For each weight of a `k` by `k` kernel, row by row, its inputs in `(n, c, h, w)`: each
/// `(n, c, h', w')`.
fn windows(x: &Tensor, k: usize, stride: usize, padding: Padding) -> Result<Vec<Tensor>> {
    let (n, c, h, w) = x.dims4()?;
    let (before, after) = padding;
    let out = |side: usize| match (side + before + after).checked_sub(k) {
        Some(room) => Ok(room / stride + 1),
        None => bail!("a side of {side} is smaller than the kernel of {k}"),
    };
    let (out_h, out_w) = (out(h)?, out(w)?);
    // So far that every window reaches over whole strides.
    let behind = |side: usize, out: usize| (k - 1 + out * stride).saturating_sub(before + side);
    let padded = x.pad_with_zeros(2, before, behind(h, out_h).max(after))?.pad_with_zeros(
        3,
        before,
        behind(w, out_w).max(after),
    )?;
    let window = |at: usize| {
        let met = padded.narrow(2, at / k, out_h * stride)?.narrow(3, at % k, out_w * stride)?;
        if stride == 1 {
            return Ok(met);
        }
        let strides = met.contiguous()?.reshape((n, c, out_h, stride, out_w, stride))?;
        strides.narrow(3, 0, 1)?.narrow(5, 0, 1)?.contiguous()?.reshape((n, c, out_h, out_w))
    };
    (0..k * k).map(window).collect()
}

/// Convolves `(n, c, h, w)` with kernels of `(out, c, k, k)`.
pub(crate) fn convolve(
    x: &Tensor,
    kernel: &Tensor,
    stride: usize,
    padding: Padding,
) -> Result<Tensor> {
    let (out, c, k, _) = kernel.dims4()?;
    let windows = windows(x, k, stride, padding)?;
    let (n, _, out_h, out_w) = windows[0].dims4()?;
    let met = Tensor::cat(&windows, 1)?.reshape((n, k * k * c, out_h * out_w))?;
    let kernel = kernel.permute((0, 2, 3, 1))?.contiguous()?.reshape((1, out, k * k * c))?;
    let product = kernel.broadcast_as((n, out, k * k * c))?.matmul(&met)?;
    product.reshape((n, out, out_h, out_w))
}

/// Convolves every channel of `(n, c, h, w)` with its own kernel of `(c, 1, k, k)`.
pub(crate) fn depthwise(
    x: &Tensor,
    kernel: &Tensor,
    stride: usize,
    padding: Padding,
) -> Result<Tensor> {
    let (c, _, k, _) = kernel.dims4()?;
    let mut sum: Option<Tensor> = None;
    let weights = kernel.reshape((c, k * k))?;
    for (at, window) in windows(x, k, stride, padding)?.iter().enumerate() {
        let weight = weights.narrow(1, at, 1)?.contiguous()?.reshape((1, c, 1, 1))?;
        let product = window.broadcast_mul(&weight)?;
        sum = Some(match sum {
            Some(sum) => (sum + product)?,
            None => product,
        });
    }
    sum.map_or_else(|| x.zeros_like(), Ok)
}

/// The largest number in each window of `(n, c, h, w)`, none of which is below zero.
pub(crate) fn max_pool(x: &Tensor, k: usize, stride: usize, padding: usize) -> Result<Tensor> {
    let mut windows = windows(x, k, stride, (padding, padding))?.into_iter();
    let Some(first) = windows.next() else { bail!("an empty window") };
    windows.try_fold(first, |largest, window| largest.maximum(&window))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::{Inputs, assert_close, gradients};
    use candle_core::{Device, Var};

    fn flat(t: &Tensor) -> Result<Vec<f32>> {
        t.flatten_all()?.to_vec1()
    }

    fn assert_same(ours: &Tensor, theirs: &Tensor, of: &[&Var], what: &str) -> Result<()> {
        assert_eq!(ours.dims(), theirs.dims(), "{what}");
        assert_close(&[flat(ours)?], &[flat(theirs)?], what);
        assert_close(&gradients(ours, of)?, &gradients(theirs, of)?, &format!("{what}: gradient"));
        Ok(())
    }

    /// Values and gradients are those of the CPU's own layers, which are checked against
    /// candle's convolutions.
    #[test]
    fn agrees_with_the_cpu_layers_there_and_back() -> Result<()> {
        let cases = [
            ((8, 9), 3, 2, (0, 1)),
            ((9, 9), 3, 2, (1, 1)),
            ((7, 6), 3, 1, (1, 1)),
            ((9, 11), 7, 2, (3, 3)),
            ((6, 4), 5, 1, (2, 2)),
            ((9, 8), 1, 2, (0, 0)),
        ];
        let inputs = Inputs::default();
        let var = |shape: &[usize]| inputs.var(shape, 0.0, 1.0);
        for ((h, w), k, stride, padding) in cases {
            let what = format!("{h}x{w}, kernel {k}, stride {stride}");
            let (x, kernel) = (var(&[2, 3, h, w])?, var(&[5, 3, k, k])?);
            let ours = convolve(&x, &kernel, stride, padding)?;
            let theirs = crate::ops::im2col::im2col(&x, &kernel, stride, padding)?;
            assert_same(&ours, &theirs, &[&x, &kernel], &what)?;
            let kernel = var(&[3, 1, k, k])?;
            let ours = depthwise(&x, &kernel, stride, padding)?;
            let theirs = crate::ops::depthwise::depthwise(&x, &kernel, stride, padding)?;
            assert_same(&ours, &theirs, &[&x, &kernel], &format!("depthwise {what}"))?;
        }
        for (k, stride, padding) in [(2, 2, 0), (3, 2, 1)] {
            // Whole numbers in another order each: no two of a window are the same.
            let values = (0..2 * 3 * 8 * 6u32).map(|i| (i * 131 % 288) as f32).collect();
            let x = Var::from_tensor(&Tensor::from_vec(values, (2, 3, 8, 6), &Device::Cpu)?)?;
            let ours = max_pool(&x, k, stride, padding)?;
            let theirs = crate::ops::pool::max_pool(&x, k, stride, padding)?;
            assert_same(&ours, &theirs, &[&x], &format!("max-pooling {k}"))?;
        }
        Ok(())
    }
}
