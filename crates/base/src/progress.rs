//! How far long work has come: one trait for every crate that does any, so that a program shows all of
//! it in one way.

/// What the steps of a [`Phase`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    /// Photos, batches, vectors: things that are counted.
    #[default]
    Items,
    /// Bytes of a file.
    Bytes,
}

/// A long part of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phase<'a> {
    /// What is done, in a few words: `embedding photos`.
    pub label: &'a str,
    /// Steps in all, where that is known.
    pub total: Option<u64>,
    /// Steps that an earlier run did already.
    pub done: u64,
    /// What a step is.
    pub unit: Unit,
}

impl<'a> Phase<'a> {
    /// A phase of `total` items.
    pub fn items(label: &'a str, total: u64) -> Self {
        Self { label, total: Some(total), done: 0, unit: Unit::Items }
    }
}

/// Follows long work. Phases come one after the other; [`Progress::advance`] is called from many threads
/// at once.
pub trait Progress: Send + Sync {
    /// A phase begins. A phase that is begun again before its end starts over.
    fn begin(&self, phase: Phase<'_>);
    /// Steps that were done since the last call.
    fn advance(&self, steps: u64);
    /// How it goes, in a few words: the loss of the last batch. Replaces what was said before.
    fn status(&self, _text: &str) {}
    /// One line for the user that stays: a retry, a wait.
    fn note(&self, _line: &str) {}
    /// The phase is over, whether it worked or not.
    fn end(&self);
    /// Whether the work should stop after the steps that are under way. Work that can stop asks this.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Shows nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: Phase<'_>) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
}
