//! Dot products of int8 vectors: the innermost loops of every search and build.
//!
//! An int8 is stored with an offset of 128, as the CPU's instruction for such products (VNNI's `vpdpbusd`)
//! multiplies unsigned bytes by signed ones. Every instruction set gives the same integers; `tests` compares them
//! with plain sums.
#![allow(unsafe_code)]

/// The offset of a stored int8.
pub(crate) const BIAS: u8 = 128;

/// An instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    #[cfg(target_arch = "x86_64")]
    Vnni,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Level {
    #[inline]
    fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("avx512bw") {
                return Self::Vnni;
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                return Self::Avx2;
            }
        }
        Self::Portable
    }
}

/// The dot products of one int8 vector with some rows of `codes`, of shape `(n, query.len())`: `out[i]` is the sum of `(code - 128) * (query - 128)` of row `rows[i]`.
///
/// # Panics
/// When a row is not among `codes`, or `out` is shorter than `rows`.
pub(crate) fn dot_int8(codes: &[u8], rows: &[u32], query: &[u8], out: &mut [i32]) {
    dot_int8_by(Level::best(), codes, rows, query, out);
}

/// The sum of `(256 * (high - 128) + low) * query`, where `low` are signed bytes.
pub(crate) fn dot_int16_f32(high: &[u8], low: &[u8], query: &[f32]) -> f32 {
    dot_int16_f32_by(Level::best(), high, low, query)
}

/// Prefetches what is about to be read.
#[inline(always)]
pub(crate) fn prefetch<T>(items: &[T]) {
    #[cfg(target_arch = "x86_64")]
    for line in (0..size_of_val(items)).step_by(64) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: every x86-64 processor has the instruction, which has no effect on the program.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(items.as_ptr().cast::<i8>().wrapping_add(line)) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = items;
}

