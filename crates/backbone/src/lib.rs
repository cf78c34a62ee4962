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

mod bundled;
mod checkpoint;
mod compiled;
mod convolve;
#[cfg(feature = "cuda")]
mod cuda;
mod depthwise;
mod device;
mod elementwise;
mod error;
mod fused;
#[cfg(test)]
mod gpu_tests;
mod import;
mod inplace;
mod kind;
mod layers;
mod load;
mod manifest;
mod mobilenet_v3;
mod names;
mod network;
mod norm;
mod parallel;
mod pool;
mod portable;
mod quantise;
mod resnet50;
mod tensors;
mod train;
mod values;
mod vgg19;

pub use bundled::{BUNDLED, is_bundled, weights_exist};
pub use device::{Device, DeviceName, Dtype};
pub use error::BackboneError;
pub use import::{Precision, import};
pub use kind::BackboneKind;
pub use load::{CLASSES_KEY, LoadedBackbone, ModelIdentity, load, load_on};
pub use manifest::{HubFile, WeightFile, weight_files};
pub use parallel::{map_on_cores, stream};
pub use quantise::{Quantiser, int8_is_fast};
pub use train::{
    BatchStatistics, TrainMode, TrainOutput, TrainSetup, TrainableBackbone, load_trainable,
};

use candle_core::{Result, Tensor};

/// What a part of a network makes of a batch.
pub struct Stage {
    /// `stem`, `block_3`, `layer1` and the like.
    pub name: String,
    /// `(n, c, h, w)`
    pub output: Tensor,
}

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

    /// [`Self::embed`] and [`Self::logits`] of a batch, in one pass.
    ///
    /// # Errors
    /// candle's, when the batch has another shape or device.
    fn embed_and_logits(&self, batch: &Tensor) -> Result<(Tensor, Tensor)>;

    /// [`Self::embed`] of a batch and, of its [`Self::stages`], the last one with a map at least `cells`
    /// wide, in one pass: `(n, embedding_dim)` and `(n, c, h, w)`.
    ///
    /// # Errors
    /// candle's, when the batch has another shape or device, or no map is so wide.
    fn embed_with_map(&self, batch: &Tensor, cells: usize) -> Result<(Tensor, Tensor)>;

    /// The feature maps of a batch, stage by stage; the last is the one that is pooled.
    ///
    /// # Errors
    /// candle's, when the batch has another shape or device.
    fn stages(&self, batch: &Tensor) -> Result<Vec<Stage>>;

    /// Embeddings and logits that gradients can be taken of. Only those of a network loaded by
    /// [`load_trainable`] lead to its parameters.
    ///
    /// # Errors
    /// candle's, when the batch has another shape or device.
    fn forward_train(&self, batch: &Tensor, mode: &TrainMode) -> Result<TrainOutput>;

    /// [`TrainableBackbone::adopt_statistics`]; of a network that was loaded for inference it changes
    /// nothing.
    ///
    /// # Errors
    /// candle's, when the batch has another shape or device.
    fn adopt_statistics(&self, batch: &Tensor) -> Result<()>;

    /// Length of an embedding.
    fn embedding_dim(&self) -> usize;

    /// Number of classes of the trained head.
    fn classes(&self) -> usize;
}
