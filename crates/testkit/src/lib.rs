//! Test fixtures: synthetic photos, networks with random weights, and a fake Hugging Face hub. Reproducible, without
//! downloads or data sets.
//!
//! A dev-dependency only. Functions panic on failure.
//!
//! ```
//! use lookalike_testkit::{photos, weights};
//!
//! let folder = tempfile::tempdir().expect("a temporary folder");
//! weights::write_minimalistic(folder.path().join("weights.safetensors"));
//! photos::save_jpeg(folder.path().join("photo.jpg"), &photos::pattern(7, 320, 240));
//! ```

mod exif;
pub mod hub;
pub mod jpeg;
mod mutations;
mod noise;
pub mod photos;
mod shapes;
mod skip;
pub mod weights;

pub use mutations::Mutations;
pub use noise::Noise;
pub use skip::{real_folders, skipped};
