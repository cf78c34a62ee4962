//! Keys of a weights file's metadata (safetensors' `__metadata__`).

/// How photos are prepared for the network: a name for [`crate::preprocess_named`].
pub(crate) const PREPROCESS_KEY: &str = "lookalike.preprocess";

/// The names of the classifier's classes, a JSON list.
pub const CLASSES_KEY: &str = "lookalike.classes";

/// The int8 calibration: describes the tensor of the same name (see `ranges.rs`).
pub(crate) const INT8_KEY: &str = "lookalike.int8";
