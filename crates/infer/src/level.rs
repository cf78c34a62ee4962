//! Which instructions a processor has, and how much work fits its registers.

use pulp::{Arch, Scalar256b, Simd, WithSimd};

use crate::bytes::dots::{Dots, LANES, Plain, WithDots};
#[cfg(target_arch = "x86_64")]
use crate::bytes::vnni::Vnni;

/// The instructions that a plan is made for.
#[derive(Debug, Clone, Copy)]
pub struct Level(Kind);

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// AVX-512, AVX2 with FMA, or NEON.
    Vectors(Arch),
    /// The same kernels over plain arrays: for other processors, and the others' twin in tests.
    Portable,
    /// For plans in bytes: AVX-512 VNNI.
    #[cfg(target_arch = "x86_64")]
    Vnni(Vnni),
    /// For plans in bytes: plain Rust.
    Bytes(Plain),
}

/// Work on numbers, among work on bytes.
struct Numbers<Op>(Op);

impl<Op: WithSimd> WithDots for Numbers<Op> {
    type Output = Op::Output;

    #[inline(always)]
    fn with_dots<D: Dots>(self, dots: D) -> Op::Output {
        self.0.with_simd(dots.simd())
    }
}

impl Level {
    /// The best that this processor has.
    pub fn best() -> Self {
        match Arch::new() {
            Arch::Scalar => Self(Kind::Portable),
            arch => Self(Kind::Vectors(arch)),
        }
    }

    /// Everything that this processor has, the best first.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::best()];
        #[cfg(target_arch = "x86_64")]
        if let (Self(Kind::Vectors(Arch::V4(_))), Some(narrower)) =
            (Self::best(), pulp::x86::V3::try_new())
        {
            all.push(Self(Kind::Vectors(Arch::V3(narrower))));
        }
        if !matches!(all[0].0, Kind::Portable) {
            all.push(Self(Kind::Portable));
        }
        all
    }

    /// The best that this processor has for plans in bytes.
    pub fn best_for_bytes() -> Self {
        Self::all_for_bytes()[0]
    }

    /// Everything that this processor has for plans in bytes, the best first. The results are the same.
    pub fn all_for_bytes() -> Vec<Self> {
        let mut all = Vec::new();
        #[cfg(target_arch = "x86_64")]
        all.extend(Vnni::try_new().map(|vnni| Self(Kind::Vnni(vnni))));
        all.push(Self(Kind::Bytes(Plain::new())));
        all
    }

    /// Whether this processor has instructions that multiply bytes, without which plans in bytes take
    /// longer than others.
    pub fn has_fast_bytes() -> bool {
        Self::all_for_bytes().len() > 1
    }

    /// Whether it is for plans in bytes.
    pub(crate) fn is_for_bytes(self) -> bool {
        !matches!(self.0, Kind::Vectors(_) | Kind::Portable)
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match (self.0, self.lanes()) {
            (Kind::Portable, _) => "portable",
            #[cfg(target_arch = "x86_64")]
            (Kind::Vnni(_), _) => "AVX-512 VNNI",
            (Kind::Bytes(_), _) => "bytes, portable",
            (_, 16) => "AVX-512",
            (_, 8) => "AVX2",
            _ => "NEON",
        }
    }

    /// Numbers in a vector, and channels in a block of a map.
    pub(crate) fn lanes(self) -> usize {
        struct Lanes;
        impl WithSimd for Lanes {
            type Output = usize;

            fn with_simd<S: Simd>(self, _: S) -> usize {
                S::F32_LANES
            }
        }
        if self.is_for_bytes() { LANES } else { self.run(Lanes) }
    }

    /// Vectors of sums that fit the registers, beside what is added to them.
    pub(crate) fn sums(self) -> usize {
        match (self.0, self.lanes()) {
            // AVX2 has 16 registers, the others 32.
            (Kind::Portable, _) | (_, 8) => 12,
            _ => 28,
        }
    }

    /// Runs work with these instructions.
    pub(crate) fn run<Op: WithSimd>(self, work: Op) -> Op::Output {
        match self.0 {
            Kind::Vectors(arch) => arch.dispatch(work),
            Kind::Portable => Scalar256b.vectorize(work),
            _ => self.run_dots(Numbers(work)),
        }
    }

    /// Runs work on bytes.
    ///
    /// # Panics
    /// If it is not [for bytes](Self::is_for_bytes).
    pub(crate) fn run_dots<Op: WithDots>(self, work: Op) -> Op::Output {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Vnni(vnni) => vnni.run(work),
            Kind::Bytes(plain) => plain.run(work),
            _ => unreachable!("bytes in a plan of numbers"),
        }
    }
}
