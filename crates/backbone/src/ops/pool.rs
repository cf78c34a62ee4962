//! Pooling: global average, and max-pooling with a gradient for overlapping windows, which candle lacks.

use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Shape, Tensor, bail};

use super::dispatch::on_cpu;
use super::portable;
use super::values::contiguous;

/// The mean over each map: `(n, c, h, w)` to `(n, c, 1, 1)`.
pub(crate) fn global_average(x: &Tensor) -> Result<Tensor> {
    x.mean_keepdim(D::Minus1)?.mean_keepdim(D::Minus2)
}

/// The maximum of each window of `(n, c, h, w)`; padding never counts.
pub(crate) fn max_pool(x: &Tensor, kernel: usize, stride: usize, padding: usize) -> Result<Tensor> {
    if !on_cpu(x) && x.track_op() {
        return portable::max_pool(x, kernel, stride, padding);
    }
    if !on_cpu(x) {
        // The input comes from a ReLU, so zero padding changes nothing.
        let padded = x.pad_with_zeros(2, padding, padding)?.pad_with_zeros(3, padding, padding)?;
        return padded.max_pool2d_with_stride(kernel, stride);
    }
    x.contiguous()?.apply_op1(MaxPool { kernel, stride, padding })
}

#[derive(Clone, Copy)]
struct MaxPool {
    kernel: usize,
    stride: usize,
    padding: usize,
}

impl MaxPool {
    fn side(&self, side: usize) -> Result<usize> {
        match (side + 2 * self.padding).checked_sub(self.kernel) {
            Some(room) => Ok(room / self.stride + 1),
            None => bail!("a side of {side} is smaller than the window of {}", self.kernel),
        }
    }

    /// The part of window `at` that is not padding.
    fn window(&self, at: usize, side: usize) -> std::ops::Range<usize> {
        let start = at * self.stride;
        let end = (start + self.kernel).saturating_sub(self.padding).min(side);
        start.saturating_sub(self.padding)..end
    }

    /// Calls `visit` with the index of each result and of its maximum in the plane.
    fn each_maximum(
        &self,
        plane: &[f32],
        (h, w): (usize, usize),
        mut visit: impl FnMut(usize, usize),
    ) -> Result<()> {
        let (out_h, out_w) = (self.side(h)?, self.side(w)?);
        for y in 0..out_h {
            let rows = self.window(y, h);
            for x in 0..out_w {
                let columns = self.window(x, w);
                let mut best = rows.start * w + columns.start;
                for row in rows.clone() {
                    for at in row * w + columns.start..row * w + columns.end {
                        if plane[at] > plane[best] {
                            best = at;
                        }
                    }
                }
                visit(y * out_w + x, best);
            }
        }
        Ok(())
    }
}

impl CustomOp1 for MaxPool {
    fn name(&self) -> &'static str {
        "max_pool"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, channels, h, w) = layout.shape().dims4()?;
        let (out_h, out_w) = (self.side(h)?, self.side(w)?);
        let x = contiguous(x, layout)?;
        let mut out = vec![0f32; n * channels * out_h * out_w];
        for (plane, out) in x.chunks_exact(h * w).zip(out.chunks_exact_mut(out_h * out_w)) {
            self.each_maximum(plane, (h, w), |at, best| out[at] = plane[best])?;
        }
        Ok((CpuStorage::F32(out), (n, channels, out_h, out_w).into()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (_, _, h, w) = x.dims4()?;
        let values = x.flatten_all()?.to_vec1::<f32>()?;
        let grads = grad.flatten_all()?.to_vec1::<f32>()?;
        let mut out = vec![0f32; values.len()];
        let per_plane = self.side(h)? * self.side(w)?;
        let planes = values.chunks_exact(h * w).zip(out.chunks_exact_mut(h * w));
        for ((plane, out), grads) in planes.zip(grads.chunks_exact(per_plane)) {
            self.each_maximum(plane, (h, w), |at, best| out[best] += grads[at])?;
        }
        Ok(Some(Tensor::from_vec(out, x.dims(), x.device())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::testing::Inputs;
    use candle_core::{Device, Var};

    #[test]
    fn agrees_with_candle_where_candle_can() -> Result<()> {
        let inputs = Inputs::default();
        let x = inputs.var(&[2, 3, 8, 6], 0.0, 1.0)?;
        let factors = inputs.normal(&[2, 3, 4, 3], 0.0, 1.0)?;
        let (ours, theirs) = (max_pool(&x, 2, 2, 0)?, x.max_pool2d(2)?);
        assert_eq!(ours.flatten_all()?.to_vec1::<f32>()?, theirs.flatten_all()?.to_vec1::<f32>()?);
        let gradient = |y: Tensor| -> Result<Vec<f32>> {
            let gradients = (y * &factors)?.sum_all()?.backward()?;
            gradients.get(&x).expect("x decides y").flatten_all()?.to_vec1()
        };
        // candle divides the gradient by the window's size; where it is zero agrees.
        let (ours, theirs) = (gradient(ours)?, gradient(theirs)?);
        assert!(ours.iter().zip(&theirs).all(|(a, b)| (a == &0.0) == (b == &0.0)));
        Ok(())
    }

    #[test]
    fn windows_overlap_and_reach_over_the_edge() -> Result<()> {
        let x = Tensor::from_vec(
            vec![9f32, 1.0, 2.0, 3.0, 4.0, 5.0, -6.0, 7.0, -8.0],
            (1, 1, 3, 3),
            &Device::Cpu,
        )?;
        let x = Var::from_tensor(&x)?;
        let y = max_pool(&x, 3, 2, 1)?;
        assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [9.0, 5.0, 7.0, 7.0]);
        let gradients = y.sum_all()?.backward()?;
        let gradient = gradients.get(&x).expect("x decides y").flatten_all()?.to_vec1::<f32>()?;
        assert_eq!(gradient, [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 2.0, 0.0]);
        let below = Tensor::full(-3f32, (1, 1, 2, 2), &Device::Cpu)?;
        assert_eq!(max_pool(&below, 3, 2, 1)?.flatten_all()?.to_vec1::<f32>()?, [-3.0]);
        Ok(())
    }
}
