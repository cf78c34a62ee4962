//! SIMD levels: the instruction sets that kernels are compiled for, detected at run time, and their register budget.

use pulp::{Arch, Scalar256b, Simd, WithSimd};

use crate::int8::simd::{Int8Simd, LANES, Portable, WithInt8Simd};
#[cfg(target_arch = "x86_64")]
use crate::int8::vnni::Vnni;

/// The instruction set of a plan.
#[derive(Debug, Clone, Copy)]
pub struct SimdLevel(Kind);

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// f32: AVX-512, AVX2 with FMA, or NEON.
    Vector(Arch),
    /// f32: the same kernels over plain arrays, for other processors and as a reference in tests.
    Portable,
    /// int8: AVX-512 VNNI.
    #[cfg(target_arch = "x86_64")]
    Vnni(Vnni),
    /// int8: plain Rust.
    Int8Portable(Portable),
}

/// f32 work at an int8 level.
struct FloatWork<W>(W);

impl<W: WithSimd> WithInt8Simd for FloatWork<W> {
    type Output = W::Output;

    #[inline(always)]
    fn with_int8_simd<I: Int8Simd>(self, isa: I) -> W::Output {
        self.0.with_simd(isa.simd())
    }
}

impl SimdLevel {
    /// The best f32 level of this processor.
    pub fn best() -> Self {
        match Arch::new() {
            Arch::Scalar => Self(Kind::Portable),
            arch => Self(Kind::Vector(arch)),
        }
    }

    /// All f32 levels of this processor, best first.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::best()];
        #[cfg(target_arch = "x86_64")]
        if let (Self(Kind::Vector(Arch::V4(_))), Some(avx2)) =
            (Self::best(), pulp::x86::V3::try_new())
        {
            all.push(Self(Kind::Vector(Arch::V3(avx2))));
        }
        if !matches!(all[0].0, Kind::Portable) {
            all.push(Self(Kind::Portable));
        }
        all
    }

    /// The best int8 level of this processor.
    pub fn best_for_int8() -> Self {
        Self::all_for_int8()[0]
    }

    /// All int8 levels of this processor, best first. They give identical results.
    pub fn all_for_int8() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        all.extend(Vnni::try_new().map(|vnni| Self(Kind::Vnni(vnni))));
        all.push(Self(Kind::Int8Portable(Portable::new())));
        all
    }

    /// Whether this processor has int8 dot-product instructions. Without them, int8 plans are slower than f32 plans.
    pub fn has_fast_int8() -> bool {
        Self::all_for_int8().len() > 1
    }

    /// Whether it is an int8 level.
    pub(crate) fn is_for_int8(self) -> bool {
        !matches!(self.0, Kind::Vector(_) | Kind::Portable)
    }

    /// Name of the instruction set, e.g. `AVX-512 VNNI`.
    pub fn name(self) -> &'static str {
        match (self.0, self.lanes()) {
            (Kind::Portable, _) => "portable",
            #[cfg(target_arch = "x86_64")]
            (Kind::Vnni(_), _) => "AVX-512 VNNI",
            (Kind::Int8Portable(_), _) => "int8, portable",
            (_, 16) => "AVX-512",
            (_, 8) => "AVX2",
            _ => "NEON",
        }
    }

    /// f32 lanes of a vector, which is also the channel block of feature maps.
    pub(crate) fn lanes(self) -> usize {
        struct Lanes;
        impl WithSimd for Lanes {
            type Output = usize;

            fn with_simd<S: Simd>(self, _: S) -> usize {
                S::F32_LANES
            }
        }
        if self.is_for_int8() { LANES } else { self.run(Lanes) }
    }

    /// Accumulator registers of a micro-kernel: all registers but those for its operands.
    pub(crate) fn accumulators(self) -> usize {
        match (self.0, self.lanes()) {
            // AVX2 has 16 registers, the others 32.
            (Kind::Portable, _) | (_, 8) => 12,
            _ => 28,
        }
    }

    /// Runs f32 work with these instructions.
    pub(crate) fn run<W: WithSimd>(self, work: W) -> W::Output {
        match self.0 {
            Kind::Vector(arch) => arch.dispatch(work),
            Kind::Portable => Scalar256b.vectorize(work),
            _ => self.run_int8(FloatWork(work)),
        }
    }

    /// Runs int8 work with these instructions.
    ///
    /// # Panics
    /// If it is an f32 level.
    pub(crate) fn run_int8<W: WithInt8Simd>(self, work: W) -> W::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Vnni(vnni) => vnni.run(work),
            Kind::Int8Portable(portable) => portable.run(work),
            _ => unreachable!("int8 work in an f32 plan"),
        }
    }
}
