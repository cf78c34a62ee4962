//! AVX-512 VNNI, by which [`crate::bytes::dots`] says what it does.
#![allow(unsafe_code)]

use std::arch::x86_64::{__m512i, _mm512_dpbusd_epi32};

use pulp::x86::V4;
use pulp::{Simd, f32x16, i32x16};

use crate::bytes::dots::{Call, Dots, LANES, Quad, WithDots};

pulp::simd_type! {
    /// All that a [`V4`] has, and products of bytes.
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

/// AVX-512 VNNI. That there is one shows that the processor has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vnni {
    wide: V4,
    all: WithVnni,
}

impl Vnni {
    pub(crate) fn try_new() -> Option<Self> {
        Some(Self { wide: V4::try_new()?, all: WithVnni::try_new()? })
    }
}

impl Dots for Vnni {
    type Simd = V4;
    type Sum = i32x16;
    type Weights = i32x16;
    const TILES: bool = true;

    #[inline(always)]
    fn simd(self) -> V4 {
        self.wide
    }

    #[inline(always)]
    fn zero(self) -> i32x16 {
        self.wide.splat_i32s(0)
    }

    #[inline(always)]
    fn weights(self, quad: &Quad) -> i32x16 {
        pulp::cast(*quad)
    }

    #[inline(always)]
    fn dot(self, sum: i32x16, inputs: u32, weights: i32x16) -> i32x16 {
        let inputs: __m512i = pulp::cast(self.wide.splat_u32s(inputs));
        // SAFETY: there is a `Vnni` only where the processor has the instruction.
        pulp::cast(unsafe { _mm512_dpbusd_epi32(pulp::cast(sum), inputs, pulp::cast(weights)) })
    }

    #[inline(always)]
    fn number(self, sum: i32x16) -> f32x16 {
        pulp::cast(self.wide.avx512f._mm512_cvtepi32_ps(pulp::cast(sum)))
    }

    #[inline(always)]
    fn widen(self, codes: &[u8; LANES]) -> f32x16 {
        let wide = self.wide.avx512f;
        pulp::cast(wide._mm512_cvtepi32_ps(wide._mm512_cvtepu8_epi32(pulp::cast(*codes))))
    }

    #[inline(always)]
    fn round(self, numbers: f32x16) -> [u8; LANES] {
        // What is above 255 stops there as it becomes a byte, even beyond an integer's range.
        let positive = self.wide.max_f32s(numbers, self.wide.splat_f32s(0.0));
        let wide = self.wide.avx512f;
        let rounded = wide._mm512_cvtps_epi32(pulp::cast(positive));
        pulp::cast(wide._mm512_cvtusepi32_epi8(rounded))
    }

    #[inline(always)]
    fn pixels(self, channels: [f32x16; 4]) -> [u32; LANES] {
        let wide = self.wide.avx512f;
        let (least, most) = (self.wide.splat_f32s(0.0), self.wide.splat_f32s(255.0));
        // No closure: the compiler would not know in it which instructions there are.
        let mut codes = [wide._mm512_setzero_si512(); 4];
        for (codes, channel) in codes.iter_mut().zip(channels) {
            let within = self.wide.min_f32s(self.wide.max_f32s(channel, least), most);
            *codes = wide._mm512_cvtps_epi32(pulp::cast(within));
        }
        let [a, b, c, d] = codes;
        let (b, c) = (wide._mm512_slli_epi32::<8>(b), wide._mm512_slli_epi32::<16>(c));
        let d = wide._mm512_slli_epi32::<24>(d);
        let (low, high) = (wide._mm512_or_si512(a, b), wide._mm512_or_si512(c, d));
        pulp::cast(wide._mm512_or_si512(low, high))
    }

    #[inline(always)]
    fn run<W: WithDots>(self, work: W) -> W::Output {
        self.all.vectorize(Call(self, work))
    }
}
