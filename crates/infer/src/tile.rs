//! The innermost part of every convolution: a few positions of a map by a few blocks of channels, kept
//! in registers while all inputs go by.

use pulp::{Simd, WithSimd};

use crate::prefetch::prefetch;

/// What follows a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Nothing.
    None,
    /// `max(x, 0)`
    Relu,
    /// `x * relu6(x + 3) / 6`
    HardSwish,
    /// `relu6(x + 3) / 6`
    HardSigmoid,
}

impl Activation {
    /// Below this a sum does not come out; all there is to a ReLU.
    pub(crate) fn floor(self) -> f32 {
        if self == Self::Relu { 0.0 } else { f32::NEG_INFINITY }
    }

    #[inline(always)]
    pub(crate) fn of<S: Simd>(self, simd: S, x: S::f32s) -> S::f32s {
        let zero = simd.splat_f32s(0.0);
        let gate = |x| {
            let y = simd.mul_add_e_f32s(x, simd.splat_f32s(1.0 / 6.0), simd.splat_f32s(0.5));
            simd.min_f32s(simd.max_f32s(y, zero), simd.splat_f32s(1.0))
        };
        match self {
            Self::None => x,
            Self::Relu => simd.max_f32s(x, zero),
            Self::HardSwish => simd.mul_f32s(x, gate(x)),
            Self::HardSigmoid => gate(x),
        }
    }
}

/// Whether vectors are arrays longer than a processor's, whose tiles would be much for the compiler to go
/// through and no faster: tiles are then one position by one block.
pub(crate) fn is_written_out_once<S: Simd>() -> bool {
    S::F32_LANES > S::REGISTER_COUNT
}

/// Numbers of a cache line.
const LINE: usize = 16;

/// How the inputs of a product are laid out: `steps` vectors of them for each position, all of them
/// whole but the last `short_steps`, of which only `short` numbers count.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Depth {
    pub(crate) steps: usize,
    pub(crate) short_steps: usize,
    pub(crate) short: usize,
}

/// `after(a * w)` for `MR` positions and `NB` blocks of channels.
pub(crate) struct Tile<'a, const MR: usize, const NB: usize> {
    /// `MR` vectors of inputs, every `a_step` numbers.
    pub(crate) a: &'a [f32],
    pub(crate) a_step: usize,
    pub(crate) depth: Depth,
    /// For each block, a vector of weights for every input.
    pub(crate) w: [&'a [f32]; NB],
    pub(crate) after: After<'a, NB>,
    /// Weights that are needed soon.
    pub(crate) next: &'a [f32],
    /// `MR` vectors for each block.
    pub(crate) out: [&'a mut [f32]; NB],
}

/// What becomes of a product.
pub(crate) struct After<'a, const NB: usize> {
    /// A vector for each block.
    pub(crate) bias: Option<[&'a [f32]; NB]>,
    /// Laid out like the result.
    pub(crate) add: Option<[&'a [f32]; NB]>,
    pub(crate) activation: Activation,
    /// Whether the results' place is not in the cache.
    pub(crate) far: bool,
}

impl<const MR: usize, const NB: usize> WithSimd for Tile<'_, MR, NB> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { a, a_step, depth, w, after, next, mut out } = self;
        let (lanes, vectors) = (S::F32_LANES, MR * S::F32_LANES);
        if after.far {
            for place in &out {
                (0..vectors).step_by(LINE).for_each(|line| prefetch(place, line));
            }
            for place in after.add.iter().flatten() {
                (0..vectors).step_by(LINE).for_each(|line| prefetch(place, line));
            }
        }
        let bias = match after.bias {
            Some(bias) => bias.map(|bias| S::as_simd_f32s(&bias[..lanes]).0[0]),
            None => [simd.splat_f32s(0.0); NB],
        };
        let mut sums = [bias; MR];
        let weights = w.map(|w| S::as_simd_f32s(w).0);
        // Spread over the steps, so that they do not queue up.
        let ahead = next.len().div_ceil(depth.steps.max(1)).next_multiple_of(LINE);
        let mut past = 0;
        for step in 0..depth.steps {
            for line in (step * ahead..(step + 1) * ahead).step_by(LINE) {
                prefetch(next, line);
            }
            let whole = step + depth.short_steps < depth.steps;
            let count = if whole { lanes } else { depth.short.min(lanes) };
            let a = &a[step * a_step..][..vectors];
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
        // What follows must stay so little that the compiler writes it out for every sum: it keeps the
        // sums in registers only if no loop counts them.
        let floor = simd.splat_f32s(after.activation.floor());
        if let Some(add) = after.add {
            for (block, (out, add)) in out.iter_mut().zip(add).enumerate() {
                let out = &mut S::as_mut_simd_f32s(&mut out[..vectors]).0[..MR];
                let add = &S::as_simd_f32s(&add[..vectors]).0[..MR];
                for m in 0..MR {
                    out[m] = simd.max_f32s(simd.add_f32s(sums[m][block], add[m]), floor);
                }
            }
        } else {
            for (block, out) in out.iter_mut().enumerate() {
                let out = &mut S::as_mut_simd_f32s(&mut out[..vectors]).0[..MR];
                for m in 0..MR {
                    out[m] = simd.max_f32s(sums[m][block], floor);
                }
            }
        }
        match after.activation {
            Activation::None | Activation::Relu => (),
            Activation::HardSwish => change::<S, MR, NB>(simd, out, Activation::HardSwish),
            Activation::HardSigmoid => change::<S, MR, NB>(simd, out, Activation::HardSigmoid),
        }
    }
}

/// What a maximum cannot do.
#[inline(always)]
fn change<S: Simd, const MR: usize, const NB: usize>(
    simd: S,
    outs: [&mut [f32]; NB],
    activation: Activation,
) {
    for out in outs {
        for x in S::as_mut_simd_f32s(&mut out[..MR * S::F32_LANES]).0 {
            *x = activation.of(simd, *x);
        }
    }
}
