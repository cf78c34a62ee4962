//! Where the things in a photo are: by a network's own map, which every index has at hand, or by a
//! detector in an ONNX file.
//!
//! This crate knows nothing of products or indexes.
//!
//! ```no_run
//! use lookalike_detect::{ActivationFinder, ItemFinder};
//! use lookalike_photo::{DecodeLimits, decode};
//!
//! let network = lookalike_backbone::load("mobilenet.safetensors".as_ref(), None)?;
//! let photo = decode(&std::fs::read("room.jpg")?, &DecodeLimits::default())?.pixels;
//! for item in ActivationFinder::new(&network).find(&photo)? {
//!     println!("{:?}", item.area);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod activation;
mod detector;
mod error;
mod finder;
#[cfg(feature = "onnx")]
mod onnx;
mod regions;

pub use activation::{ActivationFinder, Sight, Things};
pub use detector::{COCO, Convention, Detector};
pub use error::DetectError;
pub use finder::{Both, Item, ItemFinder, distinct};
