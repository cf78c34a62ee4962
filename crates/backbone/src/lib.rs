//! The networks, in candle: class logits and penultimate embeddings from a batch of pictures.
//!
//! This crate knows nothing of products or indexes. candle is the model's definition and its
//! training engine; every embedding is stored with the [`ModelIdentity`] of what made it.
//!
//! ```no_run
//! use lookalike_backbone::load;
//!
//! let loaded = load("mobilenet_v3_large_minimalistic.safetensors".as_ref(), None)?;
//! let side = loaded.preprocess.size();
//! let batch = candle_core::Tensor::zeros((2, 3, side, side), candle_core::DType::F32, &candle_core::Device::Cpu)?;
//! let embeddings = loaded.network.embed(&batch)?; // (2, 1280)
//! assert_eq!(embeddings.dims(), &[2, loaded.network.embedding_dim()]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod checkpoint;
mod depthwise;
mod error;
mod inplace;
mod kind;
mod layers;
mod load;
mod manifest;
mod mobilenet_v3;
mod unfold;

pub use error::BackboneError;
pub use kind::BackboneKind;
pub use load::{LoadedBackbone, ModelIdentity, WEIGHTS_FOLDER_VARIABLE, find_weights, load};
pub use manifest::{WeightFile, weight_files};

use candle_core::{Result, Tensor};

/// A network as a feature extractor and a classifier.
pub trait Backbone: Send + Sync {
    /// Penultimate features of a batch: `(n, 3, s, s)` to `(n, embedding_dim)`, not normalised.
    ///
    /// # Errors
    /// candle's, when the batch has another shape or device.
    fn embed(&self, batch: &Tensor) -> Result<Tensor>;

    /// Class logits of a batch: `(n, 3, s, s)` to `(n, classes)`, before softmax.
    ///
    /// # Errors
    /// candle's, when the batch has another shape or device.
    fn logits(&self, batch: &Tensor) -> Result<Tensor>;

    /// Length of an embedding.
    fn embedding_dim(&self) -> usize;

    /// Number of classes of the trained head.
    fn classes(&self) -> usize;
}
