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

mod backbone;
mod checkpoint;
mod cuda;
mod device;
mod dtype;
mod error;
mod import;
mod kind;
mod layers;
mod load;
mod networks;
mod ops;
pub mod parallel;
mod preprocess;
mod quantise;
mod trainable;

pub use backbone::{Backbone, Stage};
pub use checkpoint::bundled::{BUNDLED, is_bundled, weights_exist};
pub use checkpoint::metadata::CLASSES_KEY;
pub use checkpoint::variables::TrainSetup;
pub use checkpoint::write::Precision;
pub use device::{Device, DeviceName};
pub use dtype::Dtype;
pub use error::BackboneError;
pub use import::import;
pub use kind::BackboneKind;
pub use layers::pass::{TrainMode, TrainOutput};
pub use layers::statistics::BatchStatistics;
pub use load::{LoadedBackbone, ModelIdentity, load, load_on};
pub use parallel::{map_on_cores, stream};
pub use preprocess::preprocess_named;
pub use quantise::{Quantiser, int8_is_fast};
pub use trainable::{TrainableBackbone, load_trainable};
