//! Which instructions a processor has, and how much work fits its registers.

use pulp::{Arch, Scalar256b, Simd, WithSimd};

/// The instructions that a plan is made for.
#[derive(Debug, Clone, Copy)]
pub struct Level(Kind);

#[derive(Debug, Clone, Copy)]
enum Kind {
    /// AVX-512, AVX2 with FMA, or NEON.
    Vectors(Arch),
    /// The same kernels over plain arrays: for other processors, and the others' twin in tests.
    Portable,
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

    /// What it is called.
    pub fn name(self) -> &'static str {
        match (self.0, self.lanes()) {
            (Kind::Portable, _) => "portable",
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
        self.run(Lanes)
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
        }
    }
}
