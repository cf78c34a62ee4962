//! Asking for numbers before they are needed.
//!
//! Weights are read once in a run and are too many for a core's caches. The processor notices that they
//! are read in a row only after it has waited for the first of them, so that it is told beforehand.
#![allow(unsafe_code)]

/// Asks for the cache line in which a number begins, if there is such a number.
#[inline(always)]
pub(crate) fn prefetch<T>(numbers: &[T], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(number) = numbers.get(at) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: every x86-64 processor has the instruction, and it is of no consequence to the program.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(std::ptr::from_ref(number).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (numbers, at);
}
