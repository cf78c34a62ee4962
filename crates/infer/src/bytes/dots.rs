//! Instructions that multiply bytes, and the same in plain Rust.
//!
//! AVX-512 VNNI multiplies four unsigned bytes with four signed ones and adds all of it to a sum, in
//! sixteen lanes at once: four times the multiplications of 32-bit numbers. Sums of integers are exact,
//! so that [`Plain`], which other processors use, gives the same bytes.

use pulp::{NullaryFnOnce, Scalar512b, Simd, f32x16};

/// Channels of a block, and lanes of every vector here.
pub(crate) const LANES: usize = 16;

/// For each of a block's results, the weights of four inputs.
pub(crate) type Quad = [i8; 4 * LANES];

/// What a processor multiplies bytes with.
pub(crate) trait Dots: Copy + Send + Sync {
    /// Its instructions for numbers, sixteen at once.
    type Simd: Simd<f32s = f32x16>;
    /// A sum of products, for each result of a block.
    type Sum: Copy;
    /// The weights of a quad, in a register.
    type Weights: Copy;
    /// Whether registers hold the sums of several positions; else a tile is one.
    const TILES: bool;

    fn simd(self) -> Self::Simd;

    fn zero(self) -> Self::Sum;

    fn weights(self, quad: &Quad) -> Self::Weights;

    /// Adds the products of four inputs, the first in the lowest byte, with their weights.
    fn dot(self, sum: Self::Sum, inputs: u32, weights: Self::Weights) -> Self::Sum;

    fn number(self, sum: Self::Sum) -> f32x16;

    fn widen(self, codes: &[u8; LANES]) -> f32x16;

    /// The nearest of 0 to 255, of two the even one.
    fn round(self, numbers: f32x16) -> [u8; LANES];

    /// [`Self::round`] of four channels side by side: the first in the lowest byte.
    fn pixels(self, channels: [f32x16; 4]) -> [u32; LANES];

    /// Has the compiler use these instructions for some work.
    fn run<W: WithDots>(self, work: W) -> W::Output;
}

/// Work on bytes.
pub(crate) trait WithDots {
    type Output;

    fn with_dots<D: Dots>(self, dots: D) -> Self::Output;
}

/// Such work, and what it is to be done with, for [`pulp`].
pub(crate) struct Call<D, W>(pub(crate) D, pub(crate) W);

impl<D: Dots, W: WithDots> NullaryFnOnce for Call<D, W> {
    type Output = W::Output;

    #[inline(always)]
    fn call(self) -> W::Output {
        self.1.with_dots(self.0)
    }
}

/// In plain Rust, for processors without such instructions, and their twin in tests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plain {
    /// What the compiler may use beyond what every processor has.
    #[cfg(target_arch = "x86_64")]
    pub(crate) narrow: Option<pulp::x86::V3>,
}

impl Plain {
    pub(crate) fn new() -> Self {
        Self {
            #[cfg(target_arch = "x86_64")]
            narrow: pulp::x86::V3::try_new(),
        }
    }
}

impl Dots for Plain {
    type Simd = Scalar512b;
    type Sum = [i32; LANES];
    type Weights = Quad;
    const TILES: bool = false;

    #[inline(always)]
    fn simd(self) -> Scalar512b {
        Scalar512b
    }

    #[inline(always)]
    fn zero(self) -> Self::Sum {
        [0; LANES]
    }

    #[inline(always)]
    fn weights(self, quad: &Quad) -> Quad {
        *quad
    }

    #[inline(always)]
    fn dot(self, mut sum: Self::Sum, inputs: u32, weights: Quad) -> Self::Sum {
        let inputs = inputs.to_le_bytes().map(i32::from);
        for (sum, weights) in sum.iter_mut().zip(weights.as_chunks::<4>().0) {
            for (input, weight) in inputs.iter().zip(weights) {
                *sum = sum.wrapping_add(input * i32::from(*weight));
            }
        }
        sum
    }

    #[inline(always)]
    fn number(self, sum: Self::Sum) -> f32x16 {
        pulp::cast(sum.map(|x| x as f32))
    }

    #[inline(always)]
    fn widen(self, codes: &[u8; LANES]) -> f32x16 {
        pulp::cast(codes.map(f32::from))
    }

    #[inline(always)]
    fn round(self, numbers: f32x16) -> [u8; LANES] {
        // A cast stops at either end.
        pulp::cast::<f32x16, [f32; LANES]>(numbers).map(|x| x.round_ties_even() as u8)
    }

    #[inline(always)]
    fn pixels(self, channels: [f32x16; 4]) -> [u32; LANES] {
        let codes = channels.map(|channel| self.round(channel));
        std::array::from_fn(|at| u32::from_le_bytes(codes.map(|codes| codes[at])))
    }

    #[inline(always)]
    fn run<W: WithDots>(self, work: W) -> W::Output {
        #[cfg(target_arch = "x86_64")]
        if let Some(narrow) = self.narrow {
            return narrow.vectorize(Call(self, work));
        }
        Call(self, work).call()
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use crate::bytes::vnni::Vnni;

    #[test]
    fn both_ways_give_the_same() {
        struct Check;
        impl WithDots for Check {
            type Output = Vec<u8>;

            fn with_dots<D: Dots>(self, dots: D) -> Vec<u8> {
                let mut seed = 1u32;
                let mut next = || {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    seed
                };
                let mut all = Vec::new();
                for _ in 0..100 {
                    let mut sum = dots.zero();
                    for _ in 0..5 {
                        let weights: Quad = std::array::from_fn(|_| (next() >> 24) as i8);
                        sum = dots.dot(sum, next(), dots.weights(&weights));
                    }
                    let simd = dots.simd();
                    let scaled = simd.mul_f32s(dots.number(sum), simd.splat_f32s(0.5));
                    let codes = dots.round(scaled);
                    all.extend(codes);
                    all.extend(bytes_of(dots.widen(&codes)));
                    all.extend(bytes_of(dots.number(sum)));
                }
                let odd = [0.5, 1.5, 2.5, -0.5, 254.5, 255.5, 1e10, -1e10, f32::NAN, 3e38];
                let odd = std::array::from_fn(|at| odd[at % odd.len()]);
                let odd: f32x16 = pulp::cast::<[f32; LANES], f32x16>(odd);
                let half = dots.simd().mul_f32s(odd, dots.simd().splat_f32s(0.5));
                all.extend(
                    dots.pixels([odd, half, odd, half]).map(u32::to_le_bytes).as_flattened(),
                );
                all.extend(dots.round(odd));
                all
            }
        }
        fn bytes_of(x: f32x16) -> [u8; 64] {
            pulp::cast(x)
        }
        let plain = Plain { narrow: None }.run(Check);
        assert_eq!(Plain::new().run(Check), plain);
        assert_eq!(&plain[plain.len() - LANES..][..5], [0, 2, 2, 0, 254]);
        match Vnni::try_new() {
            Some(vnni) => assert_eq!(vnni.run(Check), plain),
            None => eprintln!("SKIPPED: this processor has no AVX-512 VNNI"),
        }
    }
}
