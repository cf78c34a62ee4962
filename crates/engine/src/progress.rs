/// A long part of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Photos are drawn.
    Draw,
    /// Photos are read and embedded.
    Embed,
    /// Photos are read and measured.
    Look,
    /// Embeddings are linked into the graph.
    Link,
    /// Vectors are sent to the store that keeps them.
    Send,
    /// Photos are embedded, to learn how sure answers are.
    Fit,
    /// Photos are searched for, to measure.
    Measure,
}

/// Is told how far long work has come, from many threads at once.
pub trait Progress: Sync {
    /// A stage begins that has `total` steps.
    fn begin(&self, stage: Stage, total: u64);
    /// Steps that were done since the last call.
    fn advance(&self, steps: u64);
    /// The stage is over.
    fn end(&self);
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: Stage, _: u64) {}
    fn advance(&self, _: u64) {}
    fn end(&self) {}
}
