//! AVX-512 VNNI (`vpdpbusd`), see [`crate::int8::simd`].
#![allow(unsafe_code)]

use std::arch::x86_64::{__m512i, _mm512_dpbusd_epi32};

use pulp::x86::V4;
use pulp::{Simd, f32x16, i32x16};

use crate::int8::simd::{Call, Int8Simd, LANES, Quad, WithInt8Simd};

pulp::simd_type! {
    /// [`V4`] and VNNI.
    struct WithVnni {
        sse: "sse",
        sse2: "sse2",
        fxsr: "fxsr",
        sse3: "sse3",
        ssse3: "ssse3",
        sse4_1: "sse4.1",
        sse4_2: "sse4.2",
        popcnt: "popcnt",
        avx: "avx",
        avx2: "avx2",
        bmi1: "bmi1",
        bmi2: "bmi2",
        fma: "fma",
        lzcnt: "lzcnt",
        avx512f: "avx512f",
        avx512bw: "avx512bw",
        avx512cd: "avx512cd",
        avx512dq: "avx512dq",
        avx512vl: "avx512vl",
        avx512vnni: "avx512vnni",
    }
}

/// A token that exists only on processors with AVX-512 VNNI.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vnni {
    v4: V4,
    all: WithVnni,
}

impl Vnni {
    pub(crate) fn try_new() -> Option<Self> {
        Some(Self { v4: V4::try_new()?, all: WithVnni::try_new()? })
    }
}

impl Int8Simd for Vnni {
    type Simd = V4;
    type Sum = i32x16;
    type Weights = i32x16;
    const REGISTER_TILES: bool = true;

    #[inline(always)]
    fn simd(self) -> V4 {
        self.v4
    }

    #[inline(always)]
    fn zero(self) -> i32x16 {
        self.v4.splat_i32s(0)
    }

    #[inline(always)]
    fn load_weights(self, quad: &Quad) -> i32x16 {
        pulp::cast(*quad)
    }

    #[inline(always)]
    fn dot(self, sum: i32x16, inputs: u32, weights: i32x16) -> i32x16 {
        let inputs: __m512i = pulp::cast(self.v4.splat_u32s(inputs));
        // SAFETY: a `Vnni` exists only if the processor has the instruction.
        pulp::cast(unsafe { _mm512_dpbusd_epi32(pulp::cast(sum), inputs, pulp::cast(weights)) })
    }

    #[inline(always)]
    fn to_f32(self, sum: i32x16) -> f32x16 {
        pulp::cast(self.v4.avx512f._mm512_cvtepi32_ps(pulp::cast(sum)))
    }

    #[inline(always)]
    fn u8_to_f32(self, values: &[u8; LANES]) -> f32x16 {
        let avx512 = self.v4.avx512f;
        pulp::cast(avx512._mm512_cvtepi32_ps(avx512._mm512_cvtepu8_epi32(pulp::cast(*values))))
    }

    #[inline(always)]
    fn to_u8(self, values: f32x16) -> [u8; LANES] {
        // The conversion to unsigned bytes saturates, also for values beyond i32.
        let positive = self.v4.max_f32s(values, self.v4.splat_f32s(0.0));
        let avx512 = self.v4.avx512f;
        let rounded = avx512._mm512_cvtps_epi32(pulp::cast(positive));
        pulp::cast(avx512._mm512_cvtusepi32_epi8(rounded))
    }

    #[inline(always)]
    fn interleave_u8(self, channels: [f32x16; 4]) -> [u32; LANES] {
        let avx512 = self.v4.avx512f;
        let (least, most) = (self.v4.splat_f32s(0.0), self.v4.splat_f32s(255.0));
        // No closure: it would be compiled without these instructions.
        let mut rounded = [avx512._mm512_setzero_si512(); 4];
        for (rounded, channel) in rounded.iter_mut().zip(channels) {
            let within = self.v4.min_f32s(self.v4.max_f32s(channel, least), most);
            *rounded = avx512._mm512_cvtps_epi32(pulp::cast(within));
        }
        let [a, b, c, d] = rounded;
        let (b, c) = (avx512._mm512_slli_epi32::<8>(b), avx512._mm512_slli_epi32::<16>(c));
        let d = avx512._mm512_slli_epi32::<24>(d);
        let (low, high) = (avx512._mm512_or_si512(a, b), avx512._mm512_or_si512(c, d));
        pulp::cast(avx512._mm512_or_si512(low, high))
    }

    #[inline(always)]
    fn run<W: WithInt8Simd>(self, work: W) -> W::Output {
        self.all.vectorize(Call(self, work))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::int8::simd::Portable;

    #[test]
    fn vnni_and_portable_give_identical_results() {
        struct Check;
        impl WithInt8Simd for Check {
            type Output = Vec<u8>;

            fn with_int8_simd<I: Int8Simd>(self, isa: I) -> Vec<u8> {
                let mut seed = 1u32;
                let mut next = || {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    seed
                };
                let mut all = Vec::new();
                for _ in 0..100 {
                    let mut sum = isa.zero();
                    for _ in 0..5 {
                        let weights: Quad = std::array::from_fn(|_| (next() >> 24) as i8);
                        sum = isa.dot(sum, next(), isa.load_weights(&weights));
                    }
                    let simd = isa.simd();
                    let scaled = simd.mul_f32s(isa.to_f32(sum), simd.splat_f32s(0.5));
                    let rounded = isa.to_u8(scaled);
                    all.extend(rounded);
                    all.extend(bytes_of(isa.u8_to_f32(&rounded)));
                    all.extend(bytes_of(isa.to_f32(sum)));
                }
                let odd = [0.5, 1.5, 2.5, -0.5, 254.5, 255.5, 1e10, -1e10, f32::NAN, 3e38];
                let odd = std::array::from_fn(|at| odd[at % odd.len()]);
                let odd: f32x16 = pulp::cast::<[f32; LANES], f32x16>(odd);
                let half = isa.simd().mul_f32s(odd, isa.simd().splat_f32s(0.5));
                all.extend(
                    isa.interleave_u8([odd, half, odd, half]).map(u32::to_le_bytes).as_flattened(),
                );
                all.extend(isa.to_u8(odd));
                all
            }
        }
        fn bytes_of(x: f32x16) -> [u8; 64] {
            pulp::cast(x)
        }
        let portable = Portable { avx2: None }.run(Check);
        assert_eq!(Portable::new().run(Check), portable);
        assert_eq!(&portable[portable.len() - LANES..][..5], [0, 2, 2, 0, 254]);
        match Vnni::try_new() {
            Some(vnni) => assert_eq!(vnni.run(Check), portable),
            None => eprintln!("SKIPPED: this processor has no AVX-512 VNNI"),
        }
    }
}
