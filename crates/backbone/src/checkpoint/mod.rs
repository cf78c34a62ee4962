//! Weights files: reading them, which names their tensors have, and a network's layers from them.

pub(crate) mod activation_ranges;
pub(crate) mod bundled;
mod layers;
pub(crate) mod metadata;
pub(crate) mod names;
pub(crate) mod reader;
pub(crate) mod tensors;
pub(crate) mod variables;
pub(crate) mod write;
