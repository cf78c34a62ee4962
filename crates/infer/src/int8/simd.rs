//! Int8 dot-product instructions, and the same in plain Rust.
//!
//! AVX-512 VNNI's `vpdpbusd` multiplies four uint8 with four int8 values and adds the products to an int32, in sixteen
//! lanes at once: four times the multiply-accumulates of f32. Integer sums are exact, so [`Portable`], for other
//! processors, gives identical results.

use pulp::{NullaryFnOnce, Scalar512b, Simd, f32x16};

/// Channels of a block, and lanes of every vector in an int8 plan.
pub(crate) const LANES: usize = 16;

/// Inputs of one dot product.
pub(crate) const QUAD: usize = 4;

/// Weights of four inputs, for each output of a block.
pub(crate) type Quad = [i8; QUAD * LANES];

/// An instruction set with int8 dot products.
pub(crate) trait Int8Simd: Copy + Send + Sync {
    /// Its f32 instructions, sixteen lanes.
    type Simd: Simd<f32s = f32x16>;
    /// Int32 accumulators, one per output of a block.
    type Sum: Copy;
    /// A quad of weights in a register.
    type Weights: Copy;
    /// Whether accumulators are registers. If not, tiles are one position by one block.
    const REGISTER_TILES: bool;

    fn simd(self) -> Self::Simd;

    fn zero(self) -> Self::Sum;

    fn load_weights(self, quad: &Quad) -> Self::Weights;

    /// Adds the products of four uint8 inputs, the first in the lowest byte, with their weights.
    fn dot(self, sum: Self::Sum, inputs: u32, weights: Self::Weights) -> Self::Sum;

    fn to_f32(self, sum: Self::Sum) -> f32x16;

    fn u8_to_f32(self, values: &[u8; LANES]) -> f32x16;

    /// Rounds to nearest, ties to even, and saturates to 0..=255.
    fn to_u8(self, values: f32x16) -> [u8; LANES];

    /// [`Self::to_u8`] of four channels, interleaved: the first in the lowest byte.
    fn interleave_u8(self, channels: [f32x16; 4]) -> [u32; LANES];

    /// Runs work compiled for these instructions.
    fn run<W: WithInt8Simd>(self, work: W) -> W::Output;
}

/// Work that is generic over the int8 instruction set, as [`pulp::WithSimd`] is over f32 ones.
pub(crate) trait WithInt8Simd {
    type Output;

    fn with_int8_simd<I: Int8Simd>(self, isa: I) -> Self::Output;
}

/// Work and its instruction set, as what [`pulp`] runs.
pub(crate) struct Call<I, W>(pub(crate) I, pub(crate) W);

impl<I: Int8Simd, W: WithInt8Simd> NullaryFnOnce for Call<I, W> {
    type Output = W::Output;

    #[inline(always)]
    fn call(self) -> W::Output {
        self.1.with_int8_simd(self.0)
    }
}

/// Plain Rust: for processors without int8 dot products, and the reference in tests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Portable {
    /// AVX2, which the compiler may use for auto-vectorisation.
    #[cfg(target_arch = "x86_64")]
    pub(crate) avx2: Option<pulp::x86::V3>,
}

impl Portable {
    pub(crate) fn new() -> Self {
        Self {
            #[cfg(target_arch = "x86_64")]
            avx2: pulp::x86::V3::try_new(),
        }
    }
}

impl Int8Simd for Portable {
    type Simd = Scalar512b;
    type Sum = [i32; LANES];
    type Weights = Quad;
    const REGISTER_TILES: bool = false;

    #[inline(always)]
    fn simd(self) -> Scalar512b {
        Scalar512b
    }

    #[inline(always)]
    fn zero(self) -> Self::Sum {
        [0; LANES]
    }

    #[inline(always)]
    fn load_weights(self, quad: &Quad) -> Quad {
        *quad
    }

    #[inline(always)]
    fn dot(self, mut sum: Self::Sum, inputs: u32, weights: Quad) -> Self::Sum {
        let inputs = inputs.to_le_bytes().map(i32::from);
        for (sum, weights) in sum.iter_mut().zip(weights.as_chunks::<QUAD>().0) {
            for (input, weight) in inputs.iter().zip(weights) {
                *sum = sum.wrapping_add(input * i32::from(*weight));
            }
        }
        sum
    }

    #[inline(always)]
    fn to_f32(self, sum: Self::Sum) -> f32x16 {
        pulp::cast(sum.map(|x| x as f32))
    }

    #[inline(always)]
    fn u8_to_f32(self, values: &[u8; LANES]) -> f32x16 {
        pulp::cast(values.map(f32::from))
    }

    #[inline(always)]
    fn to_u8(self, values: f32x16) -> [u8; LANES] {
        // The cast saturates.
        pulp::cast::<f32x16, [f32; LANES]>(values).map(|x| x.round_ties_even() as u8)
    }

    #[inline(always)]
    fn interleave_u8(self, channels: [f32x16; 4]) -> [u32; LANES] {
        let values = channels.map(|channel| self.to_u8(channel));
        std::array::from_fn(|at| u32::from_le_bytes(values.map(|values| values[at])))
    }

    #[inline(always)]
    fn run<W: WithInt8Simd>(self, work: W) -> W::Output {
        #[cfg(target_arch = "x86_64")]
        if let Some(avx2) = self.avx2 {
            return avx2.vectorize(Call(self, work));
        }
        Call(self, work).call()
    }
}
