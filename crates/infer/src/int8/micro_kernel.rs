//! The int8 GEMM micro-kernel: as [`crate::micro_kernel`], with int32 accumulators and a requantising epilogue.

use pulp::{Simd, f32x16};

use crate::activation::Activation;
use crate::int8::simd::{Int8Simd, LANES, QUAD, Quad, WithInt8Simd};
use crate::prefetch::prefetch;

/// Element type of an output: f32, or uint8 after requantisation.
pub(crate) trait GemmOutput: Copy + Send {
    /// Whether values are in units of the quantisation, which saturates below the upper clamp of an activation: a range
    /// is that of the activation's values.
    const SATURATES: bool;

    fn store<I: Int8Simd>(isa: I, values: f32x16, to: &mut [Self; LANES]);
}

impl GemmOutput for u8 {
    const SATURATES: bool = true;

    #[inline(always)]
    fn store<I: Int8Simd>(isa: I, values: f32x16, to: &mut [u8; LANES]) {
        *to = isa.to_u8(values);
    }
}

impl GemmOutput for f32 {
    const SATURATES: bool = false;

    #[inline(always)]
    fn store<I: Int8Simd>(_: I, values: f32x16, to: &mut [f32; LANES]) {
        *to = pulp::cast(values);
    }
}

/// The epilogue of a tile, with a vector per block:
/// `activation(sum * scale + shift + add * add_scale)`, and after an activation that is more than a clamp, which commutes with
/// requantisation, `y * out_scale + out_shift`.
#[derive(Clone, Copy)]
pub(crate) struct TileEpilogue<'a, const NB: usize> {
    pub(crate) scale: [&'a [f32; LANES]; NB],
    pub(crate) shift: [&'a [f32; LANES]; NB],
    /// Residual and its scale.
    pub(crate) add: Option<[(&'a [u8], &'a [f32; LANES]); NB]>,
    pub(crate) activation: Activation,
    /// Scale and shift of the requantisation.
    pub(crate) out: Option<[(&'a [f32; LANES], &'a [f32; LANES]); NB]>,
}

/// A tile of `MR` positions by `NB` channel blocks.
pub(crate) struct MicroKernel<'a, T, const MR: usize, const NB: usize> {
    /// Uint8 inputs, four to an element.
    pub(crate) a: &'a [u32],
    /// For each step, the offset in `a` of the positions' vectors of 16 inputs, which are adjacent.
    pub(crate) offsets: &'a [usize],
    /// How many steps at the end are partial, and their quads.
    pub(crate) tail: (usize, usize),
    pub(crate) w: [&'a [Quad]; NB],
    pub(crate) epilogue: TileEpilogue<'a, NB>,
    /// Weights to prefetch.
    pub(crate) prefetch: &'a [Quad],
    pub(crate) out: [&'a mut [[T; LANES]]; NB],
}

impl<T: GemmOutput, const MR: usize, const NB: usize> WithInt8Simd for MicroKernel<'_, T, MR, NB> {
    type Output = ();

    #[inline(always)]
    fn with_int8_simd<I: Int8Simd>(self, isa: I) {
        let Self { a, offsets, tail, w, epilogue, prefetch: next, out } = self;
        let mut sums = [[isa.zero(); NB]; MR];
        let ahead = next.len().div_ceil(offsets.len().max(1));
        let full = offsets.len() - tail.0;
        let mut past = 0;
        for (step, &offset) in offsets.iter().enumerate() {
            for line in step * ahead..(step + 1) * ahead {
                prefetch(next, line);
            }
            let quads = if step < full { QUAD } else { tail.1.min(QUAD) };
            let a = &a[offset..][..MR * QUAD];
            let w = w.map(|w| &w[past..past + quads]);
            for quad in 0..quads {
                let w = w.map(|w| isa.load_weights(&w[quad]));
                for (m, sums) in sums.iter_mut().enumerate() {
                    let inputs = a[m * QUAD + quad];
                    for (sum, w) in sums.iter_mut().zip(w) {
                        *sum = isa.dot(*sum, inputs, w);
                    }
                }
            }
            past += quads;
        }
        match epilogue.activation {
            Activation::None | Activation::Relu | Activation::Relu6 => {
                clamped(isa, sums, epilogue, out);
            }
            Activation::HardSwish | Activation::HardSigmoid => activated(isa, sums, epilogue, out),
        }
    }
}

/// Epilogue with no activation but clamps. Short, as in [`crate::micro_kernel`], so that the compiler unrolls it.
#[inline(always)]
fn clamped<I: Int8Simd, T: GemmOutput, const MR: usize, const NB: usize>(
    isa: I,
    sums: [[I::Sum; NB]; MR],
    epilogue: TileEpilogue<NB>,
    mut out: [&mut [[T; LANES]]; NB],
) {
    let simd = isa.simd();
    let ceiling = if T::SATURATES { f32::INFINITY } else { epilogue.activation.ceiling() };
    let (floor, ceiling) = (simd.splat_f32s(epilogue.activation.floor()), simd.splat_f32s(ceiling));
    for (block, out) in out.iter_mut().enumerate() {
        let out = &mut out[..MR];
        let (scale, shift) =
            (pulp::cast(*epilogue.scale[block]), pulp::cast(*epilogue.shift[block]));
        if let Some(add) = epilogue.add {
            let (add, add_scale) =
                (&add[block].0.as_chunks::<LANES>().0[..MR], pulp::cast(*add[block].1));
            for m in 0..MR {
                let x = simd.mul_add_e_f32s(isa.to_f32(sums[m][block]), scale, shift);
                let x = simd.mul_add_e_f32s(isa.u8_to_f32(&add[m]), add_scale, x);
                T::store(isa, simd.min_f32s(simd.max_f32s(x, floor), ceiling), &mut out[m]);
            }
        } else {
            for m in 0..MR {
                let x = simd.mul_add_e_f32s(isa.to_f32(sums[m][block]), scale, shift);
                T::store(isa, simd.min_f32s(simd.max_f32s(x, floor), ceiling), &mut out[m]);
            }
        }
    }
}

/// Epilogue with any other activation.
#[inline(always)]
fn activated<I: Int8Simd, T: GemmOutput, const MR: usize, const NB: usize>(
    isa: I,
    sums: [[I::Sum; NB]; MR],
    epilogue: TileEpilogue<NB>,
    mut out: [&mut [[T; LANES]]; NB],
) {
    let simd = isa.simd();
    for (block, out) in out.iter_mut().enumerate() {
        let (scale, shift) =
            (pulp::cast(*epilogue.scale[block]), pulp::cast(*epilogue.shift[block]));
        let mut values = [simd.splat_f32s(0.0); MR];
        for m in 0..MR {
            values[m] = simd.mul_add_e_f32s(isa.to_f32(sums[m][block]), scale, shift);
        }
        if let Some(add) = epilogue.add {
            let add_scale = pulp::cast(*add[block].1);
            for (x, add) in values.iter_mut().zip(add[block].0.as_chunks::<LANES>().0) {
                *x = simd.mul_add_e_f32s(isa.u8_to_f32(add), add_scale, *x);
            }
        }
        let requantise =
            epilogue.out.map(|out| (pulp::cast(*out[block].0), pulp::cast(*out[block].1)));
        for (x, out) in values.into_iter().zip(&mut out[..MR]) {
            let x = match epilogue.activation {
                Activation::HardSwish => Activation::HardSwish.apply(simd, x),
                _ => Activation::HardSigmoid.apply(simd, x),
            };
            let x = match requantise {
                Some((scale, shift)) => simd.mul_add_e_f32s(x, scale, shift),
                None => x,
            };
            T::store(isa, x, out);
        }
    }
}
