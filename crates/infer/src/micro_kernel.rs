//! The f32 GEMM micro-kernel: a tile of `MR` positions by `NB` channel blocks, accumulated in registers over the whole
//! K dimension (Goto and van de Geijn, "Anatomy of high-performance matrix multiplication", 2008; BLIS).

use pulp::{Simd, WithSimd};

use crate::activation::Activation;
use crate::prefetch::prefetch;

/// Whether vectors are emulated by arrays that are longer than the register file. Larger tiles would take long to
/// compile and run no faster: tiles are then one position by one block.
pub(crate) fn is_scalar_fallback<S: Simd>() -> bool {
    S::F32_LANES > S::REGISTER_COUNT
}

/// f32 elements of a cache line.
const LINE: usize = 16;

/// The K dimension: `steps` vectors of inputs per position, all full but the last `tail_steps`, of which only the first
/// `tail` elements count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Depth {
    pub(crate) steps: usize,
    pub(crate) tail_steps: usize,
    pub(crate) tail: usize,
}

/// Computes `epilogue(a * w)` for `MR` positions and `NB` channel blocks.
pub(crate) struct MicroKernel<'a, const MR: usize, const NB: usize> {
    /// For each step, `MR` vectors of inputs; `a_stride` elements from step to step.
    pub(crate) a: &'a [f32],
    pub(crate) a_stride: usize,
    pub(crate) depth: Depth,
    /// For each block, a vector of weights per input.
    pub(crate) w: [&'a [f32]; NB],
    pub(crate) epilogue: TileEpilogue<'a, NB>,
    /// Weights to prefetch.
    pub(crate) prefetch: &'a [f32],
    /// `MR` vectors per block.
    pub(crate) out: [&'a mut [f32]; NB],
}

/// [`Epilogue`](crate::gemm::Epilogue) of one tile.
pub(crate) struct TileEpilogue<'a, const NB: usize> {
    /// A vector per block.
    pub(crate) bias: Option<[&'a [f32]; NB]>,
    /// `MR` vectors per block.
    pub(crate) add: Option<[&'a [f32]; NB]>,
    pub(crate) activation: Activation,
    pub(crate) prefetch_output: bool,
}

impl<const MR: usize, const NB: usize> WithSimd for MicroKernel<'_, MR, NB> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { a, a_stride, depth, w, epilogue, prefetch: next, mut out } = self;
        let (lanes, vectors) = (S::F32_LANES, MR * S::F32_LANES);
        if epilogue.prefetch_output {
            for out in &out {
                (0..vectors).step_by(LINE).for_each(|line| prefetch(out, line));
            }
            for add in epilogue.add.iter().flatten() {
                (0..vectors).step_by(LINE).for_each(|line| prefetch(add, line));
            }
        }
        let bias = match epilogue.bias {
            Some(bias) => bias.map(|bias| S::as_simd_f32s(&bias[..lanes]).0[0]),
            None => [simd.splat_f32s(0.0); NB],
        };
        let mut sums = [bias; MR];
        let weights = w.map(|w| S::as_simd_f32s(w).0);
        // Spread over the steps, so that prefetches do not queue up.
        let ahead = next.len().div_ceil(depth.steps.max(1)).next_multiple_of(LINE);
        let mut past = 0;
        for step in 0..depth.steps {
            for line in (step * ahead..(step + 1) * ahead).step_by(LINE) {
                prefetch(next, line);
            }
            let full = step + depth.tail_steps < depth.steps;
            let count = if full { lanes } else { depth.tail.min(lanes) };
            let a = &a[step * a_stride..][..vectors];
            let weights = weights.map(|w| &w[past..past + count]);
            for k in 0..count {
                let w = weights.map(|w| w[k]);
                for (m, sums) in sums.iter_mut().enumerate() {
                    let x = simd.splat_f32s(a[m * lanes + k]);
                    for (sum, &w) in sums.iter_mut().zip(&w) {
                        *sum = simd.mul_add_e_f32s(x, w, *sum);
                    }
                }
            }
            past += count;
        }
        // Keep this short: the accumulators stay in registers only if the compiler unrolls the loops over them.
        let (floor, ceiling) = (epilogue.activation.floor(), epilogue.activation.ceiling());
        let (floor, ceiling) = (simd.splat_f32s(floor), simd.splat_f32s(ceiling));
        if let Some(add) = epilogue.add {
            for (block, (out, add)) in out.iter_mut().zip(add).enumerate() {
                let out = &mut S::as_mut_simd_f32s(&mut out[..vectors]).0[..MR];
                let add = &S::as_simd_f32s(&add[..vectors]).0[..MR];
                for m in 0..MR {
                    let sum = simd.add_f32s(sums[m][block], add[m]);
                    out[m] = simd.min_f32s(simd.max_f32s(sum, floor), ceiling);
                }
            }
        } else {
            for (block, out) in out.iter_mut().enumerate() {
                let out = &mut S::as_mut_simd_f32s(&mut out[..vectors]).0[..MR];
                for m in 0..MR {
                    out[m] = simd.min_f32s(simd.max_f32s(sums[m][block], floor), ceiling);
                }
            }
        }
        match epilogue.activation {
            Activation::None | Activation::Relu | Activation::Relu6 => (),
            Activation::HardSwish => activate::<S, MR, NB>(simd, out, Activation::HardSwish),
            Activation::HardSigmoid => activate::<S, MR, NB>(simd, out, Activation::HardSigmoid),
        }
    }
}

/// Activations that are more than a clamp, in a second pass over the outputs.
#[inline(always)]
fn activate<S: Simd, const MR: usize, const NB: usize>(
    simd: S,
    outs: [&mut [f32]; NB],
    activation: Activation,
) {
    for out in outs {
        for x in S::as_mut_simd_f32s(&mut out[..MR * S::F32_LANES]).0 {
            *x = activation.apply(simd, *x);
        }
    }
}
