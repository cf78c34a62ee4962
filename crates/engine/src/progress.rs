//! The long phases of the engine's work, as [`Progress`] shows them.

pub use lookalike_base::progress::{Phase, Progress, Silent};

/// Photos are read and embedded.
pub(crate) const EMBED: &str = "embedding photos";
/// Photos are read, and what a network computes for them is measured.
pub(crate) const CALIBRATE: &str = "looking at photos";
/// Vectors are linked into the graph.
pub(crate) const LINK: &str = "linking photos";
/// Vectors are sent to the store that keeps them.
pub(crate) const SEND: &str = "sending vectors";
/// Photos are searched for, to fit the ranking.
pub(crate) const FIT: &str = "fitting the ranking";
/// Photos are searched for, to measure the index.
pub(crate) const MEASURE: &str = "searching for photos";
