//! Object detection: where the objects in a photo are, by a classification network's activation map,
//! which every index has at hand, or by a detector in an ONNX file.
//!
//! This crate knows nothing of products or indexes.
//!
//! ```no_run
//! use lookalike_detect::{ActivationDetector, ObjectDetector};
//! use lookalike_photo::{DecodeLimits, decode};
//!
//! let network = lookalike_backbone::load("mobilenet.safetensors".as_ref(), None)?;
//! let photo = decode(&std::fs::read("room.jpg")?, &DecodeLimits::default())?.pixels;
//! for object in ActivationDetector::new(&network).detect(&photo)? {
//!     println!("{:?}", object.bbox);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod activation_map;
mod combined;
mod error;
mod nms;
mod object;
mod onnx;

pub use activation_map::{ActivationDetector, ActivationMap, Foreground};
pub use combined::CombinedDetector;
pub use error::DetectError;
pub use nms::non_maximum_suppression;
pub use object::{DetectedObject, ObjectDetector};
pub use onnx::{COCO_CLASSES, DetectorFormat, OnnxDetector};
