//! Buffers of f32 that begin at a cache line, so that no vector load crosses two lines, and their reuse.

use std::cell::RefCell;

/// Bytes of a cache line, and of the longest vector.
const LINE: usize = 64;
/// f32 elements of a cache line.
const LINE_LEN: usize = LINE / size_of::<f32>();

/// A buffer that begins at a cache line.
#[derive(Default)]
pub(crate) struct AlignedVec {
    data: Vec<f32>,
    start: usize,
    len: usize,
}

impl AlignedVec {
    pub(crate) fn zeros(len: usize) -> Self {
        let data = vec![0f32; len + LINE_LEN - 1];
        // `align_offset` may give up and return usize::MAX: misalignment costs time only.
        let start = data.as_ptr().align_offset(LINE).min(LINE_LEN - 1);
        Self { data, start, len }
    }

    /// The same buffer with another length, up to its [capacity](Self::capacity); the contents are unspecified.
    pub(crate) fn with_len(mut self, len: usize) -> Self {
        assert!(len <= self.capacity(), "room for {len} elements");
        self.len = len;
        self
    }

    /// Elements that fit.
    pub(crate) fn capacity(&self) -> usize {
        self.data.len() - self.start
    }

    pub(crate) fn as_slice(&self) -> &[f32] {
        &self.data[self.start..][..self.len]
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [f32] {
        &mut self.data[self.start..][..self.len]
    }
}

/// A buffer of `len` elements with unspecified contents: the smallest spare one that fits, or a new one.
pub(crate) fn take_buffer(spare: &mut Vec<AlignedVec>, len: usize) -> AlignedVec {
    let fitting = spare.iter().enumerate().filter(|(_, spare)| spare.capacity() >= len);
    match fitting.min_by_key(|(_, spare)| spare.capacity()).map(|(at, _)| at) {
        Some(at) => spare.swap_remove(at).with_len(len),
        None => AlignedVec::zeros(len),
    }
}

/// A thread's scratch memory.
#[derive(Default)]
pub(crate) struct Scratch(AlignedVec);

impl Scratch {
    /// `len` elements with unspecified contents.
    pub(crate) fn get(&mut self, len: usize) -> &mut [f32] {
        if self.0.data.is_empty() || self.0.capacity() < len {
            self.0 = AlignedVec::zeros(len);
        }
        &mut self.0.data[self.0.start..][..len]
    }
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Lends this thread's scratch memory.
///
/// SIMD work must be a call of [`crate::SimdLevel::run`] inside `work`, not `work` itself: the compiler does not enable
/// the processor's instructions in a closure that is passed on.
pub(crate) fn with_scratch<O>(work: impl FnOnce(&mut Scratch) -> O) -> O {
    SCRATCH.with(|scratch| {
        let mut taken = scratch.take();
        let result = work(&mut taken);
        scratch.replace(taken);
        result
    })
}
