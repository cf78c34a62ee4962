//! Numbers that begin at a cache line, so that no vector of them lies across two.

use std::cell::RefCell;

/// Bytes of a cache line, and of the longest vector.
const LINE: usize = 64;
const NUMBERS: usize = LINE / size_of::<f32>();

/// Numbers that begin at a cache line.
#[derive(Default)]
pub(crate) struct Aligned {
    numbers: Vec<f32>,
    start: usize,
    len: usize,
}

impl Aligned {
    pub(crate) fn zeros(len: usize) -> Self {
        let numbers = vec![0f32; len + NUMBERS - 1];
        // It may decline to say, which costs time only.
        let start = numbers.as_ptr().align_offset(LINE).min(NUMBERS - 1);
        Self { numbers, start, len }
    }

    /// The same room for another count of numbers, which are any; it must be [room](Self::room) enough.
    pub(crate) fn resized(mut self, len: usize) -> Self {
        assert!(len <= self.room(), "room for {len} numbers");
        self.len = len;
        self
    }

    /// How many numbers it could hold.
    pub(crate) fn room(&self) -> usize {
        self.numbers.len() - self.start
    }

    pub(crate) fn as_slice(&self) -> &[f32] {
        &self.numbers[self.start..][..self.len]
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [f32] {
        &mut self.numbers[self.start..][..self.len]
    }
}

/// Room for so many numbers: the least that is enough.
pub(crate) fn take(spare: &mut Vec<Aligned>, len: usize) -> Aligned {
    let fitting = spare.iter().enumerate().filter(|(_, spare)| spare.room() >= len);
    match fitting.min_by_key(|(_, spare)| spare.room()).map(|(at, _)| at) {
        Some(at) => spare.swap_remove(at).resized(len),
        None => Aligned::zeros(len),
    }
}

/// Room that a thread uses again and again.
#[derive(Default)]
pub(crate) struct Scratch(Aligned);

impl Scratch {
    /// Room for `len` numbers, which are any.
    pub(crate) fn of(&mut self, len: usize) -> &mut [f32] {
        if self.0.numbers.is_empty() || self.0.room() < len {
            self.0 = Aligned::zeros(len);
        }
        &mut self.0.numbers[self.0.start..][..len]
    }
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Lends this thread's room.
///
/// Work with vectors must not be handed in as a closure, but be a call of [`crate::Level::run`] in it:
/// in a closure that this hands on, the compiler does not know which instructions the processor has.
pub(crate) fn with_scratch<O>(work: impl FnOnce(&mut Scratch) -> O) -> O {
    SCRATCH.with(|scratch| {
        let mut taken = scratch.take();
        let result = work(&mut taken);
        scratch.replace(taken);
        result
    })
}
