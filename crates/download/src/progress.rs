//! How a transfer tells that it goes on.

/// Hears how a transfer goes. Called from the thread that fetches.
pub trait Progress: Send + Sync {
    /// Bytes begin to come. Called again when a transfer goes on after a cut, or starts over.
    ///
    /// `total` is the whole size, where the server tells it; `already` is how much of it is there.
    fn begin(&self, name: &str, total: Option<u64>, already: u64);
    /// So many more bytes came.
    fn advance(&self, bytes: u64);
    /// One line for the user: a retry, a wait.
    fn note(&self, line: &str);
    /// The transfer is over, whether it worked or not. Called once after one or more calls of `begin`.
    fn end(&self);
}

/// Says nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _name: &str, _total: Option<u64>, _already: u64) {}
    fn advance(&self, _bytes: u64) {}
    fn note(&self, _line: &str) {}
    fn end(&self) {}
}
