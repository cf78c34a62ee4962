//! The innermost part of every convolution of bytes, as [`crate::tile`] is of numbers.

use pulp::{Simd, f32x16};

use crate::bytes::dots::{Dots, LANES, Quad, WithDots};
use crate::prefetch::prefetch;
use crate::tile::Activation;

/// Inputs that are multiplied at once, and how often that is done for a vector of them.
pub(crate) const FOUR: usize = 4;

/// What a result is kept as.
pub(crate) trait Cell: Copy + Send {
    fn put<D: Dots>(dots: D, numbers: f32x16, to: &mut [Self; LANES]);
}

impl Cell for u8 {
    #[inline(always)]
    fn put<D: Dots>(dots: D, numbers: f32x16, to: &mut [u8; LANES]) {
        *to = dots.round(numbers);
    }
}

impl Cell for f32 {
    #[inline(always)]
    fn put<D: Dots>(_: D, numbers: f32x16, to: &mut [f32; LANES]) {
        *to = pulp::cast(numbers);
    }
}

/// What becomes of sums: `activation(sum * scale + shift + added * added_scale)`, and, behind another
/// activation than a ReLU, `that * out_scale + out_shift`. A vector for each block of results.
#[derive(Clone, Copy)]
pub(crate) struct After<'a, const NB: usize> {
    pub(crate) scale: [&'a [f32; LANES]; NB],
    pub(crate) shift: [&'a [f32; LANES]; NB],
    pub(crate) add: Option<[(&'a [u8], &'a [f32; LANES]); NB]>,
    pub(crate) activation: Activation,
    pub(crate) out: Option<[(&'a [f32; LANES], &'a [f32; LANES]); NB]>,
}

/// `MR` positions by `NB` blocks of results.
pub(crate) struct Tile<'a, T, const MR: usize, const NB: usize> {
    /// Codes, four to a number.
    pub(crate) a: &'a [u32],
    /// Where the positions' vectors begin in `a`, for each step; each is 16 codes, one after the other.
    pub(crate) places: &'a [usize],
    /// The last so many steps have only so many quads.
    pub(crate) short: (usize, usize),
    pub(crate) w: [&'a [Quad]; NB],
    pub(crate) after: After<'a, NB>,
    /// Weights that are needed soon.
    pub(crate) next: &'a [Quad],
    pub(crate) out: [&'a mut [[T; LANES]]; NB],
}

impl<T: Cell, const MR: usize, const NB: usize> WithDots for Tile<'_, T, MR, NB> {
    type Output = ();

    #[inline(always)]
    fn with_dots<D: Dots>(self, dots: D) {
        let Self { a, places, short, w, after, next, out } = self;
        let mut sums = [[dots.zero(); NB]; MR];
        let ahead = next.len().div_ceil(places.len().max(1));
        let whole = places.len() - short.0;
        let mut past = 0;
        for (step, &place) in places.iter().enumerate() {
            for line in step * ahead..(step + 1) * ahead {
                prefetch(next, line);
            }
            let quads = if step < whole { FOUR } else { short.1.min(FOUR) };
            let a = &a[place..][..MR * FOUR];
            let w = w.map(|w| &w[past..past + quads]);
            for quad in 0..quads {
                let w = w.map(|w| dots.weights(&w[quad]));
                for (m, sums) in sums.iter_mut().enumerate() {
                    let inputs = a[m * FOUR + quad];
                    for (sum, w) in sums.iter_mut().zip(w) {
                        *sum = dots.dot(*sum, inputs, w);
                    }
                }
            }
            past += quads;
        }
        match after.activation {
            Activation::None | Activation::Relu => flat(dots, sums, after, out),
            Activation::HardSwish | Activation::HardSigmoid => curved(dots, sums, after, out),
        }
    }
}

/// As in [`crate::tile`], so little that the compiler writes it out for every sum.
#[inline(always)]
fn flat<D: Dots, T: Cell, const MR: usize, const NB: usize>(
    dots: D,
    sums: [[D::Sum; NB]; MR],
    after: After<NB>,
    mut out: [&mut [[T; LANES]]; NB],
) {
    let simd = dots.simd();
    let floor = simd.splat_f32s(after.activation.floor());
    for (block, out) in out.iter_mut().enumerate() {
        let out = &mut out[..MR];
        let (scale, shift) = (pulp::cast(*after.scale[block]), pulp::cast(*after.shift[block]));
        if let Some(add) = after.add {
            let (add, by) = (&add[block].0.as_chunks::<LANES>().0[..MR], pulp::cast(*add[block].1));
            for m in 0..MR {
                let x = simd.mul_add_e_f32s(dots.number(sums[m][block]), scale, shift);
                let x = simd.mul_add_e_f32s(dots.widen(&add[m]), by, x);
                T::put(dots, simd.max_f32s(x, floor), &mut out[m]);
            }
        } else {
            for m in 0..MR {
                let x = simd.mul_add_e_f32s(dots.number(sums[m][block]), scale, shift);
                T::put(dots, simd.max_f32s(x, floor), &mut out[m]);
            }
        }
    }
}

#[inline(always)]
fn curved<D: Dots, T: Cell, const MR: usize, const NB: usize>(
    dots: D,
    sums: [[D::Sum; NB]; MR],
    after: After<NB>,
    mut out: [&mut [[T; LANES]]; NB],
) {
    let simd = dots.simd();
    for (block, out) in out.iter_mut().enumerate() {
        let (scale, shift) = (pulp::cast(*after.scale[block]), pulp::cast(*after.shift[block]));
        let mut numbers = [simd.splat_f32s(0.0); MR];
        for m in 0..MR {
            numbers[m] = simd.mul_add_e_f32s(dots.number(sums[m][block]), scale, shift);
        }
        if let Some(add) = after.add {
            let by = pulp::cast(*add[block].1);
            for (x, add) in numbers.iter_mut().zip(add[block].0.as_chunks::<LANES>().0) {
                *x = simd.mul_add_e_f32s(dots.widen(add), by, *x);
            }
        }
        let out_by = after.out.map(|out| (pulp::cast(*out[block].0), pulp::cast(*out[block].1)));
        for (x, out) in numbers.into_iter().zip(&mut out[..MR]) {
            let x = match after.activation {
                Activation::HardSwish => Activation::HardSwish.of(simd, x),
                _ => Activation::HardSigmoid.of(simd, x),
            };
            let x = match out_by {
                Some((scale, shift)) => simd.mul_add_e_f32s(x, scale, shift),
                None => x,
            };
            T::put(dots, x, out);
        }
    }
}