fn dot_int8_by(level: Level, codes: &[u8], rows: &[u32], query: &[u8], out: &mut [i32]) {
    match level {
        // SAFETY: `Level::best` found the features, or the test that asks for them did.
        #[cfg(target_arch = "x86_64")]
        Level::Vnni => unsafe { x86::dot_int8_vnni(codes, rows, query, out) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { x86::dot_int8_avx2(codes, rows, query, out) },
        Level::Portable => dot_int8_body(codes, rows, query, out),
    }
}

fn dot_int16_f32_by(level: Level, codes: &[u8], low: &[u8], query: &[f32]) -> f32 {
    match level {
        // SAFETY: as in `dot_int8_by`.
        #[cfg(target_arch = "x86_64")]
        Level::Vnni => unsafe { x86::dot_int16_f32_avx512(codes, low, query) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { x86::dot_int16_f32_avx2(codes, low, query) },
        Level::Portable => dot_int16_f32_body(codes, low, query),
    }
}

#[inline(always)]
fn row(codes: &[u8], row: u32, dim: usize) -> &[u8] {
    &codes[row as usize * dim..][..dim]
}

/// The compiler makes vector instructions of this, those of the function that it is inlined into.
#[inline(always)]
fn dot_int8_body(codes: &[u8], rows: &[u32], query: &[u8], out: &mut [i32]) {
    let centred = |byte: u8| i16::from(byte) - i16::from(BIAS);
    for (&at, out) in rows.iter().zip(&mut out[..rows.len()]) {
        let pairs = row(codes, at, query.len()).iter().zip(query);
        *out = pairs.map(|(&a, &b)| i32::from(centred(a)) * i32::from(centred(b))).sum();
    }
}

/// Sixteen sums side by side: one alone would have to be added up in order and could not be vectorised.
#[inline(always)]
fn dot_int16_f32_body(codes: &[u8], low: &[u8], query: &[f32]) -> f32 {
    const LANES: usize = 16;
    let value = |code: u8, low: u8| {
        ((i32::from(code) - i32::from(BIAS)) * 256 + i32::from(low as i8)) as f32
    };
    let mut sums = [0f32; LANES];
    let (codes, more_codes) = codes.as_chunks::<LANES>();
    let (low, more_low) = low.as_chunks::<LANES>();
    let (query, more_query) = query.as_chunks::<LANES>();
    for ((codes, low), query) in codes.iter().zip(low).zip(query) {
        for lane in 0..LANES {
            sums[lane] += value(codes[lane], low[lane]) * query[lane];
        }
    }
    let more = more_codes.iter().zip(more_low).zip(more_query);
    sums.iter().sum::<f32>() + more.map(|((&c, &r), q)| value(c, r) * q).sum::<f32>()
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{BIAS, dot_int8_body, dot_int16_f32_body, row};

    /// Rows that are compared side by side.
    const SIDE: usize = 4;

    /// Rows that are prefetched ahead.
    const AHEAD: usize = 4;

    /// Prefetches a row, if there is one.
    #[inline(always)]
    fn prefetch_row(codes: &[u8], rows: &[u32], at: usize, dim: usize) {
        if let Some(&at) = rows.get(at) {
            super::prefetch(row(codes, at, dim));
        }
    }

    /// 64 bytes, or as many as there are and zeros.
    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn load(bytes: &[u8]) -> __m512i {
        if bytes.len() >= 64 {
            // SAFETY: 64 bytes are there.
            unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
        } else {
            let mask = (1u64 << bytes.len()) - 1;
            // SAFETY: no more than the bytes that are there are read.
            unsafe { _mm512_maskz_loadu_epi8(mask, bytes.as_ptr().cast()) }
        }
    }

    /// 64 stored bytes as int8, by inverting their highest bits. What is behind the end counts nothing: it is
    /// multiplied by zeros.
    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn signed(bytes: &[u8], at: usize) -> __m512i {
        _mm512_xor_si512(load(&bytes[at..]), _mm512_set1_epi8(BIAS as i8))
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
    pub(super) fn dot_int8_vnni(codes: &[u8], rows: &[u32], query: &[u8], out: &mut [i32]) {
        let dim = query.len();
        let bias = _mm512_set1_epi8(BIAS as i8);
        // What the codes' offset adds to every product.
        let mut added = _mm512_setzero_si512();
        for at in (0..dim).step_by(64) {
            let mask = if dim - at >= 64 { !0 } else { (1u64 << (dim - at)) - 1 };
            added =
                _mm512_dpbusd_epi32(added, _mm512_maskz_mov_epi8(mask, bias), signed(query, at));
        }
        let added = _mm512_reduce_add_epi32(added);
        for ahead in 0..AHEAD {
            prefetch_row(codes, rows, ahead, dim);
        }
        for (i, (some, out)) in
            rows.chunks(SIDE).zip(out[..rows.len()].chunks_mut(SIDE)).enumerate()
        {
            for ahead in 0..SIDE {
                prefetch_row(codes, rows, i * SIDE + AHEAD + ahead, dim);
            }
            // Several rows side by side, so that the query is loaded once for all of them. The last row is
            // repeated in place of missing ones.
            let mut lines: [&[u8]; SIDE] = [&[]; SIDE];
            for side in 0..SIDE {
                lines[side] = row(codes, some[side.min(some.len() - 1)], dim);
            }
            let mut sums = [_mm512_setzero_si512(); SIDE];
            for at in (0..dim).step_by(64) {
                let query = signed(query, at);
                for side in 0..SIDE {
                    sums[side] = _mm512_dpbusd_epi32(sums[side], load(&lines[side][at..]), query);
                }
            }
            for (out, sum) in out.iter_mut().zip(sums) {
                *out = _mm512_reduce_add_epi32(sum) - added;
            }
        }
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn dot_int8_avx2(codes: &[u8], rows: &[u32], query: &[u8], out: &mut [i32]) {
        for ahead in 0..AHEAD {
            prefetch_row(codes, rows, ahead, query.len());
        }
        for (i, out) in out[..rows.len()].iter_mut().enumerate() {
            prefetch_row(codes, rows, i + AHEAD, query.len());
            dot_int8_body(codes, &rows[i..=i], query, std::slice::from_mut(out));
        }
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) fn dot_int16_f32_avx512(codes: &[u8], low: &[u8], query: &[f32]) -> f32 {
        dot_int16_f32_body(codes, low, query)
    }

    #[target_feature(enable = "avx2,fma")]
    pub(super) fn dot_int16_f32_avx2(codes: &[u8], low: &[u8], query: &[f32]) -> f32 {
        dot_int16_f32_body(codes, low, query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn levels() -> Vec<Level> {
        let mut levels = vec![Level::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                levels.push(Level::Avx2);
            }
            if Level::best() == Level::Vnni {
                levels.push(Level::Vnni);
            }
        }
        levels
    }

    fn bytes(count: usize, seed: usize) -> Vec<u8> {
        (0..count).map(|i| ((i + 7 * seed) * (i + 13 + seed) * 31 / 7) as u8).collect()
    }

    #[test]
    fn every_instruction_set_gives_the_plain_sum() {
        for dim in [1, 15, 63, 64, 65, 127, 128, 129, 200, 512] {
            let (mut codes, mut query) = (bytes(9 * dim, 1), bytes(dim, 2));
            // The largest values: pairs of products that overflow 16 bits would show.
            codes[..dim].fill(255);
            codes[dim..2 * dim].fill(1);
            query[0] = 255;
            let rows = [3u32, 0, 8, 1, 3];
            let wanted = rows.map(|row| {
                let row = &codes[row as usize * dim..][..dim];
                let pair = |(&a, &b): (&u8, &u8)| (i32::from(a) - 128) * (i32::from(b) - 128);
                row.iter().zip(&query).map(pair).sum::<i32>()
            });
            for level in levels() {
                let mut out = [0; 5];
                dot_int8_by(level, &codes, &rows, &query, &mut out);
                assert_eq!(out, wanted, "{level:?}, {dim} dimensions");
            }
        }
    }

    #[test]
    fn every_instruction_set_takes_both_bytes_of_a_value() {
        for dim in [1, 15, 16, 17, 64, 100] {
            let (codes, low) = (bytes(dim, 3), bytes(dim, 4));
            let query: Vec<f32> =
                bytes(dim, 5).iter().map(|&b| f32::from(b) / 99.0 - 1.0).collect();
            let number = |i: usize| (i32::from(codes[i]) - 128) * 256 + i32::from(low[i] as i8);
            let wanted: f64 = (0..dim).map(|i| f64::from(number(i)) * f64::from(query[i])).sum();
            for level in levels() {
                let got = dot_int16_f32_by(level, &codes, &low, &query);
                assert!((f64::from(got) - wanted).abs() < 0.5, "{level:?}: {got}, not {wanted}");
            }
        }
    }
}
