//! Software prefetch.
//!
//! Weights are read once per run and do not fit a core's caches. The hardware prefetcher detects a sequential stream only
//! after its first misses, so the kernels prefetch the next weights themselves.
#![allow(unsafe_code)]

/// Prefetches the cache line of an element into the second-level cache; does nothing out of bounds.
#[inline(always)]
pub(crate) fn prefetch<T>(data: &[T], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(element) = data.get(at) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: every x86-64 processor has the instruction, and a prefetch has no architectural effect.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(std::ptr::from_ref(element).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (data, at);
}
